//! A part of a list: searched, ordered and cut by the server.

use serde::de::DeserializeOwned;
use shared::{
    Image, Manifest, Model, Page, Service,
    paths::{encode, versioned},
};

use super::{account::AccountClient, pending::Reading};

/// A part of a list that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Wanted {
    pub(crate) skip: u64,
    pub(crate) top: u64,
    pub(crate) search: String,
    /// Such as `name asc`; empty for the server's own.
    pub(crate) order: String,
}

impl Wanted {
    /// The first few that hold a text.
    pub(crate) fn first(top: u64, search: &str) -> Self {
        Self { top, search: search.to_owned(), ..Self::default() }
    }

    pub(super) fn of(&self, path: &str) -> String {
        let mut out = format!("{path}?count={}&$skip={}&$count=true", self.top.max(1), self.skip);
        if !self.search.is_empty() {
            out.push_str(&format!("&search={}", encode(&self.search)));
        }
        if !self.order.is_empty() {
            out.push_str(&format!("&$orderby={}", encode(&self.order)));
        }
        out
    }
}

impl AccountClient {
    fn part<T: DeserializeOwned>(
        &self,
        path: &str,
        filter: &str,
        wanted: &Wanted,
    ) -> Reading<Page<T>> {
        self.edge.get(versioned(&format!("{}{filter}", wanted.of(path))))
    }

    /// Models, all of them or those with a tag.
    pub(crate) fn models_part(self, wanted: Wanted, tag: Option<String>) -> Reading<Page<Model>> {
        let filter = tag.map_or_else(String::new, |tag| format!("&tag={}", encode(&tag)));
        self.part(&self.path.models(), &filter, &wanted)
    }

    /// Manifests.
    pub(crate) fn manifests_part(self, wanted: Wanted) -> Reading<Page<Manifest>> {
        self.part(&self.path.manifests(), "", &wanted)
    }

    /// Services.
    pub(crate) fn services_part(self, wanted: Wanted) -> Reading<Page<Service>> {
        self.part(&self.path.services(), "", &wanted)
    }

    /// Images.
    pub(crate) fn images_part(self, wanted: Wanted) -> Reading<Page<Image>> {
        self.part(&self.path.images(), "", &wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_cannot_change_the_question() {
        let wanted = Wanted {
            skip: 200,
            top: 100,
            search: "a&count=1".to_owned(),
            order: "name desc".to_owned(),
        };

        assert_eq!(
            wanted.of("/models"),
            "/models?count=100&$skip=200&$count=true&search=a%26count%3D1&$orderby=name%20desc"
        );
    }
}
