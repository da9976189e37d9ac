//! One `send` for every call: cookies, CSRF token, abort on drop, one kind of error.
//!
//! # Invariants
//! - Dropping a call's future aborts it, so a page that goes takes its reads with it.
//! - A 401 flips `signed_out` once; the shell then leads to the sign-in page and back.
//! - What a call goes through is one future for all types; only reading its answer knows the type.

use gloo_net::http::{Headers, Method, RequestBuilder};
use leptos::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use wasm_bindgen::JsValue;
use web_sys::AbortController;

use super::{
    changes::{Change, Changes},
    failure::{EdgeError, Failure},
    pending::{Pending, Reading},
    reachable::Reachable,
    read::{made, parse, read},
};

/// Talks to the server this page came from.
#[derive(Clone, Copy)]
pub(crate) struct EdgeClient {
    csrf: StoredValue<Option<String>>,
    signed_out: RwSignal<bool>,
    reachable: Reachable,
    changes: Changes,
    accounts_changed: RwSignal<u32>,
}

/// A request, ready to be sent.
pub(super) struct Call {
    method: Method,
    path: String,
    body: Option<JsValue>,
    /// The JSON that `body` holds, to be shown as a command.
    json: Option<String>,
    /// Whether the answer is bytes rather than text.
    binary: bool,
    headers: Vec<(&'static str, String)>,
    /// Why it cannot be sent.
    broken: Option<EdgeError>,
}

/// A response of any status.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) text: String,
    /// Only of a call that asked for bytes.
    pub(super) bytes: Vec<u8>,
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
        Self {
            method,
            path,
            body: None,
            json: None,
            binary: false,
            headers: Vec::new(),
            broken: None,
        }
    }

    pub(super) fn get(path: String) -> Self {
        Self::new(Method::GET, path)
    }

    pub(super) fn post(path: String) -> Self {
        Self::new(Method::POST, path)
    }

    pub(super) fn json(self, body: &impl Serialize) -> Self {
        self.document(serde_json::to_string(body))
    }

    fn document(mut self, written: serde_json::Result<String>) -> Self {
        match written {
            Ok(text) => {
                self = self.raw(JsValue::from_str(&text), "application/json");
                self.json = Some(text);
            }
            Err(error) => self.broken = Some(EdgeError::unreadable(error)),
        }
        self
    }

    /// The answer is bytes.
    pub(super) fn binary(mut self) -> Self {
        self.binary = true;
        self
    }

    /// What is remembered of it; nothing of a question, or of a body that is no JSON.
    fn as_change(&self) -> Option<Change> {
        let asks = matches!(self.method, Method::GET | Method::HEAD);
        let readable = self.body.is_none() || self.json.is_some();
        (!asks && readable).then(|| Change {
            method: self.method.to_string(),
            path: self.path.clone(),
            body: self.json.clone(),
            status: 0,
        })
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
        let bytes = String::from_utf8_lossy(&self.bytes);
        let text = if self.bytes.is_empty() { &self.text } else { &*bytes };
        EdgeError::refused(self.status, text, self.header("x-ms-request-id"))
    }

    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, EdgeError> {
        read(&self.text)
    }
}

impl EdgeClient {
    pub(crate) fn new() -> Self {
        Self {
            csrf: StoredValue::new(None),
            signed_out: RwSignal::new(false),
            reachable: Reachable::new(),
            changes: Changes::new(),
            accounts_changed: RwSignal::new(0),
        }
    }

    /// Counts the times that accounts were made, changed or deleted here.
    pub(crate) fn accounts_change(self) -> RwSignal<u32> {
        self.accounts_changed
    }

    /// What the frame knows of accounts is old.
    pub(crate) fn changed_accounts(self) {
        self.accounts_changed.update(|n| *n = n.wrapping_add(1));
    }

    /// How it stands with the connection.
    pub(crate) fn reachable(self) -> Reachable {
        self.reachable
    }

    /// What this tab has changed.
    pub(crate) fn changes(self) -> Changes {
        self.changes
    }

    /// Whether the server has said that nobody is signed in.
    pub(crate) fn signed_out(self) -> RwSignal<bool> {
        self.signed_out
    }

    /// What changing calls send as `x-csrf-token` from now on.
    pub(super) fn set_csrf(self, token: Option<String>) {
        self.csrf.set_value(token);
    }

    /// Sends a call and returns its answer, whatever its status; remembers changes, and notices
    /// when the server is away.
    pub(super) fn exchange(self, call: Call) -> Pending<Answer> {
        Box::pin(async move {
            let change = call.as_change();
            let answer = self.exchange_quietly(call).await;
            match &answer {
                Ok(answer) => {
                    if let Some(change) = change {
                        self.changes.keep(Change { status: answer.status, ..change });
                    }
                }
                Err(error) if error.failure == Failure::Offline => self.reachable.lost(self),
                Err(_) => {}
            }
            answer
        })
    }

    #[expect(clippy::disallowed_methods, reason = "this is the door to the network")]
    pub(super) async fn exchange_quietly(self, call: Call) -> Result<Answer, EdgeError> {
        if let Some(error) = call.broken {
            return Err(error);
        }
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
        let (text, bytes) = if call.binary {
            let body = response.binary().await.map_err(EdgeError::offline)?;
            (String::new(), body)
        } else {
            (response.text().await.map_err(EdgeError::offline)?, Vec::new())
        };
        guard.0 = None;
        Ok(Answer { status: response.status(), text, bytes, headers: response.headers() })
    }

    /// Sends a call; a status that is not a success is an error.
    pub(super) fn send(self, call: Call) -> Pending<Answer> {
        Box::pin(async move {
            let answer = self.exchange(call).await?;
            if answer.is_success() {
                return Ok(answer);
            }
            if answer.status == 401 {
                self.signed_out.set(true);
            }
            Err(answer.failure())
        })
    }

    fn tell(self, call: Call) -> Pending<Value> {
        Box::pin(async move { parse(&self.send(call).await?.text) })
    }

    /// Sends a call whose answer is a `T`.
    pub(super) fn ask<T: DeserializeOwned>(self, call: Call) -> Reading<T> {
        Reading::new(self.tell(call), made)
    }

    pub(super) fn get<T: DeserializeOwned>(self, path: String) -> Reading<T> {
        self.ask(Call::get(path))
    }

    /// The rows of a list that comes in one piece.
    pub(super) fn rows<T: DeserializeOwned>(self, path: String) -> Reading<Vec<T>> {
        Reading::new(self.tell(Call::get(path)), |tree| made(&tree["value"]))
    }

    pub(super) async fn get_text(self, path: String) -> Result<String, EdgeError> {
        Ok(self.send(Call::get(path)).await?.text)
    }

    pub(super) fn post<T: DeserializeOwned>(
        self,
        path: String,
        body: &impl Serialize,
    ) -> Reading<T> {
        self.ask(Call::post(path).json(body))
    }

    pub(super) fn put<T: DeserializeOwned>(
        self,
        path: String,
        body: &impl Serialize,
    ) -> Reading<T> {
        self.ask(Call::new(Method::PUT, path).json(body))
    }

    pub(super) async fn get_bytes(self, path: String) -> Result<Vec<u8>, EdgeError> {
        Ok(self.send(Call::get(path).binary()).await?.bytes)
    }

    /// Sends a call whose answer says nothing more.
    pub(super) fn tell_only(self, call: Call) -> Pending<()> {
        Box::pin(async move { self.send(call).await.map(drop) })
    }

    pub(super) fn delete(self, path: String) -> Pending<()> {
        self.tell_only(Call::new(Method::DELETE, path))
    }
}
