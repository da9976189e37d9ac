//! The same module in this tab: fetched, instantiated, run, and set beside the server's answer.

use std::time::Duration;

use leptos::prelude::*;
use shared::{Service, Signature};
use wasm_bindgen_futures::spawn_local;

use super::try_it::Attempt;
use crate::{
    api::Known,
    app::use_account,
    components::{Button, CodeBlock, Glyph, KeyValue, KeyValues, Panel, StateBadge, Tone},
    format::{bytes, duration, exponent},
    guest::{Guest, GuestAnswer, GuestError, Unfit, difference},
    markup::{IntoMarkup as _, Markup, view},
    react::derive,
    sample::readable,
    text::{fill, t},
};

/// What came of it.
#[derive(Clone)]
struct Ran {
    answer: GuestAnswer,
    module_bytes: usize,
}

/// The button and what comes of it.
#[component]
pub(super) fn InThisTab(
    service: Known<Service>,
    signature: StoredValue<Signature>,
    attempt: Attempt,
) -> impl IntoView {
    let client = use_account().client;
    let busy = RwSignal::new(false);
    let ran = RwSignal::new(None::<Result<Ran, String>>);
    // Kept for the next run; a service that serves another image needs another module.
    let loaded = StoredValue::new_local(None::<(shared::ImageId, Guest, usize)>);
    let run = move |()| {
        let (client, image) = (client.clone(), service.with_untracked(|it| it.image_id));
        let Ok(document) = attempt.document.get_untracked() else { return };
        busy.set(true);
        spawn_local(async move {
            let outcome = async {
                let known = loaded.try_get_value().flatten().filter(|(of, ..)| *of == image);
                let (guest, size) = match known {
                    Some((_, guest, size)) => (guest, size),
                    None => {
                        let wasm = client.portable_module(image).await.map_err(|it| it.said())?;
                        let guest = Guest::load(&wasm).await.map_err(words)?;
                        let kept = Some((image, guest.clone(), wasm.len()));
                        loaded.try_update_value(|known| *known = kept);
                        (guest, wasm.len())
                    }
                };
                let clock = window().performance();
                let now = || clock.as_ref().map_or(0.0, web_sys::Performance::now);
                let answer = signature
                    .try_with_value(|it| guest.score(it, &document, now))
                    .ok_or_else(String::new)?;
                Ok::<Ran, String>(Ran { answer: answer.map_err(words)?, module_bytes: size })
            };
            let outcome = outcome.await;
            ran.try_set(Some(outcome));
            busy.try_set(false);
        });
    };
    let shown = move || match ran.get() {
        None => ().into_markup(),
        Some(Err(why)) => view! { <p class="note note-bad" role="alert">{why}</p> },
        Some(Ok(ran)) => beside(ran, attempt),
    };
    view! {
        <Panel id="tab" title=t().in_this_tab>
            <p class="lead">{t().in_this_tab_hint}</p>
            <Button
                label=t().run_here
                icon=Glyph::Chip
                busy
                disabled=derive(move || attempt.document.with(Result::is_err))
                on_press=run
            />
            <div aria-live="polite">{shown}</div>
        </Panel>
    }
}

/// Both answers' times, and how far they are apart.
fn beside(ran: Ran, attempt: Attempt) -> Markup {
    let here = Duration::from_secs_f64((ran.answer.milliseconds / 1000.0).max(0.0));
    let server = move || {
        let answer = attempt.answer.get()?.ok()?;
        Some(view! { <KeyValue name=t().server_took>{duration(answer.took)}</KeyValue> })
    };
    let document = ran.answer.document.clone();
    let agreement = move || {
        let answer = attempt.answer.get()?.ok()?;
        let said: serde_json::Value = serde_json::from_str(&answer.body).ok()?;
        let apart = difference(&said, &document)?;
        let (tone, glyph) =
            if apart <= 1e-5 { (Tone::Good, Glyph::Check) } else { (Tone::Bad, Glyph::Warning) };
        let label = if apart == 0.0 {
            t().same_answer.to_owned()
        } else {
            fill(t().apart, &[("by", &exponent(apart))])
        };
        Some(view! { <p class="answer-line"><StateBadge tone glyph label /></p> })
    };
    view! {
        <div class="tab-answer">
            {agreement}
            <KeyValues>
                <KeyValue name=t().tab_took>{duration(here)}</KeyValue>
                {server}
                <KeyValue name=t().module_size>{bytes(ran.module_bytes as u64)}</KeyValue>
            </KeyValues>
            <CodeBlock text=readable(&ran.answer.document) label=t().answer_body />
        </div>
    }
}

fn words(error: GuestError) -> String {
    match error {
        GuestError::Refused(why) => fill(t().tab_refused, &[("why", &why)]),
        GuestError::Failed(why) => fill(t().tab_failed, &[("why", &why)]),
        GuestError::Unfit(Unfit::Document) => t().tab_document.to_owned(),
        GuestError::Unfit(Unfit::Row(row)) => fill(t().tab_row, &[("row", &row.to_string())]),
        GuestError::Unfit(Unfit::Signature(name)) => fill(t().tab_signature, &[("name", &name)]),
        GuestError::Unfit(Unfit::TooLarge) => t().tab_too_large.to_owned(),
    }
}
