//! What can be seen of an account: metrics, logs, traces, collected calls; and what the server says
//! of itself.

use serde_json::{Value, json};
use shared::{CollectedFile, LogEntry, Page, TraceRecord, metrics::MetricsResponse};

use super::{
    account::{at, linked},
    operation::Operation,
    schemas::Schemas,
};
use crate::config::BuildInfo;

pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let mut all = Vec::new();
    history(&mut all, schemas);
    calls(&mut all, schemas);
    server(&mut all, schemas);
    all
}

fn text() -> Value {
    json!({"type": "string"})
}

fn history(all: &mut Vec<Operation>, schemas: &mut Schemas) {
    let history = schemas.answer::<MetricsResponse>();
    let asked = |operation: Operation| {
        operation
            .query("timespan", text(), "Begin and end, as `…/…`; the last hour by default")
            .query("interval", text(), "Length of a step, such as `PT1M`")
            .query("metricnames", text(), "Names, separated by commas; all by default")
            .query("aggregation", text(), "Aggregations, separated by commas")
            .answers(200, history.clone(), "The metrics, step by step")
    };
    let live = |operation: Operation| {
        let last = json!({"type": "string", "pattern": "^[0-9]{1,2}$"});
        operation.query("last", last, "Seconds of the past that are wanted").answers_media(
            200,
            json!({"text/event-stream": {}}),
            "A server-sent event a second",
        )
    };
    all.extend([
        asked(at("get", "/metrics", "getAccountMetrics", "An account's metrics")),
        live(linked("get", "/metrics/live", "watchAccountMetrics", "An account, second by second")),
        asked(at("get", "/services/{id}/metrics", "getServiceMetrics", "A service's metrics")),
        live(linked(
            "get",
            "/services/{id}/metrics/live",
            "watchServiceMetrics",
            "A service, second by second",
        )),
    ]);
}

fn calls(all: &mut Vec<Operation>, schemas: &mut Schemas) {
    let counted = |operation: Operation| {
        let digits = json!({"type": "string", "pattern": "^[0-9]{1,6}$"});
        operation.query("count", digits, "Lines: 1 to 1,000, 100 by default")
    };
    all.extend([
        counted(at("get", "/services/{id}/logs", "getServiceLog", "The last lines of a log"))
            .answers(200, schemas.answer::<Page<LogEntry>>(), "Lines, newest first"),
        counted(at("get", "/services/{id}/traces", "getServiceTraces", "The last calls")).answers(
            200,
            schemas.answer::<Page<TraceRecord>>(),
            "Calls, newest first",
        ),
        at("get", "/services/{id}/data", "listCollectedFiles", "Lists files of collected calls")
            .lists(&[])
            .answers(200, schemas.answer::<Page<CollectedFile>>(), "A page of files"),
        linked("get", "/services/{id}/data/{file}", "getCollectedFile", "Collected calls")
            .ranges("application/x-ndjson", "One JSON object a line and call"),
    ]);
}

fn server(all: &mut Vec<Operation>, schemas: &mut Schemas) {
    let versions = json!({"type": "string", "enum": ["2", "2.0", "3", "3.1", "3.1.0"]});
    all.extend([
        linked("get", "/swagger.json", "describeAccount", "This account's part of this document")
            .query("version", versions, "2 for Swagger 2.0, 3 for OpenAPI 3.1")
            .answers(200, json!({"type": "object", "required": ["paths"]}), "The description"),
        Operation::new("get", "/metrics", "scrapeMetrics", "Every account's metrics, for scrapers")
            .answers_media(
                200,
                json!({"text/plain": {}, "application/openmetrics-text": {},
                    "application/vnd.google.protobuf": {}}),
                "Prometheus' text or protobuf",
            ),
        Operation::new("get", "/openapi.json", "getDescription", "This document").open().answers(
            200,
            json!({"type": "object", "required": ["openapi"]}),
            "OpenAPI 3.1",
        ),
        Operation::new("get", "/api/version", "getVersion", "Says which build this is")
            .open()
            .answers(200, schemas.answer::<BuildInfo>(), "The build"),
    ]);
}
