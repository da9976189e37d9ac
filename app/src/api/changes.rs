//! What this tab has changed, as commands: the newest calls that were not mere questions.
//!
//! # Invariants
//! - Sign-ins and passwords are never kept; the token is a variable of the shell.

use leptos::prelude::*;

/// Most changes that are kept.
const KEPT: usize = 50;
/// Longest body that is kept.
const BODY: usize = 16_384;

/// A call that changed something, or tried to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The JSON that was sent, if any.
    pub(crate) body: Option<String>,
    pub(crate) status: u16,
}

/// The newest first.
#[derive(Clone, Copy)]
pub(crate) struct Changes {
    kept: RwSignal<Vec<Change>>,
    /// Whether the newest was already told to somebody.
    said: StoredValue<bool>,
}

impl Changes {
    pub(super) fn new() -> Self {
        Self { kept: RwSignal::new(Vec::new()), said: StoredValue::new(true) }
    }

    /// All that are kept, tracked.
    pub(crate) fn get(self) -> Vec<Change> {
        self.kept.get()
    }

    /// The newest, once.
    pub(crate) fn take_unsaid(self) -> Option<Change> {
        if self.said.get_value() {
            return None;
        }
        self.said.set_value(true);
        self.kept.with_untracked(|changes| changes.first().cloned())
    }

    pub(super) fn keep(self, change: Change) {
        if is_secret(&change.path) {
            return;
        }
        self.said.set_value(false);
        self.kept.update(|changes| {
            changes.insert(0, change);
            changes.truncate(KEPT);
        });
    }
}

/// Sessions and passwords, whose bodies are secrets.
fn is_secret(path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default().to_ascii_lowercase();
    path.starts_with("/api/session") || path.contains("password") || path.ends_with("/score")
}

impl Change {
    /// The shell command that does the same; `$TOKEN` holds an access token.
    pub(crate) fn curl(&self, origin: &str) -> String {
        let mut lines = vec![
            format!("curl -sS -X {} {}", self.method, quoted(&format!("{origin}{}", self.path))),
            "-H \"Authorization: Bearer $TOKEN\"".to_owned(),
        ];
        if let Some(body) = self.body.as_ref().filter(|body| body.len() <= BODY) {
            lines.push("-H 'Content-Type: application/json'".to_owned());
            lines.push(format!("-d {}", quoted(body)));
        }
        lines.join(" \\\n  ")
    }
}

/// A word that a POSIX shell passes on unchanged.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_becomes_a_command_that_does_the_same() {
        let change = Change {
            method: "PUT".into(),
            path: "/api/x?a=b".into(),
            body: Some(r#"{"name":"it's"}"#.into()),
            status: 202,
        };

        assert_eq!(
            change.curl("http://h"),
            "curl -sS -X PUT 'http://h/api/x?a=b' \\\n  -H \"Authorization: Bearer $TOKEN\" \\\n  \
             -H 'Content-Type: application/json' \\\n  -d '{\"name\":\"it'\\''s\"}'"
        );
    }

    #[test]
    fn secrets_are_not_kept() {
        for path in ["/api/session", "/api/users/1/password?x=1", "/api/v1/service/s/score"] {
            assert!(is_secret(path), "{path}");
        }
        assert!(!is_secret("/api/subscriptions/s/resourceGroups/g/accounts/a/models"));
    }
}
