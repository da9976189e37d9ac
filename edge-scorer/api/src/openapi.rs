//! The server's own description: `GET /openapi.json`, OpenAPI 3.1.
//!
//! The schemas are those of the wire types ([`schemas`]); the operations are listed family by family,
//! each with its parameters, bodies, answers, headers and failures. Tests hold the list and the
//! routers together in both directions, and drive every operation against its description.
//!
//! # Invariants
//! - What is written here is what is answered: a status that is not listed is a mistake.
//!
//! # Deliberately absent
//! - The services' own descriptions, which depend on their models: see `swagger.json` of a service.

mod access;
mod account;
mod arm;
mod identity;
mod observations;
mod operation;
mod schemas;
mod scoring;
mod swagger;

use std::{collections::BTreeSet, sync::LazyLock};

use axum::{
    Json,
    response::{IntoResponse as _, Response},
    routing::get,
};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Map, Value, json};

use self::{operation::Operation, schemas::Schemas};
use crate::{auth::LinkedAccount, error::ApiError, request_id, routes::Routes};

/// Written when it is first asked for.
static DOCUMENT: LazyLock<Vec<u8>> =
    LazyLock::new(|| serde_json::to_vec(&document()).unwrap_or_default());

/// The account's part of it, as OpenAPI and as Swagger.
static PART: LazyLock<Value> = LazyLock::new(|| swagger::part(&document()));
static SWAGGER: LazyLock<Value> = LazyLock::new(|| swagger::translated(&PART));

pub(crate) fn routes() -> Routes {
    Routes::default().at("/openapi.json", get(show)).in_account("/swagger.json", get(show_account))
}

async fn show() -> Response {
    let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (json, DOCUMENT.as_slice()).into_response()
}

async fn show_account(LinkedAccount(account): LinkedAccount) -> Result<Json<Value>, ApiError> {
    account.access.require_read()?;
    let (endpoint, base) = (account.endpoint.as_str(), account.access.path());
    match account.query.get("version").unwrap_or("2") {
        "2" | "2.0" => Ok(Json(swagger::placed_swagger(SWAGGER.clone(), endpoint, base.base()))),
        "3" | "3.1" | "3.1.0" => Ok(Json(swagger::placed(PART.clone(), endpoint, base.base()))),
        other => Err(ApiError::invalid(format!("there is no version `{other}` of this document"))
            .advise(
                "ChooseAVersion",
                "send `version=2` for Swagger 2.0, `version=3` for OpenAPI 3.1",
            )),
    }
}

fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    [
        access::operations(schemas),
        account::operations(schemas),
        arm::operations(schemas),
        identity::operations(schemas),
        observations::operations(schemas),
        scoring::operations(schemas),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Method and path of every operation, the path as the routers know it.
#[cfg(test)]
pub(crate) fn described() -> BTreeSet<(String, String)> {
    operations(&mut Schemas::default())
        .iter()
        .map(|operation| (operation.method().to_ascii_uppercase(), operation.path().to_owned()))
        .collect()
}

fn document() -> Value {
    let mut schemas = Schemas::default();
    let operations = operations(&mut schemas);
    let mut paths = Map::new();
    let mut tags = BTreeSet::new();
    for operation in operations {
        tags.insert(operation.tag());
        let path = paths.entry(operation.path().to_owned()).or_insert_with(|| json!({}));
        let method = operation.method();
        path[method] = operation.into_json();
    }
    let id =
        |text: &str| json!({"description": text, "required": true, "schema": {"type": "string"}});
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Edge scorer",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Registers models, packs them, serves them and scores with them.",
        },
        "servers": [{"url": "/"}],
        "tags": tags.iter().map(|tag| json!({"name": tag})).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "headers": {
                "RequestId": id("Names this request in the server's log; a GUID"),
                "ClientRequestId": id("The caller's id when it sent one, else the same GUID"),
            },
            "securitySchemes": {
                "AccessToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "From `POST /{tenant}/oauth2/token`"},
                "ServiceKey": {"type": "http", "scheme": "bearer",
                    "description": "The primary or secondary key of a service"},
                "Session": {"type": "apiKey", "in": "cookie", "name": "edge",
                    "description": "The console's cookie; a changing call needs `x-csrf-token` too"},
            },
            "schemas": schemas.into_components(),
        },
    });
    schemas::simplify(&mut document);
    // The names are the ones that the front writes.
    let headers = json!({
        request_id::REQUEST_ID.as_str(): {"$ref": "#/components/headers/RequestId"},
        request_id::CLIENT_REQUEST_ID.as_str(): {"$ref": "#/components/headers/ClientRequestId"},
    });
    for_each_answer(&mut document, |answer| {
        let Value::Object(ids) = headers.clone() else { return };
        if !answer["headers"].is_object() {
            answer["headers"] = json!({});
        }
        if let Value::Object(own) = &mut answer["headers"] {
            own.extend(ids);
        }
    });
    document
}

fn for_each_answer(document: &mut Value, visit: impl Fn(&mut Value)) {
    let Value::Object(paths) = &mut document["paths"] else { return };
    for path in paths.values_mut() {
        let Value::Object(operations) = path else { continue };
        for operation in operations.values_mut() {
            let Value::Object(answers) = &mut operation["responses"] else { continue };
            answers.values_mut().for_each(&visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_has_its_target_and_every_schema_its_user() {
        let document = document();
        let mut found = BTreeSet::new();
        let mut open = vec![&document];
        while let Some(value) = open.pop() {
            match value {
                Value::Object(members) => {
                    if let Some(Value::String(reference)) = members.get("$ref") {
                        let pointer = reference.strip_prefix('#').unwrap();
                        assert!(document.pointer(pointer).is_some(), "{reference}");
                        found.insert(pointer.to_owned());
                    }
                    open.extend(members.values());
                }
                Value::Array(items) => open.extend(items),
                _ => {}
            }
        }
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for name in schemas.keys() {
            assert!(found.contains(&format!("/components/schemas/{name}")), "{name} is not used");
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let mut seen = BTreeSet::new();
        for operation in operations(&mut Schemas::default()) {
            assert!(seen.insert(operation.id().to_owned()), "{} is there twice", operation.id());
        }
        assert!(seen.len() > 130, "only {} operations", seen.len());
    }
}
