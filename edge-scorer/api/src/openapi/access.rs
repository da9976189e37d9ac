//! Who may do what, and who did: service principals, people, role assignments, signing keys, and the
//! audit log.

use serde_json::{Value, json};
use shared::{
    ArmList, AuditEntry, NewPerson, NewSecret, NewServicePrincipal, Page, Person, PersonRequest,
    RoleAssignment, RoleAssignmentRequest, RoleAssignmentResource, RoleDefinition, SecretRequest,
    SecretSummary, ServicePrincipal, ServicePrincipalRequest, SignInLink, SigningKeySummary, paths,
};

use super::{arm, operation::Operation, schemas::Schemas};
use crate::{audit::Event, roles::SCOPES};

pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let mut all = principals(schemas);
    all.extend(people(schemas));
    all.extend(keys(schemas));
    all.extend(audit(schemas));
    // What each scope is called in the operations' names.
    let kinds = ["Subscription", "ResourceGroup", "Workspace", "Account"];
    for (scope, kind) in SCOPES.iter().zip(kinds) {
        all.extend(roles(scope, kind, schemas));
    }
    all
}

fn text() -> Value {
    json!({"type": "string"})
}

fn principals(schemas: &mut Schemas) -> Vec<Operation> {
    let at = |method, below: &str, id: &'static str, summary| {
        Operation::new(method, &format!("{}{below}", paths::SERVICE_PRINCIPALS), id, summary)
    };
    let secret = json!({"application/json": {"schema": schemas.request::<SecretRequest>()}});
    vec![
        at("get", "", "listServicePrincipals", "Lists the clients that sign in with a secret")
            .answers(200, schemas.answer::<ArmList<ServicePrincipal>>(), "The clients"),
        at("post", "", "createServicePrincipal", "Makes a client and its first secret")
            .takes(schemas.request::<ServicePrincipalRequest>())
            .answers(201, schemas.answer::<NewServicePrincipal>(), "The secret is shown this once")
            .fails(&[409]),
        at("get", "/{id}", "getServicePrincipal", "Shows a client").answers(
            200,
            schemas.answer::<ServicePrincipal>(),
            "The client",
        ),
        at("delete", "/{id}", "deleteServicePrincipal", "Deletes a client").deletes().fails(&[409]),
        at("get", "/{id}/secrets", "listSecrets", "Lists a client's secrets, without the secrets")
            .answers(200, schemas.answer::<ArmList<SecretSummary>>(), "Two at most"),
        at("post", "/{id}/secrets", "addSecret", "Makes another secret")
            .takes_media(secret, false)
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

fn people(schemas: &mut Schemas) -> Vec<Operation> {
    let at = |method, below: &str, id: &'static str, summary| {
        Operation::new(method, &format!("{}{below}", paths::PEOPLE), id, summary)
    };
    vec![
        at("get", "", "listPeople", "Lists the people and groups who sign in").answers(
            200,
            schemas.answer::<ArmList<Person>>(),
            "Everybody",
        ),
        at("post", "", "createPerson", "Makes somebody known")
            .takes(schemas.request::<PersonRequest>())
            .answers(201, schemas.answer::<NewPerson>(), "The link is shown this once")
            .fails(&[409]),
        at("get", "/{id}", "getPerson", "Shows somebody").answers(
            200,
            schemas.answer::<Person>(),
            "The person or group",
        ),
        at("delete", "/{id}", "deletePerson", "Deletes somebody").deletes().fails(&[409]),
        at("post", "/{id}/signInLink", "createSignInLink", "Makes a link that signs in once")
            .answers(201, schemas.answer::<SignInLink>(), "The link is shown this once"),
    ]
}

fn keys(schemas: &mut Schemas) -> Vec<Operation> {
    vec![
        Operation::new(
            "get",
            paths::SIGNING_KEYS,
            "listSigningKeys",
            "Lists the keys that sign or verify access tokens",
        )
        .answers(
            200,
            schemas.answer::<ArmList<SigningKeySummary>>(),
            "The one that signs first",
        ),
        Operation::new(
            "post",
            paths::ROTATE_SIGNING_KEY,
            "rotateSigningKey",
            "Makes a new key sign; tokens of the old one live out their time",
        )
        .answers(201, schemas.answer::<SigningKeySummary>(), "The new key")
        .fails(&[413]),
    ]
}

