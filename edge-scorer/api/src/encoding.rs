//! `Content-Encoding`: compressed bodies in, compressed answers out.
//!
//! # Invariants
//! - A body is never unpacked beyond the limit that it would have had unpacked: a bomb is a 413.
//! - An answer is compressed only for a caller that asked for it.

use std::io::{self, Read, Write as _};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use flate2::{
    Compression,
    bufread::{MultiGzDecoder, ZlibDecoder},
    write::{GzEncoder, ZlibEncoder},
};
use hyper::{
    HeaderMap, StatusCode,
    header::{self, HeaderValue},
};
use shared::ErrorCode;

use crate::error::ApiError;

/// Shorter answers are not worth it.
const WORTH_IT: usize = 1 << 10;
/// Longer ones are compressed where it blocks nobody.
const LONG: usize = 64 << 10;
/// As gzip's default: most of the gain for little of the time.
const ZSTD_LEVEL: i32 = 3;
/// The largest window a body may ask for, as a power of two: 16 MiB.
const WINDOW_LOG: u32 = 24;

/// How bytes are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Zstd,
    Gzip,
    Deflate,
}

impl Coding {
    fn of(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "zstd" => Some(Self::Zstd),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// At most `limit` bytes; `None` when there are more.
    fn unpack(self, packed: &[u8], limit: usize) -> io::Result<Option<Vec<u8>>> {
        let mut out = Vec::with_capacity(packed.len().saturating_mul(4).min(limit));
        let most = limit as u64 + 1;
        match self {
            Self::Gzip => MultiGzDecoder::new(packed).take(most).read_to_end(&mut out)?,
            Self::Deflate => ZlibDecoder::new(packed).take(most).read_to_end(&mut out)?,
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
                decoder.window_log_max(WINDOW_LOG)?;
                decoder.take(most).read_to_end(&mut out)?
            }
        };
        Ok((out.len() <= limit).then_some(out))
    }

    fn pack(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let out = Vec::with_capacity(bytes.len() / 3);
        match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(out, Compression::fast());
                encoder.write_all(bytes)?;
                encoder.finish()
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(out, Compression::fast());
                encoder.write_all(bytes)?;
                encoder.finish()
            }
            Self::Zstd => zstd::stream::encode_all(bytes, ZSTD_LEVEL),
        }
    }
}

