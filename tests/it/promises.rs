//! What the documents promise of every call, in tables: status, headers and properties, for those who
//! may call as for those who may not.
//!
//! Each line of a table is asked of a real server, and all differences are told at once.

mod definitions;
mod management;
mod scoring;

use serde_json::Value;
use tests::Answer;

/// Where an answer differs from what a document promises.
#[derive(Default)]
struct Differences(Vec<String>);

/// What a body must be.
#[derive(Clone, Copy)]
enum Body {
    /// Nothing at all.
    Empty,
    /// JSON with every property of a definition.
    Json(&'static str),
    /// Anything else.
    Any,
}

impl Differences {
    /// Compares an answer with its line of a table.
    fn compare(&mut self, what: &str, answer: &Answer, status: u16, headers: &[&str], body: Body) {
        let mut say = |difference: String| self.0.push(format!("{what}: {difference}"));
        if answer.status.as_u16() != status {
            say(format!("{} instead of {status}: {}", answer.status, answer.text()));
            return;
        }
        for header in ["x-ms-request-id", "x-ms-client-request-id"].iter().chain(headers) {
            let (name, wanted) = header.split_once(": ").unwrap_or((header, ""));
            let found = answer.header(name);
            if found.is_empty() || !found.contains(wanted) {
                say(format!("header `{name}` is `{found}`"));
            }
        }
        match body {
            Body::Any => {}
            Body::Empty if answer.body.is_empty() => {}
            Body::Empty => say(format!("a body: {}", answer.text())),
            Body::Json(definition) => {
                let kind = answer.header("content-type");
                if !kind.starts_with("application/json") {
                    say(format!("content-type is `{kind}`"));
                }
                match serde_json::from_slice::<Value>(&answer.body) {
                    Ok(value) => definitions::missing(definition, &value).into_iter().for_each(say),
                    Err(error) => say(format!("no JSON, {error}: {}", answer.text())),
                }
            }
        }
    }

    #[track_caller]
    fn none(self) {
        assert!(self.0.is_empty(), "{}", self.0.join("\n"));
    }
}
