//! What the compiler says about a model: what it takes and gives, or what stands in its way.

use leptos::prelude::*;
use shared::Signature;

use super::signature::{SignatureTables, Unread, Unsupported};
use crate::{
    api::{ModelCheck, Query},
    components::{KeyValue, KeyValues, Loaded, Panel},
    format::{count, duration},
    markup::{Markup, view},
    text::t,
};

/// The report.
#[component]
pub(super) fn ModelReport(check: Query<Option<ModelCheck>>) -> impl IntoView {
    view! {
        <Panel id="signature" title=t().signature>
            <Loaded query=check let:check>
                {move || match check.get() {
                    None => view! { <Unread /> },
                    Some(check) => {
                        let unsupported = (!check.unsupported.is_empty())
                            .then(|| view! { <Unsupported operators=check.unsupported /> });
                        let tables = check
                            .signature
                            .map(|signature| {
                                let facts = facts(&signature);
                                view! {
                                    <SignatureTables signature />
                                    {facts}
                                }
                            });
                        view! {
                            {unsupported}
                            {tables}
                        }
                    }
                }}
            </Loaded>
        </Panel>
    }
}

/// How it was compiled, where it was.
pub(super) fn facts(signature: &Signature) -> Markup {
    let cost = signature
        .row_cost_ns
        .map(|cost| duration(std::time::Duration::from_nanos(cost)))
        .map(|text| view! { <KeyValue name=t().row_cost>{text}</KeyValue> });
    let symbols: Vec<String> = signature
        .symbols
        .iter()
        .map(|it| format!("{}: {}–{}", it.name, count(it.min.into()), count(it.max.into())))
        .collect();
    let bounded = if signature.bounded { t().bounded_yes } else { t().bounded_no };
    let (profile, compiler) = (signature.profile, signature.compiler.clone());
    view! {
        <h3>{t().compile_report}</h3>
        <KeyValues>
            {cost}
            <KeyValue name=t().bounded>{bounded}</KeyValue>
            {(!symbols.is_empty())
                .then(|| view! { <KeyValue name=t().symbols>{symbols.join(", ")}</KeyValue> })}
            {profile.map(|it| view! { <KeyValue name=t().profile>{it.to_string()}</KeyValue> })}
            {compiler.map(|it| view! { <KeyValue name=t().compiler>{it}</KeyValue> })}
        </KeyValues>
    }
}
