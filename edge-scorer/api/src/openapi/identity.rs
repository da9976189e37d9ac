//! Tokens, sessions, service principals and what the server says of itself.

use serde_json::{Value, json};
use shared::{
    ArmList, Me, NewSecret, NewServicePrincipal, RoleAssignment, ServicePrincipal,
    ServicePrincipalRequest, SessionRequest, paths,
};

use super::{operation::Operation, schemas::Schemas};
use crate::config::BuildInfo;

pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let mut all = tokens(schemas);
    all.extend(sessions(schemas));
    all.extend(principals(schemas));
    all.push(
        Operation::new("get", "/metrics", "scrapeMetrics", "Every account's metrics, for scrapers")
            .answers_media(
                200,
                json!({"text/plain": {}, "application/openmetrics-text": {}, "application/vnd.google.protobuf": {}}),
                "Prometheus' text or protobuf",
            ),
    );
    all.push(
        Operation::new("get", "/openapi.json", "getDescription", "This document").open().answers(
            200,
            json!({"type": "object", "required": ["openapi"]}),
            "OpenAPI 3.1",
        ),
    );
    all
}

fn tokens(schemas: &mut Schemas) -> Vec<Operation> {
    schemas.own("TokenError", token_error());
    let discovery = schemas.own("OpenIdConfiguration", discovery());
    let keys = schemas.own(
        "JsonWebKeys",
        json!({"type": "object", "required": ["keys"], "properties": {"keys": {"type": "array",
            "items": {"type": "object", "required": ["kty", "kid"],
                "properties": {"kty": {"type": "string"}, "kid": {"type": "string"}}}}}}),
    );
    let text = || json!({"type": "string"});
    let form = |audience: &str| {
        let schema = json!({
            "type": "object",
            "required": ["grant_type", "client_id", "client_secret", audience],
            "properties": {"grant_type": {"const": "client_credentials"}, "client_id": text(),
                "client_secret": text(), audience: text()},
        });
        json!({"application/x-www-form-urlencoded": {"schema": schema}})
    };
    let token = |number: Value, more: &[&str]| {
        let required =
            [&["token_type", "expires_in", "ext_expires_in", "access_token"], more].concat();
        json!({"type": "object", "required": required, "properties": {
            "token_type": {"const": "Bearer"}, "expires_in": number, "ext_expires_in": number,
            "access_token": {"type": "string"}}})
    };
    let v1 = schemas.own("TokenV1", token(text(), &["expires_on", "not_before", "resource"]));
    let v2 = schemas.own("TokenV2", token(json!({"type": "integer"}), &[]));
    let issue = |path, id, summary, audience, schema| {
        Operation::new("post", path, id, summary)
            .open()
            .takes_media(form(audience), true)
            .answers(200, schema, "A token")
            .fails(&[401, 429])
    };
    let show = |path, id, summary, schema: &Value| {
        Operation::new("get", path, id, summary)
            .open()
            .answers(200, schema.clone(), "It is public")
            .fails(&[404])
    };
    let authorize =
        |path, id| Operation::new("get", path, id, "Refused: people sign in at the console").open();
    vec![
        issue(
            "/{tenant}/oauth2/token",
            "issueTokenV1",
            "Exchanges a secret for a token",
            "resource",
            v1,
        ),
        issue(
            "/{tenant}/oauth2/v2.0/token",
            "issueTokenV2",
            "Exchanges a secret for a token",
            "scope",
            v2,
        ),
        authorize("/{tenant}/oauth2/authorize", "authorizeV1"),
        authorize("/{tenant}/oauth2/v2.0/authorize", "authorizeV2"),
        show(
            "/{tenant}/.well-known/openid-configuration",
            "discoverV1",
            "OpenID discovery",
            &discovery,
        ),
        show(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            "discoverV2",
            "OpenID discovery",
            &discovery,
        ),
        show("/{tenant}/discovery/keys", "getKeysV1", "Keys that verify tokens", &keys),
        show("/{tenant}/discovery/v2.0/keys", "getKeysV2", "Keys that verify tokens", &keys),
    ]
}

fn sessions(schemas: &mut Schemas) -> Vec<Operation> {
    vec![
        Operation::new("post", paths::SESSION, "openSession", "Signs in to the console")
            .takes(schemas.request::<SessionRequest>())
            .answers(200, schemas.answer::<Me>(), "Who signed in; the cookie is set")
            .tells(200, "Set-Cookie", "The session")
            .fails(&[429]),
        Operation::new("delete", paths::SESSION, "closeSession", "Signs out")
            .empty(204, "There is no session any more")
            .tells(204, "Set-Cookie", "Takes the cookie away"),
        Operation::new("get", paths::ME, "getMe", "Says who is calling").answers(
            200,
            schemas.answer::<Me>(),
            "The caller",
        ),
        Operation::new("get", "/api/version", "getVersion", "Says which build this is")
            .open()
            .answers(200, schemas.answer::<BuildInfo>(), "The build"),
    ]
}

fn principals(schemas: &mut Schemas) -> Vec<Operation> {
    let at = |method, below: &str, id, summary| {
        Operation::new(method, &format!("{}{below}", paths::SERVICE_PRINCIPALS), id, summary)
    };
    vec![
        at("get", "", "listServicePrincipals", "Lists the clients that sign in with a secret")
            .answers(200, schemas.answer::<ArmList<ServicePrincipal>>(), "The clients"),
        at("post", "", "createServicePrincipal", "Makes a client and its first secret")
            .takes(schemas.request::<ServicePrincipalRequest>())
            .answers(201, schemas.answer::<NewServicePrincipal>(), "The secret is shown this once")
            .fails(&[409]),
        at("delete", "/{id}", "deleteServicePrincipal", "Deletes a client").deletes().fails(&[409]),
        at("post", "/{id}/secrets", "addSecret", "Makes another secret")
            .answers(201, schemas.answer::<NewSecret>(), "The secret is shown this once")
            .fails(&[409, 413]),
        at("delete", "/{id}/secrets/{secret}", "deleteSecret", "Deletes a secret")
            .deletes()
            .fails(&[409]),
        at("post", "/{id}/roles", "assignRole", "Gives a client a role")
            .takes(schemas.request::<RoleAssignment>())
            .answers(201, schemas.answer::<RoleAssignment>(), "The role is given")
            .fails(&[409]),
        at("delete", "/{id}/roles", "removeRole", "Takes a role away")
            .takes(schemas.request::<RoleAssignment>())
            .deletes()
            .fails(&[409]),
    ]
}

fn token_error() -> Value {
    json!({
        "type": "object",
        "required": ["error", "error_description"],
        "properties": {
            "error": {"type": "string"},
            "error_description": {"type": "string"},
            "error_codes": {"type": "array", "items": {"type": "integer"}},
            "timestamp": {"type": "string"},
            "trace_id": {"type": ["string", "null"]},
            "correlation_id": {"type": ["string", "null"]},
        },
    })
}

fn discovery() -> Value {
    json!({
        "type": "object",
        "required": ["issuer", "token_endpoint", "jwks_uri"],
        "properties": {
            "issuer": {"type": "string"},
            "token_endpoint": {"type": "string"},
            "authorization_endpoint": {"type": "string"},
            "jwks_uri": {"type": "string"},
        },
    })
}
