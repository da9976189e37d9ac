//! Lines over time: read with the pointer, with the arrow keys, or as a table.
//!
//! Colour is never alone: each line has a dash of its own, and its words stand beside a sample.

use js_sys::{Date, Intl, Object, Reflect};
use leptos::{html, prelude::*};
use wasm_bindgen::JsValue;
use web_sys::{KeyboardEvent, PointerEvent};

use crate::{
    chart::{HEIGHT, Lines, WIDTH, sparkline, time_ticks},
    format::fixed,
    markup::{IntoMarkup as _, view},
    react::memo,
    text::{language, t},
};

/// Most rows of the table view.
const ROWS: usize = 400;

/// A chart with axes, a legend that shows the values under the cursor, and a table of them.
#[component]
pub(crate) fn Chart(
    /// What is shown, for people who do not see it.
    #[prop(into)]
    label: String,
    /// The words of each line.
    lines: Vec<&'static str>,
    /// How a value is written.
    unit: fn(f64) -> String,
    data: Signal<Lines>,
    /// Fills the area below the first line.
    #[prop(optional)]
    filled: bool,
    /// Whether there are only whole values.
    #[prop(optional)]
    counted: bool,
) -> impl IntoView {
    let plot = NodeRef::<html::Div>::new();
    let cursor = RwSignal::new(None::<usize>);
    // What stays under the cursor while values come in on the right is a moment, not a place.
    let shown = memo(move || {
        data.with(|data| {
            let last = data.times.len().checked_sub(1)?;
            Some(cursor.get().map_or(last, |at| at.min(last)))
        })
    });
    let value = move |line: usize| {
        let value = data.with(|data| *data.values.get(line)?.get(shown.get()?)?);
        value.map_or_else(|| "–".to_owned(), unit)
    };
    let moment = move || {
        let time = data.with(|data| data.times.get(shown.get()?).copied());
        time.map(full).unwrap_or_default()
    };
    let words = StoredValue::new(lines.clone());
    let said = move || {
        let values = words.with_value(|words| {
            let named = words.iter().enumerate();
            named.map(|(line, name)| format!("{name} {}", value(line))).collect::<Vec<_>>()
        });
        format!("{}: {}", moment(), values.join(", "))
    };

    let point = move |event: PointerEvent| {
        let Some(element) = plot.get_untracked() else { return };
        let area = element.get_bounding_client_rect();
        let across = (f64::from(event.client_x()) - area.left()) / area.width().max(1.0);
        cursor.set(data.with_untracked(|data| data.nearest(across)));
    };
    let keys = move |event: KeyboardEvent| {
        let last = data.with_untracked(|data| data.times.len()).saturating_sub(1);
        let at = shown.get_untracked().unwrap_or(0);
        let next = match event.key().as_str() {
            "ArrowLeft" | "ArrowDown" => Some(at.saturating_sub(1)),
            "ArrowRight" | "ArrowUp" => Some((at + 1).min(last)),
            "PageDown" => Some(at.saturating_sub(10)),
            "PageUp" => Some((at + 10).min(last)),
            "Home" => Some(0),
            "End" => Some(last),
            "Escape" => None,
            _ => return,
        };
        event.prevent_default();
        cursor.set(next);
    };

    let legend = lines
        .iter()
        .enumerate()
        .map(|(line, name)| {
            view! {
                <li>
                    <svg class=format!("chart-sample chart-line-{line}") viewBox="0 0 24 4" aria-hidden="true">
                        <path d="M0 2h24" />
                    </svg>
                    <span>{*name}</span>
                    <span class="number chart-value">{move || value(line)}</span>
                </li>
            }
        })
        .collect_view();
    let paths = (0..lines.len())
        .map(|line| {
            let area = (filled && line == 0).then(|| {
                view! { <path class="chart-area" d=move || data.with(|data| data.area(line)) /> }
            });
            view! {
                {area}
                <path
                    class=format!("chart-line chart-line-{line}")
                    d=move || data.with(|data| data.path(line))
                />
            }
        })
        .collect_view();
    let grid = move || {
        data.with(|data| {
            let across = data.value_ticks(counted).into_iter().map(|tick| {
                format!("M0 {}H{}", fixed((1.0 - data.up(tick)) * HEIGHT, 2), fixed(WIDTH, 0))
            });
            across.collect::<String>()
        })
    };
    let value_axis = move || {
        data.with(|data| {
            let ticks = data.value_ticks(counted).into_iter();
            ticks
                .map(|tick| {
                    let bottom = percent(data.up(tick));
                    view! { <span style:bottom=bottom>{unit(tick)}</span> }
                })
                .collect_view()
        })
    };
    let time_axis = move || {
        data.with(|data| {
            let length = data.span.1 - data.span.0;
            let offset = -Date::new(&JsValue::from_f64(data.span.1)).get_timezone_offset();
            time_ticks(data.span, offset)
                .into_iter()
                // A label is centred on its moment: at either end it would stand out of the chart.
                .filter(|tick| (0.04..=0.96).contains(&data.across(*tick)))
                .map(|tick| {
                    let left = percent(data.across(tick));
                    view! { <span style:left=left>{brief(tick, length)}</span> }
                })
                .collect_view()
        })
    };
    let hair = move || {
        let across = data.with(|data| Some(data.across(*data.times.get(cursor.get()?)?)));
        across.map(|across| {
            view! { <span class="chart-hair" style:left=percent(across)></span> }
        })
    };
    let last = move || data.with(|data| data.times.len().saturating_sub(1)).to_string();
    let caption = label.clone();
    view! {
        <figure class="chart">
            <figcaption>
                <span class="chart-title">{label.clone()}</span>
                <span class="chart-moment number">{moment}</span>
            </figcaption>
            <ul class="chart-legend">{legend}</ul>
            <div class="chart-frame">
                <div class="chart-values number" aria-hidden="true">{value_axis}</div>
                <div
                    class="chart-plot"
                    node_ref=plot
                    tabindex="0"
                    role="slider"
                    aria-label=label
                    aria-valuemin="0"
                    aria-valuemax=last
                    aria-valuenow=move || shown.get().unwrap_or(0).to_string()
                    aria-valuetext=said
                    on:pointermove=point
                    on:pointerdown=point
                    on:pointerleave=move |_| cursor.set(None)
                    on:keydown=keys
                >
                    <svg
                        viewBox=format!("0 0 {} {}", fixed(WIDTH, 0), fixed(HEIGHT, 0))
                        preserveAspectRatio="none"
                        aria-hidden="true"
                    >
                        <path class="chart-grid" d=grid />
                        {paths}
                    </svg>
                    {hair}
                </div>
                <div class="chart-times number" aria-hidden="true">{time_axis}</div>
            </div>
            <TableView caption lines unit data />
        </figure>
    }
}

