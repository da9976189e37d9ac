//! What is asked of the history: which time, in which steps, which metrics, how put together.
//!
//! # Invariants
//! - Steps begin at multiples of the interval, so the same question a second later has the same steps.
//! - An interval is a multiple of the rows that are kept of the timespan, so no row is split.

use shared::metrics::{Aggregation, MetricName};

use super::store::{Bounds, KEPT, floor};
use crate::ControlError;

/// Most steps of one answer.
const STEPS: i64 = 10_000;
/// Steps that an answer has about, when nobody asks for an interval.
const FEW_STEPS: i64 = 400;
/// Intervals that are chosen from then, in seconds.
const INTERVALS: [i64; 12] =
    [10, 60, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400, 172_800, 604_800];
/// A timespan that nobody asked for: the last hour.
const HOUR: i64 = 3_600;

/// As it stands in the query of a request.
#[derive(Debug, Clone, Default)]
pub struct MetricsQuery {
    /// `start/end`, `start/duration`, `duration/end` or `duration`; the last hour by default.
    pub timespan: Option<String>,
    /// An ISO 8601 duration.
    pub interval: Option<String>,
    /// Names, separated by commas; every metric by default.
    pub metric_names: Option<String>,
    /// Aggregations, separated by commas; what suits each metric by default.
    pub aggregation: Option<String>,
}

/// A question that has an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Question {
    /// Seconds since 1970; a multiple of `interval`.
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) interval: i64,
    pub(super) metrics: Vec<MetricName>,
    /// Empty: what suits each metric.
    pub(super) aggregations: Vec<Aggregation>,
}

impl Question {
    /// Reads a query at the moment `now`.
    pub(super) fn of(query: &MetricsQuery, now: i64) -> Result<Self, ControlError> {
        let (start, end) = match given(query.timespan.as_deref()) {
            Some(timespan) => read_timespan(timespan, now)?,
            None => (now - HOUR, now),
        };
        // Nothing is known of what is to come, nor of what is forgotten.
        let end = end.min(now);
        let start = start.max(now - KEPT);
        if start >= end {
            return Err(ControlError::invalid(
                "`timespan` ends before it begins, or lies beyond what is kept",
                "Ask for a time within the last 30 days, as `start/end` in RFC 3339 or as a duration such as `PT1H`.",
            ));
        }
        let kept = Bounds::at(now).resolution(start);
        let interval = match given(query.interval.as_deref()) {
            None => INTERVALS
                .into_iter()
                .find(|interval| interval % kept == 0 && (end - start) / interval <= FEW_STEPS)
                .unwrap_or(INTERVALS[INTERVALS.len() - 1]),
            Some(interval) => read_interval(interval, kept)?,
        };
        let start = floor(start, interval);
        if (end - start) / interval >= STEPS {
            return Err(ControlError::LimitExceeded {
                what: "the number of intervals in an answer".to_owned(),
                limit: STEPS.to_string(),
                remedy: "Ask for a longer `interval` or a shorter `timespan`.".to_owned(),
            });
        }
        let metrics = read_list("metricnames", query.metric_names.as_deref())?;
        let metrics = if metrics.is_empty() { MetricName::ALL.to_vec() } else { metrics };
        let aggregations: Vec<Aggregation> =
            read_list("aggregation", query.aggregation.as_deref())?;
        Ok(Self { start, end, interval, metrics, aggregations })
    }

    /// How many steps the answer has.
    pub(super) fn steps(&self) -> usize {
        usize::try_from((self.end - self.start).div_euclid(self.interval)).unwrap_or_default()
            + usize::from((self.end - self.start).rem_euclid(self.interval) > 0)
    }

    /// Which step a moment belongs to.
    pub(super) fn step(&self, at: i64) -> Option<usize> {
        usize::try_from((at - self.start).div_euclid(self.interval))
            .ok()
            .filter(|step| *step < self.steps())
    }

    /// When a step begins.
    pub(super) fn begins(&self, step: usize) -> i64 {
        self.start + self.interval * i64::try_from(step).unwrap_or_default()
    }
}

fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

fn read_timespan(text: &str, now: i64) -> Result<(i64, i64), ControlError> {
    let bad = || {
        ControlError::invalid(
            format!("`{text}` is no timespan"),
            "Write `2026-11-20T10:00:00Z/2026-11-20T11:00:00Z`, or a duration such as `PT1H`.",
        )
    };
    let moment = |text: &str| text.parse::<jiff::Timestamp>().ok().map(|at| at.as_second());
    let span = match text.split_once('/') {
        None => duration(text).map(|length| (now - length, now)),
        Some((start, end)) => match (moment(start), moment(end)) {
            (Some(start), Some(end)) => Some((start, end)),
            (Some(start), None) => duration(end).map(|length| (start, start + length)),
            (None, Some(end)) => duration(start).map(|length| (end - length, end)),
            (None, None) => None,
        },
    };
    span.ok_or_else(bad)
}

/// Seconds of an ISO 8601 duration without years and months, at most a few years.
fn duration(text: &str) -> Option<i64> {
    let span: jiff::Span = text.parse().ok().filter(|_| text.starts_with(['P', 'p']))?;
    let length = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?;
    let seconds = length.as_secs();
    (length.subsec_nanos() == 0 && (1..100_000_000).contains(&seconds)).then_some(seconds)
}

