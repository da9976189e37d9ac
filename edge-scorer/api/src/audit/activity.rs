//! The log in the documented shape of the activity log.
//!
//! `$filter` is what its documentation allows: comparisons joined by `and`, of `eventTimestamp` with
//! `ge` and `le`, and of `resourceGroupName`, `resourceUri`, `resourceId`, `correlationId`, `caller`
//! and `status` with `eq`.

use axum::{Json, extract::State, routing::get};
use control::audit::AuditFilter;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{ArmList, AuditEntry, AuditOutcome, paths};

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
) -> Result<Json<ArmList<Value>>, ApiError> {
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
    let value = listed.value.iter().map(|entry| event(entry, tenant)).collect();
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

fn event(entry: &AuditEntry, tenant: &str) -> Value {
    let named = |text: &str| json!({"value": text, "localizedValue": text});
    let scope = entry.scope.clone().unwrap_or_default();
    let parts: Vec<&str> = scope.trim_start_matches('/').split('/').collect();
    let part = |index: usize| parts.get(index).copied().unwrap_or_default();
    let provider = if part(5).is_empty() { "Microsoft.Resources" } else { part(5) };
    let status = match entry.outcome {
        AuditOutcome::Succeeded => "Succeeded",
        AuditOutcome::Denied | AuditOutcome::Failed => "Failed",
    };
    json!({
        "id": format!("{scope}/events/{}/ticks/{}", entry.request_id, entry.id),
        "eventDataId": entry.request_id,
        "correlationId": entry.client_request_id,
        "operationId": entry.request_id,
        "eventTimestamp": entry.at,
        "submissionTimestamp": entry.at,
        "caller": entry.principal_id,
        "claims": {"name": entry.principal_name, "proof": entry.proof},
        "authorization": {"action": entry.operation, "role": null, "scope": scope},
        "category": named("Administrative"),
        "channels": "Operation",
        "eventName": named("EndRequest"),
        "operationName": named(&entry.operation),
        "status": named(status),
        "subStatus": named(&entry.code.clone().unwrap_or_default()),
        "level": if entry.outcome == AuditOutcome::Succeeded { "Informational" } else { "Error" },
        "httpRequest": {
            "clientRequestId": entry.client_request_id,
            "clientIpAddress": entry.address,
            "method": entry.method,
            "uri": entry.path,
        },
        "resourceId": entry.path,
        "resourceGroupName": part(3),
        "resourceProviderName": named(provider),
        "resourceType": named(&entry.operation),
        "subscriptionId": part(1),
        "tenantId": tenant,
        "description": "",
        "properties": {
            "outcome": entry.outcome,
            "statusCode": entry.status,
            "principalName": entry.principal_name,
        },
    })
}