/// The same numbers in rows, the newest first, written when they are asked for.
#[component]
fn TableView(
    caption: String,
    lines: Vec<&'static str>,
    unit: fn(f64) -> String,
    data: Signal<Lines>,
) -> impl IntoView {
    // A table that changes while it is read helps nobody: it shows the moment it was opened.
    let opened = RwSignal::new(None::<Lines>);
    let toggle = move |_| {
        opened.update(|opened| {
            *opened = match opened {
                Some(_) => None,
                None => Some(data.get_untracked()),
            };
        });
    };
    let table = move || {
        opened.get().map(|data| {
            let headings = lines.iter().map(|name| view! { <th scope="col">{*name}</th> });
            let headings = headings.collect_view();
            let rows = (0..data.times.len()).rev().take(ROWS).map(|at| {
                let cells = data.values.iter().map(|values| {
                    let value = values.get(at).copied().flatten();
                    let text = value.map_or_else(|| "–".to_owned(), unit);
                    view! { <td class="number">{text}</td> }
                });
                let cells = cells.collect_view();
                view! {
                    <tr>
                        <th scope="row" class="number">{full(data.times[at])}</th>
                        {cells}
                    </tr>
                }
            });
            let rows = rows.collect_view();
            view! {
                <div class="table-scroll chart-table" tabindex="0" role="group" aria-label=caption.clone()>
                    <table>
                        <caption class="visually-hidden">{caption.clone()}</caption>
                        <thead>
                            <tr>
                                <th scope="col">{t().time}</th>
                                {headings}
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
            }
        })
    };
    view! {
        <button
            type="button"
            class="chart-toggle"
            aria-expanded=move || if opened.with(Option::is_some) { "true" } else { "false" }
            on:click=toggle
        >
            {move || if opened.with(Option::is_some) { t().hide_table } else { t().show_table }}
        </button>
        {table}
    }
}

/// A line as high as a word.
#[component]
pub(crate) fn Sparkline(
    /// What is shown, with its newest value.
    label: Signal<String>,
    values: Signal<Vec<f64>>,
) -> impl IntoView {
    let path = memo(move || values.with(|values| sparkline(values)));
    let content = move || {
        let path = path.get().unwrap_or_else(|| "M0 19h100".to_owned());
        view! {
            <svg
                class="sparkline"
                viewBox="0 0 100 20"
                preserveAspectRatio="none"
                role="img"
                aria-label=move || label.get()
            >
                <path d=path />
            </svg>
        }
    };
    content.into_markup()
}

/// A moment as an axis has it: as little as tells it from its neighbours.
fn brief(time: f64, length: f64) -> String {
    const MINUTE: f64 = 60_000.0;
    const DAY: f64 = 86_400_000.0;
    if length > 2.0 * DAY {
        formatted(time, &[("month", "short"), ("day", "numeric")])
    } else if length <= 600_000.0 && time % MINUTE != 0.0 {
        formatted(time, &[("hour", "2-digit"), ("minute", "2-digit"), ("second", "2-digit")])
    } else {
        formatted(time, &[("hour", "2-digit"), ("minute", "2-digit")])
    }
}

fn full(time: f64) -> String {
    formatted(time, &[("dateStyle", "medium"), ("timeStyle", "medium")])
}

fn percent(part: f64) -> String {
    format!("{}%", fixed(part * 100.0, 2))
}

fn formatted(time: f64, wanted: &[(&str, &str)]) -> String {
    let options = Object::new();
    for (name, value) in wanted {
        let _ = Reflect::set(&options, &JsValue::from_str(name), &JsValue::from_str(value));
    }
    let tags = js_sys::Array::of1(&JsValue::from_str(language().tag()));
    let format = Intl::DateTimeFormat::new(&tags, &options).format();
    let date = Date::new(&JsValue::from_f64(time));
    let text = format.call1(&JsValue::UNDEFINED, &date);
    text.ok().and_then(|text| text.as_string()).unwrap_or_default()
}
