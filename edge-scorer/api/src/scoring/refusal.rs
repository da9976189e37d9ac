//! Why a scoring document is refused, with the row and the column where they are known.

use shared::{ErrorCode, ErrorDetail};

use super::json::JsonError;

/// A 400 in the making.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(super) code: ErrorCode,
    pub(crate) message: String,
    /// Where, and what to do; boxed, because most documents are good.
    pub(crate) detail: Box<ErrorDetail>,
}

impl Refusal {
    /// Concerns no cell.
    pub(super) fn new(message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            code: ErrorCode::InvalidRequest,
            message: message.into(),
            detail: Box::new(ErrorDetail::new("InvalidDocument", advice)),
        }
    }

    /// Concerns one row, and one of its columns where `column` is given.
    pub(super) fn at(
        row: u64,
        column: Option<&str>,
        problem: &str,
        advice: impl Into<String>,
    ) -> Self {
        let place = match column {
            Some(column) => format!("row {row}, column `{column}`"),
            None => format!("row {row}"),
        };
        let mut detail = ErrorDetail::new("InvalidValue", advice);
        detail.row = Some(row);
        detail.column = column.map(str::to_owned);
        Self {
            code: ErrorCode::InvalidRequest,
            message: format!("{place}: {problem}"),
            detail: Box::new(detail),
        }
    }

    /// Concerns a whole column.
    pub(super) fn of_column(column: &str, problem: &str, advice: impl Into<String>) -> Self {
        let mut refusal = Self::new(format!("the column `{column}` {problem}"), advice);
        refusal.detail.column = Some(column.to_owned());
        refusal
    }

    /// The document is of no known dialect.
    pub(super) fn unknown_dialect(message: impl Into<String>) -> Self {
        let mut refusal = Self::new(
            message,
            "send {\"data\": [rows]}, {\"input_df\": [rows]}, {\"input_data\": …} or {\"Inputs\": …}",
        );
        refusal.code = ErrorCode::UnknownDialect;
        refusal
    }
}

impl From<JsonError> for Refusal {
    fn from(error: JsonError) -> Self {
        Self::new(format!("the body is not JSON: {error}"), "send a JSON document in UTF-8")
    }
}
