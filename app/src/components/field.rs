//! Labelled form controls; a rule that is broken is said under the field while typing.

use leptos::{prelude::*, tachys::dom::event_target_value};

use crate::markup::view;

/// Wires a control's hint and error to it.
fn described_by(id: &str, hint: bool) -> String {
    if hint { format!("{id}-hint {id}-error") } else { format!("{id}-error") }
}

/// A line of text, a number or a secret.
#[component]
pub(crate) fn Field(
    /// Unique on the page.
    #[prop(into)]
    id: String,
    #[prop(into)] label: String,
    value: RwSignal<String>,
    /// What it is good for.
    #[prop(optional, into)]
    hint: Option<String>,
    /// The rule that the value breaks.
    #[prop(optional, into)]
    error: Signal<Option<String>>,
    /// `text`, `number`, `password`.
    #[prop(default = "text")]
    kind: &'static str,
    #[prop(optional)] required: bool,
    #[prop(default = "off")] autocomplete: &'static str,
    #[prop(optional, into)] placeholder: Option<String>,
    /// Whether it holds something that is read letter by letter.
    #[prop(optional)]
    mono: bool,
) -> impl IntoView {
    let described = described_by(&id, hint.is_some());
    let touched = RwSignal::new(false);
    // An empty field is not scolded before the visitor has left it.
    let shown = move || {
        let speak = touched.get() || value.with(|text| !text.is_empty());
        error.get().filter(|_| speak)
    };
    view! {
        <div class="field">
            <label for=id.clone()>
                {label} {required.then(|| view! { <span class="required" aria-hidden="true">"*"</span> })}
            </label>
            {hint
                .map(|text| view! { <p class="field-hint" id=format!("{id}-hint")>{text}</p> })}
            <input
                id=id.clone()
                class:mono=mono
                type=kind
                step=(kind == "number").then_some("any")
                autocomplete=autocomplete
                spellcheck="false"
                placeholder=placeholder
                required=required
                aria-invalid=move || shown().map(|_| "true")
                aria-describedby=described
                prop:value=move || value.get()
                on:input=move |event| value.set(event_target_value(&event))
                on:blur=move |_| touched.set(true)
            />
            <p class="field-error" id=format!("{id}-error") aria-live="polite">{shown}</p>
        </div>
    }
}

/// Several lines of text.
#[component]
pub(crate) fn TextArea(
    #[prop(into)] id: String,
    #[prop(into)] label: String,
    value: RwSignal<String>,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional, into)] error: Signal<Option<String>>,
    #[prop(default = 4)] rows: u32,
    #[prop(optional)] mono: bool,
) -> impl IntoView {
    let described = described_by(&id, hint.is_some());
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            {hint
                .map(|text| view! { <p class="field-hint" id=format!("{id}-hint")>{text}</p> })}
            <textarea
                id=id.clone()
                class:mono=mono
                rows=rows.to_string()
                spellcheck="false"
                aria-invalid=move || error.get().map(|_| "true")
                aria-describedby=described
                prop:value=move || value.get()
                on:input=move |event| value.set(event_target_value(&event))
            ></textarea>
            <p class="field-error" id=format!("{id}-error") aria-live="polite">
                {move || error.get()}
            </p>
        </div>
    }
}

/// One of several.
#[component]
pub(crate) fn SelectField(
    #[prop(into)] id: String,
    #[prop(into)] label: String,
    value: RwSignal<String>,
    /// Values and what they are called.
    #[prop(into)]
    options: Signal<Vec<(String, String)>>,
    #[prop(optional, into)] hint: Option<String>,
) -> impl IntoView {
    let described = hint.is_some().then(|| format!("{id}-hint"));
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            {hint
                .map(|text| view! { <p class="field-hint" id=format!("{id}-hint")>{text}</p> })}
            <select
                id=id.clone()
                aria-describedby=described
                on:change=move |event| value.set(event_target_value(&event))
            >
                {move || {
                    options
                        .get()
                        .into_iter()
                        .map(|(key, name)| {
                            let own = key.clone();
                            view! {
                                <option value=key selected=move || value.with(|v| *v == own)>
                                    {name}
                                </option>
                            }
                        })
                        .collect_view()
                }}
            </select>
        </div>
    }
}

/// Yes or no.
#[component]
pub(crate) fn CheckField(
    #[prop(into)] id: String,
    #[prop(into)] label: String,
    value: RwSignal<bool>,
    #[prop(optional, into)] hint: Option<String>,
) -> impl IntoView {
    let described = hint.is_some().then(|| format!("{id}-hint"));
    view! {
        <div class="field field-check">
            <input
                id=id.clone()
                type="checkbox"
                aria-describedby=described
                prop:checked=move || value.get()
                on:change=move |event| value.set(event_target_checked(&event))
            />
            <label for=id.clone()>{label}</label>
            {hint
                .map(|text| view! { <p class="field-hint" id=format!("{id}-hint")>{text}</p> })}
        </div>
    }
}
