//! The route families, each with an error shape of its own.

use hyper::StatusCode;
use serde_json::{Value, json};
use shared::{ArmError, ArmErrorBody, ErrorBody, ErrorCode, ErrorDetail};

/// Whose conventions a path follows. Decided by the folded path alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// `/api/subscriptions/…` and our own `/api/session`, `/api/me`, `/api/version`: flat.
    ModelManagement,
    /// `/api/v1/service/…`: flat, with rows and columns.
    Scoring,
    /// `/workspaces/…`: the request-response service.
    Rrs,
    /// `/v2/…`: Open Inference Protocol.
    OpenInference,
    /// `/{tenant}/oauth2`, `/{tenant}/v2.0`, `/{tenant}/discovery`.
    Token,
    /// `/console/…`: pages.
    Console,
    /// Everything else: nested.
    Arm,
}

impl Family {
    /// Every family, in the order of its declaration.
    pub(crate) const ALL: [Self; 7] = [
        Self::ModelManagement,
        Self::Scoring,
        Self::Rrs,
        Self::OpenInference,
        Self::Token,
        Self::Console,
        Self::Arm,
    ];

    /// As metrics name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ModelManagement => "model_management",
            Self::Scoring => "scoring",
            Self::Rrs => "rrs",
            Self::OpenInference => "open_inference",
            Self::Token => "token",
            Self::Console => "console",
            Self::Arm => "arm",
        }
    }
}

/// First segments that are no tenant's name.
const ROOTS: [&str; 17] = [
    "api",
    "artifacts",
    "console",
    "datastore",
    "discovery",
    "embed",
    "execution",
    "history",
    "hyperdrive",
    "metrics",
    "modelmanagement",
    "openapi.json",
    "providers",
    "rp",
    "subscriptions",
    "v2",
    "workspaces",
];

impl Family {
    /// The family of a folded path.
    pub(crate) fn of(path: &str) -> Self {
        let mut segments = path.trim_start_matches('/').splitn(3, '/');
        let first = segments.next().unwrap_or_default();
        let second = segments.next().unwrap_or_default();
        match (first, second) {
            ("api", "v1") => Self::Scoring,
            (
                "api",
                "subscriptions" | "servicePrincipals" | "people" | "session" | "sessions" | "me"
                | "signIn" | "signingKeys" | "audit" | "version",
            ) => Self::ModelManagement,
            ("workspaces", _) => Self::Rrs,
            ("v2", _) => Self::OpenInference,
            ("console", _) => Self::Console,
            (tenant, "oauth2" | "v2.0" | "discovery" | ".well-known")
                if !tenant.is_empty() && !ROOTS.contains(&tenant) =>
            {
                Self::Token
            }
            _ => Self::Arm,
        }
    }

    /// The body of a failure in this family's shape.
    pub(crate) fn body(
        self,
        status: StatusCode,
        code: ErrorCode,
        message: &str,
        details: &[ErrorDetail],
    ) -> Vec<u8> {
        let written = match self {
            Self::ModelManagement | Self::Scoring => serde_json::to_vec(&ErrorBody {
                code: flat_code(code),
                status_code: status.as_u16(),
                message: message.to_owned(),
                details: details.to_vec(),
            }),
            Self::Arm | Self::Console => serde_json::to_vec(&ArmErrorBody {
                error: ArmError {
                    code: arm_code(code),
                    message: message.to_owned(),
                    details: details.to_vec(),
                },
            }),
            Self::Rrs => serde_json::to_vec(&json!({"error": {
                "code": rrs_code(status, code),
                "message": message,
                "details": details.iter().map(rrs_detail).collect::<Vec<_>>(),
            }})),
            Self::OpenInference => {
                serde_json::to_vec(&json!({"error": sentence(message, details)}))
            }
            Self::Token => serde_json::to_vec(&json!({
                "error": token_error(status),
                "error_description": message,
            })),
        };
        written.unwrap_or_default()
    }
}

/// ARM names a missing resource in its own way.
fn arm_code(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::NotFound => ErrorCode::ResourceNotFound,
        ErrorCode::InvalidRequest => ErrorCode::InvalidRequestContent,
        other => other,
    }
}

