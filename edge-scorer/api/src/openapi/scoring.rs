//! Everything that scores: services in the documented dialects, MLflow's, the request-response
//! service, and the Open Inference Protocol.

use serde_json::{Value, json};

use super::{operation::Operation, schemas::Schemas};

/// What may become of any score.
const SCORE_FAILURES: [u16; 3] = [500, 503, 504];

pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let mut all = services(schemas);
    all.extend(inference(schemas));
    all
}

fn text() -> Value {
    json!({"type": "string"})
}

fn array(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

/// An object with one required member, and others that it may have.
fn with(member: &str, schema: Value, others: Value) -> Value {
    let mut properties = others;
    properties[member] = schema;
    json!({"type": "object", "required": [member], "properties": properties})
}

fn scores(operation: Operation, documents: Value, answer: Value) -> Operation {
    let csv = json!({"schema": text()});
    operation
        .keyed()
        .query(
            "method",
            json!({"type": "string", "enum": ["predict", "predict_proba"]}),
            "What is asked for, where the rows are CSV",
        )
        .takes_media(json!({"application/json": {"schema": documents}, "text/csv": csv}), true)
        .answers_media(
            200,
            json!({"application/json": {"schema": answer}, "text/csv": csv}),
            "One score for each row",
        )
        .fails(&SCORE_FAILURES)
}

fn services(schemas: &mut Schemas) -> Vec<Operation> {
    schemas.own("RrsError", rrs_error());
    let rows = schemas.own("Rows", rows());
    let ports = schemas.own("RrsRequest", rrs_request());
    let table = schemas.own("RrsAnswer", rrs_answer());
    let split = schemas.own("SplitTable", split(&rows));
    let method = json!({"type": ["string", "null"], "enum": ["predict", "predict_proba", null]});
    let parameters = json!({"type": "object", "properties": {"method": method}});
    let documents = json!({"anyOf": [
        with("data", rows.clone(), json!({"method": method})),
        with("input_df", rows.clone(), json!({})),
        with("input_data", json!({"anyOf": [rows, split]}), json!({})),
        with("Inputs", with("data", rows.clone(), json!({})), json!({"GlobalParameters": parameters})),
        ports,
    ]});
    let documents = schemas.own("ScoreDocument", documents);
    let answer = json!({"anyOf": [
        with("predict", array(json!({})), json!({})),
        with("predict_proba", array(json!({})), json!({})),
        with("Results", json!({"type": ["array", "object"]}), json!({})),
        json!({"type": "array"}),
        json!({"type": "object", "additionalProperties": {"type": "array"}}),
    ]});
    let answer = schemas.own("ScoreAnswer", answer);
    let columns = json!({"type": "object", "additionalProperties": array(json!({}))});
    let invocation = json!({"anyOf": [
        with("dataframe_split", split, json!({"params": parameters})),
        with("dataframe_records", rows.clone(), json!({"params": parameters})),
        with("instances", rows.clone(), json!({"params": parameters})),
        with("inputs", json!({"anyOf": [rows, columns]}), json!({"params": parameters})),
    ]});
    let invocation = schemas.own("InvocationDocument", invocation);
    let predictions = schemas
        .own("Predictions", with("predictions", json!({"type": ["array", "object"]}), json!({})));

    let service = "/api/v1/service/{name}";
    let described = json!({"type": "object", "required": ["paths"]});
    vec![
        Operation::new("get", service, "getServiceHealth", "Says whether a service is there")
            .keyed()
            .answers(200, json!({"const": "Healthy"}), "It is"),
        scores(
            Operation::new("post", &format!("{service}/score"), "score", "Scores rows"),
            documents.clone(),
            answer,
        ),
        scores(
            Operation::new(
                "post",
                &format!("{service}/invocations"),
                "invoke",
                "Scores rows, as MLflow's server does",
            ),
            invocation,
            predictions,
        ),
        Operation::new(
            "get",
            &format!("{service}/swagger.json"),
            "describeService",
            "Describes a service",
        )
        .keyed()
        .query(
            "version",
            json!({"type": "string", "enum": ["2", "2.0", "3", "3.1", "3.1.0"]}),
            "2 for Swagger 2.0, 3 for OpenAPI 3.1",
        )
        .answers(200, described, "The description")
        .fails(&SCORE_FAILURES),
        Operation::new(
            "post",
            "/workspaces/{workspace}/services/{service}/execute",
            "execute",
            "Scores rows as a table",
        )
        .keyed()
        .query("api-version", text(), "2.0")
        .query(
            "details",
            json!({"type": "string", "enum": ["true", "false"]}),
            "Whether names and types are wanted",
        )
        .takes(documents)
        .answers(200, table, "One line for each row")
        .fails(&SCORE_FAILURES),
    ]
}

fn rows() -> Value {
    json!({
        "description": "Rows as arrays in the model's order, as objects by column name, or, for one column, as values",
        "anyOf": [
            array(array(json!({}))),
            array(json!({"type": "object"})),
            array(json!({"type": ["number", "string", "boolean", "null"]})),
        ],
    })
}

fn split(rows: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["columns", "data"],
        "properties": {
            "columns": {"type": ["array", "null"], "items": {"type": ["string", "number"]}},
            "index": {"type": "array"},
            "data": rows,
        },
    })
}

