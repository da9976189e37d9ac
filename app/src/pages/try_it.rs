//! Calls a service from its page: a form from the signature, the document behind it, the answer,
//! and the shell command that does the same.

use js_sys::{Function, Object, Reflect};
use leptos::{ev::SubmitEvent, prelude::*};
use serde_json::Value;
use shared::{Service, Signature, paths};
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::spawn_local;

use super::service_keys::fetch_keys;
use crate::{
    api::{EdgeClient, EdgeError, Query, ScoreAnswer, same_origin},
    app::use_account,
    components::{
        Button, ButtonKind, CodeBlock, FailureNote, Field, Glyph, Loaded, Panel, StateBadge,
        TextArea, Tone,
    },
    format::duration,
    sample::{
        BadValue, ClassChance, Column, chances, columns, curl, document, example_document,
        read_value, readable,
    },
    text::{fill, t},
};

/// What stands in the command while the key is not shown.
const HIDDEN_KEY: &str = "••••••••";

/// Calls a service.
#[component]
pub(super) fn TryIt(service: Signal<Service>) -> impl IntoView {
    let client = use_account().client;
    let image = Memo::new(move |_| service.with(|it| it.image_id));
    let signature = Query::new(move || client.clone().image_signature(image.get()));
    view! {
        <Loaded query=signature let:signature>
            {move || view! { <Call service signature=signature.get() /> }}
        </Loaded>
    }
}

/// A field of the form and what is wrong with it.
#[derive(Clone)]
struct Cell {
    column: Column,
    value: RwSignal<String>,
}

impl Cell {
    fn error(&self) -> Option<BadValue> {
        self.value.with(|text| read_value(&self.column, text).err())
    }
}

#[component]
fn Call(service: Signal<Service>, signature: Signature) -> impl IntoView {
    let edge = expect_context::<EdgeClient>();
    let cells: Option<Vec<Cell>> = columns(&signature).map(|columns| {
        let cell = |column: Column| Cell { value: RwSignal::new(column.example.clone()), column };
        columns.into_iter().map(cell).collect()
    });
    let has_form = cells.is_some();
    let as_json = RwSignal::new(!has_form);
    let too_long = example_document(&signature).is_none();
    let text = RwSignal::new(
        example_document(&signature)
            .map_or_else(|| r#"{"data": []}"#.to_owned(), |it| readable(&it)),
    );
    let signature = StoredValue::new(signature);

    // The form writes the document; a document that was edited by hand stays as it is.
    let filled = StoredValue::new(cells.unwrap_or_default());
    let from_form = Memo::new(move |_| {
        let cells = filled.get_value();
        let values: Result<Vec<Value>, BadValue> = cells
            .iter()
            .map(|cell| cell.value.with(|text| read_value(&cell.column, text)))
            .collect();
        let columns: Vec<Column> = cells.into_iter().map(|cell| cell.column).collect();
        values.ok().map(|values| signature.with_value(|it| document(it, &columns, &values)))
    });
    Effect::new(move |_| {
        if has_form && let Some(document) = from_form.get() {
            text.set(readable(&document));
        }
    });
    let json_error = Signal::derive(move || {
        let problem = text.with(|text| serde_json::from_str::<Value>(text).err());
        problem.map(|error| fill(t().not_json, &[("why", &error.to_string())]))
    });
    let unready = move || {
        if as_json.get() {
            json_error.with(Option::is_some)
        } else {
            from_form.with(Option::is_none)
        }
    };

    let answer = RwSignal::new(None::<Result<ScoreAnswer, EdgeError>>);
    let busy = RwSignal::new(false);
    let path = Memo::new(move |_| {
        service.with(|it| {
            it.scoring_uri.as_deref().map_or_else(|| paths::score(&it.name), same_origin)
        })
    });
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        busy.set(true);
        let (path, document) = (path.get_untracked(), text.get_untracked());
        spawn_local(async move {
            let said = edge.score(path, document).await;
            answer.try_set(Some(said));
            busy.try_set(false);
            show_answer();
        });
    };
    let editor = move || {
        if as_json.get() {
            view! {
                {too_long.then(|| view! { <p class="fine">{t().too_long_hint}</p> })}
                <TextArea
                    id="document"
                    label=t().request_document
                    value=text
                    error=json_error
                    rows=12
                    mono=true
                />
            }
            .into_any()
        } else {
            view! { <Cells cells=filled.get_value() /> }.into_any()
        }
    };
    // What the form shows is what it sends, also after the document was edited by hand.
    let to_form = move |_| {
        as_json.set(false);
        if let Some(document) = from_form.get_untracked() {
            text.set(readable(&document));
        }
    };
    let switch = has_form.then(|| {
        view! {
            <div class="switch" role="group" aria-label=t().how_to_enter>
                <button
                    type="button"
                    aria-pressed=move || pressed(!as_json.get())
                    on:click=to_form
                >
                    {t().form}
                </button>
                <button
                    type="button"
                    aria-pressed=move || pressed(as_json.get())
                    on:click=move |_| as_json.set(true)
                >
                    "JSON"
                </button>
            </div>
        }
    });
    view! {
        <div class="try">
            <form on:submit=submit>
                <Panel id="request" title=t().request actions=switch.into_any()>
                    {editor}
                    <div class="actions">
                        <Button
                            label=t().send
                            icon=Glyph::Play
                            kind=ButtonKind::Primary
                            submit=true
                            busy
                            disabled=Signal::derive(unready)
                        />
                    </div>
                </Panel>
            </form>
            <div>
                <Panel id="answer" title=t().answer>
                    <div aria-live="polite">
                        {move || match answer.get() {
                            None => view! { <p class="fine">{t().no_answer_yet}</p> }.into_any(),
                            Some(Err(error)) => view! { <FailureNote error /> }.into_any(),
                            Some(Ok(answer)) => {
                                let bars = signature.with_value(|it| chances(it, &answer.body));
                                view! { <Answer answer bars /> }.into_any()
                            }
                        }}
                    </div>
                </Panel>
                <Command service path text />
            </div>
        </div>
    }
}

