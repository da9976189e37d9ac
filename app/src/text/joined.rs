//! Each language as one text, made of its table by the compiler.

use super::{SEPARATOR, Words, chinese, english, japanese, korean};

/// Declares the joined texts of a table of words.
macro_rules! joined {
    ($($name:ident: $table:expr;)+) => {
        $(pub(super) static $name: &str = {
            const BYTES: [u8; length($table)] = join($table);
            match std::str::from_utf8(&BYTES) {
                Ok(text) => text,
                Err(_) => panic!("texts stay texts when they are joined"),
            }
        };)+
    };
}

joined! {
    ENGLISH: &english::ENGLISH;
    KOREAN: &korean::KOREAN;
    CHINESE: &chinese::CHINESE;
    JAPANESE: &japanese::JAPANESE;
}

const fn length(words: &Words) -> usize {
    let texts = words.texts();
    let (mut at, mut length) = (0, Words::COUNT - 1);
    while at < Words::COUNT {
        length += texts[at].len();
        at += 1;
    }
    length
}

const fn join<const LENGTH: usize>(words: &Words) -> [u8; LENGTH] {
    let texts = words.texts();
    let mut out = [SEPARATOR as u8; LENGTH];
    let (mut text, mut end) = (0, 0);
    while text < Words::COUNT {
        let bytes = texts[text].as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            out[end] = bytes[at];
            (at, end) = (at + 1, end + 1);
        }
        (text, end) = (text + 1, end + 1);
    }
    out
}
