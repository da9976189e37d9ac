//! Failed sign-ins share rows, so that guessing cannot fill the disk.
//!
//! The first failure at a principal from an address gets a row at once. What follows within
//! [`WINDOW`] is counted in that row; the count reaches the disk with the next round of housekeeping.
//! New rows are rationed, apart for principals that exist and for names that do not, so that a flood
//! of invented names does not hide an attack on a real one. Beyond the ration all failures share one
//! row a window: every failure is counted somewhere, and a day adds some 2,300 rows at most.
//!
//! # Invariants
//! - Memory is bounded by the rows: what has no row of its own is not remembered.
//! - A name that was tried and does not exist is kept nowhere: people type passwords in its place.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long a row goes on counting.
const WINDOW: Duration = Duration::from_secs(10 * 60);
/// Rows about principals that exist: so many at once, and then one each so often.
const KNOWN: (u32, Duration) = (200, Duration::from_secs(60));
/// Rows about names that do not.
const UNKNOWN: (u32, Duration) = (50, Duration::from_secs(120));

/// What a row counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Target {
    way: &'static str,
    principal_id: Option<String>,
    /// The address; of IPv6 the first half, which is what one subscriber has.
    from: Option<u128>,
}

impl Target {
    pub(super) fn new(way: &'static str, principal_id: Option<&str>, from: Option<IpAddr>) -> Self {
        let from = from.map(|address| match address.to_canonical() {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits() >> 64 << 64,
        });
        Self { way, principal_id: principal_id.map(str::to_owned), from }
    }
}

/// Rows of failed sign-ins that still count.
#[derive(Default)]
pub(crate) struct FailedSignIns(Mutex<Counting>);

#[derive(Default)]
struct Counting {
    rows: HashMap<Target, Counted>,
    known: Ration,
    unknown: Ration,
}

struct Counted {
    request_id: String,
    since: Instant,
    attempts: u64,
    /// As the row on the disk says.
    written: u64,
}

/// How much of a ration was used; it grows back with time.
#[derive(Default)]
struct Ration {
    used: u32,
    since: Option<Instant>,
}

impl Ration {
    fn take(&mut self, (most, each): (u32, Duration), now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        let back = now.saturating_duration_since(since).as_nanos() / each.as_nanos().max(1);
        let back = u32::try_from(back).unwrap_or(u32::MAX);
        if back > 0 {
            self.used = self.used.saturating_sub(back);
            self.since = Some(if self.used == 0 { now } else { since + each * back });
        }
        let granted = self.used < most;
        self.used += u32::from(granted);
        granted
    }
}

impl FailedSignIns {
    /// Counts a failure. `true` when it is to have a row, under this request's id.
    pub(super) fn count(&self, target: Target, request_id: &str, now: Instant) -> bool {
        let mut counting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counting = &mut *counting;
        let open = |counted: &&mut Counted| now.saturating_duration_since(counted.since) < WINDOW;
        if let Some(counted) = counting.rows.get_mut(&target).filter(open) {
            counted.attempts += 1;
            return false;
        }
        let granted = match target.principal_id {
            Some(_) => counting.known.take(KNOWN, now),
            None => counting.unknown.take(UNKNOWN, now),
        };
        // The one row of everybody else.
        let target = if granted { target } else { Target::default() };
        if let Some(counted) = counting.rows.get_mut(&target).filter(open) {
            counted.attempts += 1;
            return false;
        }
        let counted =
            Counted { request_id: request_id.to_owned(), since: now, attempts: 1, written: 1 };
        counting.rows.insert(target, counted);
        true
    }

    /// Rows whose count has grown, by request id; those whose window is over are forgotten.
    pub(super) fn due(&self, now: Instant) -> Vec<(String, u64)> {
        let mut counting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut due = Vec::new();
        counting.rows.retain(|_, counted| {
            if counted.attempts > counted.written {
                counted.written = counted.attempts;
                due.push((counted.request_id.clone(), counted.attempts));
            }
            now.saturating_duration_since(counted.since) < WINDOW
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(principal: Option<&str>, address: &str) -> Target {
        Target::new("Client", principal, Some(address.parse().unwrap()))
    }

    #[test]
    fn many_guesses_at_one_principal_are_one_row_with_their_number() {
        let (failures, now) = (FailedSignIns::default(), Instant::now());
        assert!(failures.count(target(Some("a"), "192.0.2.1"), "first", now));
        for _ in 0..4_999 {
            assert!(!failures.count(target(Some("a"), "192.0.2.1"), "later", now));
        }
        assert!(failures.count(target(Some("b"), "192.0.2.1"), "another", now));

        assert_eq!(failures.due(now), [("first".to_owned(), 5_000)]);
        assert_eq!(failures.due(now), [], "what was told is not told again");
        let later = now + WINDOW;
        assert!(failures.count(target(Some("a"), "192.0.2.1"), "next", later));
    }

    #[test]
    fn a_flood_of_names_and_addresses_shares_a_row_and_hides_no_real_one() {
        let (failures, now) = (FailedSignIns::default(), Instant::now());
        let rows = (0..100_000_u32)
            .filter(|n| {
                let address = std::net::Ipv4Addr::from(*n);
                failures.count(Target::new("Client", None, Some(address.into())), "r", now)
            })
            .count();
        assert_eq!(rows, 51, "the ration and the one row of everybody else");
        assert_eq!(failures.due(now), [("r".to_owned(), 100_000 - 50)]);
        assert!(failures.count(target(Some("real"), "192.0.2.1"), "seen", now));
        assert!(failures.0.lock().unwrap().rows.len() < 100);
    }

    #[test]
    fn a_day_of_floods_adds_few_rows() {
        let (failures, start) = (FailedSignIns::default(), Instant::now());
        let mut rows = 0;
        for second in 0..86_400_u32 {
            let now = start + Duration::from_secs(u64::from(second));
            for principal in [None, Some(second.to_string())] {
                let target = Target::new("Client", principal.as_deref(), None);
                // Names that do not exist have addresses of their own.
                let target = Target { from: Some(u128::from(second)), ..target };
                rows += u32::from(failures.count(target, "r", now));
            }
            if second % 60 == 0 {
                failures.due(now);
            }
        }
        assert!((2_000..2_700).contains(&rows), "{rows}");
    }

    #[test]
    fn one_subscribers_addresses_are_one() {
        assert_eq!(target(None, "2001:db8::1"), target(None, "2001:db8::ffff:1"));
        assert_ne!(target(None, "2001:db8::1"), target(None, "2001:db8:0:1::1"));
        assert_eq!(target(None, "::ffff:192.0.2.1"), target(None, "192.0.2.1"));
    }
}
