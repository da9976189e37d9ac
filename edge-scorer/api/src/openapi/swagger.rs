//! `{B}/swagger.json`, where an account's `modelManagementSwaggerLocation` leads: the calls of model
//! management in that account, as Swagger 2.0, which is what clients of its time read.
//!
//! It is the account's part of `/openapi.json`, translated: what Swagger cannot say (several types of
//! one value, alternatives) is left open rather than said wrongly. `?version=3` gives OpenAPI 3.1.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::routes::ACCOUNT;

const COMPONENTS: &str = "#/components/schemas/";
/// Segments of the base path, which the document's address fills in.
const FILLED: [&str; 3] = ["subscription", "group", "account"];
/// What Swagger knows of a value outside a body.
const PLAIN: [&str; 9] =
    ["type", "format", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "items"];

/// The account's part of the whole document, still OpenAPI; addresses are added by [`placed`].
pub(super) fn part(document: &Value) -> Value {
    let mut paths = Map::new();
    for (path, operations) in document["paths"].as_object().into_iter().flatten() {
        let Some(below) = path.strip_prefix(ACCOUNT) else { continue };
        let mut operations = operations.clone();
        for operation in operations.as_object_mut().into_iter().flat_map(Map::values_mut) {
            if let Some(Value::Array(parameters)) = operation.get_mut("parameters") {
                parameters.retain(|parameter| {
                    parameter["in"] != "path"
                        || !FILLED.iter().any(|name| parameter["name"] == *name)
                });
            }
        }
        paths.insert(below.to_owned(), operations);
    }
    let paths = Value::Object(paths);
    let mut part = json!({
        "openapi": document["openapi"],
        "info": {"title": "Model management", "version": document["info"]["version"],
            "description": "The calls of one model management account."},
        "paths": paths,
        "components": document["components"],
    });
    let all = &document["components"]["schemas"];
    let mut used = BTreeSet::new();
    let mut open = vec![&part["paths"]];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                let name = members.get("$ref").and_then(Value::as_str);
                if let Some(name) = name.and_then(|reference| reference.strip_prefix(COMPONENTS))
                    && used.insert(name.to_owned())
                {
                    open.push(&all[name]);
                }
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    if let Some(Value::Object(schemas)) = part["components"].get_mut("schemas") {
        schemas.retain(|name, _| used.contains(name));
    }
    part
}

/// Adds where an OpenAPI document's paths begin.
pub(super) fn placed(mut part: Value, endpoint: &str, base: &str) -> Value {
    part["servers"] = json!([{"url": format!("{endpoint}{base}")}]);
    part
}

/// Adds where a Swagger document's paths begin.
pub(super) fn placed_swagger(mut swagger: Value, endpoint: &str, base: &str) -> Value {
    let (scheme, host) = endpoint.split_once("://").unwrap_or(("http", endpoint));
    let (host, prefix) = host.split_at(host.find('/').unwrap_or(host.len()));
    swagger["host"] = json!(host);
    swagger["basePath"] = json!(format!("{prefix}{base}"));
    swagger["schemes"] = json!([scheme]);
    swagger
}

/// A part as Swagger 2.0.
pub(super) fn translated(part: &Value) -> Value {
    let mut paths = Map::new();
    for (path, operations) in part["paths"].as_object().into_iter().flatten() {
        let operations = operations.as_object().into_iter().flatten();
        let translated: Map<String, Value> =
            operations.map(|(method, one)| (method.clone(), operation(one, part))).collect();
        paths.insert(path.clone(), Value::Object(translated));
    }
    let schemas = part["components"]["schemas"].as_object().into_iter().flatten();
    let definitions: Map<String, Value> =
        schemas.map(|(name, one)| (name.clone(), schema(one))).collect();
    json!({
        "swagger": "2.0",
        "info": part["info"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": {"Bearer": {"type": "apiKey", "name": "Authorization", "in": "header",
            "description": "`Bearer <token>`, with a token from `POST /{tenant}/oauth2/token`"}},
        "security": [{"Bearer": []}],
        "paths": paths,
        "definitions": definitions,
    })
}

