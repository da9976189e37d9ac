//! Calls a service from its page: a form, a pasted table or the document itself; the answer of the
//! server and of this tab; what was asked before; and code that does the same.

use js_sys::{Function, Object, Reflect};
use leptos::{ev::SubmitEvent, prelude::*};
use serde_json::Value;
use shared::{Service, Signature, paths};
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::spawn_local;

use super::{
    try_answer::{Asked, History, LastAnswer},
    try_code::Code,
    try_entry::{Entry, EntryMode},
    try_tab::InThisTab,
};
use crate::{
    api::{EdgeClient, EdgeError, Known, Query, ScoreAnswer, same_origin},
    app::use_account,
    components::{Button, ButtonKind, Glyph, Loaded, Panel},
    markup::view,
    react::{derive, memo},
    text::t,
};

/// Calls a service.
#[component]
pub(super) fn TryIt(service: Known<Service>) -> impl IntoView {
    let client = use_account().client;
    let image = memo(move || service.with(|it| it.image_id));
    let signature = Query::new(move || client.clone().image_signature(image.get()));
    view! {
        <Loaded query=signature let:signature>
            {move || view! { <Call service signature=signature.get() /> }}
        </Loaded>
    }
}

/// What one visit to the tab holds.
#[derive(Clone, Copy)]
pub(super) struct Attempt {
    /// The request document as text: what every way of entering writes.
    pub(super) text: RwSignal<String>,
    /// The document, where the text is one.
    pub(super) document: Memo<Result<Value, String>>,
    pub(super) answer: RwSignal<Option<Result<ScoreAnswer, EdgeError>>>,
    pub(super) history: RwSignal<Vec<Asked>>,
}

#[component]
fn Call(service: Known<Service>, signature: Signature) -> impl IntoView {
    let edge = expect_context::<EdgeClient>();
    let text = RwSignal::new(String::new());
    let attempt = Attempt {
        text,
        document: memo(move || {
            text.with(|text| serde_json::from_str(text).map_err(|error| error.to_string()))
        }),
        answer: RwSignal::new(None),
        history: RwSignal::new(Vec::new()),
    };
    let signature = StoredValue::new(signature);
    let unready = RwSignal::new(false);
    let mode = RwSignal::new(EntryMode::Form);
    let busy = RwSignal::new(false);
    let path = memo(move || {
        service.with(|it| {
            it.scoring_uri.as_deref().map_or_else(|| paths::score(&it.name), same_origin)
        })
    });
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        busy.set(true);
        let (path, document) = (path.get_untracked(), text.get_untracked());
        spawn_local(async move {
            let said = edge.score(path, document.clone()).await;
            if let Ok(answer) = &said {
                let asked = Asked::new(document, answer);
                attempt.history.try_update(|history| asked.keep_in(history));
            }
            attempt.answer.try_set(Some(said));
            busy.try_set(false);
            show_answer();
        });
    };
    view! {
        <div class="try">
            <div class="try-left">
                <form on:submit=submit>
                    <Entry signature attempt mode unready>
                        <Button
                            label=t().send
                            icon=Glyph::Play
                            kind=ButtonKind::Primary
                            submit=true
                            busy
                            disabled=derive(move || unready.get())
                        />
                    </Entry>
                </form>
                <History attempt on_again=move |()| mode.set(EntryMode::Json) />
            </div>
            <div>
                <Panel id="answer" title=t().answer>
                    <LastAnswer signature attempt />
                </Panel>
                <InThisTab service signature attempt />
                <Code service path text />
            </div>
        </div>
    }
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
