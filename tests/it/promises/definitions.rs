//! The definitions of the documents: what properties a body has.

use serde_json::Value;

/// `property` or `property: Definition`; `[Definition]` is a list, which has items unless a `*` follows.
/// What is `null` is there.
const DEFINITIONS: &[(&str, &[&str])] = &[
    (
        "Model",
        &["id", "name", "version", "url", "mimeType", "description", "tags", "unpack", "createdAt"],
    ),
    (
        "Manifest",
        &[
            "id",
            "name",
            "version",
            "description",
            "driverProgram",
            "assets: [Asset]*",
            "modelIds",
            "modelType",
            "targetRuntime: TargetRuntime",
            "webserviceType",
            "createdTime",
        ],
    ),
    ("Asset", &["id", "mimeType", "url", "unpack"]),
    ("TargetRuntime", &["runtimeType", "properties"]),
    (
        "Image",
        &[
            "id",
            "name",
            "version",
            "description",
            "computeResourceId",
            "createdTime",
            "creationState",
            "error: Error",
            "imageBuildLogUri",
            "imageLocation",
            "imageType",
            "manifest: Manifest",
        ],
    ),
    (
        "Service",
        &[
            "id",
            "name",
            "createdAt",
            "updatedAt",
            "state",
            "scoringUri",
            "image: Image",
            "manifest: Manifest",
            "models: [Model]",
            "appInsightsEnabled",
            "autoScaler: AutoScaler",
            "computeResource: ComputeResource",
            "containerResourceReservation: Reservation",
            "dataCollection: DataCollection",
            "maxConcurrentRequestsPerContainer",
            "numReplicas",
            "error: Error",
        ],
    ),
    (
        "AutoScaler",
        &[
            "autoscaleEnabled",
            "minReplicas",
            "maxReplicas",
            "refreshPeriodInSeconds",
            "targetUtilization",
        ],
    ),
    ("ComputeResource", &["id", "type"]),
    ("Reservation", &["cpu", "memory"]),
    ("DataCollection", &["eventHubEnabled", "storageEnabled"]),
    ("Deployment", &["id", "serviceName", "imageId", "state", "createdAt", "expiredAt"]),
    (
        "Operation",
        &[
            "id",
            "operationType",
            "state",
            "createdTime",
            "endTime",
            "resourceLocation",
            "error: Error",
        ],
    ),
    ("Keys", &["primaryKey", "secondaryKey"]),
    ("Error", &["code", "statusCode", "message", "details: [ErrorDetail]"]),
    ("ErrorDetail", &["code", "message"]),
    ("Models", &["value: [Model]"]),
    ("MoreModels", &["value: [Model]", "nextLink"]),
    ("Manifests", &["value: [Manifest]"]),
    ("Images", &["value: [Image]"]),
    ("Services", &["value: [Service]"]),
    (
        "Token",
        &[
            "token_type",
            "expires_in",
            "ext_expires_in",
            "expires_on",
            "not_before",
            "resource",
            "access_token",
        ],
    ),
    ("Token2", &["token_type", "expires_in", "access_token"]),
    (
        "TokenError",
        &["error", "error_description", "error_codes", "timestamp", "trace_id", "correlation_id"],
    ),
    ("Discovery", &["issuer", "token_endpoint", "jwks_uri"]),
    ("KeySet", &["keys"]),
    ("Probabilities", &["predict_proba"]),
    ("Results", &["Results: TableResults"]),
    ("TableResults", &["output1: TableOutput"]),
    ("TableOutput", &["type", "value: Table"]),
    ("Table", &["ColumnNames", "ColumnTypes", "Values"]),
    ("Wrapped", &["error: WrappedError"]),
    ("WrappedError", &["code", "message", "details"]),
    ("PlainError", &["error"]),
    ("Swagger", &["swagger", "paths", "securityDefinitions", "definitions: SwaggerDefinitions"]),
    ("SwaggerDefinitions", &["ServiceInput", "ServiceOutput", "ErrorResponse"]),
    ("OpenInference", &["name", "version", "extensions"]),
    ("OpenInferenceModel", &["name", "versions", "platform", "inputs: [Tensor]", "outputs"]),
    ("Tensor", &["name", "datatype", "shape"]),
    ("Inferred", &["model_name", "model_version", "outputs: [InferredTensor]"]),
    ("InferredTensor", &["name", "datatype", "shape", "data"]),
];

/// What `value` lacks of a definition, which may be a list of another.
pub(super) fn missing(definition: &str, value: &Value) -> Vec<String> {
    let mut missing = Vec::new();
    look(definition, value, definition, &mut missing);
    missing
}

fn look(definition: &str, value: &Value, place: &str, missing: &mut Vec<String>) {
    let list = definition.trim_end_matches('*');
    if let Some(item) = list.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        match value.as_array().map(Vec::as_slice) {
            Some([]) if list != definition => {}
            Some([]) | None => missing.push(format!("`{place}` lists nothing: {value}")),
            Some(items) => items.iter().for_each(|each| look(item, each, place, missing)),
        }
        return;
    }
    let known = DEFINITIONS.iter().find(|(name, _)| *name == definition);
    let (_, properties) = known.unwrap_or_else(|| panic!("no definition `{definition}`"));
    for property in *properties {
        let (name, inner) = property.split_once(": ").unwrap_or((property, ""));
        match value.get(name) {
            None => missing.push(format!("`{place}` has no `{name}`")),
            Some(Value::Null) => {}
            Some(_) if inner.is_empty() => {}
            Some(value) => look(inner, value, &format!("{place}.{name}"), missing),
        }
    }
}
