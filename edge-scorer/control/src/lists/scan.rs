//! Looking for a word in the texts of a whole list.
//!
//! The index of words finds what is rare. A word that most rows hold, or one of a letter or two, is
//! looked for in all texts: they lie together, 128 to a row of `<list>_text`, and a hundred thousand
//! of them are read and searched in milliseconds. The same pass counts, and picks the rows of the
//! page in any order, because each text has what the list is ordered by beside it.

use std::cmp::Ordering;

use sqlx::{Row as _, sqlite::SqliteRow};

use super::{Asked, asked::Cursor};
use crate::ControlError;

/// Before each row's text, and between the text and what stands beside it.
pub(super) const ROW: char = '\u{1e}';
pub(super) const FIELD: char = '\u{1f}';
/// Longest part that the standard library looks for sixteen letters at a time, in bytes.
const QUICK_BYTES: usize = 32;

/// What rows must hold.
pub(super) struct Wanted {
    /// Part of the text.
    pub(super) word: String,
    /// One of the tags, exactly.
    pub(super) tag: Option<String>,
    /// One of these keys.
    pub(super) keys: Option<Keys>,
}

/// The page's place in the order.
pub(super) struct Place {
    /// Which of the fields beside the text is ordered by; `None`: the key.
    pub(super) field: Option<usize>,
    pub(super) is_text: bool,
    pub(super) descending: bool,
    /// The value and id that the page begins behind.
    pub(super) behind: Option<(Value<'static>, String)>,
    pub(super) skip: usize,
    pub(super) limit: usize,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Rows that hold everything.
    pub(super) total: u64,
    /// Those of the page, by their keys.
    pub(super) page: Vec<i64>,
}

/// Keys of one account.
pub(super) struct Keys {
    first: i64,
    bits: Vec<u64>,
}

/// What rows are ordered by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value<'a> {
    Number(i64),
    Text(std::borrow::Cow<'a, str>),
}

/// A row that holds everything, and where it stands.
type Candidate<'a> = (Value<'a>, &'a str, i64);

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

    fn hold(&self, key: i64) -> bool {
        let (word, bit) = Self::place(key - self.first);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }
}

impl Place {
    pub(super) fn new(asked: &Asked<'_>, field: Option<usize>) -> Self {
        let behind = asked.cursor.as_ref().map(|Cursor { k, t, i, .. }| {
            let value = match k {
                Some(number) => Value::Number(*number),
                None => Value::Text(t.clone().unwrap_or_default().into()),
            };
            (value, i.clone())
        });
        Self {
            field,
            is_text: asked.order.is_text,
            descending: asked.descending,
            behind,
            skip: usize::try_from(asked.skip).unwrap_or(usize::MAX),
            limit: usize::try_from(asked.limit).unwrap_or(usize::MAX),
        }
    }

    fn compare(&self, a: (&Value<'_>, &str), b: (&Value<'_>, &str)) -> Ordering {
        let by_id = if self.field.is_some() { a.1.cmp(b.1) } else { Ordering::Equal };
        let ascending = a.0.cmp(b.0).then(by_id);
        if self.descending { ascending.reverse() } else { ascending }
    }

    /// The rows of the page and one more, if there are more.
    fn choose(&self, mut found: Vec<Candidate<'_>>) -> Vec<i64> {
        let order = |a: &Candidate<'_>, b: &Candidate<'_>| self.compare((&a.0, a.1), (&b.0, b.1));
        let end = self.skip.saturating_add(self.limit).saturating_add(1);
        if end < found.len() {
            // What lies behind the page need not be put in order.
            found.select_nth_unstable_by(end, order);
            found.truncate(end);
        }
        found.sort_unstable_by(order);
        found.iter().skip(self.skip).map(|(_, _, key)| *key).collect()
    }
}

/// Looks through the rows of `<list>_text`.
pub(super) fn scan(
    rows: &[SqliteRow],
    wanted: &Wanted,
    place: Option<&Place>,
) -> Result<Found, ControlError> {
    let texts = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<&str>, _>>()?;
    look(&texts, wanted, place)
}

fn look(texts: &[&str], wanted: &Wanted, place: Option<&Place>) -> Result<Found, ControlError> {
    let holds = holder(&wanted.word);
    let tag = wanted.tag.as_ref().map(written).transpose()?;
    let mut total = 0;
    let mut found = Vec::new();
    for row in texts.iter().flat_map(|text| text.split(ROW).skip(1)) {
        let Some((words, beside)) = row.split_once(FIELD) else { continue };
        if !holds(words) || tag.as_ref().is_some_and(|tag| !is_tagged(beside, tag)) {
            continue;
        }
        if place.is_none() && wanted.keys.is_none() {
            total += 1;
            continue;
        }
        let damaged = || ControlError::internal("a list's texts are damaged");
        let mut beside = beside;
        let key = cut(&mut beside).parse().map_err(|_| damaged())?;
        if wanted.keys.as_ref().is_some_and(|keys| !keys.hold(key)) {
            continue;
        }
        total += 1;
        let Some(place) = place else { continue };
        let id = cut(&mut beside);
        let value = match place.field {
            None => Value::Number(key),
            Some(field) => {
                for _ in 0..field {
                    cut(&mut beside);
                }
                let text = cut(&mut beside);
                match place.is_text {
                    true => Value::Text(text.into()),
                    false => Value::Number(text.parse().map_err(|_| damaged())?),
                }
            }
        };
        let is_behind = place.behind.as_ref().is_none_or(|(behind, id_behind)| {
            place.compare((&value, id), (behind, id_behind)) == Ordering::Greater
        });
        if is_behind {
            found.push((value, id, key));
        }
    }
    let page = place.map_or_else(Vec::new, |place| place.choose(found));
    Ok(Found { total, page })
}

