//! Slows guessing down: so many failed sign-ins a minute per principal and address.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const WINDOW: Duration = Duration::from_secs(60);
/// Beyond this many entries, those whose window has passed are dropped.
const TIDY_AT: usize = 10_000;
/// Beyond this many, those that failed once are dropped too.
const MOST: usize = 100_000;

/// Failed attempts of the last minute.
#[derive(Default)]
pub(crate) struct Attempts {
    failures: Mutex<HashMap<Guesser, (Instant, u32)>>,
}

/// Whose secret was guessed, and from where.
type Guesser = (String, Option<IpAddr>);

impl Attempts {
    /// `Err` with the time to wait when there were `limit` failures within the window.
    pub(crate) fn check(
        &self,
        who: &str,
        from: Option<IpAddr>,
        limit: u32,
    ) -> Result<(), Duration> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        match failures.get(&(who.to_owned(), from)) {
            Some((since, count)) if *count >= limit && since.elapsed() < WINDOW => {
                Err(WINDOW.saturating_sub(since.elapsed()))
            }
            _ => Ok(()),
        }
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, who: &str, from: Option<IpAddr>) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= TIDY_AT {
            failures.retain(|_, (since, _)| since.elapsed() < WINDOW);
        }
        if failures.len() >= MOST {
            // A flood of names or addresses: nobody of them came near the limit, so forget them.
            failures.retain(|_, (_, count)| *count > 1);
        }
        let entry = failures.entry((who.to_owned(), from)).or_insert((Instant::now(), 0));
        if entry.0.elapsed() >= WINDOW {
            *entry = (Instant::now(), 0);
        }
        entry.1 += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_failure_in_a_minute_is_not_even_looked_at() {
        let attempts = Attempts::default();
        for _ in 0..10 {
            assert!(attempts.check("ada", None, 10).is_ok());
            attempts.failed("ada", None);
        }

        assert!(attempts.check("ada", None, 10).is_err());
        assert!(attempts.check("grace", None, 10).is_ok());
    }
}
