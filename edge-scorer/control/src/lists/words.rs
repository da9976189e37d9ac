//! Parts of words, by an index of trigrams.
//!
//! The index holds every three letters that stand side by side in a row's text. A part of three
//! letters or more is in rows that hold all its trigrams; a shorter one in rows that hold one of the
//! trigrams that begin with it. Either may find too much, so whoever asks looks into the text
//! itself besides.

use sqlx::Row as _;

use crate::store::Store;

/// Trigrams of a part that are looked up; the text itself decides about the rest.
const MOST_GRAMS: usize = 24;
/// A part that begins more trigrams than this is in nearly every row.
const MOST_BEGUN: usize = 64;

/// What the index knows of a part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Grams {
    /// It is in no row.
    Nowhere,
    /// It is in rows that match this expression.
    Match(String),
    /// Too short to tell: most rows hold it.
    Unknown,
}

/// Looks `part`, in lower case and not empty, up in the index `words` with the list of trigrams
/// `grams`.
pub(crate) async fn grams(store: &Store, list: &str, part: &str) -> Result<Grams, sqlx::Error> {
    let letters: Vec<char> = part.chars().collect();
    if letters.len() >= 3 {
        return Ok(Grams::Match(all_of(&letters)));
    }
    let statement = format!(
        "SELECT term FROM {list}_grams WHERE term >= $1 AND term < $2 LIMIT {}",
        MOST_BEGUN + 1
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(part)
        .bind(after(&letters))
        .fetch_all(store.read())
        .await?;
    if rows.len() > MOST_BEGUN {
        return Ok(Grams::Unknown);
    }
    let begun = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
    let quoted: Vec<String> = begun.iter().map(|gram| quoted(gram)).collect();
    Ok(if quoted.is_empty() { Grams::Nowhere } else { Grams::Match(quoted.join(" OR ")) })
}

/// Trigrams side by side, and the last one: every letter is in one of them.
fn all_of(letters: &[char]) -> String {
    let last = letters.len() - 3;
    let starts = (0..last).step_by(3).take(MOST_GRAMS - 1).chain([last]);
    let grams = starts.map(|start| quoted(&letters[start..start + 3].iter().collect::<String>()));
    grams.collect::<Vec<_>>().join(" AND ")
}

fn quoted(gram: &str) -> String {
    format!("\"{}\"", gram.replace('"', "\"\""))
}

/// The first text that is not before every text that begins with `letters`.
fn after(letters: &[char]) -> String {
    let (last, first) = letters.split_last().unwrap_or((&char::MAX, &[]));
    let next = (u32::from(*last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
    first.iter().chain(&next.or(Some(char::MAX))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn every_letter_of_a_part_is_in_one_of_its_trigrams() {
        assert_eq!(all_of(&letters("abc")), "\"abc\"");
        assert_eq!(all_of(&letters("abcd")), "\"abc\" AND \"bcd\"");
        assert_eq!(all_of(&letters("abcdef")), "\"abc\" AND \"def\"");
        assert_eq!(all_of(&letters("abcdefg")), "\"abc\" AND \"def\" AND \"efg\"");
        assert_eq!(all_of(&letters("a\"b日")), "\"a\"\"b\" AND \"\"\"b日\"");
    }

    #[test]
    fn a_very_long_part_is_looked_up_by_some_of_its_trigrams() {
        let expression = all_of(&letters(&"abc".repeat(1_000)));

        assert_eq!(expression.split(" AND ").count(), MOST_GRAMS);
    }

    #[test]
    fn what_begins_alike_ends_before_the_next_letter() {
        assert_eq!(after(&letters("a")), "b");
        assert_eq!(after(&letters("aß")), "aà");
        assert_eq!(after(&letters("\u{d7ff}")), "\u{e000}");
    }
}
