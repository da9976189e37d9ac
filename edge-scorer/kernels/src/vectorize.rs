//! Text to numbers: words are found by an automaton, numbered by a table, and runs of them counted.
//!
//! The compiler turns a pattern into an automaton that steps one byte at a time, and the runs of words
//! that count (n-grams) into a tree of edges sorted by parent and word.

use crate::text::{Span, Table};

/// Runs of words that are looked at at once, gaps included.
const WINDOW: usize = 64;
/// In an edge: nothing is counted here.
const NOT_COUNTED: u32 = u32::MAX;

/// In a transition: what was read so far, without the byte it is taken on, is a match.
const MATCHED: u32 = 1 << 31;

/// An automaton over bytes. State 0 is dead; state `s` goes on byte `b` to
/// `next[s * classes + class[b]]`, and at the end of the text to the last class of its row.
#[derive(Clone, Copy)]
struct Automaton {
    class: *const u8,
    next: *const u32,
    classes: usize,
    /// The state to begin with, by the byte before; the last one is for the begin of the text.
    starts: *const u32,
}

impl Automaton {
    /// The end of the longest match that begins at `at`.
    unsafe fn longest(self, text: &[u8], at: usize) -> Option<usize> {
        // SAFETY: the tables are the compiler's: every state is a row of them.
        unsafe {
            let before = at.checked_sub(1).and_then(|before| text.get(before));
            let mut state = *self.starts.add(before.map_or(256, |byte| usize::from(*byte)));
            let mut end = None;
            for (at, byte) in text.iter().enumerate().skip(at) {
                let class = *self.class.add(usize::from(*byte));
                let next = *self.next.add(state as usize * self.classes + usize::from(class));
                if next & MATCHED != 0 {
                    end = Some(at);
                }
                state = next & !MATCHED;
                if state == 0 {
                    return end;
                }
            }
            let last = *self.next.add((state as usize + 1) * self.classes - 1);
            if last & MATCHED != 0 { Some(text.len()) } else { end }
        }
    }
}

/// An edge of the tree of runs: from `parent` along `word` to `child`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    /// The node that it leaves; 0 is the root.
    pub parent: u32,
    /// The word's number.
    pub word: u32,
    /// The node that it leads to.
    pub child: u32,
    /// The column that is counted there, or 2³² - 1.
    pub column: u32,
}

/// What is counted of a row of words, and how.
#[derive(Clone, Copy)]
struct Counter<'a> {
    edges: &'a [Edge],
    shortest: usize,
    longest: usize,
    skips: usize,
}

impl Counter<'_> {
    /// Words that a run may reach over.
    fn reach(self) -> usize {
        ((self.longest - 1) * (self.skips + 1) + 1).min(WINDOW)
    }

    /// Counts the runs that begin with the first of `words`.
    fn count(self, words: impl Fn(usize) -> Option<i32>, row: &mut [f32]) {
        for gap in 1..=self.skips + 1 {
            // Single words are counted once, whatever may be skipped between words.
            if gap > 1 && self.longest == 1 {
                break;
            }
            let mut node = 0;
            for size in 1..=self.longest {
                let Some(word) = words((size - 1) * gap) else { break };
                let Some(edge) = self.edge(node, word) else { break };
                let counts = size >= self.shortest && (gap == 1 || size > 1);
                if counts
                    && edge.column != NOT_COUNTED
                    && let Some(count) = row.get_mut(edge.column as usize)
                {
                    *count += 1.0;
                }
                node = edge.child;
            }
        }
    }

    fn edge(self, parent: u32, word: i32) -> Option<Edge> {
        let key = (parent, u32::try_from(word).ok()?);
        let found = self.edges.binary_search_by(|edge| (edge.parent, edge.word).cmp(&key));
        found.ok().and_then(|place| self.edges.get(place).copied())
    }
}

