//! Prometheus' protobuf format: delimited `io.prometheus.client.MetricFamily` messages with native
//! histograms, beside the fixed buckets that older readers of the format want.
//!
//! The messages are those of Prometheus' `metrics.proto`, as far as they are used here.

use control::{Exposed, ExposedKind, ExposedSeries, ExposedValue, SCHEMA, ZERO_THRESHOLD};
use prost::Message as _;

pub(super) const CONTENT_TYPE: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

pub(super) fn write(exposed: &[Exposed]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 << 10);
    for metric in exposed.iter().filter(|metric| !metric.series.is_empty()) {
        out.extend(family(metric).encode_length_delimited_to_vec());
    }
    out
}

fn family(exposed: &Exposed) -> MetricFamily {
    let kind = match exposed.kind {
        ExposedKind::Counter => MetricType::Counter,
        ExposedKind::Gauge => MetricType::Gauge,
        ExposedKind::Histogram => MetricType::Histogram,
    };
    MetricFamily {
        name: exposed.name.to_owned(),
        help: exposed.help.to_owned(),
        kind: kind.into(),
        metric: exposed.series.iter().map(|series| metric(exposed.kind, series)).collect(),
    }
}

fn metric(kind: ExposedKind, series: &ExposedSeries) -> Metric {
    let label = series
        .labels
        .iter()
        .map(|(name, value)| LabelPair { name: (*name).to_owned(), value: value.clone() });
    let mut metric = Metric { label: label.collect(), ..Metric::default() };
    match (&series.value, kind) {
        (ExposedValue::Histogram(read), _) => metric.histogram = Some(histogram(read)),
        (ExposedValue::Number(value), ExposedKind::Counter) => {
            metric.counter = Some(Number { value: *value });
        }
        (ExposedValue::Number(value), _) => metric.gauge = Some(Number { value: *value }),
    }
    metric
}

/// Buckets that are neighbours share a span; each count is told as the difference to the one before.
fn histogram(read: &control::Histogram) -> Histogram {
    let (mut positive_span, mut positive_delta) = (Vec::<BucketSpan>::new(), Vec::new());
    let (mut next, mut before) = (None, 0);
    for (index, count) in read.buckets() {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        match positive_span.last_mut() {
            Some(span) if next == Some(index) => span.length += 1,
            _ => positive_span
                .push(BucketSpan { offset: index - next.unwrap_or_default(), length: 1 }),
        }
        next = Some(index + 1);
        positive_delta.push(count - before);
        before = count;
    }
    let bucket = read
        .cumulative()
        .map(|(upper_bound, cumulative_count)| Bucket { cumulative_count, upper_bound });
    Histogram {
        sample_count: read.count(),
        sample_sum: read.sum(),
        bucket: bucket.collect(),
        schema: Some(SCHEMA),
        zero_threshold: Some(ZERO_THRESHOLD),
        zero_count: Some(read.zero_count()),
        positive_span,
        positive_delta,
    }
}

#[derive(prost::Message)]
struct MetricFamily {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    help: String,
    #[prost(enumeration = "MetricType", tag = "3")]
    kind: i32,
    #[prost(message, repeated, tag = "4")]
    metric: Vec<Metric>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum MetricType {
    Counter = 0,
    Gauge = 1,
    Histogram = 4,
}

#[derive(prost::Message)]
struct Metric {
    #[prost(message, repeated, tag = "1")]
    label: Vec<LabelPair>,
    #[prost(message, optional, tag = "2")]
    gauge: Option<Number>,
    #[prost(message, optional, tag = "3")]
    counter: Option<Number>,
    #[prost(message, optional, tag = "7")]
    histogram: Option<Histogram>,
}

#[derive(prost::Message)]
struct LabelPair {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// `Counter` and `Gauge` look alike.
#[derive(prost::Message)]
struct Number {
    #[prost(double, tag = "1")]
    value: f64,
}

#[derive(prost::Message)]
struct Histogram {
    #[prost(uint64, tag = "1")]
    sample_count: u64,
    #[prost(double, tag = "2")]
    sample_sum: f64,
    #[prost(message, repeated, tag = "3")]
    bucket: Vec<Bucket>,
    #[prost(sint32, optional, tag = "5")]
    schema: Option<i32>,
    #[prost(double, optional, tag = "6")]
    zero_threshold: Option<f64>,
    #[prost(uint64, optional, tag = "7")]
    zero_count: Option<u64>,
    #[prost(message, repeated, tag = "12")]
    positive_span: Vec<BucketSpan>,
    #[prost(sint64, repeated, packed = "false", tag = "13")]
    positive_delta: Vec<i64>,
}

#[derive(prost::Message)]
struct Bucket {
    #[prost(uint64, tag = "1")]
    cumulative_count: u64,
    #[prost(double, tag = "2")]
    upper_bound: f64,
}

#[derive(PartialEq, prost::Message)]
struct BucketSpan {
    #[prost(sint32, tag = "1")]
    offset: i32,
    #[prost(uint32, tag = "2")]
    length: u32,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use control::AtomicHistogram;

    use super::*;

    #[test]
    fn a_histogram_is_told_in_spans_and_differences() {
        let recorded = AtomicHistogram::default();
        for (millis, times) in [(0, 2), (1_000, 3), (1_050, 5), (16_000, 1)] {
            (0..times).for_each(|_| recorded.record(Duration::from_millis(millis)));
        }

        let told = histogram(&recorded.read());

        // 1 s is the bound of bucket 0, 1.05 s lies in bucket 1, 16 s is the bound of bucket 32.
        let span = |offset, length| BucketSpan { offset, length };
        assert_eq!(told.positive_span, [span(0, 2), span(30, 1)]);
        assert_eq!(told.positive_delta, [3, 2, -4]);
        assert_eq!(told.zero_count, Some(2));
        assert_eq!(told.sample_count, 11);
    }

    #[test]
    fn families_follow_one_another_each_with_its_length() {
        let mut calls = Exposed::new("calls_total", "Calls.", ExposedKind::Counter);
        calls.number(&[("service", "a")], 7.0);
        let mut open = Exposed::new("open", "Open.", ExposedKind::Gauge);
        open.number(&[], 2.0);

        let bytes = write(&[calls, open]);

        let mut rest = &*bytes;
        let first = MetricFamily::decode_length_delimited(&mut rest).unwrap();
        let second = MetricFamily::decode_length_delimited(&mut rest).unwrap();
        assert_eq!(first.metric[0].counter.as_ref().unwrap().value, 7.0);
        assert_eq!(first.metric[0].label[0].value, "a");
        assert_eq!((second.kind(), &*second.name), (MetricType::Gauge, "open"));
        assert!(rest.is_empty());
    }
}
