//! `/design`: the design system, shown with its own parts.

use leptos::prelude::*;

use crate::{
    components::{
        Badge, Button, ButtonKind, CheckField, CodeBlock, Empty, Field, Glyph, Icon, KeyValue,
        KeyValues, PageHeader, Panel, ProgressBar, StateBadge, Table, Tone,
    },
    markup::{Markup, view},
    text::t,
};

/// Names of the colour tokens.
const COLOURS: [&str; 16] = [
    "paper",
    "surface",
    "sunken",
    "line",
    "line-strong",
    "ink",
    "ink-soft",
    "accent",
    "accent-soft",
    "good",
    "good-soft",
    "busy",
    "busy-soft",
    "bad",
    "bad-soft",
    "side",
];
const SPACES: [&str; 7] = ["1", "2", "3", "4", "5", "6", "7"];

/// The parts.
#[component]
pub(crate) fn DesignPage() -> impl IntoView {
    let swatches: Vec<Markup> = COLOURS
        .into_iter()
        .map(|name| {
            view! {
                <li>
                    <span class="swatch" style:background=format!("var(--{name})")></span>
                    <code>{name}</code>
                </li>
            }
        })
        .collect();
    let spaces: Vec<Markup> = SPACES
        .into_iter()
        .map(|step| {
            view! {
                <li>
                    <span class="space" style:width=format!("var(--space-{step})")></span>
                    <code>{format!("space-{step}")}</code>
                </li>
            }
        })
        .collect();
    let glyphs: Vec<Markup> = Glyph::ALL
        .into_iter()
        .map(|glyph| {
            view! { <li><Icon glyph /> <code>{format!("{glyph:?}")}</code></li> }
        })
        .collect();
    let text = RwSignal::new("iris".to_owned());
    let on = RwSignal::new(true);
    let press = move |()| on.update(|on| *on = !*on);
    view! {
        <PageHeader title=t().design />
        <p class="lead">{t().design_lead}</p>
        <Panel id="colours" title=t().design_colours>
            <ul class="swatches">{swatches}</ul>
        </Panel>
        <Panel id="type" title=t().design_type>
            <p class="type-xl">{t().product}</p>
            <p class="type-l">{t().product}</p>
            <p>{t().product}</p>
            <p class="fine">{t().product}</p>
            <p><code>"edge-scorer"</code></p>
        </Panel>
        <Panel id="spacing" title=t().design_spacing>
            <ul class="spaces">{spaces}</ul>
        </Panel>
        <Panel id="icons" title=t().design_icons>
            <ul class="glyphs">{glyphs}</ul>
        </Panel>
        <Panel id="parts" title=t().design_parts>
            <div class="actions">
                <Button label=t().deploy icon=Glyph::Rocket kind=ButtonKind::Primary on_press=press />
                <Button label=t().save on_press=press />
                <Button label=t().delete icon=Glyph::Trash kind=ButtonKind::Danger on_press=press />
                <Button label=t().copy kind=ButtonKind::Quiet on_press=press />
                <Button label=t().send busy=true on_press=press />
                <Button label=t().send disabled=true on_press=press />
            </div>
            <h3>{t().state}</h3>
            <p>
                <StateBadge tone=Tone::Good glyph=Glyph::Check label=t().serving />
                <StateBadge tone=Tone::Busy glyph=Glyph::Spinner label=t().state_running />
                <StateBadge tone=Tone::Bad glyph=Glyph::Warning label=t().state_failed />
                <StateBadge tone=Tone::Neutral glyph=Glyph::Clock label=t().state_not_started />
                <Badge label="demo" />
            </p>
            <h3>{t().form}</h3>
            <Field id="sample" label=t().name value=text hint=t().tags_hint />
            <CheckField id="check" label=t().autoscale hint=t().autoscale_hint value=on />
            <ProgressBar percent=Signal::stored(Some(60)) label=Signal::stored(t().loading.to_owned()) />
            <h3>{t().details}</h3>
            <KeyValues>
                <KeyValue name=t().name>"iris"</KeyValue>
                <KeyValue name=t().size>"29 kB"</KeyValue>
            </KeyValues>
            <CodeBlock text="edge-scorer deploy model.onnx --name my-model" label="sh" />
            <Table
                caption=t().models
                columns=vec![t().name, t().size]
                rows=vec![("iris", "1 kB"), ("wine", "29 kB")]
                key=|row| row.0.to_owned()
                row=|(name, size): (&'static str, &'static str)| {
                    view! {
                        <tr>
                            <th scope="row">{name}</th>
                            <td class="number">{size}</td>
                        </tr>
                    }
                }
            />
            <Empty glyph=Glyph::Search title=t().nothing_found hint=t().nothing_found_hint />
        </Panel>
    }
}
