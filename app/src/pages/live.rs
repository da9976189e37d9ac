//! What all services do at this moment: one stream for a page, shared by its charts and its table.

use js_sys::Date;
use leptos::prelude::*;
use shared::{ServiceId, metrics::LivePoint};
use wasm_bindgen::JsValue;

use crate::{
    app::use_account,
    components::{Chart, Sparkline},
    markup::{IntoMarkup as _, view},
    react::memo,
    recent::{Recent, Sparks, Subject, rate},
    text::{fill, t},
};

/// The live seconds of an account, for as long as its page lives.
#[derive(Clone, Copy)]
pub(super) struct LiveServices {
    total: RwSignal<Recent>,
    sparks: RwSignal<Sparks>,
    connected: RwSignal<bool>,
}

impl LiveServices {
    /// Opens the stream and hands it to everything below this page.
    pub(super) fn provide() -> Self {
        let this = Self {
            total: RwSignal::new(Recent::default()),
            sparks: RwSignal::new(Sparks::default()),
            connected: RwSignal::new(true),
        };
        use_account().client.watch_services(this.connected, move |second| {
            let time = milliseconds(&second.at);
            // The page may have gone while the event was on its way.
            let _ = this.sparks.try_update(|sparks| sparks.push(&second));
            let _ = this.total.try_update(|total| total.push(time, second.seconds, second.total));
        });
        provide_context(this);
        this
    }
}

/// Milliseconds since 1970.
pub(super) fn milliseconds(at: &str) -> f64 {
    Date::new(&JsValue::from_str(at)).get_time()
}

/// The words of a subject and of its lines.
fn words(subject: Subject) -> (&'static str, Vec<&'static str>) {
    match subject {
        Subject::Traffic => (t().traffic, vec![t().requests, t().errors, t().rejected]),
        Subject::Latency => (t().latency, vec![t().median, t().p95, t().p99]),
        Subject::Stages => (t().where_time_goes, vec![t().queue_time, t().run_time]),
        Subject::Capacity => (t().capacity, vec![t().replicas, t().in_flight, t().waiting]),
    }
}

/// One chart of a subject; history tells less of capacity than live seconds do.
#[component]
pub(super) fn SubjectChart(
    subject: Subject,
    data: Signal<crate::chart::Lines>,
    #[prop(optional)] history: bool,
) -> impl IntoView {
    let (label, mut lines) = words(subject);
    if history && subject == Subject::Capacity {
        lines.truncate(1);
    }
    let (filled, counted) = (subject == Subject::Traffic, subject == Subject::Capacity);
    view! { <Chart label lines unit=subject.unit() data filled counted /> }
}

/// Charts over live seconds, and a word when they do not come.
#[component]
pub(super) fn LiveCharts(
    subjects: &'static [Subject],
    recent: Signal<Recent>,
    connected: Signal<bool>,
) -> impl IntoView {
    let charts = subjects
        .iter()
        .map(|subject| {
            let subject = *subject;
            let data = memo(move || recent.with(|recent| recent.lines(subject)));
            view! { <SubjectChart subject data=data.into() /> }
        })
        .collect_view();
    view! {
        <p class="chart-note" role="status">
            {move || (!connected.get()).then_some(t().live_lost)}
        </p>
        <div class="charts">{charts}</div>
    }
}

/// Traffic and latency of all services together.
#[component]
pub(super) fn AllServicesLive(live: LiveServices) -> impl IntoView {
    view! {
        <LiveCharts
            subjects=&[Subject::Traffic, Subject::Latency]
            recent=live.total.into()
            connected=live.connected.into()
        />
    }
}

/// Calls a second of a service in the last minute, where the page has a stream.
#[component]
pub(super) fn ServiceSpark(id: ServiceId) -> impl IntoView {
    let spark = use_context::<LiveServices>().map(|live| {
        let values = memo(move || live.sparks.with(|sparks| sparks.of(id)));
        let now = memo(move || values.with(|values| values.last().copied().unwrap_or(0.0)));
        let label = memo(move || fill(t().calls_now, &[("rate", &rate(now.get()))]));
        view! {
            <span class="spark">
                <Sparkline label=label.into() values=values.into() />
                <span class="number">{move || rate(now.get())}</span>
            </span>
        }
    });
    spark.into_markup()
}

/// The figures of the newest second.
#[component]
pub(super) fn NowFigures(recent: Signal<Recent>) -> impl IntoView {
    let now = move |read: fn(&LivePoint) -> String| {
        recent.with(|recent| recent.last().map_or_else(|| "–".to_owned(), read))
    };
    view! {
        <dl class="now">
            <div>
                <dt>{t().in_flight}</dt>
                <dd class="number">{move || now(|point| point.in_flight.to_string())}</dd>
            </div>
            <div>
                <dt>{t().waiting}</dt>
                <dd class="number">{move || now(|point| point.queue_depth.to_string())}</dd>
            </div>
            <div>
                <dt>{t().replicas}</dt>
                <dd class="number">{move || now(|point| point.replicas.to_string())}</dd>
            </div>
        </dl>
    }
}
