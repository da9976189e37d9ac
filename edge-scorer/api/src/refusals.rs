//! Gives every refusal of the domain a status. No wildcard: a new one does not compile without it.

use control::{ControlError, Kind};
use hyper::StatusCode;
use shared::ErrorCode;

use crate::error::ApiError;

impl From<ControlError> for ApiError {
    fn from(error: ControlError) -> Self {
        use ControlError as E;
        let status = match &error {
            E::NotFound { .. } => StatusCode::NOT_FOUND,
            E::InvalidRequest { .. }
            | E::NotReady { .. }
            | E::NotConfigured { .. }
            | E::UnsupportedModel { .. }
            | E::UnsupportedOperator(_)
            | E::DriverNotSupported { .. }
            | E::SourceUnreachable { .. }
            | E::SourceRefused { .. }
            | E::HashMismatch { .. }
            | E::UnknownPrincipal(_)
            | E::UnknownRole(_)
            | E::BodyBroken(_) => StatusCode::BAD_REQUEST,
            E::NameTaken { .. }
            | E::InUse { .. }
            | E::NotYet { .. }
            | E::Ended { .. }
            | E::LastOwner
            | E::RoleAssignmentExists(_)
            | E::WrongOffset { .. }
            | E::Cancelled => StatusCode::CONFLICT,
            E::KeyReused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            E::LimitExceeded { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            E::Unauthenticated(_) | E::ExpiredToken => StatusCode::UNAUTHORIZED,
            E::Forbidden { .. } => StatusCode::FORBIDDEN,
            E::TooManyAttempts { .. } => StatusCode::TOO_MANY_REQUESTS,
            E::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let code = match &error {
            E::NotFound { kind: Kind::Subscription, .. } => ErrorCode::SubscriptionNotFound,
            E::NotFound { kind: Kind::ResourceGroup, .. } => ErrorCode::ResourceGroupNotFound,
            other => other.code(),
        };
        let retry_after = match &error {
            E::TooManyAttempts { retry_after } => Some(seconds(*retry_after)),
            _ => None,
        };
        let mut answer = Self::new(status, code, error.to_string());
        answer.details = error.details();
        answer.retry_after = retry_after;
        answer.because(error)
    }
}

/// Whole seconds, at least one.
pub(crate) fn seconds(duration: std::time::Duration) -> u32 {
    u32::try_from(duration.as_secs_f64().ceil() as u64).unwrap_or(u32::MAX).max(1)
}