/// One field per column.
#[component]
fn Cells(cells: Vec<Cell>) -> impl IntoView {
    let fields = cells.into_iter().enumerate().map(|(place, cell)| {
        let (column, value) = (cell.column.clone(), cell.value);
        let error = Signal::derive(move || cell.error().map(rule));
        view! {
            <Field
                id=format!("value-{place}")
                label=column.name
                value
                error
                placeholder=column.element_type.to_string()
                mono=true
            />
        }
    });
    view! { <div class="cells">{fields.collect_view()}</div> }
}

/// On a narrow page the answer stands below the form: brings it into view.
fn show_answer() {
    request_animation_frame(|| {
        let Some(panel) = leptos::prelude::document().get_element_by_id("answer") else { return };
        let options = Object::new();
        let _ = Reflect::set(&options, &"block".into(), &"nearest".into());
        if let Ok(scroll) = Reflect::get(&panel, &"scrollIntoView".into())
            && let Some(scroll) = scroll.dyn_ref::<Function>()
        {
            let _ = scroll.call1(&panel, &options);
        }
    });
}

fn pressed(on: bool) -> &'static str {
    if on { "true" } else { "false" }
}

fn rule(bad: BadValue) -> String {
    match bad {
        BadValue::NotANumber => t().rule_number,
        BadValue::NotAnInteger => t().rule_whole_number,
        BadValue::NotABool => t().rule_bool,
        BadValue::Missing => t().rule_missing,
    }
    .to_owned()
}

/// Status, time, probabilities where there are some, and the answer as it came.
#[component]
fn Answer(answer: ScoreAnswer, bars: Option<Vec<ClassChance>>) -> impl IntoView {
    let good = (200..300).contains(&answer.status);
    let (tone, glyph) = if good { (Tone::Good, Glyph::Check) } else { (Tone::Bad, Glyph::Warning) };
    let label = fill(t().status, &[("status", &answer.status.to_string())]);
    let parsed = serde_json::from_str::<Value>(&answer.body);
    let body = parsed.map_or(answer.body, |value| readable(&value));
    let bars = bars.map(|bars| {
        let rows = bars.into_iter().map(|bar| {
            let percent = format!("{:.2} %", bar.chance * 100.0);
            let label = fill(t().class, &[("class", &bar.class)]);
            view! {
                <li>
                    <span>{label.clone()}</span>
                    <span class="number">{percent}</span>
                    <progress max="1" value=bar.chance.to_string() aria-label=label></progress>
                </li>
            }
        });
        view! { <ul class="chances">{rows.collect_view()}</ul> }
    });
    view! {
        <p class="answer-line">
            <StateBadge tone glyph label />
            <span class="number">{fill(t().took, &[("time", &duration(answer.took))])}</span>
        </p>
        {bars}
        <CodeBlock text=body label=t().answer_body />
    }
}

/// The same call from a shell; the key is masked on the page and whole on the clipboard.
#[component]
fn Command(service: Signal<Service>, path: Memo<String>, text: RwSignal<String>) -> impl IntoView {
    let account = use_account();
    let origin = window().location().origin().unwrap_or_default();
    let url = Memo::new(move |_| {
        service
            .with(|it| it.scoring_uri.clone())
            .filter(|uri| uri.contains("://"))
            .unwrap_or_else(|| format!("{origin}{}", path.get()))
    });
    let shown = Signal::derive(move || curl(&url.get(), HIDDEN_KEY, &text.get()));
    if !account.may_read_keys() {
        return view! {
            <Panel id="command" title=t().command>
                <CodeBlock text=shown label="curl" />
            </Panel>
        }
        .into_any();
    }
    let id = Memo::new(move |_| service.with(|it| it.id.to_string()));
    let client = account.client;
    let keys = Query::new(move || fetch_keys(client.clone(), id.get()));
    view! {
        <Panel id="command" title=t().command>
            <Loaded query=keys let:keys>
                <CodeBlock
                    text=shown
                    copied=Signal::derive(move || {
                        let key = keys.with(|keys| keys.0.primary_key.clone());
                        curl(&url.get(), &key, &text.get())
                    })
                    label="curl"
                />
                <p class="fine">{t().command_hint}</p>
            </Loaded>
        </Panel>
    }
    .into_any()
}
