//! Which format a scraper prefers.

use hyper::{HeaderMap, header};

/// Whether the scraper would rather have delimited protobuf messages than text.
pub(super) fn wants_protobuf(headers: &HeaderMap) -> bool {
    let ranges = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (mut protobuf, mut text) = (0.0_f32, 0.0_f32);
    for range in ranges.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(|part| part.trim().to_ascii_lowercase());
        let media = parts.next().unwrap_or_default();
        let parts: Vec<_> = parts.collect();
        let quality = parts.iter().find_map(|part| part.strip_prefix("q="));
        let quality = quality.map_or(1.0, |quality| quality.parse().unwrap_or(0.0));
        match &*media {
            "application/vnd.google.protobuf"
                if parts.iter().any(|part| part == "proto=io.prometheus.client.metricfamily")
                    && parts.iter().any(|part| part == "encoding=delimited") =>
            {
                protobuf = protobuf.max(quality);
            }
            "text/plain" | "text/*" | "*/*" => text = text.max(quality),
            _ => {}
        }
    }
    protobuf > 0.0 && protobuf >= text
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn wants(accept: &'static str) -> bool {
        let headers = [(header::ACCEPT, HeaderValue::from_static(accept))];
        wants_protobuf(&HeaderMap::from_iter(headers))
    }

    #[test]
    fn prometheus_gets_protobuf_when_it_keeps_native_histograms() {
        assert!(wants(
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
        ));
        assert!(!wants(
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
        ));
    }

    #[test]
    fn everybody_else_gets_text() {
        assert!(!wants_protobuf(&HeaderMap::new()));
        for other in [
            "*/*",
            "application/vnd.google.protobuf",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0",
            "text/plain, application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.5",
        ] {
            assert!(!wants(other), "{other}");
        }
    }
}
