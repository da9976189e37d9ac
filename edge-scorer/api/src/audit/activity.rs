//! The log in the documented shape of the activity log.
//!
//! `$filter` is what its documentation allows: comparisons joined by `and`, of `eventTimestamp` with
//! `ge` and `le`, and of `resourceGroupName`, `resourceUri`, `resourceId`, `correlationId`, `caller`
//! and `status` with `eq`.

use axum::{Json, extract::State, routing::get};
use control::audit::AuditFilter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{ArmList, AuditEntry, AuditOutcome, Timestamp, paths};

use crate::{
    auth::Segments,
    error::ApiError,
    filter::{self, Comparison},
    host::Endpoint,
    query::Query,
    routes::Routes,
    state::Api,
    subscriptions::ArmCaller,
};

const VALUES: &str =
    "/subscriptions/{subscription}/providers/Microsoft.Insights/eventtypes/management/values";

pub(super) fn routes() -> Routes {
    Routes::default().at(VALUES, get(list))
}

#[derive(Deserialize)]
struct Path {
    subscription: String,
}

async fn list(
    State(api): State<Api>,
    caller: ArmCaller,
    endpoint: Endpoint,
    query: Query,
    Segments(path): Segments<Path>,
) -> Result<Json<ArmList<Event>>, ApiError> {
    let subscription = api.control.subscription(&caller.principal, &path.subscription).await?;
    let mut wanted = AuditFilter {
        scope: Some(subscription.id.clone()),
        skip_token: query.text("$skipToken"),
        ..AuditFilter::default()
    };
    if let Some(text) = query.get("$filter") {
        for comparison in filter::read(text)? {
            narrow(&mut wanted, &subscription.subscription_id, comparison)?;
        }
    }
    let listed = api.control.audit_log(&caller.principal, &wanted).await?;
    let path =
        format!("{}/providers/Microsoft.Insights/eventtypes/management/values", subscription.id);
    let next_link =
        listed.next.map(|token| format!("{}{path}?{}", endpoint.as_str(), query.continued(&token)));
    let tenant = api.control.tenant_id();
    let value = listed.value.into_iter().map(|entry| event(entry, tenant)).collect();
    Ok(Json(ArmList { value, next_link }))
}

fn narrow(
    wanted: &mut AuditFilter,
    subscription: &str,
    comparison: Comparison,
) -> Result<(), ApiError> {
    let Comparison { name, operator, value } = comparison;
    match (name.to_ascii_lowercase().as_str(), operator.as_str()) {
        ("eventtimestamp", "ge") => wanted.since = Some(value),
        ("eventtimestamp", "le") => wanted.until = Some(value),
        ("resourcegroupname", "eq") => {
            wanted.scope = Some(paths::resource_group(subscription, &value));
        }
        ("resourceuri" | "resourceid", "eq") => wanted.resource = Some(value),
        ("correlationid", "eq") => wanted.request_id = Some(value),
        ("caller", "eq") => wanted.principal_id = Some(value),
        ("status", "eq") => {
            wanted.outcome = Some(if value.eq_ignore_ascii_case("Failed") {
                AuditOutcome::Failed.as_str().to_owned()
            } else {
                value
            });
        }
        _ => {
            return Err(filter::unknown(
                &name,
                "eventTimestamp, resourceGroupName, resourceUri, resourceId, correlationId, caller, status",
            ));
        }
    }
    Ok(())
}

/// A row of the log in the activity log's shape.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ActivityEvent")]
pub(crate) struct Event {
    id: String,
    event_data_id: String,
    correlation_id: String,
    operation_id: String,
    event_timestamp: Timestamp,
    submission_timestamp: Timestamp,
    caller: Option<String>,
    claims: Claims,
    authorization: Authorization,
    category: Named,
    channels: &'static str,
    event_name: Named,
    operation_name: Named,
    status: Named,
    sub_status: Named,
    level: &'static str,
    http_request: HttpRequest,
    resource_id: String,
    resource_group_name: String,
    resource_provider_name: Named,
    resource_type: Named,
    subscription_id: String,
    tenant_id: String,
    description: String,
    properties: Properties,
}

/// A word, and the same word for people.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ActivityWord")]
struct Named {
    value: String,
    localized_value: String,
}

impl Named {
    fn new(text: &str) -> Self {
        Self { value: text.to_owned(), localized_value: text.to_owned() }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ActivityClaims")]
struct Claims {
    name: Option<String>,
    proof: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ActivityAuthorization")]
struct Authorization {
    action: String,
    role: Option<String>,
    scope: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ActivityRequest")]
struct HttpRequest {
    client_request_id: String,
    client_ip_address: Option<String>,
    method: String,
    uri: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ActivityProperties")]
struct Properties {
    outcome: AuditOutcome,
    status_code: Option<u16>,
    principal_name: Option<String>,
}

fn event(entry: AuditEntry, tenant: &str) -> Event {
    let scope = entry.scope.unwrap_or_default();
    let parts: Vec<String> = scope.trim_start_matches('/').split('/').map(str::to_owned).collect();
    let part = |index: usize| parts.get(index).cloned().unwrap_or_default();
    let provider = if part(5).is_empty() { "Microsoft.Resources".to_owned() } else { part(5) };
    let succeeded = entry.outcome == AuditOutcome::Succeeded;
    Event {
        id: format!("{scope}/events/{}/ticks/{}", entry.request_id, entry.id),
        event_data_id: entry.request_id.clone(),
        correlation_id: entry.client_request_id.clone(),
        operation_id: entry.request_id,
        event_timestamp: entry.at.clone(),
        submission_timestamp: entry.at,
        caller: entry.principal_id,
        claims: Claims { name: entry.principal_name.clone(), proof: entry.proof },
        authorization: Authorization { action: entry.operation.clone(), role: None, scope },
        category: Named::new("Administrative"),
        channels: "Operation",
        event_name: Named::new("EndRequest"),
        operation_name: Named::new(&entry.operation),
        status: Named::new(if succeeded { "Succeeded" } else { "Failed" }),
        sub_status: Named::new(entry.code.as_deref().unwrap_or_default()),
        level: if succeeded { "Informational" } else { "Error" },
        http_request: HttpRequest {
            client_request_id: entry.client_request_id,
            client_ip_address: entry.address,
            method: entry.method,
            uri: entry.path.clone(),
        },
        // Of a POST, what it made rather than where.
        resource_id: match entry.resource_id.filter(|_| entry.with_change) {
            Some(id) if entry.path.starts_with("/api/") => format!("{}/{id}", entry.path),
            _ => entry.path,
        },
        resource_group_name: part(3),
        resource_provider_name: Named::new(&provider),
        resource_type: Named::new(&entry.operation),
        subscription_id: part(1),
        tenant_id: tenant.to_owned(),
        description: String::new(),
        properties: Properties {
            outcome: entry.outcome,
            status_code: entry.status,
            principal_name: entry.principal_name,
        },
    }
}
