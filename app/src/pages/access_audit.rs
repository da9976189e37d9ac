//! Who changed what, when, from where, and how it ended.

use leptos::prelude::*;
use shared::{AuditEntry, AuditOutcome};

use crate::{
    api::{EdgeClient, Wanted},
    components::{Cell, Column, Empty, Glyph, PagedTable, Row, Slice, Source, Tone},
    text::t,
};

/// The log.
#[component]
pub(super) fn Audit() -> impl IntoView {
    let edge = expect_context::<EdgeClient>();
    let source = Source::new(move |wanted: Wanted| async move {
        let page = edge.audit(wanted).await?;
        let rows = page.value.into_iter().map(row).collect();
        Ok(Slice { rows, total: page.count.unwrap_or_default() })
    });
    let empty = || view! { <Empty glyph=Glyph::Clock title=t().audit_empty hint=t().audit_hint /> };
    view! {
        <p class="lead">{t().audit_hint}</p>
        <PagedTable
            caption=t().audit
            columns=vec![
                Column::plain(t().operation),
                Column::plain(t().state),
                Column::plain(t().who),
                Column::plain(t().from_address),
                Column::plain(t().when),
            ]
            source
            search_label=t().search_audit
            empty=empty.into()
        />
    }
}

fn row(entry: AuditEntry) -> Row {
    let (tone, glyph, label) = match entry.outcome {
        AuditOutcome::Succeeded => (Tone::Good, Glyph::Check, t().state_succeeded),
        AuditOutcome::Denied => (Tone::Bad, Glyph::Access, t().denied),
        AuditOutcome::Failed => (Tone::Bad, Glyph::Warning, t().state_failed),
    };
    vec![
        Cell::Text(format!("{} {}", entry.method, entry.path)),
        Cell::State { tone, glyph, label: label.to_owned(), sub: entry.code },
        Cell::Text(entry.principal_name.unwrap_or_else(|| "–".to_owned())),
        Cell::Text(entry.address.unwrap_or_default()),
        Cell::Moment(entry.at),
    ]
}
