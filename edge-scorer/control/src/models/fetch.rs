//! Fetches a model's bytes from another host when an image is built.
//!
//! # Invariants
//! - Names are resolved here, every answer is checked, and the connection goes to an address that
//!   was checked: a DNS server that changes its mind in between gains nothing.
//! - Redirects are followed here, one by one, each checked like the first address.
//! - No proxy is used, no credential is sent, and no more than the limit of an artefact is read.

use std::{net::SocketAddr, time::Duration};

use futures::TryStreamExt as _;
use reqwest::{Client, Response, StatusCode, Url, header};

use super::addresses::{Allowed, address_of};
use crate::{
    Control, ControlError,
    artifacts::parse_sha256,
    blobs::{Staged, too_large},
};

const REDIRECTS: usize = 5;
const CONNECT: Duration = Duration::from_secs(10);
/// Longest silence within an answer.
const SILENCE: Duration = Duration::from_secs(30);
/// Longest time for one model.
const WHOLE: Duration = Duration::from_secs(30 * 60);

impl Control {
    /// The bytes at `url`, hashed, in `staging/`. A fragment `#sha256=<hex>` says which bytes they
    /// must be.
    pub(crate) async fn fetch_model(&self, url: &str) -> Result<Staged, ControlError> {
        let mut target: Url = url.parse().map_err(|_| refused(url, "it is not a valid address"))?;
        let wanted = match target.fragment().map(|fragment| fragment.split_once('=')) {
            Some(Some(("sha256", text))) => Some(parse_sha256(text)?),
            _ => None,
        };
        target.set_fragment(None);
        let fetched = tokio::time::timeout(WHOLE, self.follow(target)).await;
        let staged =
            fetched.map_err(|_| unreachable(url, "it took longer than half an hour"))??;
        match wanted {
            Some(expected) if expected != staged.sha256 => {
                Err(ControlError::HashMismatch { expected, actual: staged.sha256 })
            }
            _ => Ok(staged),
        }
    }

    async fn follow(&self, mut target: Url) -> Result<Staged, ControlError> {
        let allowed = Allowed(self.inner.config.model_hosts.clone());
        let limit = self.limits().artifact_bytes;
        for _ in 0..=REDIRECTS {
            let response = ask(&allowed, &target).await?;
            let status = response.status();
            if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
                target = next(&target, &response)?;
                continue;
            }
            if !status.is_success() {
                return Err(unreachable(&target, &format!("it answered {status}")));
            }
            if response.content_length().is_some_and(|length| length > limit) {
                return Err(too_large("the model", limit));
            }
            let place = target.clone();
            let body = response.bytes_stream().map_err(|error| first_cause(&error));
            return self.inner.blobs.stage(body, limit).await.map_err(|error| match error {
                ControlError::BodyBroken(cause) => {
                    unreachable(&place, &format!("its answer broke off ({cause})"))
                }
                other => other,
            });
        }
        Err(refused(&target, &format!("it redirects more than {REDIRECTS} times")))
    }
}

/// One request to an address that was checked.
async fn ask(allowed: &Allowed, target: &Url) -> Result<Response, ControlError> {
    if !matches!(target.scheme(), "http" | "https") {
        return Err(refused(target, "only http and https are fetched"));
    }
    if !target.username().is_empty() || target.password().is_some() {
        return Err(refused(target, "it holds credentials"));
    }
    if !allowed.names(target) {
        return Err(refused(target, "the operator's `--model-hosts` does not name its host"));
    }
    let addresses = resolve(target).await?;
    if addresses.iter().any(|address| !allowed.reaches(target, address.ip())) {
        return Err(refused(
            target,
            "its host is inside a private, loopback or link-local network that `--model-hosts` does not name by address",
        ));
    }
    let host = target.host_str().unwrap_or_default();
    let client = Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .resolve_to_addrs(host, &addresses)
        .build()
        .map_err(ControlError::internal)?;
    let request = client.get(target.clone()).header(header::ACCEPT, "*/*");
    request.send().await.map_err(|error| unreachable(target, &first_cause(&error)))
}

async fn resolve(target: &Url) -> Result<Vec<SocketAddr>, ControlError> {
    let port = target.port_or_known_default().unwrap_or_default();
    if let Some(address) = address_of(target) {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let host = target.host_str().unwrap_or_default().to_owned();
    let found = tokio::time::timeout(CONNECT, tokio::net::lookup_host((host, port))).await;
    match found {
        Ok(Ok(found)) => {
            let addresses: Vec<SocketAddr> = found.collect();
            if addresses.is_empty() {
                return Err(unreachable(target, "its name has no address"));
            }
            Ok(addresses)
        }
        Ok(Err(error)) => Err(unreachable(target, &format!("its name has no address ({error})"))),
        Err(_) => Err(unreachable(target, "nobody answered for its name")),
    }
}

fn next(target: &Url, response: &Response) -> Result<Url, ControlError> {
    let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    location
        .and_then(|location| target.join(location).ok())
        .map(|mut next| {
            next.set_fragment(None);
            next
        })
        .ok_or_else(|| unreachable(target, "it redirects to nowhere"))
}

/// The innermost reason: the outer ones repeat the address.
fn first_cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it did not answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = error_below(cause) {
        cause = inner;
    }
    cause.to_string()
}

fn error_below(error: &dyn std::error::Error) -> Option<&dyn std::error::Error> {
    error.source()
}

fn refused(url: impl std::fmt::Display, why: &str) -> ControlError {
    ControlError::SourceRefused {
        url: shown(&url.to_string()),
        remedy: format!(
            "Not fetched: {why}. Upload the bytes with `PUT …/artifacts/{{path}}` and register the model with the `url` of the answer, or ask the operator to name the host in `--model-hosts`."
        ),
    }
}

fn unreachable(url: impl std::fmt::Display, why: &str) -> ControlError {
    ControlError::SourceUnreachable {
        url: shown(&url.to_string()),
        remedy: format!(
            "Not fetched: {why}. Check the address, or upload the bytes with `PUT …/artifacts/{{path}}` and register the model with the `url` of the answer."
        ),
    }
}

/// An address as it may be logged: without credentials, and without a query that may hold one.
fn shown(url: &str) -> String {
    match url.parse::<Url>() {
        Ok(mut url) => {
            let _ = url.set_username("");
            let _ = url.set_password(None);
            if url.query().is_some() {
                url.set_query(Some("…"));
            }
            url.set_fragment(None);
            url.to_string().replace("%E2%80%A6", "…")
        }
        Err(_) => url.chars().take(200).collect(),
    }
}
