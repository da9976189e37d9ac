//! One `send` for every call: cookies, CSRF token, abort on drop, one kind of error.
//!
//! # Invariants
//! - Dropping a call's future aborts it, so a page that goes takes its reads with it.
//! - A 401 flips `signed_out` once; the shell then leads to the sign-in page and back.

use gloo_net::http::{Headers, Method, RequestBuilder};
use leptos::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use wasm_bindgen::JsValue;
use web_sys::AbortController;

use super::failure::EdgeError;

/// Talks to the server this page came from.
#[derive(Clone, Copy)]
pub(crate) struct EdgeClient {
    csrf: StoredValue<Option<String>>,
    signed_out: RwSignal<bool>,
}

/// A request, ready to be sent.
pub(super) struct Call {
    method: Method,
    path: String,
    body: Option<JsValue>,
    headers: Vec<(&'static str, String)>,
}

/// A response of any status.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) text: String,
    headers: Headers,
}

/// Aborts its fetch when dropped; after the answer that does nothing.
struct AbortGuard(Option<AbortController>);

impl Drop for AbortGuard {
    fn drop(&mut self) {
        if let Some(controller) = &self.0 {
            controller.abort();
        }
    }
}

impl Call {
    pub(super) fn new(method: Method, path: String) -> Self {
        Self { method, path, body: None, headers: Vec::new() }
    }

    pub(super) fn get(path: String) -> Self {
        Self::new(Method::GET, path)
    }

    pub(super) fn post(path: String) -> Self {
        Self::new(Method::POST, path)
    }

    pub(super) fn json(self, body: &impl Serialize) -> Result<Self, EdgeError> {
        let text = serde_json::to_string(body).map_err(EdgeError::unreadable)?;
        Ok(self.raw(JsValue::from_str(&text), "application/json"))
    }

    pub(super) fn raw(mut self, body: JsValue, media_type: &str) -> Self {
        self.body = Some(body);
        self.header("content-type", media_type.to_owned())
    }

    pub(super) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name)
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(super) fn failure(&self) -> EdgeError {
        EdgeError::refused(self.status, &self.text, self.header("x-ms-request-id"))
    }

    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, EdgeError> {
        serde_json::from_str(&self.text).map_err(EdgeError::unreadable)
    }
}

impl EdgeClient {
    pub(crate) fn new() -> Self {
        Self { csrf: StoredValue::new(None), signed_out: RwSignal::new(false) }
    }

    /// Whether the server has said that nobody is signed in.
    pub(crate) fn signed_out(self) -> RwSignal<bool> {
        self.signed_out
    }

    /// What changing calls send as `x-csrf-token` from now on.
    pub(super) fn set_csrf(self, token: Option<String>) {
        self.csrf.set_value(token);
    }

    /// Sends a call and returns its answer, whatever its status.
    #[expect(clippy::disallowed_methods, reason = "this is the door to the network")]
    pub(super) async fn exchange(self, call: Call) -> Result<Answer, EdgeError> {
        let mut guard = AbortGuard(AbortController::new().ok());
        let signal = guard.0.as_ref().map(AbortController::signal);
        let changes = !matches!(call.method, Method::GET | Method::HEAD);

        let mut request = RequestBuilder::new(&call.path)
            .method(call.method)
            .header("accept", "application/json")
            .abort_signal(signal.as_ref());
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        if let (true, Some(token)) = (changes, self.csrf.get_value()) {
            request = request.header("x-csrf-token", &token);
        }
        let sent = match call.body {
            Some(body) => request.body(body).map_err(EdgeError::offline)?.send().await,
            None => request.send().await,
        };
        let response = sent.map_err(EdgeError::offline)?;
        let text = response.text().await.map_err(EdgeError::offline)?;
        guard.0 = None;
        Ok(Answer { status: response.status(), text, headers: response.headers() })
    }

    /// Sends a call; a status that is not a success is an error.
    pub(super) async fn send(self, call: Call) -> Result<Answer, EdgeError> {
        let answer = self.exchange(call).await?;
        if answer.is_success() {
            return Ok(answer);
        }
        if answer.status == 401 {
            self.signed_out.set(true);
        }
        Err(answer.failure())
    }

    pub(super) async fn get<T: DeserializeOwned>(self, path: String) -> Result<T, EdgeError> {
        self.send(Call::get(path)).await?.read()
    }

    pub(super) async fn get_text(self, path: String) -> Result<String, EdgeError> {
        Ok(self.send(Call::get(path)).await?.text)
    }

    pub(super) async fn post<T: DeserializeOwned>(
        self,
        path: String,
        body: &impl Serialize,
    ) -> Result<T, EdgeError> {
        self.send(Call::post(path).json(body)?).await?.read()
    }

    pub(super) async fn delete(self, path: String) -> Result<(), EdgeError> {
        self.send(Call::new(Method::DELETE, path)).await.map(drop)
    }
}
