//! Reads JSON from left to right, without building anything: the scoring path writes numbers
//! straight into the tensors they belong to.
//!
//! `serde_json` reads the other documents. Here each number is needed as its own text (exact
//! integers, correctly rounded decimals), each error with its place, and one pass over the body.
//!
//! # Invariants
//! - Accepts RFC 8259 and nothing else; a test compares it with `serde_json`.
//! - Nesting is bounded by [`DEPTH`], so a hostile body cannot exhaust the stack.

use std::borrow::Cow;

/// Deepest nesting of a document.
const DEPTH: u32 = 64;
/// Powers of ten that `f64` holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Why a body is not JSON, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at byte {at}")]
pub(crate) struct JsonError {
    /// Bytes from the start.
    pub(super) at: usize,
    /// What is wrong there.
    pub(super) problem: &'static str,
}

/// What a value is, by its first character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Number,
    Text,
    Array,
    Object,
}

/// A number, as it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number<'a> {
    pub(super) token: &'a str,
    negative: bool,
    /// All digits, where they fit.
    digits: Option<u64>,
    /// Power of ten that belongs to `digits`.
    exponent: i32,
}

/// An array or object that is being read.
#[derive(Debug)]
pub(super) struct Members {
    close: u8,
    first: bool,
}

/// A place in a document.
#[derive(Debug, Clone)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

impl<'a> Scanner<'a> {
    /// From the start of a body, which must be UTF-8; a byte order mark is skipped.
    pub(crate) fn of_body(body: &'a [u8]) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(body)
            .map_err(|error| JsonError { at: error.valid_up_to(), problem: "not UTF-8" })?;
        Ok(Self::new(text.strip_prefix('\u{feff}').unwrap_or(text)))
    }

    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    #[cold]
    pub(super) fn error(&self, problem: &'static str) -> JsonError {
        JsonError { at: self.at, problem }
    }

