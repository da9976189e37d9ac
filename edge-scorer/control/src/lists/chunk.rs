//! Texts of rows with neighbouring keys, and keys, as a search wants them.

use memchr::memmem::Finder;

use crate::ControlError;

/// Before each row's text, and between the text and what stands beside it.
pub(super) const ROW: char = '\u{1e}';
pub(super) const FIELD: char = '\u{1f}';
/// Fields beside a text, key and id not among them.
const MOST_FIELDS: usize = 3;
/// The field that every list has.
pub(super) const NAME: usize = 0;
/// The field that is a list of tags in JSON, where there are tags.
pub(super) const TAGS: usize = 2;

/// Texts of rows with neighbouring keys.
pub(super) struct Chunk {
    /// What is searched, [`ROW`] behind each.
    words: Box<str>,
    /// Ids and fields without anything between.
    beside: Box<str>,
    /// In the order of keys.
    pub(super) rows: Box<[Row]>,
}

/// Where a row's parts lie.
pub(super) struct Row {
    pub(super) key: i64,
    /// Where what is searched ends.
    words: u32,
    /// Where the id, each field and what follows begin.
    beside: [u32; MOST_FIELDS + 2],
}

/// Keys of one account.
pub(super) struct Keys {
    first: i64,
    bits: Vec<u64>,
}

impl Chunk {
    /// Reads a row of `<list>_text`.
    pub(super) fn read(text: &str) -> Result<Self, ControlError> {
        let (mut words, mut beside, mut rows) = (String::new(), String::new(), Vec::new());
        for entry in text.split(ROW).skip(1) {
            let mut parts = entry.split(FIELD);
            words.push_str(parts.next().unwrap_or_default());
            let key = parts.next().and_then(|key| key.parse().ok()).ok_or_else(damaged)?;
            let end = u32::try_from(words.len()).map_err(|_| damaged())?;
            words.push(ROW);
            let start = u32::try_from(beside.len()).map_err(|_| damaged())?;
            let mut row = Row { key, words: end, beside: [start; MOST_FIELDS + 2] };
            for part in 1..row.beside.len() {
                beside.push_str(parts.next().unwrap_or_default());
                row.beside[part] = u32::try_from(beside.len()).map_err(|_| damaged())?;
            }
            if parts.next().is_some() {
                return Err(damaged());
            }
            rows.push(row);
        }
        Ok(Self { words: words.into(), beside: beside.into(), rows: rows.into() })
    }

    /// The rows whose text holds a word.
    pub(super) fn holders(&self, word: &Finder<'_>) -> impl Iterator<Item = &Row> {
        let mut rows = self.rows.iter();
        let mut start = 0;
        std::iter::from_fn(move || {
            let at = start + word.find(&self.words.as_bytes()[start..])?;
            let row = rows.find(|row| row.words as usize > at)?;
            start = row.words as usize + 1;
            Some(row)
        })
    }

    pub(super) fn id(&self, row: &Row) -> &str {
        self.part(row, 0)
    }

    pub(super) fn field(&self, row: &Row, field: usize) -> &str {
        self.part(row, field + 1)
    }

    fn part(&self, row: &Row, part: usize) -> &str {
        &self.beside[row.beside[part] as usize..row.beside[part + 1] as usize]
    }
}

impl Keys {
    /// Reads keys that are separated by commas, as `group_concat` gives them.
    pub(super) fn read(list: &str) -> Result<Self, ControlError> {
        let keys = list.split(',').filter(|key| !key.is_empty()).map(str::parse);
        let keys = keys.collect::<Result<Vec<i64>, _>>().map_err(ControlError::internal)?;
        let first = keys.iter().copied().min().unwrap_or(0);
        let mut bits = Vec::new();
        for key in keys {
            let (word, bit) = Self::place(key - first);
            if bits.len() <= word {
                bits.resize(word + 1, 0);
            }
            bits[word] |= bit;
        }
        Ok(Self { first, bits })
    }

    fn place(distance: i64) -> (usize, u64) {
        (usize::try_from(distance >> 6).unwrap_or(usize::MAX), 1 << (distance & 63))
    }

    pub(super) fn hold(&self, key: i64) -> bool {
        let (word, bit) = Self::place(key - self.first);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }
}

/// Triggers write what is read here.
pub(super) fn damaged() -> ControlError {
    ControlError::internal("a list's texts are damaged")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_no_rows_are_refused() {
        for damaged in [
            "\u{1e}word",
            "\u{1e}word\u{1f}key\u{1f}id",
            "\u{1e}w\u{1f}1\u{1f}i\u{1f}a\u{1f}b\u{1f}c\u{1f}d",
        ] {
            assert!(Chunk::read(damaged).is_err(), "{damaged:?}");
        }
    }
}
