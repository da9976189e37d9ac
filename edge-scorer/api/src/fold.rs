//! Brings a path into the spelling the routers know, before they see it.
//!
//! Fixed segments match without regard to case, by position; names and ids are left as they are.
//! `hostingAccounts` is another word for `accounts`.
//! One slash at the end is dropped. A path that is spelled as documented is not copied.
//!
//! # Invariants
//! - Nothing but the case of fixed segments and one trailing slash ever changes.
//! - Folding a folded path changes nothing.

use std::{borrow::Cow, collections::BTreeMap};

/// The known paths, one segment a level.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    /// By lower-cased spelling: the documented spelling and what follows.
    fixed: BTreeMap<String, (String, Paths)>,
    /// Another word for a fixed segment, and the key of that segment.
    aliases: Vec<(String, String)>,
    /// `{name}`.
    any: Option<Box<Paths>>,
    /// `{*rest}`: what follows is the caller's.
    rest: bool,
}

impl Paths {
    /// From route templates such as `/v2/models/{model}/infer`.
    pub(crate) fn of<'a>(templates: impl IntoIterator<Item = &'a str>) -> Self {
        let mut root = Self::default();
        for template in templates {
            let mut node = &mut root;
            for segment in template.trim_start_matches('/').split('/') {
                if segment.starts_with("{*") {
                    node.rest = true;
                } else if segment.starts_with('{') {
                    node = node.any.get_or_insert_default();
                } else {
                    let known = node.fixed.entry(segment.to_ascii_lowercase());
                    node = &mut known.or_insert_with(|| (segment.to_owned(), Self::default())).1;
                }
            }
        }
        root
    }

    /// Lets `alias` stand wherever `spelling` is a fixed segment.
    pub(crate) fn alias(&mut self, alias: &str, spelling: &str) {
        for (_, child) in self.fixed.values_mut() {
            child.alias(alias, spelling);
        }
        if let Some(any) = &mut self.any {
            any.alias(alias, spelling);
        }
        if self.fixed.contains_key(&spelling.to_ascii_lowercase()) {
            self.aliases.push((alias.to_owned(), spelling.to_ascii_lowercase()));
        }
    }

    /// `path` as the routers know it.
    pub(crate) fn fold<'p>(&self, path: &'p str) -> Cow<'p, str> {
        let path = match path.strip_suffix('/') {
            Some(shorter) if !shorter.is_empty() => shorter,
            _ => path,
        };
        let mut folded: Option<String> = None;
        let mut nodes = Candidates::one(self);
        let mut start = 1;
        for segment in path.get(1..).unwrap_or_default().split('/') {
            let mut next = Candidates::none();
            let mut written = segment.len();
            for node in nodes.iter() {
                if node.rest {
                    return folded.map_or(Cow::Borrowed(path), Cow::Owned);
                }
                if let Some((spelling, child)) = node.child(segment) {
                    if spelling != segment && written == segment.len() {
                        let copy = folded.get_or_insert_with(|| path.to_owned());
                        copy.replace_range(start..start + segment.len(), spelling);
                        written = spelling.len();
                    }
                    // The fixed reading first: it is the one that routers prefer.
                    next.push(child);
                }
            }
            for node in nodes.iter() {
                if let Some(any) = &node.any {
                    next.push(any);
                }
            }
            if next.is_empty() {
                break;
            }
            start += written + 1;
            nodes = next;
        }
        folded.map_or(Cow::Borrowed(path), Cow::Owned)
    }

    fn child(&self, segment: &str) -> Option<(&str, &Self)> {
        if let Some((spelling, child)) = self.fixed.get(segment) {
            return Some((spelling, child));
        }
        let found = self.fixed.iter().find(|(known, _)| known.eq_ignore_ascii_case(segment));
        let (_, (spelling, child)) = found.or_else(|| {
            let alias = self.aliases.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(segment));
            self.fixed.get_key_value(&alias?.1)
        })?;
        Some((spelling, child))
    }
}