fn audit(schemas: &mut Schemas) -> Vec<Operation> {
    let digits = json!({"type": "string", "pattern": "^[0-9]{1,6}$"});
    let moment = || json!({"type": "string", "format": "date-time"});
    let outcomes = schemas.answer::<shared::AuditOutcome>();
    vec![
        Operation::new("get", paths::AUDIT, "listAudit", "Who changed what, newest first")
            .query("principalId", text(), "Who did it")
            .query("method", text(), "The HTTP method")
            .query("outcome", outcomes, "How it ended")
            .query("requestId", text(), "Our id of the request, or the caller's")
            .query("address", text(), "From where")
            .query("resource", text(), "This path and what is below it")
            .query("scope", text(), "This ARM scope and what is below it")
            .query("search", text(), "A part of the path or of who, in any case")
            .query("since", moment(), "Not before")
            .query("until", moment(), "Not after")
            .query("count", digits, "Rows of a page: 1 to 1,000, 100 by default")
            .query("$skipToken", text(), "Where the last page ended; `nextLink` carries it")
            .answers(200, schemas.answer::<Page<AuditEntry>>(), "A page of the log"),
        arm::at(
            "get",
            "/subscriptions/{subscription}/providers/Microsoft.Insights/eventtypes/management/values",
            "listActivity",
            "The same log in the shape of the activity log",
        )
        .query(
            "$filter",
            text(),
            "Comparisons joined by `and`: `eventTimestamp` with `ge` and `le`; \
             `resourceGroupName`, `resourceUri`, `correlationId`, `caller` and `status` with `eq`",
        )
        .query("$skipToken", text(), "Where the last page ended; `nextLink` carries it")
        .answers(200, schemas.answer::<ArmList<Event>>(), "A page of events"),
    ]
}

/// The roles of one scope.
fn roles(scope: &str, kind: &str, schemas: &mut Schemas) -> Vec<Operation> {
    let (assignments, definitions) =
        (paths::role_assignments(scope), paths::role_definitions(scope));
    let at = |method, path: &str, verb: &str, what: &str, summary| {
        arm::at(method, path, format!("{verb}{kind}{what}"), summary)
    };
    let one = format!("{assignments}/{{name}}");
    let assignment = schemas.answer::<RoleAssignmentResource>();
    vec![
        at("get", &assignments, "list", "RoleAssignments", "At the scope, above it and below it")
            .query(
                "$filter",
                text(),
                "`atScope()`, `principalId eq '…'` or `assignedTo('…')`, joined by `and`",
            )
            .answers(200, schemas.answer::<ArmList<RoleAssignmentResource>>(), "The assignments"),
        at("get", &one, "get", "RoleAssignment", "Shows a role assignment").answers(
            200,
            assignment.clone(),
            "The assignment",
        ),
        at("put", &one, "put", "RoleAssignment", "Gives a role under a name that is a GUID")
            .takes(schemas.request::<RoleAssignmentRequest>())
            .answers(200, assignment.clone(), "The very same was there")
            .answers(201, assignment.clone(), "The role is given")
            .fails(&[409]),
        at("delete", &one, "delete", "RoleAssignment", "Takes a role away")
            .answers(200, assignment, "What was there")
            .empty(204, "There was nothing")
            .fails(&[409]),
        at("get", &definitions, "list", "RoleDefinitions", "The roles that may be given")
            .query("$filter", text(), "`roleName eq '…'` or `type eq 'BuiltInRole'`")
            .answers(200, schemas.answer::<ArmList<RoleDefinition>>(), "The roles"),
        at(
            "get",
            &format!("{definitions}/{{name}}"),
            "get",
            "RoleDefinition",
            "Shows a role by its GUID",
        )
        .answers(200, schemas.answer::<RoleDefinition>(), "The role"),
    ]
}
