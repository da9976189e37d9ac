//! Every word the console says, in one place, complete for each language or it does not compile.
//!
//! [`t`] gives the words of the reader's language. A language is one table of [`Words`]
//! (`text/english.rs` declares the type by its example), so a missing word is a compile error. Words
//! with places to fill hold `{name}` and go through [`fill`].
//!
//! The tables exist only while the console is compiled: what it carries is one text per language,
//! since pointers into it would take as much room again as a language.
//!
//! The language is chosen once, before anything is drawn: by the reader's setting, else by the
//! browser. Choosing another loads the page again, so that no word of the old one stays behind.
//!
//! # Deliberately absent
//! - Dates and numbers: the browser writes them in the reader's locale (`locale`).
//! - The server's own messages, which come in the server's language.

mod chinese;
mod english;
mod japanese;
mod joined;
mod korean;

use std::sync::OnceLock;

pub(crate) use english::Words;

/// Languages the console speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Korean,
    TraditionalChinese,
    Japanese,
}

impl Language {
    /// In the order they are offered.
    pub(crate) const ALL: [Self; 4] =
        [Self::English, Self::Korean, Self::TraditionalChinese, Self::Japanese];

    /// The tag for `<html lang>` and for the browser's formatters.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Korean => "ko",
            Self::TraditionalChinese => "zh-Hant",
            Self::Japanese => "ja",
        }
    }

    /// What its own speakers call it.
    pub(crate) fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Korean => "한국어",
            Self::TraditionalChinese => "繁體中文",
            Self::Japanese => "日本語",
        }
    }

    /// The language of a tag such as `ko-KR`, if the console speaks it.
    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        match primary.to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "ko" => Some(Self::Korean),
            "zh" => Some(Self::TraditionalChinese),
            "ja" => Some(Self::Japanese),
            _ => None,
        }
    }

    /// What the reader has set, else the first of the browser's languages that the console speaks.
    pub(crate) fn choose<'a>(
        kept: Option<&str>,
        browser: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        kept.and_then(Self::of_tag)
            .or_else(|| browser.into_iter().find_map(Self::of_tag))
            .unwrap_or(Self::English)
    }

    fn words(self) -> Words {
        Words::of(match self {
            Self::English => joined::ENGLISH,
            Self::Korean => joined::KOREAN,
            Self::TraditionalChinese => joined::CHINESE,
            Self::Japanese => joined::JAPANESE,
        })
    }
}

/// Between two texts of a language.
const SEPARATOR: char = '\u{1f}';

static SPOKEN: OnceLock<(Language, Words)> = OnceLock::new();

fn spoken() -> &'static (Language, Words) {
    SPOKEN.get_or_init(|| (Language::English, Language::English.words()))
}

/// Settles the language; called once, before the first word.
pub(crate) fn speak(language: Language) {
    let _ = SPOKEN.set((language, language.words()));
}

/// The words of the reader's language.
pub(crate) fn t() -> &'static Words {
    &spoken().1
}

/// The reader's language.
pub(crate) fn language() -> Language {
    spoken().0
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

    #[test]
    fn the_setting_comes_before_the_browser_and_english_after_both() {
        assert_eq!(Language::choose(Some("ja"), ["ko-KR"]), Language::Japanese);
        assert_eq!(Language::choose(None, ["fr-FR", "zh-TW"]), Language::TraditionalChinese);
        assert_eq!(Language::choose(Some("xx"), ["fr"]), Language::English);
    }

    #[test]
    fn every_language_is_read_back_as_its_table_has_it() {
        let tables = [english::ENGLISH, korean::KOREAN, chinese::CHINESE, japanese::JAPANESE];

        for (language, table) in Language::ALL.into_iter().zip(tables) {
            assert_eq!(language.words().texts(), table.texts(), "{language:?}");
        }
    }

    #[test]
    fn every_language_fills_the_same_places() {
        let places = |text: &str| {
            let mut names: Vec<String> = text
                .split('{')
                .skip(1)
                .filter_map(|rest| rest.split_once('}'))
                .map(|(name, _)| name.to_owned())
                .collect();
            names.sort_unstable();
            names
        };
        let words = Language::English.words();
        let english = words.entries();
        for language in Language::ALL {
            for ((key, here), (_, original)) in language.words().entries().iter().zip(&english) {
                assert_eq!(places(here), places(original), "{} in {language:?}", key);
                assert!(!here.trim().is_empty(), "{key} in {language:?}");
            }
        }
    }
}
