//! `{scope}/providers/Microsoft.Authorization/…`: role assignments and role definitions, as ARM has
//! them, so that its clients can give and take roles.
//!
//! `{scope}` is a subscription, a resource group, a workspace or a model management account.
//! - `GET …/roleAssignments`: at the scope, above it and below it; `$filter=atScope()` leaves out what
//!   is below, `principalId eq '…'` and `assignedTo('…')` keep one principal's.
//! - `PUT …/roleAssignments/{guid}` `{"properties": {"roleDefinitionId", "principalId"}}`: 201, or 200
//!   when the very same is there; the same role under another name is 409 `RoleAssignmentExists`.
//! - `GET`, `DELETE …/roleAssignments/{guid}`: 200 with the assignment; DELETE of none is 204; of the
//!   last owner 409 `LastOwner`.
//! - `GET …/roleDefinitions`, `$filter=roleName eq '…'`; `GET …/roleDefinitions/{guid}`.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use control::AssignmentFilter;
use hyper::StatusCode;
use serde::Deserialize;
use shared::{ArmList, RoleAssignmentRequest, RoleAssignmentResource, RoleDefinition, paths};

use crate::{
    auth::Segments, body::ApiJson, error::ApiError, filter, query::Query, routes::Routes,
    state::Api, subscriptions::ArmCaller,
};

/// Where roles are given.
pub(crate) const SCOPES: [&str; 4] = [
    "/subscriptions/{subscription}",
    "/subscriptions/{subscription}/resourceGroups/{group}",
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.MachineLearningServices/workspaces/{workspace}",
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.MachineLearningModelManagement/accounts/{account}",
];

pub(crate) fn routes() -> Routes {
    SCOPES.iter().fold(Routes::default(), |routes, scope| {
        routes
            .at(&paths::role_assignments(scope), get(list))
            .at(
                &format!("{}/{{name}}", paths::role_assignments(scope)),
                get(show).put(put).delete(delete),
            )
            .at(&paths::role_definitions(scope), get(definitions))
            .at(&format!("{}/{{name}}", paths::role_definitions(scope)), get(definition))
    })
}

#[derive(Deserialize)]
struct Path {
    subscription: String,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    workspace: Option<String>,
    #[serde(default)]
    account: Option<String>,
    #[serde(default)]
    name: String,
}

impl Path {
    fn scope(&self) -> String {
        let (subscription, group) = (&self.subscription, self.group.as_deref());
        match (group, &self.workspace, &self.account) {
            (Some(group), Some(workspace), _) => {
                paths::workspace_arm_id(subscription, group, workspace)
            }
            (Some(group), None, Some(account)) => {
                paths::account_arm_id(subscription, group, account)
            }
            (Some(group), None, None) => paths::resource_group(subscription, group),
            (None, ..) => format!("/subscriptions/{subscription}"),
        }
    }
}

async fn list(
    State(api): State<Api>,
    caller: ArmCaller,
    query: Query,
    Segments(path): Segments<Path>,
) -> Result<Json<ArmList<RoleAssignmentResource>>, ApiError> {
    let mut wanted = AssignmentFilter::default();
    for part in filter::read(query.get("$filter").unwrap_or_default())? {
        match (part.name.to_ascii_lowercase().as_str(), part.operator.as_str()) {
            ("atscope()", _) => wanted.at_scope = true,
            ("assignedto()", _) | ("principalid", "eq") => wanted.principal_id = Some(part.value),
            _ => {
                return Err(filter::unknown(
                    &part.name,
                    "`atScope()`, `principalId eq '…'` or `assignedTo('…')`",
                ));
            }
        }
    }
    let value = api.control.role_assignments(&caller.principal, &path.scope(), &wanted).await?;
    Ok(Json(ArmList { value, next_link: None }))
}

async fn show(
    State(api): State<Api>,
    caller: ArmCaller,
    Segments(path): Segments<Path>,
) -> Result<Json<RoleAssignmentResource>, ApiError> {
    let control = &api.control;
    Ok(Json(control.role_assignment(&caller.principal, &path.scope(), &path.name).await?))
}

async fn put(
    State(api): State<Api>,
    caller: ArmCaller,
    Segments(path): Segments<Path>,
    ApiJson(request): ApiJson<RoleAssignmentRequest>,
) -> Result<(StatusCode, Json<RoleAssignmentResource>), ApiError> {
    let (made, new) = api
        .control
        .put_role_assignment(&caller.principal, &path.scope(), &path.name, &request)
        .await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(made)))
}

async fn delete(
    State(api): State<Api>,
    caller: ArmCaller,
    Segments(path): Segments<Path>,
) -> Result<Response, ApiError> {
    let control = &api.control;
    let gone = control.delete_role_assignment(&caller.principal, &path.scope(), &path.name).await?;
    Ok(match gone {
        Some(gone) => Json(gone).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

async fn definitions(
    State(api): State<Api>,
    caller: ArmCaller,
    query: Query,
    Segments(path): Segments<Path>,
) -> Result<Json<ArmList<RoleDefinition>>, ApiError> {
    let mut name = None;
    for part in filter::read(query.get("$filter").unwrap_or_default())? {
        match (part.name.to_ascii_lowercase().as_str(), part.operator.as_str()) {
            ("rolename", "eq") => name = Some(part.value),
            ("atscopeandbelow()", _) => {}
            // Every role here is built in.
            ("type", "eq") if part.value.eq_ignore_ascii_case("BuiltInRole") => {}
            ("type", "eq") => return Ok(Json(ArmList { value: Vec::new(), next_link: None })),
            _ => return Err(filter::unknown(&part.name, "`roleName eq '…'` or `type eq '…'`")),
        }
    }
    let control = &api.control;
    let value = control.role_definitions(&caller.principal, &path.scope(), name.as_deref()).await?;
    Ok(Json(ArmList { value, next_link: None }))
}

async fn definition(
    State(api): State<Api>,
    caller: ArmCaller,
    Segments(path): Segments<Path>,
) -> Result<Json<RoleDefinition>, ApiError> {
    let control = &api.control;
    Ok(Json(control.role_definition(&caller.principal, &path.scope(), &path.name).await?))
}
