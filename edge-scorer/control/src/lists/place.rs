//! Where a page begins in its order, and which rows come first from there.

use std::cmp::Ordering;

use super::{Asked, asked::Cursor};

/// The page's place in the order.
pub(super) struct Place {
    /// Which of the fields beside the text is ordered by; `None`: the key.
    pub(super) field: Option<usize>,
    pub(super) is_text: bool,
    pub(super) descending: bool,
    pub(super) behind: Option<Behind>,
    pub(super) skip: usize,
    pub(super) limit: usize,
    /// Whether all rows must be counted.
    pub(super) wants_total: bool,
}

/// The row that the page begins behind; the order says whether its number or text counts.
pub(super) struct Behind {
    pub(super) number: i64,
    pub(super) text: String,
    pub(super) id: String,
}

/// What rows are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value<'a> {
    Number(i64),
    Text(&'a str),
}

/// A row that holds everything, and where it stands: its value, id and key.
pub(super) type Candidate<'a> = (Value<'a>, &'a str, i64);

/// The first rows of those that come by, in the order of a field.
pub(super) struct Best<'a> {
    place: &'a Place,
    /// How many are wanted.
    end: usize,
    found: Vec<Candidate<'a>>,
    /// None behind this one is among the first.
    last: Option<Candidate<'a>>,
}

impl Place {
    pub(super) fn new(asked: &Asked<'_>, field: Option<usize>) -> Self {
        let behind = asked.cursor.as_ref().map(|Cursor { k, t, i, .. }| Behind {
            number: k.unwrap_or_default(),
            text: t.clone().unwrap_or_default(),
            id: i.clone(),
        });
        Self {
            field,
            is_text: asked.order.is_text,
            descending: asked.descending,
            behind,
            skip: usize::try_from(asked.skip).unwrap_or(usize::MAX),
            limit: usize::try_from(asked.limit).unwrap_or(usize::MAX),
            wants_total: asked.wants_total,
        }
    }

    /// Whether the page begins before a row; keys need no id.
    pub(super) fn begins_before(&self, value: Value<'_>, id: &str) -> bool {
        let Some(behind) = &self.behind else { return true };
        let (begin, begin_id) = match (self.is_text, self.field) {
            (true, _) => (Value::Text(&behind.text), behind.id.as_str()),
            (false, None) => (Value::Number(behind.number), ""),
            (false, Some(_)) => (Value::Number(behind.number), behind.id.as_str()),
        };
        self.order(&(value, id, 0), &(begin, begin_id, 0)) == Ordering::Greater
    }

    fn order(&self, a: &Candidate<'_>, b: &Candidate<'_>) -> Ordering {
        let ascending = a.0.cmp(&b.0).then_with(|| a.1.cmp(b.1));
        if self.descending { ascending.reverse() } else { ascending }
    }
}

impl<'a> Best<'a> {
    pub(super) fn new(place: &'a Place) -> Self {
        let end = place.skip.saturating_add(place.limit).saturating_add(1);
        Self { place, end, found: Vec::new(), last: None }
    }

    pub(super) fn add(&mut self, candidate: Candidate<'a>) {
        if self.last.is_some_and(|last| self.place.order(&candidate, &last) == Ordering::Greater) {
            return;
        }
        self.found.push(candidate);
        if self.found.len() >= self.end.saturating_mul(2) {
            self.keep_first();
            self.last = self.found.last().copied();
        }
    }

    /// Leaves out what does not belong to the first; of those, the last comes last.
    fn keep_first(&mut self) {
        if self.end < self.found.len() {
            let order = |a: &Candidate<'_>, b: &Candidate<'_>| self.place.order(a, b);
            self.found.select_nth_unstable_by(self.end - 1, order);
            self.found.truncate(self.end);
        }
    }

    /// The keys of the page's rows and of one more, if there are more.
    pub(super) fn page(mut self) -> Vec<i64> {
        self.keep_first();
        let order = |a: &Candidate<'_>, b: &Candidate<'_>| self.place.order(a, b);
        let skip = self.place.skip;
        if skip >= self.found.len() {
            return Vec::new();
        }
        // What lies before the page need not be put in order.
        self.found.select_nth_unstable_by(skip, order);
        let page = &mut self.found[skip..];
        page.sort_unstable_by(order);
        page.iter().map(|(_, _, key)| *key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        /// As if all rows were put in order and cut.
        #[test]
        fn the_first_rows_of_many_are_chosen_as_if_all_were_put_in_order(
            values in proptest::collection::vec(0_i64..20, 0..300),
            skip in 0_usize..40, limit in 1_usize..20, descending in proptest::bool::ANY,
        ) {
            let place = Place {
     field: Some(0), is_text: false, descending, behind: None, skip, limit, wants_total: true,
    };
            let ids: Vec<String> = (0..values.len()).map(|n| format!("{:03}", n * 7 % 307)).collect();
            let mut best = Best::new(&place);
            let mut all = Vec::new();
            for (key, (value, id)) in (0..).zip(values.iter().zip(&ids)) {
                best.add((Value::Number(*value), id, key));
                all.push((*value, id, key));
            }
            all.sort();
            if descending {
                all.reverse();
            }
            let page: Vec<i64> = all.iter().skip(skip).take(limit + 1).map(|row| row.2).collect();
            proptest::prop_assert_eq!(best.page(), page);
        }
    }
}