/// Model management does not tell what of a path is missing.
fn flat_code(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::SubscriptionNotFound
        | ErrorCode::ResourceGroupNotFound
        | ErrorCode::ResourceNotFound => ErrorCode::NotFound,
        other => other,
    }
}

/// The request-response service knows seven codes.
fn rrs_code(status: StatusCode, code: ErrorCode) -> &'static str {
    match (status, code) {
        (StatusCode::BAD_REQUEST, ErrorCode::ScorerFailed) => "ModuleExecutionError",
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => "Unauthorized",
        (StatusCode::NOT_FOUND, _) => "NotFound",
        (StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS, _) => {
            "ServiceUnavailable"
        }
        (StatusCode::GATEWAY_TIMEOUT, _) => "GatewayTimeout",
        (status, _) if status.is_client_error() => "BadArgument",
        _ => "InternalError",
    }
}

fn rrs_detail(detail: &ErrorDetail) -> Value {
    let target = match (detail.row, &detail.column) {
        (Some(row), Some(column)) => Some(format!("row {row}, column {column}")),
        (Some(row), None) => Some(format!("row {row}")),
        (None, Some(column)) => Some(format!("column {column}")),
        (None, None) => None,
    };
    json!({"code": detail.code, "target": target, "message": detail.message})
}

/// The Open Inference Protocol has one text for everything.
fn sentence(message: &str, details: &[ErrorDetail]) -> String {
    match details.first() {
        Some(detail) if detail.message != message => format!("{message}: {}", detail.message),
        _ => message.to_owned(),
    }
}

/// RFC 6749, section 5.2, for failures that the token handlers did not word themselves.
fn token_error(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "invalid_client",
        StatusCode::TOO_MANY_REQUESTS => "slow_down",
        status if status.is_client_error() => "invalid_request",
        _ => "server_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_root_has_its_family() {
        for (path, family) in [
            ("/api/subscriptions/s/resourceGroups", Family::ModelManagement),
            ("/api/session", Family::ModelManagement),
            ("/api/v1/service/demo/score", Family::Scoring),
            ("/api/unknown", Family::Arm),
            ("/subscriptions", Family::Arm),
            ("/workspaces/w/services/s/execute", Family::Rrs),
            ("/v2/models/demo/infer", Family::OpenInference),
            ("/common/oauth2/token", Family::Token),
            ("/contoso/v2.0/.well-known/openid-configuration", Family::Token),
            ("/contoso/discovery/v2.0/keys", Family::Token),
            ("/discovery/v1.0/x", Family::Arm),
            ("/rp/discovery", Family::Arm),
            ("/nothing/here", Family::Arm),
            ("/", Family::Arm),
        ] {
            assert_eq!(Family::of(path), family, "{path}");
        }
    }

    fn written(family: Family) -> Value {
        let mut detail = ErrorDetail::new("BadCell", "`x` is not a number");
        detail.row = Some(3);
        let body = family.body(
            StatusCode::NOT_FOUND,
            ErrorCode::NotFound,
            "there is no such thing",
            &[detail],
        );
        serde_json::from_slice(&body).unwrap()
    }

    #[test]
    fn each_family_words_a_failure_in_its_own_shape() {
        assert_eq!(
            written(Family::ModelManagement),
            json!({"code": "NotFound", "statusCode": 404, "message": "there is no such thing",
                "details": [{"code": "BadCell", "message": "`x` is not a number", "row": 3}]})
        );
        assert_eq!(written(Family::Arm)["error"]["code"], "ResourceNotFound");
        assert_eq!(written(Family::Rrs)["error"]["code"], "NotFound");
        assert_eq!(written(Family::Rrs)["error"]["details"][0]["target"], "row 3");
        assert_eq!(
            written(Family::OpenInference),
            json!({"error": "there is no such thing: `x` is not a number"})
        );
        assert_eq!(
            written(Family::Token),
            json!({"error": "invalid_request", "error_description": "there is no such thing"})
        );
    }
}
