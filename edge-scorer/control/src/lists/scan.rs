//! Looking for a word in the texts of a whole list.
//!
//! Texts lie together, 128 keys to a chunk, and a hundred thousand of them are searched in less than
//! a millisecond where few rows hold the word, and in ten where all do. The same pass counts, and
//! picks the rows of the page in any order, because each text has what the list is ordered by beside
//! it.

use std::sync::Arc;

use memchr::memmem::Finder;

use super::{
    Exactly,
    chunk::{Chunk, Keys, NAME, Row, TAGS, damaged},
    place::{Best, Place, Value},
};
use crate::ControlError;

/// What rows must hold.
pub(super) struct Wanted {
    /// Part of the text.
    pub(super) word: Option<String>,
    pub(super) exactly: Exactly,
    /// One of these keys.
    pub(super) keys: Option<Keys>,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Rows that hold everything; where that is not wanted, no more than were looked at.
    pub(super) total: u64,
    /// Those of the page, by their keys, and one more if there are more.
    pub(super) page: Vec<i64>,
}

/// What is looked for, made ready.
struct Search<'a> {
    word: Option<Finder<'a>>,
    name: Option<&'a str>,
    tag: Option<Finder<'static>>,
    keys: Option<&'a Keys>,
}

/// Looks through the texts of a list, `chunks` in the order of keys.
pub(super) fn look(
    chunks: &[Arc<Chunk>],
    wanted: &Wanted,
    place: &Place,
) -> Result<Found, ControlError> {
    let search = Search::new(wanted)?;
    match place.field {
        None if place.descending => Ok(by_key(chunks.iter().rev(), &search, place)),
        None => Ok(by_key(chunks.iter(), &search, place)),
        Some(field) => by_field(chunks, &search, place, field),
    }
}

/// Nothing needs to be put in order, and where nothing is counted the rest need not be looked at.
fn by_key<'a>(
    chunks: impl Iterator<Item = &'a Arc<Chunk>>,
    search: &Search<'_>,
    place: &Place,
) -> Found {
    let mut found = Found::default();
    let mut left_out = 0;
    for chunk in chunks {
        let mut rows = search.holders(chunk);
        if place.descending {
            rows.reverse();
        }
        found.total += rows.len() as u64;
        for row in rows.into_iter().filter(|row| place.begins_before(Value::Number(row.key), "")) {
            if left_out < place.skip {
                left_out += 1;
            } else if found.page.len() <= place.limit {
                found.page.push(row.key);
            } else {
                break;
            }
        }
        if found.page.len() > place.limit && !place.wants_total {
            break;
        }
    }
    found
}

fn by_field(
    chunks: &[Arc<Chunk>],
    search: &Search<'_>,
    place: &Place,
    field: usize,
) -> Result<Found, ControlError> {
    let mut total = 0;
    let mut best = Best::new(place);
    for chunk in chunks {
        for row in search.holders(chunk) {
            total += 1;
            let text = chunk.field(row, field);
            let value = match place.is_text {
                true => Value::Text(text),
                false => Value::Number(text.parse().map_err(|_| damaged())?),
            };
            let id = chunk.id(row);
            if place.begins_before(value, id) {
                best.add((value, id, row.key));
            }
        }
    }
    Ok(Found { total, page: best.page() })
}

impl<'a> Search<'a> {
    fn new(wanted: &'a Wanted) -> Result<Self, ControlError> {
        let Exactly { name, tag } = &wanted.exactly;
        // As it stands in a list of tags.
        let tag = tag.as_ref().map(serde_json::to_string).transpose();
        let tag = tag.map_err(ControlError::internal)?;
        Ok(Self {
            word: wanted.word.as_deref().map(Finder::new),
            name: name.as_deref(),
            tag: tag.map(|tag| Finder::new(&tag).into_owned()),
            keys: wanted.keys.as_ref(),
        })
    }

    /// The rows that hold everything, in the order of keys.
    fn holders<'c>(&self, chunk: &'c Chunk) -> Vec<&'c Row> {
        let is_wanted = |row: &&Row| {
            self.keys.is_none_or(|keys| keys.hold(row.key))
                && self.name.is_none_or(|name| chunk.field(row, NAME) == name)
                && self.is_tagged(chunk, row)
        };
        match &self.word {
            Some(word) => chunk.holders(word).filter(is_wanted).collect(),
            None => chunk.rows.iter().filter(is_wanted).collect(),
        }
    }

    fn is_tagged(&self, chunk: &Chunk, row: &Row) -> bool {
        let Some(tag) = &self.tag else { return true };
        let tags = chunk.field(row, TAGS).as_bytes();
        // Behind what can only begin one, since quotes within are escaped.
        tag.find_iter(tags).any(|at| at > 0 && matches!(tags[at - 1], b'[' | b','))
    }
}

#[cfg(test)]
mod tests;