/// Counts turned into what is asked for: themselves (0), the weight where there are any (1), or
/// counts times weights (2).
unsafe fn weigh(row: &mut [f32], mode: i32, weights: *const f32) {
    for (column, count) in row.iter_mut().enumerate() {
        // SAFETY: the kernels' contract: one weight a column.
        let weight = unsafe { *weights.add(column) };
        match mode {
            1 if *count > 0.0 => *count = weight,
            2 => *count *= weight,
            _ => {}
        }
    }
}

/// Counts runs of numbered words: `y[r][..]` of `words[r][..]`; a number below 0 is no known word.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn count_runs(
    words: *const i32,
    count: usize,
    length: usize,
    edges: *const Edge,
    edge_count: usize,
    shortest: usize,
    longest: usize,
    skips: usize,
    mode: i32,
    weights: *const f32,
    columns: usize,
    y: *mut f32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        let edges = core::slice::from_raw_parts(edges, edge_count);
        let counter = Counter { edges, shortest, longest, skips };
        for r in 0..count {
            let words = core::slice::from_raw_parts(words.add(r * length), length);
            let row = core::slice::from_raw_parts_mut(y.add(r * columns), columns);
            row.fill(0.0);
            for start in 0..length {
                counter.count(|ahead| words.get(start + ahead).copied(), row);
            }
            weigh(row, mode, weights);
        }
    }
}

/// Finds the words of every text, and counts runs of them.
///
/// With `between` not 0 the automaton finds what separates words, else the words themselves. Words of
/// fewer than `least` letters are left out.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn count_words(
    spans: *const Span,
    count: usize,
    class: *const u8,
    next: *const u32,
    classes: usize,
    starts: *const u32,
    between: i32,
    least: usize,
    key_offsets: *const u32,
    key_letters: *const u8,
    keys: usize,
    edges: *const Edge,
    edge_count: usize,
    shortest: usize,
    longest: usize,
    skips: usize,
    mode: i32,
    weights: *const f32,
    columns: usize,
    y: *mut f32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        let automaton = Automaton { class, next, classes, starts };
        let table = Table { offsets: key_offsets, letters: key_letters, length: keys };
        let edges = core::slice::from_raw_parts(edges, edge_count);
        let counter = Counter { edges, shortest, longest, skips };
        for r in 0..count {
            let row = core::slice::from_raw_parts_mut(y.add(r * columns), columns);
            row.fill(0.0);
            let mut window = Window::new(counter, row);
            let text = (*spans.add(r)).bytes();
            let mut word = |bytes: &[u8]| {
                if bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count() >= least {
                    window.push(table.find(bytes).map_or(-1, |place| place as i32));
                }
            };
            if between == 0 {
                words(automaton, text, &mut word)
            } else {
                split(automaton, text, &mut word)
            }
            window.finish();
            weigh(row, mode, weights);
        }
    }
}

/// The last words of a text, oldest first, whose runs are not counted yet.
struct Window<'a> {
    counter: Counter<'a>,
    row: &'a mut [f32],
    words: [i32; WINDOW],
    first: usize,
    length: usize,
}

impl<'a> Window<'a> {
    fn new(counter: Counter<'a>, row: &'a mut [f32]) -> Self {
        Self { counter, row, words: [0; WINDOW], first: 0, length: 0 }
    }

    fn push(&mut self, word: i32) {
        self.words[(self.first + self.length) % WINDOW] = word;
        self.length += 1;
        if self.length == self.counter.reach() {
            self.count_oldest();
        }
    }

    fn finish(&mut self) {
        while self.length > 0 {
            self.count_oldest();
        }
    }

    fn count_oldest(&mut self) {
        let (words, first, length) = (self.words, self.first, self.length);
        let ahead = |ahead: usize| (ahead < length).then(|| words[(first + ahead) % WINDOW]);
        self.counter.count(ahead, self.row);
        self.first = (self.first + 1) % WINDOW;
        self.length -= 1;
    }
}

