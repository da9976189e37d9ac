//! What the HTTP side counts itself: requests by route family.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use control::{AtomicHistogram, Exposed, ExposedKind};
use hyper::StatusCode;

use crate::{config::BuildInfo, family::Family};

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Requests by route family. Recording takes no lock.
#[derive(Default)]
pub(crate) struct HttpMeter {
    families: [Answers; Family::ALL.len()],
}

#[derive(Default)]
struct Answers {
    classes: [AtomicU64; CLASSES.len()],
    times: OnceLock<Box<AtomicHistogram>>,
}

impl HttpMeter {
    /// A request was answered. A body that is streamed may go on; its time is that of its head.
    pub(crate) fn record(&self, family: Family, status: StatusCode, time: Duration) {
        let answers = &self.families[family as usize];
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        answers.classes[class].fetch_add(1, Relaxed);
        answers.times.get_or_init(Box::default).record(time);
    }

    pub(super) fn exposed(&self) -> [Exposed; 2] {
        let mut requests = Exposed::new(
            "edge_scorer_http_requests_total",
            "HTTP requests, by route family and class of status.",
            ExposedKind::Counter,
        );
        let mut times = Exposed::new(
            "edge_scorer_http_request_seconds",
            "Time from a request's head to its answer's head, by route family.",
            ExposedKind::Histogram,
        );
        for family in Family::ALL {
            let (answers, name) = (&self.families[family as usize], family.name());
            for (class, count) in CLASSES.iter().zip(&answers.classes) {
                match count.load(Relaxed) {
                    0 => {}
                    count => {
                        requests.number(&[("family", name), ("code", class)], count as f64);
                    }
                }
            }
            if let Some(seconds) = answers.times.get() {
                times.histogram(&[("family", name)], seconds.read());
            }
        }
        [requests, times]
    }
}

/// Which build it is, as a label.
pub(super) fn build(build: &BuildInfo) -> Vec<Exposed> {
    let mut info = Exposed::new(
        "edge_scorer_build_info",
        "Always 1; the labels say which build this is.",
        ExposedKind::Gauge,
    );
    let commit = build.commit.as_deref().unwrap_or_default();
    info.number(&[("version", &build.version), ("commit", commit)], 1.0);
    vec![info]
}