fn rrs_request() -> Value {
    let port = json!({
        "type": "object",
        "required": ["ColumnNames", "Values"],
        "properties": {
            "ColumnNames": array(text()),
            "Values": array(array(json!({"type": ["string", "number", "boolean", "null"]}))),
        },
    });
    with(
        "Inputs",
        json!({"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": port}),
        json!({"GlobalParameters": {"type": "object"}}),
    )
}

fn rrs_answer() -> Value {
    let value = json!({
        "type": "object",
        "required": ["Values"],
        "properties": {
            "ColumnNames": array(text()),
            "ColumnTypes": array(json!({"enum": ["Double", "Int32", "Int64", "Boolean", "String"]})),
            "Values": array(array(json!({"type": ["string", "null"]}))),
        },
    });
    let table = json!({"type": "object", "required": ["type", "value"],
        "properties": {"type": {"const": "table"}, "value": value}});
    with("Results", with("output1", table, json!({})), json!({}))
}

fn rrs_error() -> Value {
    let codes = [
        "Unauthorized",
        "BadArgument",
        "ModuleExecutionError",
        "NotFound",
        "ServiceUnavailable",
        "GatewayTimeout",
        "InternalError",
    ];
    let detail = json!({
        "type": "object",
        "required": ["code", "message"],
        "properties": {"code": text(), "target": {"type": ["string", "null"]}, "message": text()},
    });
    let error = json!({
        "type": "object",
        "required": ["code", "message", "details"],
        "properties": {"code": {"enum": codes}, "message": text(), "details": array(detail)},
    });
    with("error", error, json!({}))
}

fn inference(schemas: &mut Schemas) -> Vec<Operation> {
    schemas.own("InferenceError", with("error", text(), json!({})));
    let server = json!({
        "type": "object",
        "required": ["name", "version", "extensions"],
        "properties": {"name": text(), "version": text(), "extensions": array(text())},
    });
    let server = schemas.own("InferenceServer", server);
    let datatype = json!({"enum": ["BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16",
        "INT32", "INT64", "FP16", "FP32", "FP64", "BF16", "BYTES"]});
    let tensor = |dim: Value| {
        json!({
            "type": "object",
            "required": ["name", "datatype", "shape"],
            "properties": {
                "name": text(),
                "datatype": datatype,
                "shape": array(dim),
                "data": {"type": "array"},
                "parameters": {"type": "object", "properties": {"binary_data_size": {"type": "integer", "minimum": 0}}},
            },
        })
    };
    let described = || array(tensor(json!({"type": "integer", "minimum": -1})));
    let model = json!({
        "type": "object",
        "required": ["name", "versions", "platform", "inputs", "outputs"],
        "properties": {"name": text(), "versions": array(text()), "platform": text(),
            "inputs": described(), "outputs": described()},
    });
    let model = schemas.own("InferenceModel", model);
    let natural = || json!({"type": "integer", "minimum": 0});
    let wanted = with(
        "name",
        text(),
        json!({"parameters": {"type": "object",
        "properties": {"binary_data": {"type": "boolean"}}}}),
    );
    let request = with(
        "inputs",
        array(tensor(natural())),
        json!({"id": text(), "outputs": array(wanted), "parameters": {"type": "object",
            "properties": {"binary_data_output": {"type": "boolean"}}}}),
    );
    let request = schemas.own("InferenceRequest", request);
    let answer = json!({
        "type": "object",
        "required": ["model_name", "model_version", "outputs"],
        "properties": {"model_name": text(), "model_version": text(), "id": text(),
            "outputs": array(tensor(natural()))},
    });
    let answer = schemas.own("InferenceAnswer", answer);

    let mut all = vec![
        Operation::new("get", "/v2", "getInferenceServer", "Says what the server is")
            .open()
            .answers(200, server, "The server"),
        Operation::new("get", "/v2/health/live", "isLive", "Says that the server runs")
            .open()
            .empty(200, "It does"),
        Operation::new("get", "/v2/health/ready", "isReady", "Says whether the server is ready")
            .open()
            .empty(200, "It is"),
    ];
    let each = [
        ("/v2/models/{model}", ["getInferenceModel", "isModelReady", "infer"]),
        (
            "/v2/models/{model}/versions/{version}",
            ["getInferenceModelVersion", "isModelVersionReady", "inferVersion"],
        ),
    ];
    for (path, [show, ready, infer]) in each {
        let length = "Bytes of the JSON part, where tensors follow it";
        all.extend([
            Operation::new("get", path, show, "Says what a model takes and gives")
                .keyed()
                .answers(200, model.clone(), "The model")
                .fails(&[503]),
            Operation::new("get", &format!("{path}/ready"), ready, "Says whether a model is ready")
                .keyed()
                .empty(200, "It is")
                .fails(&[503]),
            Operation::new("post", &format!("{path}/infer"), infer, "Scores tensors")
                .keyed()
                .header("Inference-Header-Content-Length", natural(), length)
                .takes_media(
                    json!({"application/json": {"schema": request}, "application/octet-stream": {}}),
                    true,
                )
                .answers_media(
                    200,
                    json!({"application/json": {"schema": answer}, "application/octet-stream": {}}),
                    "The outputs that were asked for",
                )
                .tells(200, "Inference-Header-Content-Length", length)
                .fails(&SCORE_FAILURES),
        ]);
    }
    all
}