/// Every match, from left to right, the longest where several begin at one place.
unsafe fn words(automaton: Automaton, text: &[u8], found: &mut impl FnMut(&[u8])) {
    let mut at = 0;
    while at < text.len() {
        // SAFETY: the caller's.
        match unsafe { automaton.longest(text, at) } {
            Some(end) if end > at => {
                found(&text[at..end]);
                at = end;
            }
            _ => at += letter(&text[at..]),
        }
    }
}

/// What is left between the matches; nothing of length 0.
unsafe fn split(automaton: Automaton, text: &[u8], found: &mut impl FnMut(&[u8])) {
    let (mut at, mut begin) = (0, 0);
    while at < text.len() {
        // SAFETY: the caller's.
        match unsafe { automaton.longest(text, at) } {
            Some(end) if end > at => {
                if begin < at {
                    found(&text[begin..at]);
                }
                at = end;
                begin = at;
            }
            _ => at += letter(&text[at..]),
        }
    }
    if begin < text.len() {
        found(&text[begin..]);
    }
}

/// Bytes of the first letter.
fn letter(text: &[u8]) -> usize {
    1 + text[1..].iter().take_while(|byte| **byte & 0xc0 == 0x80).count()
}

/// 1 where the automaton matches the whole text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn match_text(
    spans: *const Span,
    count: usize,
    class: *const u8,
    next: *const u32,
    classes: usize,
    starts: *const u32,
    y: *mut u8,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        let automaton = Automaton { class, next, classes, starts };
        for i in 0..count {
            let text = (*spans.add(i)).bytes();
            *y.add(i) = u8::from(automaton.longest(text, 0) == Some(text.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `[ab]+`: class 1 is `a` and `b`.
    fn letters(between: i32, text: &str) -> [f32; 4] {
        let mut class = [0_u8; 256];
        class[usize::from(b'a')] = 1;
        class[usize::from(b'b')] = 1;
        // Rows of: another byte, `a` or `b`, the end.
        let next = [0, 0, 0, 0, 2, 0, MATCHED, MATCHED | 2, MATCHED];
        let span = Span { start: text.as_ptr(), length: text.len() };
        let mut y = [9.0; 4];
        let edges = [
            Edge { parent: 0, word: 0, child: 1, column: 0 },
            Edge { parent: 0, word: 1, child: 2, column: 1 },
            Edge { parent: 1, word: 1, child: 3, column: 2 },
        ];
        unsafe {
            count_words(
                &span,
                1,
                class.as_ptr(),
                next.as_ptr(),
                3,
                [1_u32; 257].as_ptr(),
                between,
                1,
                [0_u32, 1, 3].as_ptr(),
                b"abb".as_ptr(),
                2,
                edges.as_ptr(),
                3,
                1,
                2,
                0,
                0,
                [1.0; 4].as_ptr(),
                4,
                y.as_mut_ptr(),
            );
        }
        y
    }

    #[test]
    fn words_and_pairs_of_words_are_counted() {
        assert_eq!(letters(0, "a bb, a-a bb"), [3.0, 2.0, 2.0, 0.0]);
        assert_eq!(letters(0, ""), [0.0; 4]);
        assert_eq!(letters(0, "ü a c bb"), [1.0, 1.0, 1.0, 0.0], "c is no word of the pattern");
    }

    #[test]
    fn words_between_separators_are_counted() {
        // What is neither `a` nor `b` remains.
        assert_eq!(letters(1, "xaybz"), [0.0; 4]);
    }

    #[test]
    fn numbered_words_are_counted_over_gaps() {
        let edges = [
            Edge { parent: 0, word: 5, child: 1, column: NOT_COUNTED },
            Edge { parent: 1, word: 7, child: 2, column: 0 },
        ];
        let mut y = [9.0; 2];
        let words = [5, 7, 7, 5, -1, 7];

        unsafe {
            count_runs(
                words.as_ptr(),
                1,
                6,
                edges.as_ptr(),
                2,
                2,
                2,
                1,
                0,
                [2.0; 2].as_ptr(),
                2,
                y.as_mut_ptr(),
            );
        }

        assert_eq!(y, [3.0, 0.0], "next to one another once, one apart twice");
    }
}
