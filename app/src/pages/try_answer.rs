//! What the service said, and what was asked before.

use std::time::Duration;

use leptos::prelude::*;
use serde_json::Value;
use shared::Signature;

use super::try_it::Attempt;
use crate::{
    api::ScoreAnswer,
    components::{
        Button, ButtonKind, CodeBlock, FailureNote, Glyph, Panel, StateBadge, Table, Tone,
    },
    format::{decimal, duration, fixed},
    markup::{IntoMarkup as _, Markup, view},
    sample::{ClassChance, chances, readable},
    text::{fill, t},
};

/// Calls that are remembered while the page is open.
const KEPT: usize = 20;

/// A call that was made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    number: usize,
    document: String,
    status: u16,
    took: Duration,
    /// The beginning of the answer.
    said: String,
}

impl Asked {
    pub(super) fn new(document: String, answer: &ScoreAnswer) -> Self {
        let said: String = answer.body.chars().take(80).collect();
        Self { number: 0, document, status: answer.status, took: answer.took, said }
    }

    /// Becomes the newest.
    pub(super) fn keep_in(mut self, history: &mut Vec<Self>) {
        self.number = history.first().map_or(1, |newest| newest.number + 1);
        history.insert(0, self);
        history.truncate(KEPT);
    }
}

/// The newest answer.
#[component]
pub(super) fn LastAnswer(signature: StoredValue<Signature>, attempt: Attempt) -> impl IntoView {
    view! {
        <div aria-live="polite">
            {move || match attempt.answer.get() {
                None => view! { <p class="fine">{t().no_answer_yet}</p> },
                Some(Err(error)) => view! { <FailureNote error /> },
                Some(Ok(answer)) => {
                    let bars = signature.with_value(|it| chances(it, &answer.body));
                    shown(answer, bars)
                }
            }}
        </div>
    }
}

/// Status, time, probabilities where there are some, and the answer as it came.
fn shown(answer: ScoreAnswer, bars: Option<Vec<ClassChance>>) -> Markup {
    let good = (200..300).contains(&answer.status);
    let (tone, glyph) = if good { (Tone::Good, Glyph::Check) } else { (Tone::Bad, Glyph::Warning) };
    let label = fill(t().status, &[("status", &answer.status.to_string())]);
    let parsed = serde_json::from_str::<Value>(&answer.body);
    let body = parsed.map_or(answer.body, |value| readable(&value));
    view! {
        <p class="answer-line">
            <StateBadge tone glyph label />
            <span class="number">{fill(t().took, &[("time", &duration(answer.took))])}</span>
        </p>
        {bars.map(chance_bars)}
        <CodeBlock text=body label=t().answer_body />
    }
}

fn chance_bars(bars: Vec<ClassChance>) -> Markup {
    let rows: Vec<Markup> = bars
        .into_iter()
        .map(|bar| {
            let percent = format!("{} %", decimal(bar.chance * 100.0, 2));
            let label = fill(t().class, &[("class", &bar.class)]);
            view! {
                <li>
                    <span>{label.clone()}</span>
                    <span class="number">{percent}</span>
                    <progress max="1" value=fixed(bar.chance, 6) aria-label=label></progress>
                </li>
            }
        })
        .collect();
    view! { <ul class="chances">{rows}</ul> }
}

/// Earlier calls, each of which can be taken up again.
#[component]
pub(super) fn History(
    attempt: Attempt,
    /// A call was taken up again: its document stands in the editor.
    #[prop(into)]
    on_again: Callback<()>,
) -> impl IntoView {
    let row = move |asked: Asked| {
        let document = asked.document.clone();
        let again = move |()| {
            on_again.run(());
            attempt.text.set(document.clone());
        };
        view! {
            <tr>
                <th scope="row" class="number">{asked.number}</th>
                <td class="number">{asked.status}</td>
                <td class="number">{duration(asked.took)}</td>
                <td><code class="cut">{asked.said}</code></td>
                <td>
                    <Button
                        label=t().ask_again
                        kind=ButtonKind::Quiet
                        icon=Glyph::Refresh
                        on_press=again
                    />
                </td>
            </tr>
        }
    };
    let content = move || {
        let any = attempt.history.with(|history| !history.is_empty());
        any.then(|| {
            view! {
                <Panel id="history" title=t().history>
                    <Table
                        caption=t().history
                        columns=vec!["#", t().state, t().round_trip, t().answer, t().actions]
                        rows=move || attempt.history.get()
                        key=|asked| asked.number.to_string()
                        row
                    />
                </Panel>
            }
        })
    };
    content.into_markup()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_call_stands_first_and_the_oldest_is_forgotten() {
        let mut history = Vec::new();
        for status in 200..230 {
            let answer = ScoreAnswer { status, body: "x".repeat(200), took: Duration::ZERO };
            Asked::new(String::new(), &answer).keep_in(&mut history);
        }

        assert_eq!(history.len(), KEPT);
        assert_eq!((history[0].number, history[0].status), (30, 229));
        assert_eq!(history[0].said.len(), 80);
    }
}