/// Takes the first field off. Fields are short: a look at each byte is quicker than a search.
fn cut<'a>(fields: &mut &'a str) -> &'a str {
    let end = fields.bytes().position(|byte| char::from(byte) == FIELD);
    let (field, rest) = match end {
        Some(end) => (&fields[..end], &fields[end + 1..]),
        None => (*fields, ""),
    };
    *fields = rest;
    field
}

/// Whether a text holds `word`. What is longer than the quick search allows is looked for only where
/// its beginning is.
fn holder(word: &str) -> impl Fn(&str) -> bool {
    let quick = &word[..word.floor_char_boundary(QUICK_BYTES)];
    move |text| text.contains(quick) && (quick.len() == word.len() || text.contains(word))
}

/// A tag as it stands in a list of tags: after what can only begin one, since quotes within are
/// escaped.
fn written(tag: &String) -> Result<[String; 2], ControlError> {
    let tag = serde_json::to_string(tag).map_err(ControlError::internal)?;
    Ok([format!("[{tag}"), format!(",{tag}")])
}

fn is_tagged(beside: &str, tag: &[String; 2]) -> bool {
    let tags = beside.rsplit(FIELD).next().unwrap_or_default();
    tag.iter().any(|tag| tags.contains(tag.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers 1 to 9 with the same number as version; names are in the opposite order.
    fn texts() -> String {
        let row = |n: i64| {
            let (name, tag) =
                (format!("name-{}", 9 - n), ["odd", "ev\"en"][usize::from(n % 2 == 0)]);
            let tags = serde_json::to_string(&[tag, "all"]).unwrap();
            format!(
                "{ROW}{name}\nnumber {n}{FIELD}{n}{FIELD}id-{n}{FIELD}{name}{FIELD}{n}{FIELD}{tags}"
            )
        };
        (1..=9).map(row).collect()
    }

    fn wanted(word: &str) -> Wanted {
        Wanted { word: word.to_owned(), tag: None, keys: None }
    }

    fn place(field: Option<usize>, descending: bool) -> Place {
        let is_text = field == Some(0);
        Place { field, is_text, descending, behind: None, skip: 0, limit: 2 }
    }

    fn page(wanted: &Wanted, place: &Place) -> (u64, Vec<i64>) {
        let texts = texts();
        let (first, second) = texts.split_at(texts.rfind(ROW).unwrap());
        let found = look(&[first, second], wanted, Some(place)).unwrap();
        (found.total, found.page)
    }

    #[test]
    fn a_page_and_one_row_more_is_chosen_in_every_order_and_all_are_counted() {
        assert_eq!(page(&wanted("number"), &place(None, true)), (9, vec![9, 8, 7]));
        assert_eq!(page(&wanted("number"), &place(None, false)), (9, vec![1, 2, 3]));
        assert_eq!(page(&wanted("name-"), &place(Some(0), false)), (9, vec![9, 8, 7]));
        assert_eq!(page(&wanted("m"), &place(Some(1), true)), (9, vec![9, 8, 7]));
        assert_eq!(page(&wanted("number 4"), &place(Some(0), true)), (1, vec![4]));
        assert_eq!(
            page(&wanted("id-"), &place(None, true)),
            (0, vec![]),
            "only texts are searched"
        );
        let skipping = Place { skip: 7, ..place(None, true) };
        assert_eq!(page(&wanted("number"), &skipping), (9, vec![2, 1]));
    }

    #[test]
    fn a_page_goes_on_behind_a_cursor() {
        let behind = Some((Value::Number(4), "id-4".to_owned()));
        let later = Place { behind: behind.clone(), ..place(Some(1), true) };
        assert_eq!(page(&wanted("number"), &later), (9, vec![3, 2, 1]));
        let later = Place { behind, ..place(Some(1), false) };
        assert_eq!(page(&wanted("number"), &later), (9, vec![5, 6, 7]));
        let behind = Some((Value::Text("name-5".into()), "id-3".to_owned()));
        let later = Place { behind, ..place(Some(0), false) };
        assert_eq!(page(&wanted("number"), &later), (9, vec![4, 3, 2]), "ids tell names apart");
    }

    #[test]
    fn tags_are_compared_whole_and_keys_are_looked_up() {
        let tagged = |tag: &str| Wanted { tag: Some(tag.to_owned()), ..wanted("number") };
        assert_eq!(page(&tagged("ev\"en"), &place(None, true)), (4, vec![8, 6, 4]));
        assert_eq!(page(&tagged("all"), &place(None, true)).0, 9);
        for part in ["od", "en", "even", "", "odd\",\"all", "Odd"] {
            assert_eq!(page(&tagged(part), &place(None, true)).0, 0, "{part}");
        }
        let keyed = |keys: &str| Wanted { keys: Some(Keys::read(keys).unwrap()), ..wanted("name") };
        assert_eq!(page(&keyed("7,2,3"), &place(None, true)), (3, vec![7, 3, 2]));
        assert_eq!(page(&keyed(""), &place(None, true)), (0, vec![]));
        let counted = look(&[&texts()], &keyed("1,64,1000"), None).unwrap();
        assert_eq!(counted, Found { total: 1, page: Vec::new() });
    }

    #[test]
    fn long_words_are_found_whole() {
        let word = format!("{}ß{}", "a".repeat(31), "b".repeat(40));
        let holds = holder(&word);

        assert!(holds(&format!("x{word}x")));
        assert!(!holds(&word[..word.len() - 1]));
        assert!(holder("日")("今日は"));
    }
}
