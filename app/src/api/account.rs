//! The client of one model management account; each resource adds its calls in a file of its own.

use serde::de::DeserializeOwned;
use serde_json::{Value, map::Map};
use shared::paths::{AccountPath, versioned};

use super::{
    client::EdgeClient,
    pending::{Pending, Reading},
    read::made,
};

/// Talks to one account.
#[derive(Debug, Clone)]
pub(crate) struct AccountClient {
    pub(super) edge: EdgeClient,
    pub(super) path: AccountPath,
}

impl std::fmt::Debug for EdgeClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EdgeClient")
    }
}

impl AccountClient {
    pub(crate) fn new(edge: EdgeClient, path: AccountPath) -> Self {
        Self { edge, path }
    }

    /// `{B}`.
    pub(crate) fn path(&self) -> &AccountPath {
        &self.path
    }

    /// The account as a scope of roles.
    pub(crate) fn arm_id(&self) -> String {
        let parts: Vec<String> = self
            .path
            .base()
            .split('/')
            .map(|part| crate::route::decode(part).unwrap_or_default())
            .collect();
        match parts.as_slice() {
            [_, _, _, subscription, _, group, _, name] => {
                shared::paths::account_arm_id(subscription, group, name)
            }
            _ => String::new(),
        }
    }

    /// Every row of a list, following `nextLink`, up to `limit`.
    pub(super) fn all<T: DeserializeOwned>(&self, path: String, limit: usize) -> Reading<Vec<T>> {
        Reading::new(joined(self.edge, versioned(&path), limit), |page| made(&page["value"]))
    }
}

/// A list as one page: `nextLink` is followed until there are `limit` rows, and stays where it leads
/// to more.
pub(super) fn joined(edge: EdgeClient, path: String, limit: usize) -> Pending<Value> {
    Box::pin(async move {
        let mut next = path;
        let mut rows = Vec::new();
        loop {
            let mut page: Map<String, Value> = edge.get(next).await?;
            if let Some(Value::Array(more)) = page.remove("value") {
                rows.extend(more);
            }
            match page.get("nextLink").and_then(Value::as_str) {
                Some(link) if rows.len() < limit => next = same_origin(link),
                _ => {
                    page.insert("value".to_owned(), Value::Array(rows));
                    return Ok(Value::Object(page));
                }
            }
        }
    })
}

/// Path and query of an absolute address: what it names here, behind whatever proxy we are.
pub(crate) fn same_origin(address: &str) -> String {
    let after_scheme = address.split_once("://").map_or(address, |(_, rest)| rest);
    match after_scheme.find('/') {
        Some(start) if address.contains("://") => after_scheme[start..].to_owned(),
        _ => address.to_owned(),
    }
}

/// The last segment of an address: the id in `Operation-Location` and `resourceLocation`.
pub(crate) fn last_segment(address: &str) -> &str {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_addresses_are_followed_on_this_origin() {
        assert_eq!(same_origin("https://edge:8443/api/x?a=1"), "/api/x?a=1");
        assert_eq!(same_origin("/api/x"), "/api/x");
    }

    #[test]
    fn an_operations_id_is_the_last_segment_of_its_address() {
        assert_eq!(last_segment("http://h/api/operations/42?api-version=1"), "42");
        assert_eq!(last_segment("/a/b/"), "b");
    }
}
