//! A router that remembers its templates, so that spelling can be folded and every route walked.

use axum::{Router, routing::MethodRouter};

use crate::state::Api;

/// What precedes every path of a model management account.
pub(crate) const ACCOUNT: &str =
    "/api/subscriptions/{subscription}/resourceGroups/{group}/accounts/{account}";

/// Routes and their templates.
#[derive(Default)]
pub(crate) struct Routes {
    router: Router<Api>,
    templates: Vec<String>,
}

impl Routes {
    /// Adds a path.
    pub(crate) fn at(mut self, path: &str, methods: MethodRouter<Api>) -> Self {
        self.templates.push(path.to_owned());
        self.router = self.router.route(path, methods);
        self
    }

    /// Adds a path below an account.
    pub(crate) fn in_account(self, below: &str, methods: MethodRouter<Api>) -> Self {
        self.at(&format!("{ACCOUNT}{below}"), methods)
    }

    /// Adds the routes of another file.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.templates.extend(other.templates);
        self.router = self.router.merge(other.router);
        self
    }

    /// The templates alone.
    #[cfg(test)]
    pub(crate) fn templates(self) -> Vec<String> {
        self.templates
    }

    /// The router and the templates of its paths.
    pub(crate) fn finish(self, api: Api) -> (Router, Vec<String>) {
        (self.router.with_state(api), self.templates)
    }
}
