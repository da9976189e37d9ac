//! The ids that tie an answer to the log: ours, and the caller's when it sent one.

use std::{
    cell::Cell,
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
};

use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};
use uuid::Uuid;

/// Names our id.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
/// Names the caller's id.
pub(crate) const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
/// Longest id of a caller that is sent back.
const LONGEST: usize = 128;

/// The ids of one request.
#[derive(Debug, Clone)]
pub(crate) struct RequestIds {
    /// A GUID of ours.
    pub(crate) request: HeaderValue,
    /// The caller's, else the same GUID.
    pub(crate) client: HeaderValue,
}

impl RequestIds {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut text = [0; 36];
        fresh().hyphenated().encode_lower(&mut text);
        let request = HeaderValue::from_bytes(&text)
            .unwrap_or_else(|_| HeaderValue::from_static("00000000-0000-4000-8000-000000000000"));
        let client = match headers.get(CLIENT_REQUEST_ID) {
            Some(sent) if (1..=LONGEST).contains(&sent.len()) => sent.clone(),
            _ => request.clone(),
        };
        Self { request, client }
    }

    pub(crate) fn write(self, headers: &mut HeaderMap) {
        headers.insert(REQUEST_ID, self.request);
        headers.insert(CLIENT_REQUEST_ID, self.client);
    }

    /// Our id as text.
    pub(crate) fn as_str(&self) -> &str {
        self.request.to_str().unwrap_or_default()
    }
}

/// A version 4 UUID. Unique, not secret: a generator per thread, seeded by the system once.
fn fresh() -> Uuid {
    thread_local! {
        static STATE: Cell<(u64, u64)> = {
            let seed = || RandomState::new().build_hasher().finish();
            // SplitMix64 walks both words; two random odd-or-even seeds never meet in practice.
            Cell::new((seed(), seed()))
        };
    }
    let split_mix = |state: u64| {
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let (high, low) = STATE.with(|state| {
        let (high, low) = state.get();
        let next =
            (high.wrapping_add(0x9e37_79b9_7f4a_7c15), low.wrapping_add(0xd1b5_4a32_d192_ed03));
        state.set(next);
        (split_mix(next.0), split_mix(next.1))
    });
    uuid::Builder::from_random_bytes((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
        .into_uuid()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_version_4_uuids_and_differ() {
        let ids: HashSet<_> = (0..10_000).map(|_| fresh()).collect();

        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.get_version_num() == 4));
    }

    #[test]
    fn a_callers_id_is_sent_back_and_a_monstrous_one_is_not() {
        let sent = |value: &str| {
            let value = HeaderValue::from_str(value).unwrap();
            RequestIds::of(&HeaderMap::from_iter([(CLIENT_REQUEST_ID, value)]))
        };

        assert_eq!(sent("trace-7").client, "trace-7");
        let monstrous = sent(&"x".repeat(129));
        assert_eq!(monstrous.client, monstrous.request);
    }
}
