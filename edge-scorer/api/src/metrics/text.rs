//! Prometheus' text format, version 0.0.4, with histograms of fixed buckets.

use std::fmt::Write as _;

use control::{Exposed, ExposedKind, ExposedSeries, ExposedValue};

pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn write(exposed: &[Exposed]) -> String {
    let mut out = String::with_capacity(64 << 10);
    for metric in exposed.iter().filter(|metric| !metric.series.is_empty()) {
        let kind = match metric.kind {
            ExposedKind::Counter => "counter",
            ExposedKind::Gauge => "gauge",
            ExposedKind::Histogram => "histogram",
        };
        // Writing into a string does not fail.
        let _ = writeln!(out, "# HELP {} {}", metric.name, escaped(metric.help, false));
        let _ = writeln!(out, "# TYPE {} {kind}", metric.name);
        for series in &metric.series {
            write_series(&mut out, metric.name, series);
        }
    }
    out
}

fn write_series(out: &mut String, name: &str, series: &ExposedSeries) {
    let histogram = match &series.value {
        ExposedValue::Number(value) => {
            line(out, name, series, None, number(*value));
            return;
        }
        ExposedValue::Histogram(histogram) => histogram,
    };
    let count = histogram.count().to_string();
    let bucket = format!("{name}_bucket");
    for (bound, below) in histogram.cumulative() {
        line(out, &bucket, series, Some(number(bound)), below.to_string());
    }
    line(out, &bucket, series, Some("+Inf".to_owned()), count.clone());
    line(out, &format!("{name}_sum"), series, None, number(histogram.sum()));
    line(out, &format!("{name}_count"), series, None, count);
}

fn line(out: &mut String, name: &str, series: &ExposedSeries, le: Option<String>, value: String) {
    out.push_str(name);
    let le = le.iter().map(|bound| ("le", &**bound));
    let labels = series.labels.iter().map(|(name, value)| (*name, &**value)).chain(le);
    for (at, (label, value)) in labels.enumerate() {
        let opening = if at == 0 { '{' } else { ',' };
        let _ = write!(out, "{opening}{label}=\"{}\"", escaped(value, true));
        if at + 1 == series.labels.len() + usize::from(name.ends_with("_bucket")) {
            out.push('}');
        }
    }
    let _ = writeln!(out, " {value}");
}

fn number(value: f64) -> String {
    if value == f64::INFINITY { "+Inf".to_owned() } else { value.to_string() }
}

fn escaped(text: &str, quotes: bool) -> String {
    let text = text.replace('\\', r"\\").replace('\n', r"\n");
    if quotes { text.replace('"', "\\\"") } else { text }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use control::AtomicHistogram;

    use super::*;

    #[test]
    fn a_metric_is_written_with_its_labels_escaped() {
        let mut metric = Exposed::new("calls_total", "Calls,\nall of them.", ExposedKind::Counter);
        metric.number(&[("service", "a\"b\\c\nd"), ("x", "")], 12.0);
        metric.number(&[], 0.5);

        assert_eq!(
            write(&[metric, Exposed::new("nothing", "", ExposedKind::Gauge)]),
            "# HELP calls_total Calls,\\nall of them.\n# TYPE calls_total counter\n\
             calls_total{service=\"a\\\"b\\\\c\\nd\",x=\"\"} 12\ncalls_total 0.5\n"
        );
    }

    #[test]
    fn a_histogram_has_fixed_buckets_that_end_in_its_count() {
        let histogram = AtomicHistogram::default();
        histogram.record(Duration::from_millis(20));
        histogram.record(Duration::from_secs(2));
        let mut metric = Exposed::new("seconds", "Time.", ExposedKind::Histogram);
        metric.histogram(&[("stage", "run")], histogram.read());
        metric.histogram(&[], histogram.read());

        let text = write(&[metric]);

        for expected in [
            "seconds_bucket{stage=\"run\",le=\"0.015625\"} 0\n",
            "seconds_bucket{stage=\"run\",le=\"0.0625\"} 1\n",
            "seconds_bucket{stage=\"run\",le=\"4\"} 2\n",
            "seconds_bucket{stage=\"run\",le=\"+Inf\"} 2\n",
            "seconds_sum{stage=\"run\"} 2.02\n",
            "seconds_count{stage=\"run\"} 2\n",
            "seconds_bucket{le=\"4096\"} 2\n",
            "seconds_count 2\n",
        ] {
            assert!(text.contains(expected), "{expected} is missing in\n{text}");
        }
    }
}
