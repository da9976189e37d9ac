//! A failure on its way to the caller.
//!
//! Handlers say what went wrong; [`crate::front`] words it in the shape of the route's family, so
//! one type serves them all.

use std::sync::Arc;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use hyper::{
    StatusCode,
    header::{self, HeaderValue},
};
use shared::{ErrorCode, ErrorDetail};

/// What went wrong, without a shape.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    /// The status.
    pub(crate) status: StatusCode,
    /// For programs.
    pub(crate) code: ErrorCode,
    /// For people.
    pub(crate) message: String,
    /// The first says what to do.
    pub(crate) details: Vec<ErrorDetail>,
    /// Seconds after which another try makes sense.
    pub(crate) retry_after: Option<u32>,
    /// For the log only.
    pub(crate) cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl ApiError {
    /// A failure without details.
    pub(crate) fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: Vec::new(),
            retry_after: None,
            cause: None,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub(crate) fn advise(mut self, code: impl Into<String>, message: impl Into<String>) -> Self {
        self.details.push(ErrorDetail::new(code, message));
        self
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub(crate) fn because(mut self, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.cause = Some(Arc::new(cause));
        self
    }

    /// 400: the caller can mend the request.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest, message)
    }

    /// 401: no credentials, or wrong ones.
    pub(crate) fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, ErrorCode::AuthenticationFailed, message).advise(
            "SendCredentials",
            "send `Authorization: Bearer <access token>`; POST /{tenant}/oauth2/token gives one",
        )
    }

    /// 403: the role does not suffice.
    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, ErrorCode::AuthorizationFailed, message)
    }

    /// 404.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
    }

    /// 413 that names the limit.
    pub(crate) fn too_large(what: &str, limit_bytes: u64) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::LimitExceeded,
            format!("{what} has more than {limit_bytes} bytes"),
        )
        .advise("SendLess", format!("the limit for {what} is {limit_bytes} bytes"))
    }

    /// 500 that says nothing about its reason.
    pub(crate) fn internal(cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::mistake().because(cause)
    }

    /// 500 without a known cause.
    pub(crate) fn mistake() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::Internal,
            "the server failed; its log has the reason under this x-ms-request-id",
        )
    }

    /// What a status means that a router gave without saying more.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::not_found("there is nothing at this path")
                .advise("CheckThePath", "compare the path with the documentation"),
            StatusCode::METHOD_NOT_ALLOWED => Self::new(
                status,
                ErrorCode::MethodNotAllowed,
                "this path does not take this method",
            )
            .advise("CheckTheMethod", "the `Allow` header lists the methods that it takes"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(
                status,
                ErrorCode::UnsupportedMediaType,
                "the body is of a media type that this path does not take",
            )
            .advise("CheckTheContentType", "send `Content-Type: application/json`"),
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new(status, ErrorCode::LimitExceeded, "the body is too large")
                    .advise("SendLess", "send a smaller body")
            }
            status if status.is_client_error() => {
                Self::new(status, ErrorCode::InvalidRequest, "the request is not well-formed")
                    .advise("FixTheRequest", "compare the request with the documentation")
            }
            status => Self { status, ..Self::mistake() },
        }
    }
}

impl IntoResponse for ApiError {
    /// A bare answer that carries the failure; the front gives it its shape.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}
