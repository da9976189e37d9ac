//! The form of a token request, and where its credentials may stand.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use control::{Audience, ClientCredentials, TokenVersion};
use hyper::{HeaderMap, StatusCode, header};

use super::Refusal;
use crate::query::Query;

/// The decoded form.
pub(super) struct Form(Query);

impl Form {
    /// Reads the form and demands the one grant that there is.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let malformed = || Refusal::bad("invalid_request", 900_144, "the form is not well-formed");
        let text = std::str::from_utf8(bytes).map_err(|_| malformed())?;
        let form = Self(Query::of_text(text.trim()).map_err(|_| malformed())?);
        match form.0.get("grant_type") {
            Some("client_credentials") => Ok(form),
            Some(other) => Err(Refusal::bad(
                "unsupported_grant_type",
                70_003,
                format!("the grant `{other}` is not offered here; use client_credentials"),
            )),
            None => Err(missing("grant_type")),
        }
    }

    /// From the form, else from HTTP Basic.
    pub(super) fn credentials(&self, headers: &HeaderMap) -> Result<ClientCredentials, Refusal> {
        let in_form = self.0.text("client_id").zip(self.0.text("client_secret"));
        let given = in_form.or_else(|| basic(headers));
        let (client_id, client_secret) = match given {
            Some(given) => given,
            None if self.0.get("client_id").is_none() => return Err(missing("client_id")),
            None => {
                return Err(Refusal {
                    status: StatusCode::UNAUTHORIZED,
                    ..Refusal::bad(
                        "invalid_client",
                        7_000_218,
                        "the form must contain the parameter `client_secret`",
                    )
                });
            }
        };
        Ok(ClientCredentials { client_id, client_secret })
    }

    /// What the token is for.
    pub(super) fn audience(&self, version: TokenVersion) -> Result<Audience, Refusal> {
        match version {
            TokenVersion::V1 => {
                self.0.text("resource").map(Audience::Resource).ok_or_else(|| missing("resource"))
            }
            TokenVersion::V2 => {
                self.0.text("scope").map(Audience::Scope).ok_or_else(|| missing("scope"))
            }
        }
    }
}

fn missing(parameter: &str) -> Refusal {
    Refusal::bad(
        "invalid_request",
        900_144,
        format!("the form must contain the parameter `{parameter}`"),
    )
}

/// Whether the body may be a form: it says so, or says nothing.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return true };
    let media = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    media.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// RFC 6749, section 2.3.1: id and secret are form-encoded before they are joined.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decoded = |part: &str| Query::of_text(&format!("v={part}")).ok()?.text("v");
    Some((decoded(id)?, decoded(secret)?))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn read(text: &str) -> Form {
        Form::read(text.as_bytes()).ok().unwrap()
    }

    fn refused(text: &str) -> &'static str {
        Form::read(text.as_bytes()).err().unwrap().error
    }

    #[test]
    fn only_client_credentials_are_granted() {
        assert_eq!(refused("grant_type=password&username=a"), "unsupported_grant_type");
        assert_eq!(refused("client_id=a"), "invalid_request");
    }

    #[test]
    fn secrets_may_hold_any_character() {
        let form = read("grant_type=client_credentials&client_id=a&client_secret=p%2Bq%26r+s");

        let credentials = form.credentials(&HeaderMap::new()).ok().unwrap();

        assert_eq!(credentials.client_secret, "p+q&r s");
    }

    #[test]
    fn credentials_may_come_as_http_basic() {
        let mut headers = HeaderMap::new();
        // `a%3Ab:p%2Bq`: the id is `a:b`, the secret `p+q`.
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("basic YSUzQWI6cCUyQnE="));

        let credentials = read("grant_type=client_credentials").credentials(&headers).ok().unwrap();

        assert_eq!(credentials.client_id, "a:b");
        assert_eq!(credentials.client_secret, "p+q");
    }

    #[test]
    fn each_version_names_its_audience_in_its_own_way() {
        let form =
            read("grant_type=client_credentials&resource=https://r/&scope=https://s/.default");

        assert!(
            matches!(form.audience(TokenVersion::V1), Ok(Audience::Resource(r)) if r == "https://r/")
        );
        assert!(
            matches!(form.audience(TokenVersion::V2), Ok(Audience::Scope(s)) if s == "https://s/.default")
        );
        assert_eq!(
            read("grant_type=client_credentials").audience(TokenVersion::V1).err().unwrap().error,
            "invalid_request"
        );
    }
}
