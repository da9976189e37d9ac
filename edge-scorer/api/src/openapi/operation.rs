//! One operation, described step by step.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::{Value, json};

use crate::family::Family;

/// What a path does with one method.
pub(super) struct Operation {
    method: &'static str,
    path: String,
    id: Cow<'static, str>,
    summary: &'static str,
    description: Option<&'static str>,
    family: Family,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: BTreeMap<u16, Value>,
    security: Value,
}

impl Operation {
    /// `path` is the router's template. Whoever has no right to it gets 401, 403 or 404.
    pub(super) fn new(
        method: &'static str,
        path: &str,
        id: impl Into<Cow<'static, str>>,
        summary: &'static str,
    ) -> Self {
        let path = path.replace("{*", "{");
        let names = path.split('/').filter_map(|segment| {
            segment.strip_prefix('{').and_then(|name| name.strip_suffix('}'))
        });
        let parameters = names
            .map(|name| {
                json!({"name": name, "in": "path", "required": true,
                    "schema": {"type": "string", "minLength": 1}})
            })
            .collect();
        let operation = Self {
            method,
            id: id.into(),
            summary,
            description: None,
            family: Family::of(&path),
            parameters,
            body: None,
            answers: BTreeMap::new(),
            security: json!([{"AccessToken": []}, {"Session": []}]),
            path,
        };
        operation.fails(&[400, 401, 403, 404])
    }

    /// What the summary has no room for.
    pub(super) fn explained(mut self, text: &'static str) -> Self {
        self.description = Some(text);
        self
    }

    /// Open to everybody.
    pub(super) fn open(mut self) -> Self {
        self.security = json!([]);
        self.answers.retain(|status, _| ![401, 403, 404].contains(status));
        self
    }

    /// Open to a service's key.
    pub(super) fn keyed(mut self) -> Self {
        self.security = json!([{"ServiceKey": []}, {"AccessToken": []}]);
        self
    }

    /// A parameter of the query that may be left out.
    pub(super) fn query(self, name: &str, schema: Value, says: &str) -> Self {
        self.parameter("query", name, false, schema, says)
    }

    /// A header that may be left out.
    pub(super) fn header(self, name: &str, schema: Value, says: &str) -> Self {
        self.parameter("header", name, false, schema, says)
    }

    pub(super) fn parameter(
        mut self,
        place: &str,
        name: &str,
        required: bool,
        schema: Value,
        says: &str,
    ) -> Self {
        self.parameters.push(json!({"name": name, "in": place, "required": required,
            "schema": schema, "description": says}));
        self
    }

    /// A JSON body.
    pub(super) fn takes(self, schema: Value) -> Self {
        self.takes_media(json!({"application/json": {"schema": schema}}), true)
    }

    /// A body of other media types.
    pub(super) fn takes_media(mut self, content: Value, required: bool) -> Self {
        self.body = Some(json!({"required": required, "content": content}));
        self.fails(&[413, 415])
    }

    /// Raw bytes, whatever their type.
    pub(super) fn takes_bytes(mut self) -> Self {
        self.body = Some(json!({"required": true, "content": {"application/octet-stream": {}}}));
        self.fails(&[413])
    }

    /// A JSON answer.
    pub(super) fn answers(self, status: u16, schema: Value, says: &str) -> Self {
        self.answers_media(status, json!({"application/json": {"schema": schema}}), says)
    }

    pub(super) fn answers_media(mut self, status: u16, content: Value, says: &str) -> Self {
        self.answers.insert(status, json!({"description": says, "content": content}));
        self
    }

    /// An answer without a body.
    pub(super) fn empty(mut self, status: u16, says: &str) -> Self {
        self.answers.insert(status, json!({"description": says}));
        self
    }

    /// What a delete answers.
    pub(super) fn deletes(self) -> Self {
        self.empty(200, "It is gone").empty(204, "There was nothing")
    }

    /// 202, and where to ask how far the work is.
    pub(super) fn accepts(self) -> Self {
        self.empty(202, "The work has begun")
            .tells(202, "Operation-Location", "Absolute address of the operation, without a query")
            .tells(202, "Retry-After", "Seconds until asking makes sense")
    }

    /// A POST that may be sent again: the first answer to its key is given for a day.
    pub(super) fn repeatable(self) -> Self {
        let key = json!({"type": "string", "minLength": 1, "maxLength": 255});
        let says = "The same key with the same body gives the first answer again, for 24 hours";
        self.header("Idempotency-Key", key, says).fails(&[422])
    }

    /// Leads a browser on.
    pub(super) fn leads_on(self, says: &str) -> Self {
        self.empty(303, says).tells(303, "Location", "Where to go").tells(
            303,
            "Set-Cookie",
            "What the way needs",
        )
    }

    /// A header of an answer.
    pub(super) fn tells(mut self, status: u16, name: &str, says: &str) -> Self {
        if let Some(answer) = self.answers.get_mut(&status) {
            if !answer["headers"].is_object() {
                answer["headers"] = json!({});
            }
            answer["headers"][name] = json!({"description": says, "schema": {"type": "string"}});
        }
        self
    }

    /// Refusals in the family's shape.
    pub(super) fn fails(mut self, statuses: &[u16]) -> Self {
        let schema = json!({"$ref": format!("#/components/schemas/{}", shape(self.family))});
        for status in statuses {
            let mut answer = json!({
                "description": reason(*status),
                "content": {"application/json": {"schema": schema}},
            });
            if [429, 503].contains(status) {
                let says = "Seconds after which another try makes sense";
                answer["headers"] =
                    json!({"Retry-After": {"description": says, "schema": {"type": "string"}}});
            }
            self.answers.insert(*status, answer);
        }
        self
    }

    pub(super) fn method(&self) -> &'static str {
        self.method
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn tag(&self) -> &'static str {
        match self.family {
            Family::ModelManagement => "Model management",
            Family::Scoring => "Scoring",
            Family::Rrs => "Request-response service",
            Family::OpenInference => "Open Inference Protocol",
            Family::Token => "Identity",
            Family::Console => "Console",
            Family::Arm => "Resources",
        }
    }

    #[cfg(test)]
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn into_json(self) -> Value {
        let tag = self.tag();
        let answers: serde_json::Map<_, _> =
            self.answers.into_iter().map(|(status, answer)| (status.to_string(), answer)).collect();
        let mut operation = json!({
            "operationId": self.id,
            "summary": self.summary,
            "tags": [tag],
            "security": self.security,
            "parameters": self.parameters,
            "responses": answers,
        });
        if let Some(text) = self.description {
            operation["description"] = json!(text);
        }
        if let Some(body) = self.body {
            operation["requestBody"] = body;
        }
        operation
    }
}

/// The schema of a family's failures.
fn shape(family: Family) -> &'static str {
    match family {
        Family::ModelManagement | Family::Scoring => "ErrorBody",
        Family::Arm | Family::Console => "ArmErrorBody",
        Family::Rrs => "RrsError",
        Family::OpenInference => "InferenceError",
        Family::Token => "TokenError",
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        400 => "The request breaks a rule; the details say which",
        401 => "No credentials, or wrong or expired ones",
        403 => "The caller lacks the role",
        404 => "There is no such resource, or the caller may not know of it",
        409 => "The state of a resource stands in the way",
        413 => "A limit was exceeded; the message names it",
        415 => "The body is of a media type or encoding that is not taken",
        422 => "The key came with another request before",
        416 => "The range begins beyond the end",
        429 => "Too many attempts",
        500 => "The model failed while running",
        503 => "The service is stopped or busy",
        504 => "The model ran too long",
        _ => "A refusal",
    }
}