/// The nodes a prefix may stand for; two suffice, since a fixed segment and a name are the choice.
struct Candidates<'a> {
    nodes: [Option<&'a Paths>; 4],
}

impl<'a> Candidates<'a> {
    fn none() -> Self {
        Self { nodes: [None; 4] }
    }

    fn one(node: &'a Paths) -> Self {
        Self { nodes: [Some(node), None, None, None] }
    }

    fn push(&mut self, node: &'a Paths) {
        if let Some(free) = self.nodes.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(node);
        }
    }

    fn iter(&self) -> impl Iterator<Item = &'a Paths> + '_ {
        self.nodes.iter().flatten().copied()
    }

    fn is_empty(&self) -> bool {
        self.nodes[0].is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths() -> Paths {
        Paths::of([
            "/api/subscriptions/{s}/resourceGroups/{rg}/accounts/{a}/models/{id}",
            "/api/subscriptions/{s}/resourceGroups/{rg}/accounts/{a}/services/{id}/regenerateKeys",
            "/api/subscriptions/{s}/resourceGroups/{rg}/accounts/{a}/operations/{id}/cancel",
            "/api/subscriptions/{s}/resourceGroups/{rg}/accounts/{a}/operations/events",
            "/api/subscriptions/{s}/resourceGroups/{rg}/accounts/{a}/artifacts/{*path}",
            "/api/v1/service/{name}/score",
            "/{tenant}/oauth2/token",
        ])
    }

    #[test]
    fn fixed_segments_lose_their_case_and_names_keep_it() {
        let folded =
            paths().fold("/API/Subscriptions/SUB/resourcegroups/RG/ACCOUNTS/Models/MODELS/X");

        assert_eq!(folded, "/api/subscriptions/SUB/resourceGroups/RG/accounts/Models/models/X");
    }

    #[test]
    fn a_name_that_looks_like_a_fixed_segment_is_left_alone() {
        let path = "/api/v1/service/SCORE/score";

        assert_eq!(paths().fold(path), path);
        assert_eq!(paths().fold("/api/v1/Service/SCORE/Score"), path);
    }

    #[test]
    fn a_path_spelled_as_documented_is_not_copied() {
        let known = paths();

        assert!(matches!(known.fold("/api/v1/service/demo/score"), Cow::Borrowed(_)));
        assert!(matches!(known.fold("/contoso/oauth2/token/"), Cow::Borrowed(_)));
    }

    #[test]
    fn one_trailing_slash_is_dropped_and_no_more() {
        assert_eq!(paths().fold("/contoso/OAuth2/Token/"), "/contoso/oauth2/token");
        assert_eq!(paths().fold("/contoso/oauth2/token//"), "/contoso/oauth2/token/");
        assert_eq!(paths().fold("/"), "/");
    }

    #[test]
    fn a_callers_own_path_is_never_folded() {
        let folded = paths().fold(
            "/api/SUBSCRIPTIONS/s/resourceGroups/g/accounts/a/Artifacts/My/Models/services/x.onnx",
        );

        assert_eq!(
            folded,
            "/api/subscriptions/s/resourceGroups/g/accounts/a/artifacts/My/Models/services/x.onnx"
        );
    }

    #[test]
    fn an_alias_is_read_as_the_segment_it_stands_for() {
        let mut known = paths();
        known.alias("hostingAccounts", "accounts");

        let folded = known
            .fold("/api/subscriptions/s/resourceGroups/g/HostingAccounts/accounts/Models/MODELS");

        assert_eq!(folded, "/api/subscriptions/s/resourceGroups/g/accounts/accounts/models/MODELS");
    }

    #[test]
    fn folding_twice_changes_nothing_more() {
        let known = paths();
        for path in ["/API/V1/SERVICE/Demo/SCORE", "/x/OAUTH2/TOKEN", "/unknown/Path", "//", ""] {
            let once = known.fold(path).into_owned();

            assert_eq!(known.fold(&once), once, "{path}");
        }
    }
}
