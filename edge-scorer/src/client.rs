//! The HTTP client of `deploy` and `admin`: signs in, sends, and turns refusals into failures.
//!
//! # Invariants
//! - Secrets and tokens appear in no message.
//! - Addresses that the server answers are followed by path only, so that a server behind another public address can
//!   be used through the one that was given.
//!
//! # Deliberately absent
//! - Retries of changing calls: the server may have done the work.

use std::{path::Path, time::Duration};

use reqwest::{Certificate, Method, Response, StatusCode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use shared::{ArmError, ArmErrorBody, ErrorBody, ErrorCode, Me, SessionRequest, paths};

use crate::failure::{Exit, Failure};

/// Largest time for an answer's head; long work is polled.
const ANSWER: Duration = Duration::from_secs(60);
const RESOURCE: &str = "https://management.azure.com/";
/// Where systems keep the certificates they trust, when `SSL_CERT_FILE` does not say.
const SYSTEM_CERTIFICATES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// Who signs in.
pub(crate) struct Credentials {
    pub(crate) tenant: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
}

/// A signed-in caller of one server.
pub(crate) struct Client {
    http: reqwest::Client,
    server: String,
    proof: Proof,
}

/// What every request carries.
enum Proof {
    Nothing,
    Token(String),
    Session { cookie: String, csrf_token: String },
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

#[derive(Deserialize)]
struct TokenRefusal {
    error_description: String,
}

impl Client {
    /// Signs in at `server`.
    pub(crate) async fn sign_in(
        server: &str,
        credentials: &Credentials,
        ca_file: Option<&Path>,
    ) -> Result<Self, Failure> {
        let mut client = Self::connect(server, ca_file)?;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &credentials.client_id),
            ("client_secret", &credentials.client_secret),
            ("resource", RESOURCE),
        ];
        let address = format!("{}{}", client.server, paths::token(&credentials.tenant));
        let answer = client.http.post(address).form(&form).send().await;
        let answer = answer.map_err(|error| client.unreachable(error))?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|error| client.unreachable(error))?;
        if !status.is_success() {
            let reason = serde_json::from_slice::<TokenRefusal>(&body)
                .map_or_else(|_| status.to_string(), |refusal| refusal.error_description);
            return Err(Failure::new(Exit::Usage, format!("the server refused to sign in: {reason}"))
                .hint("check the client id and secret; `edge-scorer admin reset-secret --data DIR` makes a new one"));
        }
        client.proof = Proof::Token(parse::<Token>(&body)?.access_token);
        Ok(client)
    }

    /// Opens a session at `server` with the token of a sign-in link.
    pub(crate) async fn with_link(
        server: &str,
        token: &str,
        ca_file: Option<&Path>,
    ) -> Result<Self, Failure> {
        let mut client = Self::connect(server, ca_file)?;
        let request = SessionRequest::Link { sign_in_token: token.to_owned() };
        let answer =
            client.send(client.request(Method::POST, paths::SESSION).json(&request)).await?;
        let cookie = answer.headers().get("set-cookie").and_then(|value| value.to_str().ok());
        let cookie = cookie.and_then(|text| text.split(';').next()).map(str::to_owned);
        let me: Me = client.read(answer).await?;
        client.proof = match cookie.zip(me.csrf_token) {
            Some((cookie, csrf_token)) => Proof::Session { cookie, csrf_token },
            None => return Err(Failure::new(Exit::Internal, "the server opened no session")),
        };
        Ok(client)
    }

    /// Closes the session, if there is one; it would end by itself.
    pub(crate) async fn close(&self) {
        if matches!(self.proof, Proof::Session { .. }) {
            let _ = self.request(Method::DELETE, paths::SESSION).send().await;
        }
    }

    fn connect(server: &str, ca_file: Option<&Path>) -> Result<Self, Failure> {
        api::choose_cryptography();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(ANSWER)
            .redirect(reqwest::redirect::Policy::none());
        for certificate in trusted(ca_file)? {
            builder = builder.add_root_certificate(certificate);
        }
        let http = builder.build().map_err(|error| {
            Failure::new(Exit::Internal, "the HTTP client could not be set up").because(error)
        })?;
        let server = server.trim_end_matches('/').to_owned();
        Ok(Self { http, server, proof: Proof::Nothing })
    }

    /// `false` when there was nothing to delete.
    pub(crate) async fn delete(&self, path: &str) -> Result<bool, Failure> {
        let answer = self.send(self.request(Method::DELETE, path)).await?;
        Ok(answer.status() != StatusCode::NO_CONTENT)
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let answer = self.send(self.request(Method::GET, path)).await?;
        self.read(answer).await
    }

    /// As [`Client::get`]; `None` for 404.
    pub(crate) async fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Failure> {
        let request = self.request(Method::GET, path);
        let answer = request.send().await.map_err(|error| self.unreachable(error))?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        self.read(refuse_failures(answer).await?).await.map(Some)
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let answer = self.send(self.request(Method::POST, path).json(body)).await?;
        self.read(answer).await
    }

    /// Starts long work; answers the last segment of `Operation-Location`.
    pub(crate) async fn start(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<String, Failure> {
        let answer = self.send(self.request(method, path).json(body)).await?;
        let location = answer.headers().get("operation-location");
        location
            .and_then(|value| value.to_str().ok())
            .and_then(|address| address.trim_end_matches('/').rsplit('/').next())
            .map(str::to_owned)
            .ok_or_else(|| {
                Failure::new(Exit::Internal, "the server named no operation to wait for")
            })
    }

    /// Sends one chunk of an upload; answers the offset that the server acknowledges.
    pub(crate) async fn send_chunk(
        &self,
        path: &str,
        offset: u64,
        chunk: Vec<u8>,
    ) -> Result<u64, Failure> {
        let request = self
            .request(Method::PATCH, path)
            .header("upload-offset", offset)
            .header("content-type", "application/offset+octet-stream")
            .body(chunk);
        let answer = self.send(request).await?;
        let acknowledged = answer.headers().get("upload-offset");
        acknowledged
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .ok_or_else(|| Failure::new(Exit::Internal, "the server acknowledged no offset"))
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.server));
        match &self.proof {
            Proof::Nothing => request,
            Proof::Token(token) => request.bearer_auth(token),
            Proof::Session { cookie, csrf_token } => {
                request.header("cookie", cookie).header("x-csrf-token", csrf_token)
            }
        }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response, Failure> {
        refuse_failures(request.send().await.map_err(|error| self.unreachable(error))?).await
    }

    async fn read<T: DeserializeOwned>(&self, answer: Response) -> Result<T, Failure> {
        parse(&answer.bytes().await.map_err(|error| self.unreachable(error))?)
    }

    fn unreachable(&self, error: reqwest::Error) -> Failure {
        let message = format!("the server {} could not be reached", self.server);
        Failure::new(Exit::Internal, message)
            .because(error.without_url())
            .hint("is it running? give its address with --server; --ca-file trusts a self-signed certificate")
    }
}