fn read_interval(text: &str, kept: i64) -> Result<i64, ControlError> {
    let shortest = iso(kept);
    let remedy = format!(
        "Of this timespan, multiples of `{shortest}` are kept; leave `interval` out to get what suits."
    );
    let seconds = duration(text)
        .ok_or_else(|| ControlError::invalid(format!("`{text}` is no interval"), &*remedy))?;
    if seconds % kept != 0 {
        return Err(ControlError::invalid(
            format!("an interval of `{text}` is finer than what is kept of this timespan"),
            remedy,
        ));
    }
    Ok(seconds)
}

fn read_list<T: std::str::FromStr<Err = String> + PartialEq>(
    parameter: &str,
    text: Option<&str>,
) -> Result<Vec<T>, ControlError> {
    let mut list = Vec::new();
    for name in text.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let value = name.parse().map_err(|unknown| {
            ControlError::invalid(
                format!("`{parameter}` has a name that is not known: {unknown}"),
                "Use the names listed, separated by commas.",
            )
        })?;
        if !list.contains(&value) {
            list.push(value);
        }
    }
    Ok(list)
}

/// Seconds as an ISO 8601 duration, in the words that Azure Monitor uses.
pub(super) fn iso(seconds: i64) -> String {
    match seconds {
        day if day % 86_400 == 0 => format!("P{}D", day / 86_400),
        hour if hour % 3_600 == 0 => format!("PT{}H", hour / 3_600),
        minute if minute % 60 == 0 => format!("PT{}M", minute / 60),
        second => format!("PT{second}S"),
    }
}

/// What a metric is put together by when nobody says how.
pub(super) fn suits(metric: MetricName) -> &'static [Aggregation] {
    if metric.is_time() {
        &[Aggregation::Average, Aggregation::P50, Aggregation::P95, Aggregation::P99]
    } else if metric == MetricName::Replicas {
        &[Aggregation::Average]
    } else {
        &[Aggregation::Total]
    }
}

#[cfg(test)]
mod tests {
    use shared::ErrorCode;

    use super::*;

    const NOW: i64 = 1_795_202_502;

    fn asked(timespan: &str, interval: &str) -> Result<Question, ControlError> {
        let some = |text: &str| Some(text.to_owned());
        let query = MetricsQuery {
            timespan: some(timespan),
            interval: some(interval),
            ..MetricsQuery::default()
        };
        Question::of(&query, NOW)
    }

    #[test]
    fn without_an_interval_an_answer_has_some_hundred_steps() {
        for (timespan, interval) in
            [("", 10), ("PT1H", 10), ("PT24H", 300), ("P1D", 300), ("P7D", 1_800), ("P30D", 7_200)]
        {
            let question = asked(timespan, "").unwrap();
            assert_eq!(question.interval, interval, "{timespan}");
            assert!((100..=FEW_STEPS as usize + 1).contains(&question.steps()), "{timespan}");
            assert_eq!(question.start % interval, 0);
        }
    }

    #[test]
    fn a_timespan_is_written_in_any_of_four_ways() {
        let start = jiff::Timestamp::from_second(NOW - 3_600).unwrap();
        let end = jiff::Timestamp::from_second(NOW - 1_800).unwrap();
        let same = asked(&format!("{start}/{end}"), "PT1M").unwrap();

        assert_eq!(asked(&format!("{start}/PT30M"), "PT1M").unwrap(), same);
        assert_eq!(asked(&format!("PT30M/{end}"), "pt1m").unwrap(), same);
        assert_eq!((same.end - same.start + 59) / 60, same.steps() as i64);
        assert_eq!(asked("PT1H", "PT1M").unwrap().end, NOW);
    }

    #[test]
    fn what_has_no_answer_is_refused_with_what_to_do() {
        for (timespan, interval) in [
            ("yesterday", ""),
            ("PT1H/PT2H", ""),
            ("2026-11-20T10:00:00Z/2026-11-20T09:00:00Z", ""),
            ("2027-01-01T00:00:00Z/2027-01-02T00:00:00Z", ""),
            ("2020-01-01T00:00:00Z/2020-01-02T00:00:00Z", ""),
            ("P1M", ""),
            ("-PT1H", ""),
            ("PT1H", "PT3S"),
            ("PT1H", "PT0S"),
            ("PT6H", "PT10S"),
            ("P7D", "PT1M"),
            ("P7D", "PT15M"),
            ("PT1H", "1 minute"),
        ] {
            let error = asked(timespan, interval).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidRequest, "{timespan} {interval}");
            assert!(!error.details().is_empty());
        }
    }

    #[test]
    fn names_are_read_in_any_case_and_unknown_ones_are_named() {
        let query = MetricsQuery {
            metric_names: Some("latency, REQUESTS,latency".to_owned()),
            aggregation: Some("average,p99".to_owned()),
            ..MetricsQuery::default()
        };
        let question = Question::of(&query, NOW).unwrap();
        assert_eq!(question.metrics, [MetricName::Latency, MetricName::Requests]);
        assert_eq!(question.aggregations, [Aggregation::Average, Aggregation::P99]);

        let query = MetricsQuery { metric_names: Some("Speed".to_owned()), ..query };
        assert!(Question::of(&query, NOW).unwrap_err().to_string().contains("Speed"));
    }

    #[test]
    fn lengths_are_written_as_azure_monitor_writes_them() {
        for (seconds, text) in [(10, "PT10S"), (60, "PT1M"), (21_600, "PT6H"), (86_400, "P1D")] {
            assert_eq!(iso(seconds), text);
            assert_eq!(duration(text), Some(seconds));
        }
    }
}
