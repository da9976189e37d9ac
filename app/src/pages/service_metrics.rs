//! What a service does and did: live, or over a stretch that the address names.

use std::time::Duration;

use leptos::prelude::*;
use shared::Service;

use super::live::{LiveCharts, NowFigures, SubjectChart, milliseconds};
use crate::{
    api::{Known, Query},
    app::use_account,
    components::{Loaded, Panel},
    markup::{IntoMarkup as _, view},
    navigation::use_navigation,
    react::memo,
    recent::{Recent, Subject},
    route::{Page, ServiceTab},
    text::t,
};

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Range {
    Live,
    Hour,
    Day,
    Week,
    Month,
}

impl Range {
    const ALL: [Self; 5] = [Self::Live, Self::Hour, Self::Day, Self::Week, Self::Month];

    /// As the address names it.
    fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Live => t().live,
            Self::Hour => t().last_hour,
            Self::Day => t().last_day,
            Self::Week => t().last_week,
            Self::Month => t().last_month,
        }
    }

    /// Timespan, and how often there is something new to see.
    fn history(self) -> Option<(&'static str, Duration)> {
        match self {
            Self::Live => None,
            Self::Hour => Some(("PT1H", Duration::from_secs(10))),
            Self::Day => Some(("PT24H", Duration::from_secs(60))),
            Self::Week => Some(("P7D", Duration::from_secs(300))),
            Self::Month => Some(("P30D", Duration::from_secs(600))),
        }
    }
}

/// The tab.
#[component]
pub(super) fn Metrics(service: Known<Service>) -> impl IntoView {
    let account = use_account();
    let asked = use_navigation().query("range");
    let range = memo(move || {
        let asked = asked.get();
        let known = Range::ALL.into_iter().find(|range| Some(range.name()) == asked.as_deref());
        known.unwrap_or(Range::Live)
    });
    let name = memo(move || service.with(|service| service.name.clone()));
    let here = account.href(Page::Service(name.get_untracked(), ServiceTab::Metrics));
    let links = Range::ALL
        .into_iter()
        .map(|known| {
            let href = format!("{here}?range={}", known.name());
            let current = move || (range.get() == known).then_some("true");
            view! { <li><a href=href aria-current=current>{known.words()}</a></li> }
        })
        .collect_view();
    let charts = move || {
        let name = name.get();
        match range.get().history() {
            None => view! { <Live name /> },
            Some((timespan, every)) => view! { <History name timespan every /> },
        }
    };
    let ranges = view! {
        <nav class="ranges" aria-label=t().time_range>
            <ul>{links}</ul>
        </nav>
    };
    view! { <Panel id="metrics" title=t().metrics actions=ranges.into_markup()>{charts}</Panel> }
}

#[component]
fn Live(name: String) -> impl IntoView {
    let (recent, connected) = (RwSignal::new(Recent::default()), RwSignal::new(true));
    use_account().client.watch_service(&name, connected, move |second| {
        let time = milliseconds(&second.at);
        // The page may have gone while the event was on its way.
        let _ = recent.try_update(|recent| recent.push(time, second.seconds, second.point));
    });
    view! {
        <NowFigures recent=recent.into() />
        <LiveCharts subjects=&Subject::ALL recent=recent.into() connected=connected.into() />
    }
}

#[component]
fn History(name: String, timespan: &'static str, every: Duration) -> impl IntoView {
    let client = use_account().client;
    let charts = Subject::ALL.map(|subject| {
        let (client, name) = (client.clone(), name.clone());
        let question = format!("timespan={timespan}&{}", subject.question());
        let history = Query::polling(
            move || client.clone().metrics(Some(name.clone()), question.clone()),
            move |_| Some(every),
        );
        view! {
            <Loaded query=history let:history>
                {
                    let data = memo(move || {
                        history.with(|history| subject.of_history(history, milliseconds))
                    });
                    view! { <SubjectChart subject data=data.into() history=true /> }
                }
            </Loaded>
        }
    });
    view! { <div class="charts">{charts.into_iter().collect_view()}</div> }
}
