//! Every word the console says, in one place, complete for each language or it does not compile.
//!
//! [`t`] gives the words of the reader's language. A language is one constant of [`Words`]
//! (`text/english.rs` declares the type by its example; Korean, Traditional Chinese and Japanese
//! will be constants of the same type, so a missing word is a compile error). Words with places to
//! fill hold `{name}` and go through [`fill`].
//!
//! # Deliberately absent
//! - Dates and numbers: the browser writes them in the reader's locale (`components::moment`).
//! - The server's own messages, which come in the server's language.

mod english;

pub(crate) use english::Words;

/// Languages the console speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
}

impl Language {
    /// The tag for `<html lang>` and for the browser's formatters.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
        }
    }

    /// The best language for what a browser asks for, such as `ko-KR`.
    pub(crate) fn for_browser(_wanted: Option<&str>) -> Self {
        Self::English
    }

    fn words(self) -> &'static Words {
        match self {
            Self::English => &english::ENGLISH,
        }
    }
}

/// The words of the reader's language.
pub(crate) fn t() -> &'static Words {
    language().words()
}

/// The reader's language.
pub(crate) fn language() -> Language {
    Language::for_browser(None)
}

/// Puts values into a text's `{name}` places.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, tail)) = after.split_once('}') else {
            out.push('{');
            rest = after;
            continue;
        };
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => out.push_str(value),
            None => {
                out.push('{');
                out.push_str(name);
                out.push('}');
            }
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_take_their_places_once_and_are_not_read_again() {
        let text =
            fill("Delete {name}, version {version}?", &[("name", "{version}"), ("version", "3")]);

        assert_eq!(text, "Delete {version}, version 3?");
        assert_eq!(fill("{unknown} {", &[]), "{unknown} {");
    }
}
