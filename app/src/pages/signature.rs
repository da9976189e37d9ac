//! What a model takes and gives, as tables.

use leptos::prelude::*;
use shared::{Dim, Label, Signature, TensorSpec, UnsupportedOperator};

use crate::{
    components::{Badge, Empty, Glyph, Icon, Table},
    markup::view,
    text::{fill, t},
};

/// Inputs and outputs.
#[component]
pub(crate) fn SignatureTables(signature: Signature) -> impl IntoView {
    let columns = signature.inputs.iter().filter_map(|input| {
        let names = input.columns.clone().filter(|names| !names.is_empty())?;
        let count = names.len().to_string();
        let items = names.into_iter().map(|name| view! { <li><code>{name}</code></li> }).collect_view();
        Some(view! {
            <details class="columns">
                <summary>{fill(t().columns_of, &[("count", &count), ("name", &input.name)])}</summary>
                <ul>{items}</ul>
            </details>
        })
    });
    let columns = columns.collect_view();
    view! {
        <h3>{t().inputs}</h3>
        <TensorTable caption=t().inputs tensors=signature.inputs />
        {columns}
        <h3>{t().outputs}</h3>
        <TensorTable caption=t().outputs tensors=signature.outputs />
    }
}

#[component]
fn TensorTable(caption: &'static str, tensors: Vec<TensorSpec>) -> impl IntoView {
    view! {
        <Table
            caption
            columns=vec![t().name, t().element_type, t().shape, t().meaning]
            rows=tensors
            key=|tensor| tensor.name.clone()
            row=|tensor: TensorSpec| {
                view! {
                    <tr>
                        <th scope="row"><code>{tensor.name.clone()}</code></th>
                        <td><code>{tensor.element_type.to_string()}</code></td>
                        <td><code>{shape(&tensor.shape)}</code></td>
                        <td>
                            {tensor.role.map(|role| view! { <Badge label=role.to_string() /> })}
                            {classes(&tensor).map(|text| view! { <span class="sub">{text}</span> })}
                        </td>
                    </tr>
                }
            }
        />
    }
}

/// `rows × 30`.
fn shape(dims: &[Dim]) -> String {
    let dims: Vec<String> = dims
        .iter()
        .map(|dim| match dim {
            Dim::Fixed(n) => n.to_string(),
            Dim::Named(name) => name.clone(),
        })
        .collect();
    dims.join(" × ")
}

/// The labels that probabilities stand for, as far as a line has room.
fn classes(tensor: &TensorSpec) -> Option<String> {
    let labels = tensor.classes.as_ref()?;
    let mut words: Vec<String> = labels
        .iter()
        .take(12)
        .map(|label| match label {
            Label::Int(n) => n.to_string(),
            Label::Text(text) => text.clone(),
        })
        .collect();
    if labels.len() > words.len() {
        words.push("…".to_owned());
    }
    Some(fill(t().classes, &[("labels", &words.join(", "))]))
}

/// Everything that stands in a model's way, with what helps.
#[component]
pub(crate) fn Unsupported(operators: Vec<UnsupportedOperator>) -> impl IntoView {
    let count = operators.len().to_string();
    view! {
        <div class="note note-bad">
            <Icon glyph=Glyph::Warning />
            <div>
                <p class="note-title">{fill(t().unsupported_title, &[("count", &count)])}</p>
                <p>{t().unsupported_hint}</p>
            </div>
        </div>
        <Table
            caption=t().unsupported_operators
            columns=vec![t().operator, t().nodes, t().what_helps]
            rows=operators
            key=|operator| format!("{}:{}", operator.domain, operator.operator)
            row=|operator: UnsupportedOperator| {
                view! {
                    <tr>
                        <th scope="row">
                            <code>{operator.operator}</code>
                            <span class="sub">{operator.domain}</span>
                        </th>
                        <td>{operator.nodes.join(", ")}</td>
                        <td>{operator.hint.unwrap_or_else(|| t().no_hint.to_owned())}</td>
                    </tr>
                }
            }
        />
    }
}

/// The bytes have not been read yet.
#[component]
pub(crate) fn Unread() -> impl IntoView {
    view! { <Empty glyph=Glyph::Clock title=t().unread_title hint=t().unread_hint /> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_read_from_the_outside_in() {
        assert_eq!(shape(&[Dim::Named("rows".into()), Dim::Fixed(30)]), "rows × 30");
    }
}