/// The body as it was before it was packed; `what` names it in the 413.
pub(crate) async fn unpacked(
    headers: &HeaderMap,
    body: Bytes,
    limit: usize,
    what: &'static str,
) -> Result<Bytes, ApiError> {
    let Some(named) = headers.get(header::CONTENT_ENCODING) else { return Ok(body) };
    let named = named.to_str().unwrap_or_default().trim();
    if named.is_empty() || named.eq_ignore_ascii_case("identity") {
        return Ok(body);
    }
    let Some(coding) = Coding::of(named) else {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorCode::UnsupportedMediaType,
            format!("the content encoding `{}` is not understood", shortened(named)),
        )
        .advise("UseAKnownEncoding", "send the body as it is, or as one of gzip, deflate, zstd"));
    };
    // How long it takes is not known beforehand.
    let unpacked = tokio::task::spawn_blocking(move || coding.unpack(&body, limit)).await;
    match unpacked.map_err(ApiError::internal)? {
        Ok(Some(bytes)) => Ok(bytes.into()),
        Ok(None) => Err(ApiError::too_large(what, limit as u64)),
        Err(error) => Err(ApiError::invalid(format!("the body is no {} stream", coding.name()))
            .advise("PackItAgain", "pack the body again, or send it as it is")
            .because(error)),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

/// 200 with `body`, packed if the caller's headers ask for it.
pub(crate) async fn answer(
    asked: &HeaderMap,
    media: &'static str,
    body: Vec<u8>,
) -> Result<Response, ApiError> {
    let mut packed_as = None;
    let worth_it = body.len() >= WORTH_IT;
    let body = match asked.get(header::ACCEPT_ENCODING).filter(|_| worth_it).and_then(accepted) {
        None => body,
        Some(coding) => {
            packed_as = Some(coding);
            let packed = if body.len() < LONG {
                coding.pack(&body)
            } else {
                let work = tokio::task::spawn_blocking(move || coding.pack(&body)).await;
                work.map_err(ApiError::internal)?
            };
            packed.map_err(ApiError::internal)?
        }
    };
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    if worth_it {
        headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if let Some(coding) = packed_as {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    }
    Ok(response)
}

/// The coding that a caller likes best; of equals the one that we do.
fn accepted(value: &HeaderValue) -> Option<Coding> {
    let mut best: Option<(f32, Coding)> = None;
    for (name, quality) in preferences(value.to_str().ok()?) {
        let Some(coding) = Coding::of(name).filter(|_| quality > 0.0) else { continue };
        let better = best.is_none_or(|(known, other)| {
            quality > known || (quality == known && (coding as u8) < (other as u8))
        });
        if better {
            best = Some((quality, coding));
        }
    }
    best.map(|(_, coding)| coding)
}

/// Names and qualities of a list such as `gzip;q=0.5, zstd`.
pub(crate) fn preferences(list: &str) -> impl Iterator<Item = (&str, f32)> {
    list.split(',').map(|entry| {
        let mut parts = entry.split(';');
        let name = parts.next().unwrap_or_default().trim();
        let quality = parts
            .filter_map(|part| part.trim().strip_prefix("q="))
            .find_map(|quality| quality.trim().parse::<f32>().ok())
            .filter(|quality| (0.0..=1.0).contains(quality));
        (name, quality.unwrap_or(1.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Coding; 3] = [Coding::Zstd, Coding::Gzip, Coding::Deflate];

    fn encoded(name: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static(name))])
    }

    #[tokio::test]
    async fn what_was_packed_is_unpacked_within_the_limit_and_bombs_are_refused() {
        let bomb = vec![b'0'; 1 << 20];
        for coding in ALL {
            let packed = Bytes::from(coding.pack(&bomb).unwrap());
            assert!(packed.len() < 1 << 13, "{coding:?}");
            let headers = encoded(coding.name());

            let whole = unpacked(&headers, packed.clone(), 1 << 20, "a test").await.unwrap();
            let refusal = unpacked(&headers, packed.clone(), (1 << 20) - 1, "a test").await;
            let cut = packed.slice(..packed.len() / 2);
            let broken = unpacked(&headers, cut, 1 << 20, "a test").await;

            assert_eq!(whole, bomb);
            assert_eq!(refusal.unwrap_err().status, StatusCode::PAYLOAD_TOO_LARGE);
            assert_eq!(broken.unwrap_err().status, StatusCode::BAD_REQUEST, "{coding:?}");
        }
    }

    #[tokio::test]
    async fn unknown_encodings_are_refused_by_name() {
        let refusal = unpacked(&encoded("br"), Bytes::new(), 9, "a test").await.unwrap_err();
        assert_eq!(refusal.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert!(refusal.message.contains("`br`"), "{}", refusal.message);

        let plain = unpacked(&encoded("identity"), Bytes::from("x"), 9, "a test").await.unwrap();
        assert_eq!(plain, "x");
    }

    #[test]
    fn the_best_liked_coding_is_taken() {
        for (asked, coding) in [
            ("gzip, deflate, br", Some(Coding::Gzip)),
            ("gzip;q=0.5, zstd;q=0.4", Some(Coding::Gzip)),
            ("gzip, zstd", Some(Coding::Zstd)),
            ("gzip;q=0", None),
            ("br", None),
            ("", None),
        ] {
            assert_eq!(accepted(&HeaderValue::from_static(asked)), coding, "{asked}");
        }
    }
}
