//! Regular expressions as tables for the kernels of `kernels/src/vectorize.rs`.
//!
//! Patterns are written in RE2's syntax, which ONNX names, and read as RE2 reads them: `\w`, `\d`, `\s`
//! and `\b` know ASCII alone. The automaton finds the longest match that begins at one place.

use std::collections::HashMap;

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, MatchKind, nfa::thompson};

/// Longer patterns are refused: what they are read into takes hundreds of times as much.
const LONGEST: usize = 64 << 10;
/// More bytes of tables than this are refused.
const MAX_BYTES: usize = 8 << 20;
/// In a transition: what was read so far, without the byte it is taken on, is a match.
const MATCHED: u32 = 1 << 31;
/// Bytes before a place, and the begin of the text.
const STARTS: usize = 257;

/// An automaton as tables.
#[derive(Debug)]
pub(super) struct Automaton {
    /// The class of every byte.
    pub(super) classes: Vec<u8>,
    /// Rows of [`Automaton::width`] transitions; state 0 is dead.
    pub(super) next: Vec<u32>,
    /// States to begin with, by the byte before.
    pub(super) starts: Vec<u32>,
    pub(super) width: usize,
}

impl Automaton {
    /// From a pattern in RE2's syntax.
    pub(super) fn of(pattern: &str) -> Result<Self, String> {
        let unfit = |error: &dyn std::fmt::Display| {
            let line = error.to_string().lines().last().unwrap_or_default().to_owned();
            let begin: String = pattern.chars().take(40).collect();
            let rest = if begin.len() < pattern.len() { "…" } else { "" };
            format!("the pattern `{begin}{rest}` cannot be compiled: {line}")
        };
        if pattern.len() > LONGEST {
            return Err(unfit(&format!("it is longer than {LONGEST} bytes")));
        }
        let config = dense::Config::new()
            .match_kind(MatchKind::All)
            .start_kind(StartKind::Anchored)
            .accelerate(false)
            .dfa_size_limit(Some(MAX_BYTES))
            .determinize_size_limit(Some(4 * MAX_BYTES));
        let dfa = dense::Builder::new()
            .configure(config)
            .thompson(thompson::Config::new().nfa_size_limit(Some(MAX_BYTES)))
            .syntax(syntax::Config::new().nest_limit(100))
            .build(&ascii_classes(pattern))
            .map_err(|error| {
                // The cause says what is wrong; the error itself only where it was noticed.
                unfit(
                    &std::error::Error::source(&error)
                        .map_or_else(|| error.to_string(), |s| s.to_string()),
                )
            })?;

        let mut classes: Vec<u8> = Vec::with_capacity(256);
        let mut samples: Vec<u8> = Vec::new();
        let mut seen: HashMap<u8, u8> = HashMap::new();
        for byte in 0..=u8::MAX {
            let fresh = samples.len() as u8;
            let class = *seen.entry(dfa.byte_classes().get(byte)).or_insert(fresh);
            if usize::from(class) == samples.len() {
                samples.push(byte);
            }
            classes.push(class);
        }
        let mut tables = States { dfa: &dfa, numbers: HashMap::new(), order: Vec::new() };
        let mut starts = Vec::with_capacity(STARTS);
        for before in (0..=u8::MAX).map(Some).chain([None]) {
            let config = start::Config::new().anchored(Anchored::Yes).look_behind(before);
            starts.push(tables.number(dfa.start_state(&config).map_err(|e| unfit(&e))?)?);
        }
        let width = samples.len() + 1;
        let mut next = vec![0_u32; width];
        let mut state = 0;
        while let Some(id) = tables.order.get(state).copied() {
            for byte in &samples {
                next.push(tables.transition(dfa.next_state(id, *byte))?);
            }
            next.push(tables.transition(dfa.next_eoi_state(id))?);
            state += 1;
            if next.len() * size_of::<u32>() > MAX_BYTES {
                return Err(unfit(&"its tables are too large"));
            }
        }
        Ok(Self { classes, next, starts, width })
    }
}

/// Numbers of the states that were met; the dead state is 0.
struct States<'a> {
    dfa: &'a dense::DFA<Vec<u32>>,
    numbers: HashMap<StateID, u32>,
    order: Vec<StateID>,
}

impl States<'_> {
    fn number(&mut self, id: StateID) -> Result<u32, String> {
        if self.dfa.is_dead_state(id) {
            return Ok(0);
        }
        if self.dfa.is_quit_state(id) {
            return Err("its pattern asks for Unicode's boundaries of words".to_owned());
        }
        let fresh = self.numbers.len() as u32 + 1;
        Ok(*self.numbers.entry(id).or_insert_with(|| {
            self.order.push(id);
            fresh
        }))
    }

    fn transition(&mut self, id: StateID) -> Result<u32, String> {
        let matched = if self.dfa.is_match_state(id) { MATCHED } else { 0 };
        Ok(self.number(id)? | matched)
    }
}

