//! Serves the console's files from memory, already compressed.
//!
//! # Invariants
//! - Hashed names are cached for good, everything else is asked for again with its ETag.
//! - An unknown path below `/console/` is a page of the console: it answers the index with 200.
//!
//! # Deliberately absent
//! - Compression at request time: the binary packs a brotli and a gzip twin of each file.

use std::{collections::HashMap, fmt, sync::Arc};

use axum::body::Body;
use bytes::Bytes;
use hyper::{
    HeaderMap, Method, Response, StatusCode,
    header::{self, HeaderValue},
};

use crate::conditional;

/// The page that every path of the console answers.
const INDEX: &str = "index.html";

/// One file of the console.
#[derive(Clone, Copy)]
pub struct ConsoleFile {
    /// Below `/console/`, without a leading slash.
    pub path: &'static str,
    /// A strong validator with its quotes, such as `"3f2a"`.
    pub etag: &'static str,
    /// Media type.
    pub content_type: &'static str,
    /// The bytes.
    pub identity: &'static [u8],
    /// Brotli twin, where it is smaller.
    pub br: Option<&'static [u8]>,
    /// Gzip twin, where it is smaller.
    pub gzip: Option<&'static [u8]>,
    /// Whether the name holds a hash of the content.
    pub immutable: bool,
}

/// The console's files and what its content security policy must allow.
#[derive(Clone, Default)]
pub struct Console {
    files: Arc<HashMap<&'static str, ConsoleFile>>,
    policy: Option<HeaderValue>,
}

impl Console {
    /// `script_hashes` are the `sha256-…` sources of the inline scripts in the index page.
    pub fn new(files: impl IntoIterator<Item = ConsoleFile>, script_hashes: &[&str]) -> Self {
        let mut scripts = String::new();
        for hash in script_hashes {
            scripts.push_str(&format!(" '{}'", hash.trim_matches('\'')));
        }
        let policy = format!(
            "default-src 'self'; script-src 'self'{scripts} 'wasm-unsafe-eval'; style-src 'self'; \
             img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; \
             form-action 'self'; frame-ancestors 'none'"
        );
        Self {
            files: Arc::new(files.into_iter().map(|file| (file.path, file)).collect()),
            policy: HeaderValue::from_str(&policy).ok(),
        }
    }

    /// Answers `path`, which is what follows `/console/`.
    pub(crate) fn answer(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Response<Body> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut refusal = Response::new(Body::empty());
            *refusal.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET,HEAD"));
            return refusal;
        }
        let Some(file) = self.files.get(path).or_else(|| self.files.get(INDEX)) else {
            let mut missing = Response::new(Body::empty());
            *missing.status_mut() = StatusCode::NOT_FOUND;
            return missing;
        };

        let encoding = preferred(headers, file);
        let (bytes, name) = match encoding {
            Encoding::Brotli(bytes) => (bytes, Some("br")),
            Encoding::Gzip(bytes) => (bytes, Some("gzip")),
            Encoding::Identity => (file.identity, None),
        };
        // Each encoding is a representation of its own and needs a validator of its own.
        let etag = match name {
            Some(name) => format!("{}-{name}\"", file.etag.trim_end_matches('"')),
            None => file.etag.to_owned(),
        };

        let fresh = conditional::none_match_holds(headers, &etag);
        let mut answer = Response::new(if fresh || method == Method::HEAD {
            Body::empty()
        } else {
            Body::from(Bytes::from_static(bytes))
        });
        if fresh {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let out = answer.headers_mut();
        if let Ok(value) = HeaderValue::try_from(etag) {
            out.insert(header::ETAG, value);
        }
        out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        out.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static(if file.immutable {
                "public, max-age=31536000, immutable"
            } else {
                "no-cache"
            }),
        );
        if let Some(policy) = &self.policy {
            out.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
        }
        if !fresh {
            out.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
            if let Some(name) = name {
                out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
            }
            out.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        }
        answer
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("files", &self.files.len()).finish_non_exhaustive()
    }
}

enum Encoding {
    Brotli(&'static [u8]),
    Gzip(&'static [u8]),
    Identity,
}

/// The smallest twin that the caller takes.
fn preferred(headers: &HeaderMap, file: &ConsoleFile) -> Encoding {
    let takes = |wanted: &str| {
        headers
            .get_all(header::ACCEPT_ENCODING)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|item| {
                let mut parts = item.split(';');
                let coding = parts.next().unwrap_or_default().trim();
                let refused = parts.any(|parameter| {
                    parameter
                        .trim()
                        .strip_prefix("q=")
                        .and_then(|q| q.parse::<f32>().ok())
                        .is_some_and(|q| q <= 0.0)
                });
                coding.eq_ignore_ascii_case(wanted) && !refused
            })
    };
    match (file.br, file.gzip) {
        (Some(bytes), _) if takes("br") => Encoding::Brotli(bytes),
        (_, Some(bytes)) if takes("gzip") => Encoding::Gzip(bytes),
        _ => Encoding::Identity,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn console() -> Console {
        let index = ConsoleFile {
            path: "index.html",
            etag: "\"i1\"",
            content_type: "text/html; charset=utf-8",
            identity: b"<html>",
            br: Some(b"br"),
            gzip: Some(b"gz"),
            immutable: false,
        };
        let script = ConsoleFile {
            path: "app-0a1b.js",
            etag: "\"s1\"",
            content_type: "text/javascript",
            br: None,
            immutable: true,
            ..index
        };
        Console::new([index, script], &["sha256-abc="])
    }

    fn with(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_page_of_the_console_answers_the_index_and_is_asked_for_again() {
        let answer = console().answer(&Method::GET, "models/7", &HeaderMap::new());

        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-cache");
        let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("script-src 'self' 'sha256-abc=' 'wasm-unsafe-eval'"), "{policy}");
    }

    #[test]
    fn the_smallest_encoding_that_the_caller_takes_wins() {
        for (accepts, expected) in
            [("gzip, br", Some("br")), ("br;q=0, gzip", Some("gzip")), ("identity", None)]
        {
            let answer =
                console().answer(&Method::GET, "", &with(header::ACCEPT_ENCODING, accepts));

            let encoding = answer.headers().get(header::CONTENT_ENCODING);
            assert_eq!(encoding.map(|v| v.to_str().unwrap()), expected, "{accepts}");
        }
    }

    #[test]
    fn a_known_etag_is_answered_with_304_and_no_body() {
        let answer =
            console().answer(&Method::GET, "app-0a1b.js", &with(header::IF_NONE_MATCH, "W/\"s1\""));

        assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);
        assert!(answer.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        assert!(answer.headers().get(header::CONTENT_TYPE).is_none());
    }

    #[test]
    fn an_etag_of_one_encoding_does_not_vouch_for_another() {
        let mut headers = with(header::IF_NONE_MATCH, "\"i1\"");
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("br"));

        assert_eq!(console().answer(&Method::GET, "", &headers).status(), StatusCode::OK);
    }

    #[test]
    fn files_are_only_read() {
        let answer = console().answer(&Method::POST, "", &HeaderMap::new());

        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
