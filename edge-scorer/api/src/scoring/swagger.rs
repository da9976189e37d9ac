//! The description of a service, made from its model's signature: Swagger 2.0 or OpenAPI 3.1.

use serde_json::{Map, Value, json};
use shared::{Dim, ElementType, Label, Role, Signature, TensorSpec};

use super::{
    answer,
    document::{Dialect, Method},
    frame::{Frame, Layout},
};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Swagger2,
    OpenApi31,
}

/// What is described.
pub(super) struct Described<'a> {
    pub(super) name: &'a str,
    pub(super) version: u64,
    /// `http://host:port`.
    pub(super) endpoint: &'a str,
    pub(super) signature: &'a Signature,
    /// A document that the service takes.
    pub(super) example: Value,
    /// What it answers, if it was asked.
    pub(super) answer: Option<Value>,
}

/// A document of one plausible row.
pub(super) fn example(signature: &Signature) -> Value {
    let frame = Frame::of(signature);
    let row = match frame.layout {
        Layout::Values(width) => {
            let values = example_of(frame.slots[0].spec);
            if frame.is_named() {
                let names = (0..width).map(|column| frame.name(column).into_owned());
                Value::Object(names.zip(values).collect())
            } else {
                Value::Array(values)
            }
        }
        Layout::Inputs | Layout::Nested => {
            let cell = |(index, slot): (usize, &super::frame::Slot<'_>)| {
                let mut values = example_of(slot.spec).into_iter();
                (frame.name(index).into_owned(), nested(slot.row_shape, &mut values))
            };
            Value::Object(frame.slots.iter().enumerate().map(cell).collect())
        }
    };
    json!({"data": [row]})
}

/// One row, flat: the model's own example, else zeros.
fn example_of(spec: &TensorSpec) -> Vec<Value> {
    if let Some(example) = &spec.example {
        return example.clone();
    }
    let zero = match spec.element_type {
        ElementType::String => json!(""),
        ElementType::Bool => json!(false),
        other if is_float(other) => json!(0.0),
        _ => json!(0),
    };
    let length = spec.shape.iter().skip(1).map(extent).product();
    vec![zero; length]
}

/// A symbolic dimension's example is 1.
fn extent(dim: &Dim) -> usize {
    match dim {
        Dim::Fixed(n) => usize::try_from(*n).unwrap_or(usize::MAX),
        Dim::Named(_) => 1,
    }
}

fn nested(shape: &[Dim], values: &mut impl Iterator<Item = Value>) -> Value {
    match shape.split_first() {
        // One value per row is a scalar.
        None => values.next().unwrap_or(Value::Null),
        Some((Dim::Fixed(1), [])) => values.next().unwrap_or(Value::Null),
        Some((first, rest)) => (0..extent(first)).map(|_| nested(rest, values)).collect(),
    }
}

fn is_float(element_type: ElementType) -> bool {
    matches!(
        element_type,
        ElementType::Float16 | ElementType::Bfloat16 | ElementType::Float32 | ElementType::Float64
    )
}

