//! What charts show, out of live seconds or out of history; plain data, tested natively.

use std::collections::{HashMap, VecDeque};

use shared::{
    ServiceId,
    metrics::{AccountSecond, LIVE_SECONDS, LivePoint, MetricValue, MetricsResponse},
};

use crate::{chart::Lines, format};

/// Seconds of a sparkline.
const SPARK: usize = 60;

/// The charts of a service or of all services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Calls, errors and rejected calls a second.
    Traffic,
    /// Three percentiles.
    Latency,
    /// Where the time goes: waiting and running.
    Stages,
    /// Replicas, and in live views what they are busy with.
    Capacity,
}

impl Subject {
    pub(crate) const ALL: [Self; 4] = [Self::Traffic, Self::Latency, Self::Stages, Self::Capacity];

    /// How its values are written.
    pub(crate) fn unit(self) -> fn(f64) -> String {
        match self {
            Self::Traffic => rate,
            Self::Latency | Self::Stages => time,
            Self::Capacity => count,
        }
    }

    fn of_point(self, point: &LivePoint, seconds: f64) -> Vec<Option<f64>> {
        #[expect(clippy::cast_precision_loss, reason = "calls of a second")]
        let rate = |count: u64| Some(count as f64 / seconds.max(0.05));
        match self {
            Self::Traffic => vec![rate(point.requests), rate(point.errors), rate(point.rejected)],
            Self::Latency => vec![point.p50, point.p95, point.p99],
            Self::Stages => vec![point.queue_time, point.run_time],
            Self::Capacity => {
                let counts = [point.replicas, point.in_flight, point.queue_depth];
                counts.into_iter().map(|count| Some(f64::from(count))).collect()
            }
        }
    }

    /// How the history is asked for this.
    pub(crate) fn question(self) -> &'static str {
        match self {
            Self::Traffic => "metricnames=Requests,Errors,Rejected&aggregation=Total",
            Self::Latency => "metricnames=Latency&aggregation=P50,P95,P99",
            Self::Stages => "metricnames=QueueTime,RunTime&aggregation=Average",
            Self::Capacity => "metricnames=Replicas&aggregation=Average",
        }
    }

    /// The lines of an answer to [`question`](Self::question). `moment` reads a timestamp as
    /// milliseconds since 1970.
    pub(crate) fn of_history(
        self,
        history: &MetricsResponse,
        moment: impl Fn(&str) -> f64,
    ) -> Lines {
        let series = |at: usize| {
            let metric = history.value.get(at).and_then(|metric| metric.timeseries.first());
            metric.map_or(&[][..], |series| series.data.as_slice())
        };
        let times: Vec<f64> = series(0).iter().map(|value| moment(&value.time_stamp)).collect();
        let step = match times.as_slice() {
            [first, second, ..] => second - first,
            _ => 1_000.0,
        };
        let line = |at: usize, read: &dyn Fn(&MetricValue) -> Option<f64>| {
            series(at).iter().map(read).collect::<Vec<_>>()
        };
        let rate = |value: &MetricValue| value.total.map(|total| total * 1_000.0 / step);
        let average = |value: &MetricValue| value.average;
        let values = match self {
            Self::Traffic => (0..3).map(|at| line(at, &rate)).collect(),
            Self::Latency => {
                let (p50, p95, p99) = (
                    |value: &MetricValue| value.p50,
                    |value: &MetricValue| value.p95,
                    |value: &MetricValue| value.p99,
                );
                vec![line(0, &p50), line(0, &p95), line(0, &p99)]
            }
            Self::Stages => (0..2).map(|at| line(at, &average)).collect(),
            Self::Capacity => vec![line(0, &average)],
        };
        let span = match (times.first(), times.last()) {
            (Some(first), Some(last)) => (*first, last.max(first + step)),
            _ => (0.0, 1.0),
        };
        Lines { span, times, values }
    }
}

/// The last minutes, second by second.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Recent {
    seconds: VecDeque<(f64, f64, LivePoint)>,
}

impl Recent {
    /// Adds a second that ended at `time` (milliseconds since 1970) and was `seconds` long.
    pub(crate) fn push(&mut self, time: f64, seconds: f64, point: LivePoint) {
        self.seconds.push_back((time, seconds, point));
        while self.seconds.len() > LIVE_SECONDS as usize {
            self.seconds.pop_front();
        }
    }

    /// The newest.
    pub(crate) fn last(&self) -> Option<&LivePoint> {
        self.seconds.back().map(|(_, _, point)| point)
    }

    /// As a chart of the last five minutes, whether or not all of them were heard.
    pub(crate) fn lines(&self, subject: Subject) -> Lines {
        let end = self.seconds.back().map_or(0.0, |(time, ..)| *time);
        let span = (end - f64::from(LIVE_SECONDS) * 1_000.0, end);
        let times = self.seconds.iter().map(|(time, ..)| *time).collect();
        let mut values = Vec::new();
        for (at, (_, seconds, point)) in self.seconds.iter().enumerate() {
            for (line, value) in subject.of_point(point, *seconds).into_iter().enumerate() {
                if at == 0 {
                    values.push(Vec::with_capacity(self.seconds.len()));
                }
                if let Some(values) = values.get_mut(line) {
                    values.push(value);
                }
            }
        }
        Lines { span, times, values }
    }
}

