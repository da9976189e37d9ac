//! Where a model's bytes are, by the address that it was registered with.

use crate::{AccountAccess, ControlError, images::REGISTRY_SCHEME};

/// A parsed address.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// An artefact of the same account.
    Artifact { path: String, sha256: Option<String> },
    /// Some server or registry, which is asked when an image is built.
    Elsewhere(String),
}

impl Source {
    /// An address of the account's artefacts, absolute or from the path on, or any
    /// `http(s)` or `oci` one.
    pub(crate) fn parse(account: &AccountAccess, url: &str) -> Result<Self, ControlError> {
        let url = url.trim();
        let lower = url.to_ascii_lowercase();
        let is_absolute = lower.starts_with("http://") || lower.starts_with("https://");
        let from_path_on = if is_absolute {
            let host = url.find("://").map_or(0, |at| at + 3);
            url[host..].find('/').map(|at| &url[host + at..])
        } else {
            Some(url)
        };
        if let Some(artifact) = from_path_on.and_then(|path| artifact(account, path)) {
            return Ok(artifact);
        }
        if is_absolute || lower.starts_with(REGISTRY_SCHEME) {
            return Ok(Self::Elsewhere(url.to_owned()));
        }
        Err(ControlError::invalid(
            format!("`{url}` is not an address of a model"),
            "Upload the bytes with `PUT …/artifacts/{path}` and send the `url` of the answer, or send an `http(s)` or `oci` address.",
        ))
    }
}

/// `{B}/artifacts/{path}?sha256=<hex>`, names compared without regard to case.
fn artifact(account: &AccountAccess, url: &str) -> Option<Source> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let base = account.path.base();
    let (head, rest) = path.split_at_checked(base.len())?;
    let accounts = head.eq_ignore_ascii_case(base);
    let rest = if accounts {
        rest
    } else {
        // The older spelling of the same address.
        let older = base.replacen("/accounts/", "/hostingAccounts/", 1);
        let (head, rest) = path.split_at_checked(older.len())?;
        head.eq_ignore_ascii_case(&older).then_some(rest)?
    };
    let (word, path) = rest.strip_prefix('/')?.split_once('/')?;
    if !word.eq_ignore_ascii_case("artifacts") {
        return None;
    }
    let sha256 = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == "sha256")
        .map(|(_, value)| value.to_ascii_lowercase());
    Some(Source::Artifact { path: decode(path)?, sha256 })
}

/// Undoes percent-encoding; `None` when that gives no text.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = after;
            }
            (b'%', _) => return None,
            (byte, after) => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Principal, Scope};
    use shared::paths::AccountPath;

    fn parse(url: &str) -> Result<Source, ControlError> {
        let account = AccountAccess {
            account_id: "1".to_owned(),
            number: 1,
            path: AccountPath::new("S", "rg", "acc"),
            scope: Scope::new("/subscriptions/S"),
            principal: Principal::nobody(),
            request_key: None,
        };
        Source::parse(&account, url)
    }

    #[test]
    fn an_address_of_the_account_is_an_artifact_however_it_is_spelled() {
        let expected =
            || Source::Artifact { path: "a b/m.onnx".to_owned(), sha256: Some("ab".to_owned()) };
        for url in [
            "/api/subscriptions/S/resourceGroups/rg/accounts/acc/artifacts/a%20b/m.onnx?sha256=AB",
            "http://127.0.0.1:8080/api/subscriptions/s/resourcegroups/RG/accounts/acc/artifacts/a%20b/m.onnx?sha256=ab",
            "https://edge/api/subscriptions/S/resourceGroups/rg/hostingAccounts/acc/artifacts/a b/m.onnx?x=y&sha256=ab",
        ] {
            assert_eq!(parse(url).unwrap(), expected(), "{url}");
        }
    }

    #[test]
    fn other_servers_are_recorded_and_other_schemes_refused() {
        let other =
            "https://example.org/api/subscriptions/S/resourceGroups/rg/accounts/other/artifacts/m";
        assert_eq!(parse(other).unwrap(), Source::Elsewhere(other.to_owned()));
        for bad in ["", "file:///etc/passwd", "wasb://x", "m.onnx"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
