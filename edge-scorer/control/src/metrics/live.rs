//! The seconds of the last five minutes, and readers that follow them.
//!
//! # Invariants
//! - A reader gets every second after the one that it names, as long as it is still in the ring,
//!   and each once: it is woken by the newest id and reads the ring itself.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{
    Stream, StreamExt as _,
    stream::{self, BoxStream},
};
use shared::{
    ServiceId,
    metrics::{AccountSecond, LIVE_SECONDS, LivePoint, LiveSecond, ServicePoint},
};
use sqlx::Row as _;
use tokio::sync::watch;

use super::ticker::idle;
use crate::{AccountAccess, Action, Control, ControlError, Kind, clock};

/// Most services in one event.
const SERVICES: usize = 100;

/// A second, and the id by which a reader says that it has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Live<T> {
    /// Grows from second to second.
    pub id: i64,
    /// What happened.
    pub second: T,
}

/// Where a reader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// After the second with this id.
    After(i64),
    /// With so many seconds of the past.
    Last(u32),
}

pub(super) struct Second {
    id: i64,
    at: i64,
    seconds: f64,
    pub(super) services: HashMap<ServiceId, Active>,
    pub(super) accounts: HashMap<String, LivePoint>,
}

/// A service that did something.
pub(super) struct Active {
    pub(super) account_id: String,
    pub(super) name: String,
    pub(super) point: LivePoint,
}

impl Second {
    pub(super) fn new(id: i64, at: i64, passed: Duration) -> Self {
        Self {
            id,
            at,
            seconds: (passed.as_secs_f64() * 1e3).round() / 1e3,
            services: HashMap::new(),
            accounts: HashMap::new(),
        }
    }

    fn of_service(&self, id: ServiceId, replicas: &mut u32) -> Live<LiveSecond> {
        let point = match self.services.get(&id) {
            Some(active) => active.point.clone(),
            None => idle(*replicas),
        };
        *replicas = point.replicas;
        let (at, seconds) = (clock::timestamp(self.at), self.seconds);
        Live { id: self.id, second: LiveSecond { at, seconds, point } }
    }

    fn of_account(&self, account_id: &str) -> Live<AccountSecond> {
        let mut services: Vec<_> =
            self.services.iter().filter(|(_, active)| active.account_id == account_id).collect();
        services.sort_by_key(|(id, active)| (std::cmp::Reverse(active.point.requests), **id));
        services.truncate(SERVICES);
        let services = services.into_iter().map(|(id, active)| ServicePoint {
            id: *id,
            name: active.name.clone(),
            point: active.point.clone(),
        });
        let second = AccountSecond {
            at: clock::timestamp(self.at),
            seconds: self.seconds,
            total: self.accounts.get(account_id).cloned().unwrap_or_default(),
            services: services.collect(),
        };
        Live { id: self.id, second }
    }
}

/// The newest seconds.
pub(super) struct Ring {
    seconds: Mutex<VecDeque<Arc<Second>>>,
    newest: watch::Sender<i64>,
}

impl Default for Ring {
    fn default() -> Self {
        Self { seconds: Mutex::default(), newest: watch::Sender::new(0) }
    }
}

impl Ring {
    /// The id of a second that ends at `now`.
    pub(super) fn next_id(&self, now: i64) -> i64 {
        // Timers fire a little late, seldom half a second.
        clock::seconds(now + 500_000).max(*self.newest.borrow() + 1)
    }

    pub(super) fn push(&self, second: Second) {
        let id = second.id;
        let mut seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        seconds.push_back(Arc::new(second));
        while seconds.len() > LIVE_SECONDS as usize {
            seconds.pop_front();
        }
        drop(seconds);
        self.newest.send_replace(id);
    }

    fn after(&self, id: i64) -> Vec<Arc<Second>> {
        let seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        let from = seconds.partition_point(|second| second.id <= id);
        seconds.range(from..).cloned().collect()
    }

    fn begin(&self, from: From) -> i64 {
        match from {
            // An id from the future, of a server whose clock was wrong: from now on.
            From::After(id) => id.min(*self.newest.borrow()),
            From::Last(count) => {
                let seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
                let skipped = seconds.len().saturating_sub(count as usize);
                match skipped.checked_sub(1).and_then(|last| seconds.get(last)) {
                    Some(second) => second.id,
                    None => i64::MIN,
                }
            }
        }
    }
}