fn operation(one: &Value, part: &Value) -> Value {
    let mut parameters: Vec<Value> =
        one["parameters"].as_array().into_iter().flatten().map(parameter).collect();
    let mut out = json!({
        "operationId": one["operationId"],
        "summary": one["summary"],
        "tags": one["tags"],
    });
    if let Some(text) = one.get("description") {
        out["description"] = text.clone();
    }
    if let Some(content) = one["requestBody"]["content"].as_object() {
        let described = content.values().find_map(|media| media.get("schema")).map(schema);
        let bytes = || json!({"type": "string", "format": "binary"});
        parameters.push(json!({"name": "body", "in": "body",
            "required": one["requestBody"]["required"],
            "schema": described.unwrap_or_else(bytes)}));
        out["consumes"] = content.keys().map(String::as_str).collect();
    }
    out["parameters"] = Value::Array(parameters);
    let mut produced = BTreeSet::new();
    let mut responses = Map::new();
    for (status, answer) in one["responses"].as_object().into_iter().flatten() {
        let mut translated = json!({"description": answer["description"]});
        if let Some(content) = answer["content"].as_object() {
            produced.extend(content.keys().cloned());
            let described = content.values().find_map(|media| media.get("schema")).map(schema);
            translated["schema"] = described.unwrap_or_else(|| json!({"type": "file"}));
        }
        let headers = answer["headers"].as_object().into_iter().flatten();
        let headers: Map<String, Value> =
            headers.map(|(name, header)| (name.clone(), plain_header(header, part))).collect();
        if !headers.is_empty() {
            translated["headers"] = Value::Object(headers);
        }
        responses.insert(status.clone(), translated);
    }
    out["produces"] = produced.into_iter().collect();
    out["responses"] = Value::Object(responses);
    out
}

fn parameter(one: &Value) -> Value {
    let mut out = json!({
        "name": one["name"], "in": one["in"], "required": one["required"], "type": "string",
    });
    if let Some(text) = one.get("description") {
        out["description"] = text.clone();
    }
    for key in PLAIN {
        if let Some(value) = one["schema"].get(key) {
            out[key] = value.clone();
        }
    }
    out
}

