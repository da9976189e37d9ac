//! What can go wrong with a call, whatever shape the server said it in.

use serde_json::Value;
use shared::{ArmErrorBody, ErrorBody, ErrorCode, ErrorDetail};

use super::read::read;

/// Which way a call failed; decides what the visitor can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No answer came.
    Offline,
    /// The answer was not what the API promises.
    Unreadable,
    /// Nobody is signed in any more.
    SignedOut,
    /// The caller lacks the role.
    Forbidden,
    /// There is no such thing.
    Missing,
    /// Somebody or something else stands in the way.
    Conflict,
    /// The request breaks a rule.
    Rejected,
    /// The server is busy or stopped; later may work.
    Later,
    /// The server failed.
    Server,
    /// Work that was accepted ended without success.
    Ended,
}

/// A call that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EdgeError {
    pub(crate) failure: Failure,
    pub(crate) code: ErrorCode,
    /// The server's own words; empty where it said nothing.
    pub(crate) message: String,
    pub(crate) details: Vec<ErrorDetail>,
    /// What to quote when asking for help.
    pub(crate) request_id: Option<String>,
}

impl EdgeError {
    fn bare(failure: Failure, message: String) -> Self {
        Self { failure, code: ErrorCode::Unknown, message, details: vec![], request_id: None }
    }

    pub(super) fn offline(error: gloo_net::Error) -> Self {
        Self::bare(Failure::Offline, error.to_string())
    }

    pub(super) fn unreadable(error: serde_json::Error) -> Self {
        Self::bare(Failure::Unreadable, error.to_string())
    }

    pub(super) fn misread(why: String) -> Self {
        Self::bare(Failure::Unreadable, why)
    }

    /// A promised part of the answer is not there.
    pub(super) fn lacking(part: &str) -> Self {
        Self::bare(Failure::Unreadable, part.to_owned())
    }

    /// Reads an error body of any of the documented shapes.
    pub(super) fn refused(status: u16, text: &str, request_id: Option<String>) -> Self {
        let failure = match status {
            401 => Failure::SignedOut,
            403 => Failure::Forbidden,
            404 => Failure::Missing,
            409 => Failure::Conflict,
            408 | 429 | 503 | 504 => Failure::Later,
            400..500 => Failure::Rejected,
            _ => Failure::Server,
        };
        let mut error = Self { request_id, ..Self::bare(failure, String::new()) };
        if let Ok(body) = read::<ErrorBody>(text) {
            (error.code, error.message, error.details) = (body.code, body.message, body.details);
        } else if let Ok(ArmErrorBody { error: body }) = read(text) {
            (error.code, error.message, error.details) = (body.code, body.message, body.details);
        } else if let Ok(Value::Object(body)) = read(text) {
            let said = body.get("error_description").or_else(|| body.get("error"));
            error.message = said.and_then(Value::as_str).unwrap_or_default().to_owned();
        }
        error
    }
}

impl EdgeError {
    /// The server's words in one line, or the code where it had none.
    pub(crate) fn said(&self) -> String {
        let first = self.details.first().filter(|detail| detail.message != self.message);
        match (self.message.is_empty(), first) {
            (false, Some(detail)) => format!("{}: {}", self.message, detail.message),
            (false, None) => self.message.clone(),
            (true, _) => format!("{:?}", self.failure),
        }
    }
}

impl From<ErrorBody> for EdgeError {
    /// The reason that a failed operation, image or service carries.
    fn from(body: ErrorBody) -> Self {
        Self {
            failure: Failure::Ended,
            code: body.code,
            message: body.message,
            details: body.details,
            request_id: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_shape_is_read() {
        let flat = r#"{"code":"NameTaken","statusCode":409,"message":"taken","details":[{"code":"NameTaken","message":"choose another"}]}"#;
        let arm = r#"{"error":{"code":"SubscriptionNotFound","message":"none","details":[]}}"#;
        let token = r#"{"error":"invalid_client","error_description":"wrong secret"}"#;

        let flat = EdgeError::refused(409, flat, Some("r1".into()));
        assert_eq!((flat.failure, flat.code), (Failure::Conflict, ErrorCode::NameTaken));
        assert_eq!(flat.details[0].message, "choose another");
        assert_eq!(flat.request_id.as_deref(), Some("r1"));

        let arm = EdgeError::refused(404, arm, None);
        assert_eq!((arm.failure, arm.code), (Failure::Missing, ErrorCode::SubscriptionNotFound));

        assert_eq!(EdgeError::refused(401, token, None).message, "wrong secret");
        assert_eq!(EdgeError::refused(502, "<html>", None).failure, Failure::Server);
    }

    #[test]
    fn an_unheard_of_code_is_kept_as_unknown() {
        let body = r#"{"code":"BrandNew","statusCode":400,"message":"m","details":[]}"#;

        assert_eq!(EdgeError::refused(400, body, None).code, ErrorCode::Unknown);
    }
}
