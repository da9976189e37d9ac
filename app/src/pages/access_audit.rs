//! Who changed what, when, from where, and how it ended.

use leptos::prelude::*;
use shared::{AuditEntry, AuditOutcome};

use crate::{
    api::{EdgeClient, Query},
    components::{Button, Empty, Glyph, Loaded, Moment, SearchBox, StateBadge, Table, Tone},
    markup::{Markup, view},
    navigation::use_navigation,
    react::memo,
    text::{fill, t},
};

/// Entries that are shown, and how many more when older ones are asked for.
const STEP: usize = 100;

/// The log.
#[component]
pub(super) fn Audit() -> impl IntoView {
    let edge = expect_context::<EdgeClient>();
    let search = use_navigation().query("search");
    let entries = RwSignal::new(STEP);
    let log = Query::new(move || edge.audit(search.get().unwrap_or_default(), entries.get()));
    let older = move |()| entries.update(|n| *n += STEP);
    view! {
        <p class="lead">{t().audit_hint}</p>
        <div class="list-bar"><SearchBox label=t().search_audit /></div>
        <Loaded query=log let:log>
            {
                let any = memo(move || log.with(|page| !page.value.is_empty()));
                let more = memo(move || log.with(|page| page.next_link.is_some()));
                move || {
                    if !any.get() {
                        let (title, hint) = match search.get() {
                            Some(_) => (t().nothing_found, t().nothing_found_hint),
                            None => (t().audit_empty, t().audit_hint),
                        };
                        return view! { <Empty glyph=Glyph::Clock title hint /> };
                    }
                    view! {
                        <Table
                            caption=t().audit
                            columns=vec![t().operation, t().state, t().who, t().from_address, t().when]
                            rows=move || log.with(|page| page.value.clone())
                            key=|entry| format!("{}/{}", entry.id, entry.attempts)
                            row
                        />
                        {more
                            .get()
                            .then(|| {
                                view! { <Button label=t().show_older on_press=older /> }
                            })}
                    }
                }
            }
        </Loaded>
    }
}

fn row(entry: AuditEntry) -> Markup {
    let (tone, glyph, label) = match entry.outcome {
        AuditOutcome::Succeeded => (Tone::Good, Glyph::Check, t().state_succeeded),
        AuditOutcome::Denied => (Tone::Bad, Glyph::Access, t().denied),
        AuditOutcome::Failed => (Tone::Bad, Glyph::Warning, t().state_failed),
    };
    let attempts = (entry.attempts > 1)
        .then(|| fill(t().attempts, &[("n", &crate::format::count(entry.attempts))]));
    let why: Vec<String> = entry.code.into_iter().chain(attempts).collect();
    // The account's own address says nothing new.
    let path =
        entry.path.rsplit_once("/accounts/").map_or(&*entry.path, |(_, rest)| rest).to_owned();
    view! {
        <tr>
            <th scope="row" class="long">
                {entry.operation}
                <span class="sub">{path}</span>
                {entry
                    .resource_id
                    .map(|id| view! { <span class="sub">{t().target} " " <code>{id}</code></span> })}
            </th>
            <td>
                <StateBadge tone glyph label />
                <span class="sub">{why.join(" · ")}</span>
            </td>
            <td>{entry.principal_name.unwrap_or_else(|| "–".to_owned())}</td>
            <td>{entry.address}</td>
            <td><Moment at=entry.at /></td>
        </tr>
    }
}
