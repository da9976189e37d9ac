//! Subscriptions, resource groups, providers and accounts, as ARM has them.

use serde_json::{Value, json};
use shared::{Account, ArmErrorBody, ArmList, Subscription};

use super::{operation::Operation, schemas::Schemas};
use crate::accounts::Sent;

const GROUP: &str = "/subscriptions/{subscription}/resourceGroups/{group}";
const ACCOUNTS: &str = "/providers/Microsoft.MachineLearningModelManagement/accounts";

pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    schemas.answer::<ArmErrorBody>();
    let group = schemas.own("ResourceGroup", group());
    let provider = schemas.own("ResourceProvider", provider());
    let groups = list_of(&group);
    let one = format!("{GROUP}{ACCOUNTS}/{{account}}");
    vec![
        at("get", "/subscriptions", "listSubscriptions", "Lists subscriptions").answers(
            200,
            schemas.answer::<ArmList<Subscription>>(),
            "Those that the caller may see",
        ),
        at("get", "/subscriptions/{subscription}", "getSubscription", "Shows a subscription")
            .answers(200, schemas.answer::<Subscription>(), "The subscription"),
        at(
            "get",
            "/subscriptions/{subscription}/providers/{namespace}",
            "getProvider",
            "Says what a resource provider offers",
        )
        .answers(200, provider.clone(), "The provider"),
        at(
            "post",
            "/subscriptions/{subscription}/providers/{namespace}/register",
            "registerProvider",
            "Registers a resource provider; all are registered",
        )
        .answers(200, provider, "The provider"),
        at(
            "get",
            "/subscriptions/{subscription}/resourceGroups",
            "listResourceGroups",
            "Lists resource groups",
        )
        .answers(200, groups, "The groups"),
        at("get", GROUP, "getResourceGroup", "Shows a resource group").answers(
            200,
            group,
            "The group",
        ),
        at(
            "get",
            &format!("/subscriptions/{{subscription}}{ACCOUNTS}"),
            "listAccounts",
            "Lists model management accounts",
        )
        .answers(200, schemas.answer::<ArmList<Account>>(), "The accounts"),
        at(
            "get",
            &format!("{GROUP}{ACCOUNTS}"),
            "listAccountsOfGroup",
            "Lists a group's model management accounts",
        )
        .answers(200, schemas.answer::<ArmList<Account>>(), "The accounts"),
        at("get", &one, "getAccount", "Shows an account").answers(
            200,
            schemas.answer::<Account>(),
            "The account",
        ),
        at("put", &one, "putAccount", "Makes or changes an account")
            .takes(schemas.request::<Sent>())
            .answers(200, schemas.answer::<Account>(), "It is changed")
            .answers(201, schemas.answer::<Account>(), "It is made")
            .fails(&[409]),
        at("patch", &one, "changeAccount", "Changes an account")
            .takes(schemas.request::<Sent>())
            .answers(200, schemas.answer::<Account>(), "It is changed"),
        at("delete", &one, "deleteAccount", "Deletes an account that is empty")
            .deletes()
            .fails(&[409]),
    ]
}

fn at(method: &'static str, path: &str, id: &'static str, summary: &'static str) -> Operation {
    let version = json!({"type": "string",
        "pattern": "^(201[5-9]|202[0-9])-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])(-preview|-privatepreview)?$"});
    let says = "Any well-formed version from 2015-01-01 on";
    Operation::new(method, path, id, summary).parameter("query", "api-version", true, version, says)
}

fn list_of(item: &Value) -> Value {
    json!({"type": "object", "required": ["value"],
        "properties": {"value": {"type": "array", "items": item}}})
}

fn group() -> Value {
    json!({
        "type": "object",
        "required": ["id", "name", "type", "location", "properties"],
        "properties": {
            "id": {"type": "string"},
            "name": {"type": "string"},
            "type": {"const": "Microsoft.Resources/resourceGroups"},
            "location": {"type": "string"},
            "tags": {"type": "object"},
            "properties": {"type": "object", "required": ["provisioningState"],
                "properties": {"provisioningState": {"type": "string"}}},
        },
    })
}

fn provider() -> Value {
    json!({
        "type": "object",
        "required": ["id", "namespace", "registrationState", "resourceTypes"],
        "properties": {
            "id": {"type": "string"},
            "namespace": {"type": "string"},
            "registrationState": {"const": "Registered"},
            "resourceTypes": {"type": "array", "items": {
                "type": "object",
                "required": ["resourceType", "locations", "apiVersions"],
                "properties": {
                    "resourceType": {"type": "string"},
                    "locations": {"type": "array", "items": {"type": "string"}},
                    "apiVersions": {"type": "array", "items": {"type": "string"}},
                },
            }},
        },
    })
}
