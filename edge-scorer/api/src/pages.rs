//! ARM's lists in pages: `$top` rows each, `$skip` left out, `$skiptoken` from `nextLink`.
//!
//! These lists are short and come whole from the domain, so a page is a slice and its token a place.

use hyper::Uri;
use shared::ArmList;

use crate::{error::ApiError, host::Endpoint, query::Query};

/// Most rows of a page.
const LARGEST: usize = 1_000;

/// One page of `all`; without `$top` it is everything.
pub(crate) fn page<T>(
    all: Vec<T>,
    query: &Query,
    uri: &Uri,
    endpoint: &Endpoint,
) -> Result<ArmList<T>, ApiError> {
    let number = |name: &str, text: &str| {
        text.parse::<usize>().map_err(|_| {
            ApiError::invalid(format!("`{name}` is a whole number, not `{text}`"))
                .advise("FixTheRequest", format!("send `{name}=100`, or leave it out"))
        })
    };
    let top = query.get("$top").map(|text| number("$top", text)).transpose()?;
    let token = query.get("$skiptoken").or_else(|| query.get("$skipToken"));
    // A page further on was counted from the first one, `$skip` included.
    let begin = match (token, query.get("$skip")) {
        (Some(token), _) => token.parse::<usize>().map_err(|_| {
            ApiError::invalid("`$skiptoken` does not belong to this list")
                .advise("FixTheRequest", "follow `nextLink` as it is, or begin again without it")
        })?,
        (None, Some(text)) => number("$skip", text)?,
        (None, None) => 0,
    };
    let rows = top.map_or(usize::MAX, |top| top.min(LARGEST));
    let end = begin.saturating_add(rows);
    let next_link = (rows > 0 && end < all.len()).then(|| {
        format!("{}{}?{}", endpoint.as_str(), uri.path(), query.continued(&end.to_string()))
    });
    let value = all.into_iter().skip(begin).take(rows).collect();
    Ok(ArmList { value, next_link })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ApiConfig;

    fn asked(text: &str) -> Result<ArmList<u8>, ApiError> {
        let config = ApiConfig::new("127.0.0.1:0".parse().unwrap());
        let uri: Uri = format!("/subscriptions?{text}").parse().unwrap();
        page((0..5).collect(), &Query::of(&uri)?, &uri, &Endpoint::of(&config, "localhost"))
    }

    #[test]
    fn every_row_is_on_one_page_and_the_links_lead_through_them_all() {
        assert_eq!(asked("api-version=2020-01-01").unwrap().value, [0, 1, 2, 3, 4]);
        let mut found = Vec::new();
        let mut next = Some("api-version=2020-01-01&$top=2&$skip=1".to_owned());
        while let Some(text) = next {
            let page = asked(&text).unwrap();
            assert!(page.value.len() <= 2);
            found.extend(page.value);
            next = page.next_link.map(|link| link.split_once('?').unwrap().1.to_owned());
        }
        assert_eq!(found, [1, 2, 3, 4]);
    }

    #[test]
    fn both_spellings_of_the_token_are_read_and_nonsense_is_refused() {
        assert_eq!(asked("$top=2&$skiptoken=4").unwrap().value, [4]);
        assert_eq!(asked("$top=2&$skipToken=2").unwrap().value, [2, 3]);
        assert_eq!(asked("$top=0").unwrap(), ArmList { value: vec![], next_link: None });
        assert!(asked("$skip=99").unwrap().value.is_empty());
        for bad in ["$top=x", "$skip=-1", "$skiptoken=eyJv"] {
            assert_eq!(asked(bad).unwrap_err().status, 400, "{bad}");
        }
    }
}