impl Described<'_> {
    pub(super) fn document(&self, form: Form) -> Value {
        match form {
            Form::Swagger2 => self.swagger2(),
            Form::OpenApi31 => self.openapi31(),
        }
    }

    fn swagger2(&self) -> Value {
        let (scheme, host) = self.endpoint.split_once("://").unwrap_or(("http", self.endpoint));
        let (host, prefix) = match host.split_once('/') {
            Some((host, prefix)) => (host, format!("/{prefix}")),
            None => (host, String::new()),
        };
        let failure = json!({"description": "Why there is no score", "schema": {"$ref": "#/definitions/ErrorResponse"}});
        json!({
            "swagger": "2.0",
            "info": self.info(),
            "host": host,
            "basePath": format!("{prefix}{}", self.base()),
            "schemes": [scheme],
            "consumes": ["application/json", "text/csv"],
            "produces": ["application/json", "text/csv"],
            "securityDefinitions": {"Bearer": {"type": "apiKey", "name": "Authorization", "in": "header",
                "description": "`Bearer <key>`, with the service's primary or secondary key, or an access token"}},
            "paths": {
                "/": {"get": {
                    "operationId": "ServiceHealthCheck",
                    "description": "Says whether the service is there",
                    "security": [{"Bearer": []}],
                    "responses": {
                        "200": {"description": "It is", "schema": {"type": "string"}, "examples": {"application/json": "Healthy"}},
                        "default": failure,
                    },
                }},
                "/score": {"post": {
                    "operationId": "RunMLService",
                    "description": "Scores rows",
                    "security": [{"Bearer": []}],
                    "parameters": [{"name": "serviceInputPayload", "in": "body", "required": true,
                        "schema": {"$ref": "#/definitions/ServiceInput"}}],
                    "responses": {
                        "200": {"description": "One score for each row", "schema": {"$ref": "#/definitions/ServiceOutput"}},
                        "default": failure,
                    },
                }},
            },
            "definitions": self.schemas(Form::Swagger2),
        })
    }

    fn openapi31(&self) -> Value {
        let content = |name: &str| json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{name}")}}});
        let or_csv = |mut content: Value| {
            content["text/csv"] = json!({"schema": {"type": "string"}});
            content
        };
        let failure =
            json!({"description": "Why there is no score", "content": content("ErrorResponse")});
        json!({
            "openapi": "3.1.0",
            "info": self.info(),
            "servers": [{"url": format!("{}{}", self.endpoint, self.base())}],
            "security": [{"Bearer": []}],
            "paths": {
                "/": {"get": {
                    "operationId": "ServiceHealthCheck",
                    "description": "Says whether the service is there",
                    "responses": {
                        "200": {"description": "It is", "content": {"application/json": {"schema": {"const": "Healthy"}}}},
                        "default": failure,
                    },
                }},
                "/score": {"post": {
                    "operationId": "RunMLService",
                    "description": "Scores rows",
                    "requestBody": {"required": true, "content": or_csv(content("ServiceInput"))},
                    "responses": {
                        "200": {"description": "One score for each row", "content": or_csv(content("ServiceOutput"))},
                        "default": failure,
                    },
                }},
            },
            "components": {
                "securitySchemes": {"Bearer": {"type": "http", "scheme": "bearer",
                    "description": "The service's primary or secondary key, or an access token"}},
                "schemas": self.schemas(Form::OpenApi31),
            },
        })
    }

    fn info(&self) -> Value {
        json!({"title": self.name, "version": self.version.to_string(),
            "description": format!("Scores rows with the model `{}`", self.name)})
    }

    fn base(&self) -> String {
        format!("/api/v1/service/{}", shared::paths::encode(self.name))
    }

    fn schemas(&self, form: Form) -> Value {
        json!({
            "ServiceInput": self.input(form),
            "ServiceOutput": self.output(form),
            "ErrorResponse": {
                "type": "object",
                "required": ["code", "statusCode", "message", "details"],
                "properties": {
                    "code": {"type": "string"},
                    "statusCode": {"type": "integer", "format": "int32"},
                    "message": {"type": "string"},
                    "details": {"type": "array", "items": {
                        "type": "object",
                        "required": ["code", "message"],
                        "properties": {
                            "code": {"type": "string"},
                            "message": {"type": "string"},
                            "row": {"type": "integer", "format": "int64"},
                            "column": {"type": "string"},
                        },
                    }},
                },
                "example": {"code": "InvalidRequest", "statusCode": 400,
                    "message": "row 0: has 1 values, where the model takes 2",
                    "details": [{"code": "InvalidValue", "message": "the columns are x0, x1", "row": 0}]},
            },
        })
    }

    fn input(&self, form: Form) -> Value {
        let frame = Frame::of(self.signature);
        let row = match frame.layout {
            Layout::Values(width) if !frame.is_named() => json!({
                "type": "array", "minItems": width, "maxItems": width,
                "items": value(frame.slots[0].spec.element_type, form),
            }),
            layout => {
                let mut properties = Map::new();
                for column in 0..frame.width() {
                    let slot = &frame.slots[frame.place(column).0];
                    let schema = if layout == Layout::Nested {
                        array(slot.row_shape, slot.spec.element_type, form)
                    } else {
                        value(slot.spec.element_type, form)
                    };
                    properties.insert(frame.name(column).into_owned(), schema);
                }
                let required: Vec<_> = properties.keys().cloned().collect();
                json!({"type": "object", "required": required, "properties": properties})
            }
        };
        let mut properties = json!({"data": {"type": "array", "items": row}});
        let methods = [("predict", Method::Predict), ("predict_proba", Method::PredictProba)];
        let methods: Vec<_> = methods
            .into_iter()
            .filter(|(_, method)| {
                answer::plan(self.signature, Dialect::Data, Some(*method)).is_ok()
            })
            .map(|(name, _)| name)
            .collect();
        if !methods.is_empty() {
            properties["method"] = json!({"type": "string", "enum": methods});
        }
        json!({"type": "object", "required": ["data"], "properties": properties, "example": self.example})
    }

    fn output(&self, form: Form) -> Value {
        let signature = self.signature;
        let rows = |spec: &TensorSpec| {
            let row = array(spec.shape.get(1..).unwrap_or_default(), spec.element_type, form);
            json!({"type": "array", "items": row})
        };
        let mut properties = Map::new();
        let roles = [
            (Role::Probabilities, "predict_proba"),
            (Role::Label, "predict"),
            (Role::Value, "predict"),
        ];
        for (role, name) in roles {
            if let Some((_, spec)) = signature.output_with(role) {
                properties.entry(name).or_insert(rows(spec));
            }
        }
        if let (Some(Value::Object(schema)), Some((_, spec))) =
            (properties.get_mut("predict_proba"), signature.output_with(Role::Probabilities))
            && let Some(classes) = &spec.classes
        {
            let classes: Vec<_> = classes
                .iter()
                .map(|class| match class {
                    Label::Int(class) => class.to_string(),
                    Label::Text(class) => class.clone(),
                })
                .collect();
            schema.insert(
                "description".to_owned(),
                format!("Probabilities of {}", classes.join(", ")).into(),
            );
        }
        if properties.is_empty() {
            for spec in &signature.outputs {
                properties.insert(spec.name.clone(), rows(spec));
            }
        }
        let mut schema = json!({"type": "object", "properties": properties});
        if let Some(answer) = &self.answer {
            schema["example"] = answer.clone();
        }
        schema
    }
}

