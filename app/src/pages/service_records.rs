//! What a service wrote down: its log, its traces, the calls it collected.

use std::time::Duration;

use leptos::prelude::*;
use shared::{CollectedFile, LogEntry, LogLevel, Service, TraceRecord};

use crate::{
    api::{Known, Query},
    app::use_account,
    components::{
        ButtonKind, Empty, Glyph, LinkButton, Loaded, Moment, Panel, StateBadge, Table, Tone,
    },
    format::{bytes, count, duration},
    markup::view,
    react::memo,
    text::t,
};

/// The three lists.
#[component]
pub(super) fn Records(service: Known<Service>) -> impl IntoView {
    let id = memo(move || service.with(|it| it.id.to_string()));
    view! {
        <Log id />
        <Traces id />
        <Collected id />
    }
}

#[component]
fn Log(id: Memo<String>) -> impl IntoView {
    let client = use_account().client;
    let lines = Query::polling(
        move || client.clone().service_logs(id.get()),
        |_| Some(Duration::from_secs(3)),
    );
    let row = |line: LogEntry| {
        let (tone, glyph, label) = match line.level {
            LogLevel::Information => (Tone::Neutral, Glyph::Info, t().level_information),
            LogLevel::Warning => (Tone::Busy, Glyph::Warning, t().level_warning),
            LogLevel::Error => (Tone::Bad, Glyph::Warning, t().level_error),
        };
        let took = line.duration_micros.map(|it| duration(Duration::from_micros(it)));
        view! {
            <tr>
                <th scope="row"><Moment at=line.time /></th>
                <td><StateBadge tone glyph label /></td>
                <td class="long">
                    {line.message}
                    {line.request_id.map(|it| view! { <span class="sub">{it}</span> })}
                </td>
                <td class="number">{line.status}</td>
                <td class="number">{took}</td>
            </tr>
        }
    };
    view! {
        <Panel id="log" title=t().log>
            <Loaded query=lines let:rows>
                {move || {
                    if rows.with(Vec::is_empty) {
                        return view! {
                            <Empty glyph=Glyph::Clock title=t().log_empty hint=t().log_empty_hint />
                        };
                    }
                    view! {
                        <Table
                            caption=t().log
                            columns=vec![t().when, t().level, t().message, t().state, t().took_short]
                            rows
                            key=|line| format!("{}{:?}{}", line.time, line.request_id, line.message)
                            row
                        />
                    }
                }}
            </Loaded>
        </Panel>
    }
}

#[component]
fn Traces(id: Memo<String>) -> impl IntoView {
    let client = use_account().client;
    let traces = Query::polling(
        move || client.clone().service_traces(id.get()),
        |_| Some(Duration::from_secs(5)),
    );
    let row = |trace: TraceRecord| {
        let micros = |it: u64| duration(Duration::from_micros(it));
        view! {
            <tr>
                <th scope="row"><Moment at=trace.time /></th>
                <td class="number">{trace.status}</td>
                <td class="number">{trace.rows.map(count)}</td>
                <td class="number">{micros(trace.duration_micros)}</td>
                <td class="number">{trace.queue_micros.map(micros)}</td>
                <td class="number">{trace.score_micros.map(micros)}</td>
                <td><code>{trace.trace_id.chars().take(12).collect::<String>()}</code></td>
            </tr>
        }
    };
    view! {
        <Panel id="traces" title=t().traces>
            <Loaded query=traces let:rows>
                {move || {
                    if rows.with(Vec::is_empty) {
                        return view! {
                            <Empty
                                glyph=Glyph::Operation
                                title=t().traces_empty
                                hint=t().traces_empty_hint
                            />
                        };
                    }
                    view! {
                        <Table
                            caption=t().traces
                            columns=vec![
                                t().when,
                                t().state,
                                t().rows,
                                t().took_short,
                                t().waited,
                                t().ran,
                                t().trace,
                            ]
                            rows
                            key=|trace| trace.span_id.clone()
                            row
                        />
                    }
                }}
            </Loaded>
        </Panel>
    }
}

#[component]
fn Collected(id: Memo<String>) -> impl IntoView {
    let account = use_account();
    let client = account.client.clone();
    let files = Query::polling(
        move || client.clone().collected_files(id.get()),
        |_| Some(Duration::from_secs(15)),
    );
    let client = account.client;
    let row = move |file: CollectedFile| {
        let href = client.collected_download(&id.get_untracked(), &file.id);
        view! {
            <tr>
                <th scope="row"><Moment at=file.created_at /></th>
                <td class="number">{count(file.records)}</td>
                <td class="number">{bytes(file.size)}</td>
                <td><Moment at=file.expires_at /></td>
                <td>
                    <LinkButton
                        label=t().download
                        href
                        icon=Glyph::Download
                        kind=ButtonKind::Quiet
                        download=true
                    />
                </td>
            </tr>
        }
    };
    view! {
        <Panel id="collected" title=t().collected>
            <Loaded query=files let:rows>
                {
                    let row = row.clone();
                    move || {
                        if rows.with(Vec::is_empty) {
                            return view! {
                                <Empty
                                    glyph=Glyph::Download
                                    title=t().collected_empty
                                    hint=t().collected_empty_hint
                                />
                            };
                        }
                        view! {
                            <Table
                                caption=t().collected
                                columns=vec![
                                    t().created,
                                    t().calls,
                                    t().size,
                                    t().expires,
                                    t().actions,
                                ]
                                rows
                                key=|file| file.id.clone()
                                row=row.clone()
                            />
                        }
                    }
                }
            </Loaded>
        </Panel>
    }
}
