//! `$filter` of ARM's lists: comparisons joined by `and`, and functions without a comparison.

use crate::error::ApiError;

/// `name operator 'value'`; of a function, `name` is with its parentheses and the rest is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub(crate) name: String,
    /// `eq`, `ge`, `le`, in lower case.
    pub(crate) operator: String,
    pub(crate) value: String,
}

/// Longest filter in bytes.
const LONGEST: usize = 4_096;

/// Reads a filter. Values stand in quotes, in which two quotes are one.
pub(crate) fn read(text: &str) -> Result<Vec<Comparison>, ApiError> {
    let malformed = || {
        ApiError::invalid("`$filter` is not understood")
            .advise("FixTheFilter", "send comparisons such as `name eq 'value'`, joined by `and`")
    };
    if text.len() > LONGEST {
        return Err(malformed());
    }
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some((function, after)) = function(rest) {
            found.push(function);
            rest = after;
        } else {
            let (name, after) = rest.split_once(char::is_whitespace).ok_or_else(malformed)?;
            let (operator, after) =
                after.trim_start().split_once(char::is_whitespace).ok_or_else(malformed)?;
            let (value, after) = quoted(after.trim_start()).ok_or_else(malformed)?;
            found.push(Comparison {
                name: name.to_owned(),
                operator: operator.to_ascii_lowercase(),
                value,
            });
            rest = after;
        }
        rest = rest.trim_start();
        if rest.is_empty() {
            break;
        }
        let (and, after) = rest.split_once(char::is_whitespace).ok_or_else(malformed)?;
        if !and.eq_ignore_ascii_case("and") || after.trim().is_empty() {
            return Err(malformed());
        }
        rest = after.trim_start();
    }
    Ok(found)
}

/// The refusal of a name that a list cannot be filtered by.
pub(crate) fn unknown(name: &str, known: &str) -> ApiError {
    ApiError::invalid(format!("this list cannot be filtered by `{name}` like that"))
        .advise("FixTheFilter", format!("filter by {known}"))
}

/// `atScope()` and `assignedTo('…')`.
fn function(text: &str) -> Option<(Comparison, &str)> {
    let open = text.find('(')?;
    let name = text.get(..open)?;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let inside = text.get(open + 1..)?.trim_start();
    let (value, after) =
        if inside.starts_with('\'') { quoted(inside)? } else { (String::new(), inside) };
    let after = after.trim_start().strip_prefix(')')?;
    let function = Comparison { name: format!("{name}()"), operator: String::new(), value };
    Some((function, after))
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('\'')?;
    let mut value = String::new();
    loop {
        let end = rest.find('\'')?;
        value.push_str(rest.get(..end)?);
        rest = rest.get(end + 1..)?;
        match rest.strip_prefix('\'') {
            Some(more) => {
                value.push('\'');
                rest = more;
            }
            None => return Some((value, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(name: &str, operator: &str, value: &str) -> Comparison {
        Comparison { name: name.to_owned(), operator: operator.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn comparisons_and_functions_are_joined_by_and() {
        assert_eq!(
            read("atScope() and principalId EQ 'a''b' AND eventTimestamp ge '2026'").unwrap(),
            [
                is("atScope()", "", ""),
                is("principalId", "eq", "a'b"),
                is("eventTimestamp", "ge", "2026")
            ]
        );
        assert_eq!(read("assignedTo('x')").unwrap(), [is("assignedTo()", "", "x")]);
        assert_eq!(read(" ").unwrap(), []);
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for bad in
            ["x", "x eq", "x eq y", "x eq 'y", "x eq 'y' or z eq 'w'", "x eq 'y' and", "('a')"]
        {
            assert_eq!(read(bad).unwrap_err().status, 400, "{bad}");
        }
    }
}
