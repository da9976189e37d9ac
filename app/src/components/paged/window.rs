//! Which rows of a long list are in sight, and which pages of it they need.

use std::ops::Range;

/// Height of a row in pixels; the style sheet says the same.
pub(super) const ROW: f64 = 52.0;
/// Rows that are fetched at a time.
pub(super) const PAGE: u64 = 100;
/// Rows drawn above and below those in sight.
const MARGIN: u64 = 6;
/// Pages that are kept.
pub(super) const KEPT: usize = 8;

/// The rows to draw.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the rows there are"
)]
pub(super) fn in_sight(scrolled: f64, height: f64, total: u64) -> Range<u64> {
    let first = (scrolled / ROW).max(0.0) as u64;
    let shown = (height / ROW).ceil().max(1.0) as u64;
    let start = first.saturating_sub(MARGIN).min(total);
    start..(first + shown + MARGIN).min(total)
}

/// The pages that rows stand on.
pub(super) fn pages_of(rows: &Range<u64>) -> Range<u64> {
    rows.start / PAGE..rows.end.div_ceil(PAGE)
}

/// The page to forget when there are too many: the one farthest from `near`.
pub(super) fn farthest(pages: impl Iterator<Item = u64>, near: u64) -> Option<u64> {
    pages.max_by_key(|page| page.abs_diff(near))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_sight_is_drawn_of_a_hundred_thousand_rows() {
        let rows = in_sight(52.0 * 50_000.0, 520.0, 100_000);

        assert_eq!(rows, 49_994..50_016);
        assert_eq!(pages_of(&rows), 499..501);
        assert_eq!(pages_of(&in_sight(0.0, 520.0, 100_000)), 0..1);
    }

    #[test]
    fn the_ends_of_the_list_are_kept() {
        assert_eq!(in_sight(0.0, 520.0, 3), 0..3);
        assert_eq!(in_sight(1e9, 520.0, 3), 3..3);
        assert_eq!(pages_of(&(0..0)), 0..0);
    }

    #[test]
    fn the_page_farthest_from_sight_is_forgotten_first() {
        assert_eq!(farthest([1, 4, 9].into_iter(), 8), Some(1));
    }
}