/// Calls a second of each service in the last minute.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Sparks(VecDeque<HashMap<ServiceId, f64>>);

impl Sparks {
    pub(crate) fn push(&mut self, second: &AccountSecond) {
        #[expect(clippy::cast_precision_loss, reason = "calls of a second")]
        let rate = |count: u64| count as f64 / second.seconds.max(0.05);
        let rates =
            second.services.iter().map(|service| (service.id, rate(service.point.requests)));
        self.0.push_back(rates.collect());
        while self.0.len() > SPARK {
            self.0.pop_front();
        }
    }

    /// As long as a full minute from the first second on, so that lines do not stretch.
    pub(crate) fn of(&self, service: ServiceId) -> Vec<f64> {
        let mut rates = vec![0.0; SPARK.saturating_sub(self.0.len())];
        rates.extend(self.0.iter().map(|second| second.get(&service).copied().unwrap_or(0.0)));
        rates
    }
}

/// `12/s`, `0.25/s`, `12.6k/s`.
pub(crate) fn rate(value: f64) -> String {
    format!("{}/s", short(value))
}

/// `0`, `2.5`, `12.6k`.
pub(crate) fn count(value: f64) -> String {
    short(value)
}

/// Milliseconds in the unit that suits them.
pub(crate) fn time(milliseconds: f64) -> String {
    if milliseconds.is_finite() && milliseconds >= 0.0 {
        format::duration(std::time::Duration::from_secs_f64(milliseconds.min(1e9) / 1e3))
    } else {
        "–".to_owned()
    }
}

fn short(value: f64) -> String {
    let (value, unit) = match value {
        large if large >= 999_500.0 => (large / 1e6, "M"),
        large if large >= 9_995.0 => (large / 1e3, "k"),
        small => (small, ""),
    };
    let digits = if value >= 99.95 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    let text = format::fixed(value, digits);
    let text = if digits > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_keep_two_or_three_digits() {
        for (value, text) in [
            (0.0, "0/s"),
            (0.25, "0.25/s"),
            (1.0, "1/s"),
            (12.34, "12.3/s"),
            (100.0, "100/s"),
            (1_234.0, "1234/s"),
            (61_572.0, "61.6k/s"),
            (2_000_000.0, "2M/s"),
        ] {
            assert_eq!(rate(value), text);
        }
        assert_eq!(time(0.25), "250 µs");
        assert_eq!(time(f64::NAN), "–");
    }

    #[test]
    fn live_seconds_become_rates_over_five_minutes() {
        let mut recent = Recent::default();
        for at in 0..1_000_u32 {
            let point = LivePoint { requests: 10, p50: Some(1.0), ..LivePoint::default() };
            recent.push(f64::from(at) * 1_000.0, 2.0, point);
        }

        let lines = recent.lines(Subject::Traffic);

        assert_eq!(lines.times.len(), LIVE_SECONDS as usize);
        assert_eq!(lines.values[0][0], Some(5.0));
        assert_eq!(lines.values[1][0], Some(0.0));
        assert_eq!(lines.span.1 - lines.span.0, 300_000.0);
        assert_eq!(recent.lines(Subject::Latency).values[2][5], None);
        assert_eq!(Recent::default().lines(Subject::Stages).values.len(), 0);
    }

    #[test]
    fn history_becomes_rates_of_its_intervals() {
        let value = |at: &str, total| MetricValue {
            time_stamp: at.to_owned(),
            total: Some(total),
            ..MetricValue::default()
        };
        let json = serde_json::json!({
            "timespan": "", "interval": "PT10S",
            "value": [{
                "id": "", "type": "", "name": {"value": "Requests", "localizedValue": ""},
                "unit": "Count",
                "timeseries": [{"metadatavalues": [],
                    "data": [value("0", 50.0), value("10000", 0.0)]}],
            }],
        });
        let history: MetricsResponse = serde_json::from_value(json).unwrap();

        let lines = Subject::Traffic.of_history(&history, |text| text.parse().unwrap());

        assert_eq!(lines.values[0], [Some(5.0), Some(0.0)]);
        assert_eq!(lines.times, [0.0, 10_000.0]);
    }

    #[test]
    fn a_spark_is_a_minute_long_from_the_first_second_on() {
        let mut sparks = Sparks::default();
        let id: ServiceId = "7c9e6679-7425-40de-944b-e07fc1f90ae7".parse().unwrap();
        let second: AccountSecond = serde_json::from_value(serde_json::json!({
            "at": "", "seconds": 1.0, "total": {},
            "services": [{"id": id, "name": "iris", "point": {"requests": 3}}],
        }))
        .unwrap();

        sparks.push(&second);

        let rates = sparks.of(id);
        assert_eq!((rates.len(), rates[SPARK - 1], rates[0]), (SPARK, 3.0, 0.0));
    }
}