async fn refuse_failures(answer: Response) -> Result<Response, Failure> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let body = answer.bytes().await.unwrap_or_default();
    if let Ok(refusal) = serde_json::from_slice::<ErrorBody>(&body) {
        return Err(refused(&refusal));
    }
    if let Ok(ArmErrorBody { error }) = serde_json::from_slice(&body) {
        let status_code = status.as_u16();
        let ArmError { code, message, details } = error;
        return Err(refused(&ErrorBody { code, status_code, message, details }));
    }
    Err(Failure::new(Exit::Internal, format!("the server answered {status}")))
}

/// What a server's refusal means for the exit code; the first detail says what to do.
pub(crate) fn refused(refusal: &ErrorBody) -> Failure {
    let exit = match refusal.code {
        ErrorCode::UnsupportedModel
        | ErrorCode::UnsupportedOperator
        | ErrorCode::DriverNotSupported => Exit::CannotCompile,
        ErrorCode::LimitExceeded => Exit::Limit,
        _ if (400..500).contains(&refusal.status_code) => Exit::Usage,
        _ => Exit::Internal,
    };
    let mut message = refusal.message.clone();
    // Of several operators each has an advice of its own; elsewhere the first detail is the advice.
    let listed = refusal.code == ErrorCode::UnsupportedOperator && refusal.details.len() > 1;
    for detail in refusal.details.iter().skip(usize::from(!listed)) {
        message.push_str(&format!("\n  {}", detail.message));
    }
    let failure = Failure::new(exit, message);
    match refusal.details.first().filter(|_| !listed) {
        Some(detail) => failure.hint(detail.message.clone()),
        None => failure,
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        Failure::new(Exit::Internal, "the server's answer is not what was expected").because(error)
    })
}

/// The certificates to trust: those of the caller's file, else those of the system.
fn trusted(ca_file: Option<&Path>) -> Result<Vec<Certificate>, Failure> {
    let unusable = |path: &Path| {
        Failure::new(Exit::Usage, format!("`{}` holds no certificates in PEM form", path.display()))
    };
    if let Some(path) = ca_file {
        let pem = std::fs::read(path).map_err(|error| unusable(path).because(error))?;
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|_| unusable(path))?;
        return if certificates.is_empty() { Err(unusable(path)) } else { Ok(certificates) };
    }
    let named = std::env::var_os("SSL_CERT_FILE").map(Into::into);
    let usual = SYSTEM_CERTIFICATES.iter().map(std::path::PathBuf::from);
    let bundle = named.into_iter().chain(usual).find_map(|path| std::fs::read(path).ok());
    Ok(bundle.and_then(|pem| Certificate::from_pem_bundle(&pem).ok()).unwrap_or_default())
}
