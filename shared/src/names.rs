//! The rules for names, tags and descriptions, checked by the server and, while typing, by the console.

/// A name that breaks its rule; the message is the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(pub &'static str);

/// Longest description, in characters.
const DESCRIPTION_CHARS: usize = 1024;
/// Most tags, and longest tag in characters.
const TAGS: usize = 20;
const TAG_CHARS: usize = 64;

/// Accepts `[A-Za-z0-9][A-Za-z0-9._-]{0,99}`: the name of a model, manifest or image.
pub fn validate_name(name: &str) -> Result<(), InvalidName> {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric());
    let rest = bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if first && rest && name.len() <= 100 {
        return Ok(());
    }
    Err(InvalidName(
        "a name starts with a letter or digit and goes on with letters, digits, `.`, `_` or `-`, 100 at most",
    ))
}

/// Accepts `[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`: the name of a service.
pub fn validate_service_name(name: &str) -> Result<(), InvalidName> {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    let ends = bytes.first().zip(bytes.last());
    if bytes.len() <= 63
        && ends.is_some_and(|(first, last)| alphanumeric(*first) && alphanumeric(*last))
        && bytes.iter().all(|b| alphanumeric(*b) || *b == b'-')
    {
        return Ok(());
    }
    Err(InvalidName(
        "a service's name has 1 to 63 lower-case letters, digits or `-`, and starts and ends with a letter or digit",
    ))
}

/// Accepts at most 20 tags of 1 to 64 characters.
pub fn validate_tags(tags: &[String]) -> Result<(), InvalidName> {
    let fits = |tag: &String| (1..=TAG_CHARS).contains(&tag.chars().count());
    if tags.len() <= TAGS && tags.iter().all(fits) {
        return Ok(());
    }
    Err(InvalidName("there may be 20 tags of 1 to 64 characters"))
}

/// Accepts at most 1,024 characters.
pub fn validate_description(description: &str) -> Result<(), InvalidName> {
    if description.chars().count() <= DESCRIPTION_CHARS {
        return Ok(());
    }
    Err(InvalidName("a description has 1,024 characters at most"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_names_follow_the_dns_label_rule() {
        for good in ["a", "breast-cancer", "0", &"x".repeat(63)] {
            assert!(validate_service_name(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "ä", &"x".repeat(64)] {
            assert!(validate_service_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_start_with_a_letter_or_digit() {
        for good in ["Iris.v2_final-1", &"x".repeat(100)] {
            assert!(validate_name(good).is_ok(), "{good}");
        }
        for bad in ["", ".hidden", "a b", "a/b", &"x".repeat(101)] {
            assert!(validate_name(bad).is_err(), "{bad}");
        }
    }
}