/// The pattern with RE2's ASCII classes written out, and what Rust's syntax reads otherwise escaped.
fn ascii_classes(pattern: &str) -> String {
    let mut written = String::with_capacity(pattern.len() + 16);
    let mut letters = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('w') => written.push_str("[0-9A-Za-z_]"),
                Some('W') => written.push_str("[^0-9A-Za-z_]"),
                Some('d') => written.push_str("[0-9]"),
                Some('D') => written.push_str("[^0-9]"),
                Some('s') => written.push_str("[\\t\\n\\x0C\\r ]"),
                Some('S') => written.push_str("[^\\t\\n\\x0C\\r ]"),
                Some('b') if !in_class => written.push_str("(?-u:\\b)"),
                Some('B') if !in_class => written.push_str("(?-u:\\B)"),
                Some('Z') if !in_class => written.push_str("\\z"),
                // Any other sign may be escaped in RE2, letters and digits keep their meaning.
                Some(sign) if !sign.is_ascii_punctuation() && !sign.is_ascii_alphanumeric() => {
                    written.push(sign);
                }
                Some(sign) => written.extend(['\\', sign]),
                None => written.push('\\'),
            },
            '[' if in_class && letters.peek() != Some(&':') => written.push_str("\\["),
            '[' => {
                in_class = true;
                written.push('[');
                if letters.next_if_eq(&'^').is_some() {
                    written.push('^');
                }
                // A bracket that comes first is one of the class.
                if letters.next_if_eq(&']').is_some() {
                    written.push_str("\\]");
                }
            }
            ']' => {
                in_class = false;
                written.push(']');
            }
            '&' | '~' if in_class => written.extend(['\\', letter]),
            other => written.push(other),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The longest match that begins at `at`, as the kernels look for it.
    fn longest(automaton: &Automaton, text: &str, at: usize) -> Option<usize> {
        let bytes = text.as_bytes();
        let before = at.checked_sub(1).map_or(256, |before| usize::from(bytes[before]));
        let (mut state, mut end) = (automaton.starts[before], None);
        for (at, byte) in bytes.iter().enumerate().skip(at) {
            let class = usize::from(automaton.classes[usize::from(*byte)]);
            let next = automaton.next[state as usize * automaton.width + class];
            if next & MATCHED != 0 {
                end = Some(at);
            }
            state = next & !MATCHED;
            if state == 0 {
                return end;
            }
        }
        let last = automaton.next[(state as usize + 1) * automaton.width - 1];
        if last & MATCHED != 0 { Some(bytes.len()) } else { end }
    }

    #[test]
    fn the_longest_match_is_found_wherever_it_begins() {
        let words = Automaton::of("[a-zA-Z0-9_]+").unwrap();
        assert_eq!(longest(&words, "ab c", 0), Some(2));
        assert_eq!(longest(&words, "ab c", 2), None);
        assert_eq!(longest(&words, "ab c", 3), Some(4));

        let longest_wins = Automaton::of("a|ab").unwrap();
        assert_eq!(longest(&longest_wins, "abc", 0), Some(2), "RE2 prefers the longest");
    }

    #[test]
    fn words_have_boundaries_and_know_ascii_alone() {
        let word = Automaton::of(r"\b\w\w+\b").unwrap();

        assert_eq!(longest(&word, "ab", 0), Some(2));
        assert_eq!(longest(&word, "abc", 1), None, "it begins within a word");
        assert_eq!(longest(&word, "añ", 0), None);
        assert_eq!(longest(&Automaton::of(".").unwrap(), "ñ", 0), Some(2), "a letter, not a byte");
    }

    #[test]
    fn a_pattern_that_is_none_or_explodes_is_refused() {
        assert!(Automaton::of("(").unwrap_err().contains("cannot be compiled"));
        assert!(Automaton::of("(?:a{1000}){1000}").is_err());
        assert!(Automaton::of(&"(".repeat(5_000)).is_err());
        assert!(Automaton::of("[01]*1[01]{24}").is_err(), "its automaton has millions of states");
    }

    #[test]
    fn brackets_within_classes_are_letters() {
        let brackets = Automaton::of("[[&&~~\\]]+").unwrap();

        assert_eq!(longest(&brackets, "[&~]x", 0), Some(4));
        assert_eq!(longest(&Automaton::of("[]a]").unwrap(), "]", 0), Some(1));
    }
}
