//! Calls a service the way its users do.

use std::time::Duration;

use leptos::prelude::window;
use wasm_bindgen::JsValue;

use super::{
    client::{Call, EdgeClient},
    failure::EdgeError,
};

/// What a service said, whether it liked the request or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScoreAnswer {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// From sending to the last byte, as this page saw it.
    pub(crate) took: Duration,
}

impl EdgeClient {
    /// Sends a scoring document as it stands.
    pub(crate) async fn score(
        self,
        path: String,
        document: String,
    ) -> Result<ScoreAnswer, EdgeError> {
        let clock = window().performance();
        let now = || clock.as_ref().map_or(0.0, web_sys::Performance::now);
        let before = now();
        let call = Call::post(path).raw(JsValue::from_str(&document), "application/json");
        let answer = self.exchange(call).await?;
        let took = Duration::from_secs_f64(((now() - before) / 1000.0).max(0.0));
        if answer.status == 401 {
            return Err(answer.failure());
        }
        Ok(ScoreAnswer { status: answer.status, body: answer.text, took })
    }
}
