//! What stands in a row, as data: pages say what, one place draws it.
//!
//! Long lists compare rows to know which to draw again, so a cell is plain text and not a view.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use shared::Timestamp;

use super::{
    badge::{Badge, StateBadge, Tone},
    icon::Glyph,
    moment::Moment,
};
use crate::markup::{IntoMarkup as _, Markup, view};

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Cell {
    Text(String),
    /// A figure, lined up with those above and below it.
    Number(String),
    /// Leads to the row's own page, with a second line.
    Link {
        label: String,
        href: String,
        sub: Option<String>,
    },
    /// Free words.
    Badges(Vec<String>),
    /// An icon and a word, with a second line that says why.
    State {
        tone: Tone,
        glyph: Glyph,
        label: String,
        sub: Option<String>,
    },
    Moment(Timestamp),
}

/// The cells of one row; the first is its heading.
pub(crate) type Row = Vec<Cell>;

/// Changes with the content of a row.
pub(crate) fn fingerprint(row: &Row) -> u64 {
    let mut hasher = DefaultHasher::new();
    row.hash(&mut hasher);
    hasher.finish()
}

/// Draws a cell's content.
pub(crate) fn draw(cell: Cell) -> Markup {
    match cell {
        Cell::Text(text) => text.into_markup(),
        Cell::Number(text) => view! { <span class="number">{text}</span> },
        Cell::Link { label, href, sub } => {
            view! { <a href=href title=label.clone()>{label.clone()}</a> {second_line(sub)} }
        }
        Cell::Badges(words) => {
            let badges: Vec<Markup> =
                words.into_iter().map(|label| view! { <Badge label /> }).collect();
            badges.into_markup()
        }
        Cell::State { tone, glyph, label, sub } => {
            view! { <StateBadge tone glyph label /> {second_line(sub)} }
        }
        Cell::Moment(at) => view! { <Moment at /> },
    }
}

fn second_line(text: Option<String>) -> Option<Markup> {
    text.map(|text| view! { <span class="sub" title=text.clone()>{text.clone()}</span> })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_another_one_when_a_word_in_it_changes() {
        let row = |word: &str| vec![Cell::Text("iris".into()), Cell::Badges(vec![word.into()])];

        assert_eq!(fingerprint(&row("a")), fingerprint(&row("a")));
        assert_ne!(fingerprint(&row("a")), fingerprint(&row("b")));
    }
}
