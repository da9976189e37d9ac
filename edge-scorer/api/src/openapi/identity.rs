//! Signing in: tokens for clients, sessions for the console, the way over the outside issuer.

use serde_json::{Value, json};
use shared::{
    ArmList, JsonWebKeySet, Me, PasswordChange, SessionRequest, SessionSummary, SessionsClosed,
    SignInOptions, paths,
};

use super::{operation::Operation, schemas::Schemas};
use crate::tokens::{OpenIdConfiguration, TokenErrorBody, TokenV1, TokenV2};

pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let mut all = tokens(schemas);
    all.extend(session(schemas));
    all.extend(sessions(schemas));
    all.extend(outside());
    all
}

fn text() -> Value {
    json!({"type": "string"})
}

fn tokens(schemas: &mut Schemas) -> Vec<Operation> {
    schemas.answer::<TokenErrorBody>();
    let discovery = schemas.answer::<OpenIdConfiguration>();
    let keys = schemas.answer::<JsonWebKeySet>();
    let form = |audience: &str| {
        let schema = json!({
            "type": "object",
            "required": ["grant_type", "client_id", "client_secret", audience],
            "properties": {"grant_type": {"const": "client_credentials"}, "client_id": text(),
                "client_secret": text(), audience: text()},
        });
        json!({"application/x-www-form-urlencoded": {"schema": schema}})
    };
    let issue = |path, id: &'static str, audience, schema| {
        Operation::new("post", path, id, "Exchanges a secret for a token")
            .open()
            .takes_media(form(audience), true)
            .answers(200, schema, "A token")
            .fails(&[401, 429])
    };
    let show = |path, id: &'static str, summary, schema: &Value| {
        Operation::new("get", path, id, summary)
            .open()
            .answers(200, schema.clone(), "It is public")
            .fails(&[404])
    };
    let authorize = |path, id: &'static str| {
        Operation::new("get", path, id, "Refused: people sign in at the console").open()
    };
    vec![
        issue("/{tenant}/oauth2/token", "issueTokenV1", "resource", schemas.answer::<TokenV1>()),
        issue("/{tenant}/oauth2/v2.0/token", "issueTokenV2", "scope", schemas.answer::<TokenV2>()),
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

/// The session of the caller.
fn session(schemas: &mut Schemas) -> Vec<Operation> {
    vec![
        Operation::new("get", paths::SIGN_IN_OPTIONS, "getSignInOptions", "The ways to sign in")
            .open()
            .answers(200, schemas.answer::<SignInOptions>(), "What a sign-in page offers"),
        Operation::new("post", paths::SESSION, "openSession", "Signs in to the console")
            .open()
            .takes(schemas.request::<SessionRequest>())
            .answers(200, schemas.answer::<Me>(), "Who signed in; the cookie is set")
            .tells(200, "Set-Cookie", "The session")
            .fails(&[401, 403, 429]),
        Operation::new("delete", paths::SESSION, "closeSession", "Signs out")
            .empty(204, "There is no session any more")
            .tells(204, "Set-Cookie", "Takes the cookie away"),
        Operation::new("get", paths::ME, "getMe", "Says who is calling").answers(
            200,
            schemas.answer::<Me>(),
            "The caller",
        ),
        Operation::new("put", paths::PASSWORD, "changePassword", "Sets or changes the password")
            .explained(
                "Only within a session, never with an access token. Every other session of the caller ends.",
            )
            .takes(schemas.request::<PasswordChange>())
            .empty(204, "It is set")
            .fails(&[429]),
    ]
}

fn sessions(schemas: &mut Schemas) -> Vec<Operation> {
    let one = format!("{}/{{id}}", paths::SESSIONS);
    vec![
        Operation::new("get", paths::SESSIONS, "listSessions", "Lists open sessions")
            .query("principalId", text(), "Whose; others' are for owners")
            .answers(200, schemas.answer::<ArmList<SessionSummary>>(), "Newest first"),
        Operation::new("delete", paths::SESSIONS, "endOtherSessions", "Ends the caller's others")
            .answers(200, schemas.answer::<SessionsClosed>(), "How many there were"),
        Operation::new("delete", &one, "endSession", "Ends a session").deletes(),
    ]
}

/// A browser is led here, from page to page.
fn outside() -> Vec<Operation> {
    vec![
        Operation::new(
            "get",
            paths::OUTSIDE_SIGN_IN,
            "departToIssuer",
            "Leads a browser to the outside issuer",
        )
        .open()
        .query("returnTo", text(), "The page of the console to come back to")
        .leads_on("To the issuer")
        .fails(&[404]),
        Operation::new(
            "get",
            paths::OUTSIDE_CALLBACK,
            "arriveFromIssuer",
            "Where the outside issuer leads back to",
        )
        .open()
        .query("state", text(), "What the departure said")
        .query("code", text(), "What the issuer gave")
        .leads_on("To the console, signed in, or to the sign-in page with `?error=`")
        .fails(&[404]),
    ]
}