fn plain_header(header: &Value, part: &Value) -> Value {
    let known = header["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    let header = known.and_then(|pointer| part.pointer(pointer)).unwrap_or(header);
    json!({"description": header["description"], "type": "string"})
}

/// A schema as Swagger 2.0 can say it.
fn schema(one: &Value) -> Value {
    let Value::Object(members) = one else { return json!({}) };
    if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
        return json!({"$ref": reference.replace(COMPONENTS, "#/definitions/")});
    }
    let mut out = Map::new();
    for (key, value) in members {
        match key.as_str() {
            // Swagger 2.0 knows no null.
            "default" if value.is_null() => {}
            "type" => match value {
                Value::Array(types) => {
                    let mut named = types.iter().filter(|name| *name != "null");
                    if types.iter().any(|name| name == "null") {
                        out.insert("x-nullable".to_owned(), json!(true));
                    }
                    if let (Some(only), None) = (named.next(), named.next()) {
                        out.insert("type".to_owned(), only.clone());
                    }
                }
                one => {
                    out.insert("type".to_owned(), one.clone());
                }
            },
            "const" => {
                out.insert("enum".to_owned(), json!([value]));
            }
            "properties" => {
                let properties = value.as_object().into_iter().flatten();
                let translated: Map<String, Value> =
                    properties.map(|(name, one)| (name.clone(), schema(one))).collect();
                out.insert(key.clone(), Value::Object(translated));
            }
            "items" | "additionalProperties" if value.is_object() => {
                out.insert(key.clone(), schema(value));
            }
            "items" => {
                out.insert(key.clone(), json!({}));
            }
            "anyOf" | "oneOf" => {
                let alternatives: Vec<_> = value.as_array().into_iter().flatten().collect();
                let some: Vec<_> =
                    alternatives.iter().filter(|one| one["type"] != "null").collect();
                if some.len() < alternatives.len() {
                    out.insert("x-nullable".to_owned(), json!(true));
                }
                // One of several things is left open; one thing or nothing is that thing.
                if let [only] = some.as_slice() {
                    out.insert("allOf".to_owned(), json!([schema(only)]));
                }
            }
            "allOf" => {
                let all = value.as_array().into_iter().flatten().map(schema);
                out.insert(key.clone(), all.collect());
            }
            "description"
            | "title"
            | "format"
            | "enum"
            | "required"
            | "pattern"
            | "minimum"
            | "maximum"
            | "minLength"
            | "maxLength"
            | "minItems"
            | "maxItems"
            | "default"
            | "minProperties"
            | "maxProperties"
            | "additionalProperties" => {
                out.insert(key.clone(), value.clone());
            }
            _ => {}
        }
    }
    if out.get("type").is_some_and(|name| name == "array") && !out.contains_key("items") {
        out.insert("items".to_owned(), json!({}));
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(value: &Value, look: &mut impl FnMut(&Map<String, Value>)) {
        match value {
            Value::Object(members) => {
                look(members);
                members.values().for_each(|value| visit(value, look));
            }
            Value::Array(items) => items.iter().for_each(|value| visit(value, look)),
            _ => {}
        }
    }

    #[test]
    fn the_translation_says_nothing_that_swagger_2_does_not_know() {
        let swagger = translated(&part(&super::super::document()));

        let definitions = swagger["definitions"].as_object().unwrap();
        assert!(definitions.contains_key("Model") && !definitions.contains_key("Person"));
        let mut used = BTreeSet::new();
        visit(&swagger, &mut |members| {
            for unknown in ["anyOf", "oneOf", "const", "content", "requestBody", "nullable"] {
                assert!(!members.contains_key(unknown), "{unknown} in {members:?}");
            }
            if let Some(Value::String(reference)) = members.get("$ref") {
                let name = reference.strip_prefix("#/definitions/").unwrap();
                assert!(definitions.contains_key(name), "{reference}");
                used.insert(name.to_owned());
            }
            assert!(!members.get("type").is_some_and(Value::is_array), "{members:?}");
        });
        assert_eq!(used.len(), definitions.len(), "every definition has a user");
        for (path, operations) in swagger["paths"].as_object().unwrap() {
            for operation in operations.as_object().unwrap().values() {
                let parameters = operation["parameters"].as_array().unwrap();
                let named: BTreeSet<_> = parameters
                    .iter()
                    .filter(|parameter| parameter["in"] == "path")
                    .map(|parameter| format!("{{{}}}", parameter["name"].as_str().unwrap()))
                    .collect();
                let expected: BTreeSet<_> = path
                    .split('/')
                    .filter(|segment| segment.starts_with('{'))
                    .map(str::to_owned)
                    .collect();
                assert_eq!(named, expected, "{path}");
                assert!(parameters.iter().filter(|one| one["in"] == "body").count() < 2, "{path}");
            }
        }
    }

    #[test]
    fn what_may_be_null_keeps_its_type() {
        let translated = schema(
            &json!({"type": ["string", "null"], "description": "Free text", "default": null}),
        );
        assert_eq!(
            translated,
            json!({"type": "string", "x-nullable": true, "description": "Free text"})
        );
        let reference =
            json!({"anyOf": [{"$ref": "#/components/schemas/Model"}, {"type": "null"}]});
        assert_eq!(
            schema(&reference),
            json!({"allOf": [{"$ref": "#/definitions/Model"}], "x-nullable": true})
        );
    }

    #[test]
    fn the_address_is_split_as_swagger_wants_it() {
        let placed = placed_swagger(json!({}), "https://edge.example:8443/base", "/api/x");

        assert_eq!(
            placed,
            json!({"host": "edge.example:8443", "basePath": "/base/api/x", "schemes": ["https"]})
        );
    }
}