impl Control {
    /// Every second of a service; ends when the service is deleted or the domain stops.
    pub async fn live_service_metrics(
        &self,
        account: &AccountAccess,
        id: &str,
        from: From,
    ) -> Result<BoxStream<'static, Live<LiveSecond>>, ControlError> {
        let (id, public_name) = self.metered_service(account, id).await?;
        let served = self.inner.routes.get(&public_name).filter(|served| served.id == id);
        let mut known = served.is_some();
        let mut replicas = served.map_or(0, |served| served.replicas());
        let control = self.clone();
        let seconds = self.seconds(from).map(move |second| {
            let served = control.inner.routes.get(&public_name).is_some_and(|now| now.id == id);
            let deleted = known && !served;
            known |= served;
            (!deleted).then(|| second.of_service(id, &mut replicas))
        });
        let there = seconds.take_while(|second| futures::future::ready(second.is_some()));
        Ok(there.filter_map(futures::future::ready).boxed())
    }

    /// Every second of all services of an account together; ends when the domain stops.
    pub fn live_account_metrics(
        &self,
        account: &AccountAccess,
        from: From,
    ) -> Result<BoxStream<'static, Live<AccountSecond>>, ControlError> {
        account.require(Action::Read)?;
        let account_id = account.account_id.clone();
        Ok(self.seconds(from).map(move |second| second.of_account(&account_id)).boxed())
    }

    fn seconds(&self, from: From) -> impl Stream<Item = Arc<Second>> + Send + 'static {
        let ring = &self.inner.metrics.ring;
        let (control, newest, last) = (self.clone(), ring.newest.subscribe(), ring.begin(from));
        let batches =
            stream::unfold((control, newest, last), |(control, mut newest, mut last)| async move {
                loop {
                    newest.borrow_and_update();
                    let seconds = control.inner.metrics.ring.after(last);
                    if let Some(second) = seconds.last() {
                        last = second.id;
                        return Some((stream::iter(seconds), (control, newest, last)));
                    }
                    newest.changed().await.ok()?;
                }
            });
        batches.flatten().take_until(self.inner.runner.stopped())
    }

    /// Id and public name of a service that the caller may read.
    pub(super) async fn metered_service(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<(ServiceId, String), ControlError> {
        account.require(Action::Read)?;
        let row = sqlx::query(
            "SELECT id, public_name FROM services
             WHERE account_id = $1 AND (id = $2 OR name = $3)",
        )
        .bind(&account.account_id)
        .bind(id.to_ascii_lowercase())
        .bind(id)
        .fetch_optional(self.inner.store.read())
        .await?
        .ok_or_else(|| ControlError::not_found(Kind::Service, id))?;
        let id = row.try_get::<&str, _>(0)?.parse().map_err(ControlError::internal)?;
        Ok((id, row.try_get(1)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(ids: impl IntoIterator<Item = i64>) -> Ring {
        let ring = Ring::default();
        ids.into_iter().for_each(|id| ring.push(Second::new(id, id * 1_000_000, Duration::ZERO)));
        ring
    }

    fn ids(ring: &Ring, from: From) -> Vec<i64> {
        ring.after(ring.begin(from)).iter().map(|second| second.id).collect()
    }

    #[test]
    fn a_reader_that_comes_back_misses_nothing_and_gets_nothing_twice() {
        let ring = ring([10, 11, 12, 15]);

        assert_eq!(ids(&ring, From::After(11)), [12, 15]);
        assert_eq!(ids(&ring, From::After(13)), [15]);
        assert_eq!(ids(&ring, From::After(15)), [0_i64; 0]);
        assert_eq!(ids(&ring, From::After(i64::MAX)), [0_i64; 0]);
        assert_eq!(ids(&ring, From::After(3)), [10, 11, 12, 15]);
    }

    #[test]
    fn a_new_reader_begins_with_as_much_of_the_past_as_it_wants() {
        let ring = ring(1..=1_000);

        assert_eq!(ids(&ring, From::Last(0)), [0_i64; 0]);
        assert_eq!(ids(&ring, From::Last(2)), [999, 1_000]);
        assert_eq!(ids(&ring, From::Last(u32::MAX)).len(), LIVE_SECONDS as usize);
    }

    #[test]
    fn ids_grow_also_when_the_clock_is_set_back() {
        let ring = ring([100]);

        assert_eq!(ring.next_id(101_000_900), 101);
        assert_eq!(ring.next_id(100_100_000), 101);
        assert_eq!(ring.next_id(50_000_000), 101);
    }
}
