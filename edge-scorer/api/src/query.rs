//! Query strings: the last of repeated keys counts, `api-version` follows its family's rule.

use axum::{extract::FromRequestParts, http::request::Parts};
use hyper::{StatusCode, Uri};
use shared::{ErrorCode, paths};

use crate::{error::ApiError, state::Api};

/// The versions of ARM that are listed; every well-formed one is accepted.
pub(crate) const ARM_VERSIONS: [&str; 7] = [
    "2017-05-10",
    "2017-08-01-preview",
    "2017-09-01-preview",
    "2019-11-01",
    "2020-08-01",
    "2021-07-01",
    "2022-05-01",
];

/// What stands after the `?`, decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a target's query.
    pub(crate) fn of(uri: &Uri) -> Result<Self, ApiError> {
        Self::of_text(uri.query().unwrap_or_default())
    }

    /// Reads `a=b&c=d`, as it stands in queries and forms.
    pub(crate) fn of_text(text: &str) -> Result<Self, ApiError> {
        match serde_urlencoded::from_str(text) {
            Ok(pairs) => Ok(Self(pairs)),
            Err(_) => Err(ApiError::invalid("the query is not well-formed")
                .advise("EncodeTheQuery", "percent-encode its values as UTF-8")),
        }
    }

    /// The last value of `key`, which is matched exactly.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The last value of `key`, owned.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.get(key).map(str::to_owned)
    }

    /// The same query with `$skipToken` set to `token`: what `nextLink` carries.
    pub(crate) fn continued(&self, token: &str) -> String {
        let mut out = String::new();
        let kept = self.0.iter().filter(|(key, _)| !key.eq_ignore_ascii_case("$skipToken"));
        let pairs = kept.map(|(key, value)| (key.as_str(), value.as_str()));
        for (key, value) in pairs.chain([("$skipToken", token)]) {
            if !out.is_empty() {
                out.push('&');
            }
            // `$` may stand in a query as it is, and the documented keys have it.
            out.push_str(&paths::encode(key).replace("%24", "$"));
            out.push('=');
            out.push_str(&paths::encode(value));
        }
        out
    }

    /// Model management knows two versions; `GET operations/{id}` alone may leave it out.
    pub(crate) fn require_management_version(&self, may_be_missing: bool) -> Result<(), ApiError> {
        const KNOWN: [&str; 2] = [paths::API_VERSION, paths::OLD_API_VERSION];
        match self.get("api-version") {
            Some(version) if KNOWN.iter().any(|known| known.eq_ignore_ascii_case(version)) => {
                Ok(())
            }
            None if may_be_missing => Ok(()),
            found => Err(wrong_version(found, &KNOWN)),
        }
    }

    /// ARM takes any well-formed version from 2015-01-01 on.
    pub(crate) fn require_arm_version(&self) -> Result<(), ApiError> {
        match self.get("api-version") {
            Some(version) if is_arm_version(version) => Ok(()),
            found => Err(wrong_version(found, &ARM_VERSIONS)),
        }
    }
}

fn wrong_version(found: Option<&str>, known: &[&str]) -> ApiError {
    let (code, message) = match found {
        None | Some("") => (
            ErrorCode::MissingApiVersionParameter,
            "the query parameter `api-version` is required".to_owned(),
        ),
        Some(version) => (
            ErrorCode::InvalidApiVersionParameter,
            format!("the api-version `{version}` is not known here"),
        ),
    };
    ApiError::new(StatusCode::BAD_REQUEST, code, message)
        .advise("UseAKnownVersion", format!("known versions: {}", known.join(", ")))
}

/// `YYYY-MM-DD`, optionally `-preview` or `-privatepreview`, a real day from 2015 on.
fn is_arm_version(version: &str) -> bool {
    let Some((date, suffix)) = version.split_at_checked(10) else { return false };
    let well_formed = date.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let known_suffix =
        ["", "-preview", "-privatepreview"].iter().any(|known| known.eq_ignore_ascii_case(suffix));
    well_formed
        && known_suffix
        && date.parse::<jiff::civil::Date>().is_ok_and(|day| day.year() >= 2015)
}

impl FromRequestParts<Api> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, ApiError> {
        Self::of(&parts.uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query::of(&format!("/x?{text}").parse().unwrap()).unwrap()
    }

    #[test]
    fn the_last_of_repeated_keys_counts_and_keys_match_exactly() {
        let asked = query("api-version=2001-01-01&Name=x&api-version=2017-09-01-preview");

        assert!(asked.require_management_version(false).is_ok());
        assert_eq!(asked.get("name"), None);
    }

    #[test]
    fn the_next_page_keeps_every_filter_and_the_version() {
        let asked = query("api-version=2017-09-01-preview&name=a%20b%26c&$skipToken=old&count=2");

        assert_eq!(
            asked.continued("n=w"),
            "api-version=2017-09-01-preview&name=a%20b%26c&count=2&$skipToken=n%3Dw"
        );
    }

    #[test]
    fn management_names_the_versions_it_knows() {
        let missing = query("").require_management_version(false).unwrap_err();
        assert_eq!(missing.code, ErrorCode::MissingApiVersionParameter);
        assert!(query("").require_management_version(true).is_ok());

        let unknown = query("api-version=2019-01-01").require_management_version(true).unwrap_err();
        assert_eq!(unknown.code, ErrorCode::InvalidApiVersionParameter);
        assert!(unknown.details[0].message.contains("2017-06-01-privatepreview"));
    }

    #[test]
    fn arm_takes_every_well_formed_version_since_2015() {
        for good in ["2015-01-01", "2020-02-29", "2017-09-01-preview", "2030-12-31-PrivatePreview"]
        {
            assert!(query(&format!("api-version={good}")).require_arm_version().is_ok(), "{good}");
        }
        for bad in
            ["2014-12-31", "2021-02-29", "2017-9-1", "2017-09-01-beta", "latest", "2017-09-01x"]
        {
            let refusal = query(&format!("api-version={bad}")).require_arm_version().unwrap_err();
            assert_eq!(refusal.code, ErrorCode::InvalidApiVersionParameter, "{bad}");
        }
    }
}