    /// What comes next.
    pub(super) fn peek(&mut self) -> Result<Kind, JsonError> {
        self.space();
        match self.byte() {
            Some(b'-') if self.text[self.at..].starts_with("-I") => Err(self.not_a_number()),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b'"') => Ok(Kind::Text),
            Some(b'[') => Ok(Kind::Array),
            Some(b'{') => Ok(Kind::Object),
            Some(b'n') => Ok(Kind::Null),
            Some(b't' | b'f') => Ok(Kind::Bool),
            Some(b'N' | b'I') => Err(self.not_a_number()),
            Some(_) => Err(self.error("expected a value")),
            None => Err(self.error("the document ends too early")),
        }
    }

    #[cold]
    fn not_a_number(&self) -> JsonError {
        self.error("NaN and Infinity are not JSON, use null for a missing number,")
    }

    fn word(&mut self, word: &'static str) -> Result<(), JsonError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.error("expected a value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// Reads `null`, after [`Scanner::peek`] saw it.
    pub(super) fn null(&mut self) -> Result<(), JsonError> {
        self.word("null")
    }

    /// Reads a truth value, after [`Scanner::peek`] saw it.
    pub(super) fn bool(&mut self) -> Result<bool, JsonError> {
        let value = self.byte() == Some(b't');
        self.word(if value { "true" } else { "false" })?;
        Ok(value)
    }

    /// Reads a number, after [`Scanner::peek`] saw it.
    pub(super) fn number(&mut self) -> Result<Number<'a>, JsonError> {
        let begin = self.at;
        let negative = self.byte() == Some(b'-');
        self.at += usize::from(negative);
        let (mut digits, mut exponent) = (Some(0_u64), 0_i32);
        let leading = self.at;
        self.digits(&mut digits)?;
        if self.at > leading + 1 && self.text.as_bytes()[leading] == b'0' {
            self.at = leading;
            return Err(self.error("a number has a leading zero"));
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            let point = self.at;
            self.digits(&mut digits)?;
            exponent -= i32::try_from(self.at - point).unwrap_or(i32::MAX);
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            let minus = self.byte() == Some(b'-');
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            let mut power = Some(0);
            self.digits(&mut power)?;
            // What does not fit here is decided from the token.
            match power.and_then(|power| i32::try_from(power).ok()) {
                Some(power) if minus => exponent = exponent.saturating_sub(power),
                Some(power) => exponent = exponent.saturating_add(power),
                None => digits = None,
            }
        }
        Ok(Number { token: &self.text[begin..self.at], negative, digits, exponent })
    }

    /// At least one digit; the running value is `None` once it does not fit.
    fn digits(&mut self, value: &mut Option<u64>) -> Result<(), JsonError> {
        let begin = self.at;
        while let Some(byte @ b'0'..=b'9') = self.byte() {
            *value =
                value.and_then(|value| value.checked_mul(10)?.checked_add(u64::from(byte - b'0')));
            self.at += 1;
        }
        if self.at == begin {
            return Err(self.error("expected a digit"));
        }
        Ok(())
    }

    /// Reads text, after [`Scanner::peek`] saw it.
    pub(super) fn text(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.at += 1;
        let begin = self.at;
        loop {
            match self.byte() {
                Some(b'"') => {
                    let text = &self.text[begin..self.at];
                    self.at += 1;
                    return Ok(Cow::Borrowed(text));
                }
                Some(b'\\') => return self.escaped(begin),
                Some(0..=0x1f) => return Err(self.error("text holds a control character")),
                Some(_) => self.at += 1,
                None => return Err(self.error("the document ends too early")),
            }
        }
    }

    #[cold]
    fn escaped(&mut self, begin: usize) -> Result<Cow<'a, str>, JsonError> {
        let mut text = self.text[begin..self.at].to_owned();
        loop {
            let plain = self.at;
            while !matches!(self.byte(), None | Some(b'"' | b'\\' | 0..=0x1f)) {
                self.at += 1;
            }
            text.push_str(&self.text[plain..self.at]);
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(text));
                }
                Some(b'\\') => {
                    self.at += 1;
                    text.push(self.escape()?);
                }
                Some(_) => return Err(self.error("text holds a control character")),
                None => return Err(self.error("the document ends too early")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let byte = self.byte();
        self.at += 1;
        Ok(match byte {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.hex()?;
                let code = if (0xd800..0xdc00).contains(&first) {
                    self.word("\\u").map_err(|_| self.error("half a surrogate pair"))?;
                    let second = self.hex()?;
                    if !(0xdc00..0xe000).contains(&second) {
                        return Err(self.error("half a surrogate pair"));
                    }
                    0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                } else {
                    first
                };
                char::from_u32(code).ok_or_else(|| self.error("half a surrogate pair"))?
            }
            _ => {
                self.at -= 1;
                return Err(self.error("unknown escape"));
            }
        })
    }

    fn hex(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let Some(digits) = digits else { return Err(self.error("expected four hex digits")) };
        let value = digits.iter().fold(0, |value, digit| {
            value * 16 + char::from(*digit).to_digit(16).unwrap_or_default()
        });
        self.at += 4;
        Ok(value)
    }

    /// Enters an array, after [`Scanner::peek`] saw it.
    pub(super) fn array(&mut self) -> Result<Members, JsonError> {
        self.enter(b']')
    }

    /// Enters an object, after [`Scanner::peek`] saw it.
    pub(super) fn object(&mut self) -> Result<Members, JsonError> {
        self.enter(b'}')
    }

    fn enter(&mut self, close: u8) -> Result<Members, JsonError> {
        if self.depth == DEPTH {
            return Err(self.error("nested more than 64 deep"));
        }
        self.depth += 1;
        self.at += 1;
        Ok(Members { close, first: true })
    }

    /// Whether the array has another element; the scanner then stands before it.
    pub(super) fn next(&mut self, members: &mut Members) -> Result<bool, JsonError> {
        self.space();
        match self.byte() {
            Some(byte) if byte == members.close => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            Some(b',') if !members.first => {
                self.at += 1;
                self.space();
                if self.byte() == Some(members.close) {
                    return Err(self.error("a comma before the end"));
                }
                Ok(true)
            }
            Some(_) if members.first => {
                members.first = false;
                Ok(true)
            }
            Some(_) => Err(self.error("expected a comma")),
            None => Err(self.error("the document ends too early")),
        }
    }

    /// The object's next key; the scanner then stands before its value.
    pub(super) fn key(&mut self, members: &mut Members) -> Result<Option<Cow<'a, str>>, JsonError> {
        if !self.next(members)? {
            return Ok(None);
        }
        self.space();
        if self.byte() != Some(b'"') {
            return Err(self.error("expected a key"));
        }
        let key = self.text()?;
        self.space();
        if self.byte() != Some(b':') {
            return Err(self.error("expected a colon"));
        }
        self.at += 1;
        Ok(Some(key))
    }

    /// Passes over a value of any kind, checking it, and gives a scanner that stands before it.
    pub(super) fn skip(&mut self) -> Result<Self, JsonError> {
        let kind = self.peek()?;
        let before = self.clone();
        match kind {
            Kind::Null => self.null()?,
            Kind::Bool => drop(self.bool()?),
            Kind::Number => drop(self.number()?),
            Kind::Text => drop(self.text()?),
            Kind::Array => {
                let mut members = self.array()?;
                while self.next(&mut members)? {
                    self.skip()?;
                }
            }
            Kind::Object => {
                let mut members = self.object()?;
                while self.key(&mut members)?.is_some() {
                    self.skip()?;
                }
            }
        }
        Ok(before)
    }

    /// Checks that nothing but white space is left.
    pub(crate) fn end(&mut self) -> Result<(), JsonError> {
        self.space();
        if self.at == self.text.len() {
            return Ok(());
        }
        Err(self.error("something follows the document"))
    }
}