fn array(shape: &[Dim], element_type: ElementType, form: Form) -> Value {
    match shape.split_first() {
        None | Some((Dim::Fixed(1), [])) => value(element_type, form),
        Some((first, rest)) => {
            let mut schema = json!({"type": "array", "items": array(rest, element_type, form)});
            if let Dim::Fixed(n) = first {
                schema["minItems"] = json!(n);
                schema["maxItems"] = json!(n);
            }
            schema
        }
    }
}

fn value(element_type: ElementType, form: Form) -> Value {
    use ElementType as E;
    let (kind, format) = match element_type {
        E::Bool => ("boolean", None),
        E::String => ("string", None),
        E::Int8 | E::Int16 | E::Int32 | E::Uint8 | E::Uint16 => ("integer", Some("int32")),
        E::Int64 | E::Uint32 | E::Uint64 => ("integer", Some("int64")),
        E::Float16 | E::Bfloat16 | E::Float32 => ("number", Some("float")),
        E::Float64 => ("number", Some("double")),
    };
    let mut schema = json!({"type": kind});
    if let Some(format) = format {
        schema["format"] = json!(format);
    }
    if is_float(element_type) {
        // null is NaN.
        match form {
            Form::Swagger2 => schema["x-nullable"] = json!(true),
            Form::OpenApi31 => schema["type"] = json!([kind, "null"]),
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(inputs: Value) -> Signature {
        serde_json::from_value(json!({
            "contract": 1, "symbols": [{"name": "rows", "min": 1, "max": 9}], "inputs": inputs,
            "outputs": [
                {"name": "label", "type": "int64", "shape": ["rows"], "role": "label"},
                {"name": "p", "type": "float32", "shape": ["rows", 2], "role": "probabilities", "classes": [0, 1]}
            ]
        }))
        .unwrap()
    }

    fn described(signature: &Signature, form: Form) -> Value {
        let described = Described {
            name: "breast-cancer",
            version: 3,
            endpoint: "https://models.example:8443/base",
            signature,
            example: example(signature),
            answer: Some(json!({"predict_proba": [[0.25, 0.75]]})),
        };
        described.document(form)
    }

    #[test]
    fn the_example_is_the_models_own_row_and_a_document_that_it_takes() {
        for (inputs, data) in [
            (
                json!([{"name": "X", "type": "float32", "shape": ["rows", 2], "columns": ["a", "b"], "example": [1.5, 2]}]),
                json!([{"a": 1.5, "b": 2}]),
            ),
            (json!([{"name": "X", "type": "float32", "shape": ["rows", 2]}]), json!([[0.0, 0.0]])),
            (
                json!([{"name": "age", "type": "int64", "shape": ["rows", 1], "example": [7]},
                    {"name": "city", "type": "string", "shape": ["rows", 1]}]),
                json!([{"age": 7, "city": ""}]),
            ),
            (
                json!([{"name": "image", "type": "uint8", "shape": ["rows", 2, 2], "example": [1, 2, 3, 4]}]),
                json!([{"image": [[1, 2], [3, 4]]}]),
            ),
        ] {
            let signature = signature(inputs);
            let example = example(&signature);
            assert_eq!(example["data"], data);

            let body = serde_json::to_vec(&example).unwrap();
            let document = super::super::document::read(&body, &Frame::of(&signature)).unwrap();
            assert_eq!(document.inputs.rows, 1);
        }
    }

    #[test]
    fn swagger_names_what_clients_look_for() {
        let signature = signature(
            json!([{"name": "X", "type": "float32", "shape": ["rows", 2], "columns": ["a", "b"]}]),
        );

        let document = described(&signature, Form::Swagger2);

        assert_eq!(document["swagger"], "2.0");
        assert_eq!(document["host"], "models.example:8443");
        assert_eq!(document["basePath"], "/base/api/v1/service/breast-cancer");
        assert_eq!(document["paths"]["/"]["get"]["operationId"], "ServiceHealthCheck");
        let post = &document["paths"]["/score"]["post"];
        assert_eq!(post["operationId"], "RunMLService");
        assert_eq!(post["parameters"][0]["name"], "serviceInputPayload");
        assert!(document["securityDefinitions"]["Bearer"].is_object());
        let definitions = &document["definitions"];
        assert_eq!(definitions["ServiceInput"]["example"]["data"][0], json!({"a": 0.0, "b": 0.0}));
        assert_eq!(
            definitions["ServiceInput"]["properties"]["method"]["enum"],
            json!(["predict", "predict_proba"])
        );
        assert_eq!(
            definitions["ServiceOutput"]["example"],
            json!({"predict_proba": [[0.25, 0.75]]})
        );
        assert_eq!(
            definitions["ServiceOutput"]["properties"]["predict_proba"]["items"]["maxItems"],
            2
        );
        assert!(definitions["ErrorResponse"].is_object());
    }

    #[test]
    fn every_reference_of_either_form_has_its_schema() {
        let signature =
            signature(json!([{"name": "image", "type": "uint8", "shape": ["rows", 2, "width"]}]));
        for form in [Form::Swagger2, Form::OpenApi31] {
            let document = described(&signature, form);
            let mut found = 0;
            let mut open = vec![&document];
            while let Some(value) = open.pop() {
                match value {
                    Value::Object(members) => {
                        if let Some(Value::String(reference)) = members.get("$ref") {
                            let pointer = reference.strip_prefix('#').unwrap();
                            assert!(document.pointer(pointer).is_some(), "{reference}");
                            found += 1;
                        }
                        open.extend(members.values());
                    }
                    Value::Array(items) => open.extend(items),
                    _ => {}
                }
            }
            assert!(found >= 3);
        }
        assert_eq!(described(&signature, Form::OpenApi31)["openapi"], "3.1.0");
    }
}
