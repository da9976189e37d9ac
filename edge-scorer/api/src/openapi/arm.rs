//! Subscriptions, resource groups, providers, accounts and clusters, as ARM has them.

use std::borrow::Cow;

use serde_json::json;
use shared::{Account, ArmErrorBody, ArmList, ResourceGroup, Subscription};

use super::{operation::Operation, schemas::Schemas};
use crate::{
    accounts::Sent,
    clusters::ClusterKeys,
    subscriptions::{Provider, SentGroup},
};

const GROUP: &str = "/subscriptions/{subscription}/resourceGroups/{group}";
const ACCOUNTS: &str = "/providers/Microsoft.MachineLearningModelManagement/accounts";

pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    schemas.answer::<ArmErrorBody>();
    let provider = schemas.answer::<Provider>();
    let one = format!("{GROUP}{ACCOUNTS}/{{account}}");
    vec![
        paged(at("get", "/subscriptions", "listSubscriptions", "Lists subscriptions")).answers(
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
        paged(at(
            "get",
            "/subscriptions/{subscription}/resourceGroups",
            "listResourceGroups",
            "Lists resource groups",
        ))
        .answers(200, schemas.answer::<ArmList<ResourceGroup>>(), "The groups"),
        at("get", GROUP, "getResourceGroup", "Shows a resource group").answers(
            200,
            schemas.answer::<ResourceGroup>(),
            "The group",
        ),
        at("head", GROUP, "checkResourceGroup", "Says whether a resource group is there")
            .empty(204, "It is"),
        at("put", GROUP, "putResourceGroup", "Makes a resource group or replaces its tags")
            .takes(schemas.request::<SentGroup>())
            .answers(200, schemas.answer::<ResourceGroup>(), "It is changed")
            .answers(201, schemas.answer::<ResourceGroup>(), "It is made"),
        at("patch", GROUP, "changeResourceGroup", "Changes a resource group's tags")
            .takes(schemas.request::<SentGroup>())
            .answers(200, schemas.answer::<ResourceGroup>(), "It is changed"),
        at("delete", GROUP, "deleteResourceGroup", "Deletes a resource group that is empty")
            .empty(200, "It is gone")
            .fails(&[409]),
        at(
            "post",
            &format!("{GROUP}/providers/Microsoft.MachineLearningCompute/operationalizationClusters/{{cluster}}/listKeys"),
            "listClusterKeys",
            "What older clients ask for before they publish",
        )
        .explained(
            "The group's store is reached with access tokens, so there is no key to hand out; images are \
             pushed by the server itself, so there are no credentials of a registry either. The documented \
             members are there and say so with empty texts.",
        )
        .answers(200, schemas.answer::<ClusterKeys>(), "Empty texts for what there is nothing of"),
        paged(at(
            "get",
            &format!("/subscriptions/{{subscription}}{ACCOUNTS}"),
            "listAccounts",
            "Lists model management accounts",
        ))
        .answers(200, schemas.answer::<ArmList<Account>>(), "The accounts"),
        paged(at(
            "get",
            &format!("{GROUP}{ACCOUNTS}"),
            "listAccountsOfGroup",
            "Lists a group's model management accounts",
        ))
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

/// Paging, as ARM's clients ask for it.
fn paged(operation: Operation) -> Operation {
    let digits = || json!({"type": "string", "pattern": "^[0-9]{1,6}$"});
    operation
        .query("$top", digits(), "Rows of a page, 1,000 at most; everything by default")
        .query("$skip", digits(), "Rows to leave out")
        .query("$skiptoken", digits(), "Where the last page ended; `nextLink` carries it")
}

/// An operation of ARM.
pub(super) fn at(
    method: &'static str,
    path: &str,
    id: impl Into<Cow<'static, str>>,
    summary: &'static str,
) -> Operation {
    let version = json!({"type": "string",
        "pattern": "^(201[5-9]|202[0-9])-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])(-preview|-privatepreview)?$"});
    let says = "Any well-formed version from 2015-01-01 on";
    Operation::new(method, path, id, summary).parameter("query", "api-version", true, version, says)
}