impl Number<'_> {
    /// The nearest `f64`; infinite where it is too large.
    pub(super) fn to_f64(self) -> f64 {
        // Both factors are exact, so the one rounding is the right one (Clinger 1990).
        if let Some(digits @ 0..=0x1f_ffff_ffff_ffff) = self.digits
            && let Some(power) = POWERS.get(self.exponent.unsigned_abs() as usize)
        {
            let digits = digits as f64;
            let value = if self.exponent < 0 { digits / power } else { digits * power };
            return if self.negative { -value } else { value };
        }
        self.token.parse().unwrap_or(f64::NAN)
    }

    /// The value, where it is whole and fits 65 bits.
    pub(super) fn to_integer(self) -> Option<i128> {
        let digits = i128::from(self.digits?);
        let digits = if self.negative { -digits } else { digits };
        let magnitude = 10_i128.checked_pow(self.exponent.unsigned_abs());
        match (self.exponent, magnitude) {
            (0, _) => Some(digits),
            _ if digits == 0 => Some(0),
            (1.., Some(power)) => digits.checked_mul(power),
            (..=-1, Some(power)) if digits % power == 0 => Some(digits / power),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(text: &str) -> bool {
        let mut scanner = Scanner::new(text);
        scanner.skip().is_ok() && scanner.end().is_ok()
    }

    #[test]
    fn it_agrees_with_serde_json_about_what_is_json() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut draw = |n: usize| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % n
        };
        let pieces = [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"a\"",
            "\"\\n\"",
            "\"\\u00e9\"",
            "\"\\ud83d\\ude00\"",
            "\"\\ud800\"",
            "\"\\x\"",
            "\"ü\"",
            "\"\t\"",
            "1",
            "-0",
            "01",
            "-",
            "1.5",
            "1.",
            ".5",
            "1e5",
            "1E-3",
            "1e",
            "true",
            "false",
            "null",
            "nul",
            " ",
            "\n",
            "NaN",
            "\"",
        ];
        let (mut good, mut bad) = (0, 0);
        for _ in 0..200_000 {
            let text: String = (0..1 + draw(7)).map(|_| pieces[draw(pieces.len())]).collect();
            let expected = match serde_json::from_str::<serde_json::Value>(&text) {
                Ok(_) => true,
                // 1e511 is JSON, but no number that `serde_json` can hold.
                Err(error) if error.to_string().contains("out of range") => continue,
                Err(_) => false,
            };
            assert_eq!(accepts(&text), expected, "{text}");
            if expected { good += 1 } else { bad += 1 }
        }
        assert!(good > 1_000 && bad > 1_000, "{good} {bad}");
    }

    #[test]
    fn text_is_read_as_serde_json_reads_it() {
        for text in [r#""plain ü""#, r#""a\"\\\/\b\f\n\r\tz""#, r#""\u00e9\ud83d\ude00 \u0041b""#]
        {
            let mut scanner = Scanner::new(text);
            assert_eq!(scanner.text().unwrap(), serde_json::from_str::<String>(text).unwrap());
        }
    }

    fn number(text: &str) -> Number<'_> {
        Scanner::new(text).number().unwrap()
    }

    #[test]
    fn decimals_are_rounded_as_the_standard_library_rounds_them() {
        let mut seed = 1_u64;
        let mut draw = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed
        };
        for _ in 0..100_000 {
            let bits = f64::from_bits(draw());
            let short = (draw() >> 40) as f64 / 1e4;
            for value in [bits, short, -short, f64::from(f32::from_bits((draw() >> 32) as u32))] {
                if value.is_finite() {
                    for text in [format!("{value:e}"), format!("{value}")] {
                        assert_eq!(number(&text).to_f64().to_bits(), value.to_bits(), "{text}");
                    }
                }
            }
        }
        for text in [
            "9007199254740993",
            "1e400",
            "1e-400",
            "123456789012345678901234567890",
            "0e99999999999",
        ] {
            assert_eq!(number(text).to_f64(), text.parse::<f64>().unwrap(), "{text}");
        }
    }

    #[test]
    fn integers_are_exact() {
        assert_eq!(number("18446744073709551615").to_integer(), Some(i128::from(u64::MAX)));
        assert_eq!(number("-9223372036854775808").to_integer(), Some(i128::from(i64::MIN)));
        assert_eq!(number("3.0").to_integer(), Some(3));
        assert_eq!(number("1.5e1").to_integer(), Some(15));
        assert_eq!(number("-0").to_integer(), Some(0));
        assert_eq!(number("0.0e9999999").to_integer(), Some(0));
        assert_eq!(number("3.5").to_integer(), None);
        assert_eq!(number("1e99999999999").to_integer(), None);
    }

    #[test]
    fn nesting_has_an_end() {
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);

        assert!(accepts(&deep(64)));
        assert!(!accepts(&deep(65)));
        assert!(!accepts(&"[".repeat(1_000_000)));
    }

    #[test]
    fn nan_is_told_what_to_be_instead() {
        for text in ["NaN", "Infinity", "-Infinity"] {
            let problem = Scanner::new(text).peek().unwrap_err().problem;
            assert!(problem.contains("use null"), "{problem}");
        }
    }
}
