//! Once a second: what was counted since, for live readers and for the store.
//!
//! Services that did nothing cost a few reads and leave nothing behind.
//!
//! # Invariants
//! - The ids of seconds only grow, also when the clock is set back.
//! - A sample is in memory until the row that holds it is committed; whoever reads both memory and
//!   store holds [`Metrics::saving`] and so sees it exactly once.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use shared::{ServiceId, metrics::LivePoint};
use tokio::sync::Notify;

use super::{
    call::Meter,
    live::{Active, Ring, Second},
    sample::{Gauge, Sample},
    store::{FINEST, floor},
};
use crate::{Control, clock, control::Inner, routes::ServedService};

/// Slots that wait for a store which cannot be written: an hour.
const MOST_UNSAVED: usize = 360;

/// Samples by service or account.
pub(super) type Samples = HashMap<String, Sample>;

/// What is remembered between ticks.
#[derive(Default)]
pub(crate) struct Metrics {
    pub(super) ring: Ring,
    recent: Mutex<Recent>,
    watched: Mutex<Watched>,
    closed: Notify,
    /// Held for writing while rows are committed.
    pub(super) saving: tokio::sync::RwLock<()>,
}

/// What is not in the store yet.
#[derive(Default)]
struct Recent {
    slot: i64,
    samples: Samples,
    unsaved: VecDeque<(i64, Samples)>,
}

/// What the last tick saw.
struct Watched {
    at: Instant,
    services: HashMap<ServiceId, Seen>,
    accounts: HashMap<String, u64>,
}

struct Seen {
    meter: Arc<Meter>,
    account_id: String,
    ended: u64,
    replicas: u32,
    in_flight: u32,
    sample: Sample,
}

impl Metrics {
    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what every service did since the last tick, which ended at `now` in microseconds.
    fn tick(&self, services: &[Arc<ServedService>], now: i64) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let at = Instant::now();
        let passed = at.saturating_duration_since(std::mem::replace(&mut watched.at, at));

        let present: HashSet<_> = services.iter().map(|service| service.id).collect();
        let gone = watched.look_at_gone(&present);
        let mut second = Second::new(self.ring.next_id(now), now, passed);
        let mut samples = Samples::new();
        let mut accounts: HashMap<&str, (Sample, u32, u32)> = HashMap::new();
        for service in services {
            let account = accounts.entry(&service.account_id).or_default();
            let (replicas, queue_depth) = service.slots.depth();
            account.0.replicas.last += u64::from(replicas);
            let Some((sample, in_flight)) = watched.look_at(service, replicas) else { continue };
            account.0.add_calls(&sample);
            account.1 += in_flight;
            account.2 += queue_depth;
            second.services.insert(
                service.id,
                Active {
                    account_id: service.account_id.clone(),
                    name: service.name.clone(),
                    point: sample.point(in_flight, queue_depth),
                },
            );
            samples.insert(service.id.to_string(), sample);
        }
        for (account_id, sample) in &gone {
            accounts.entry(account_id).or_default().0.add_calls(sample);
        }
        for (account_id, (mut sample, in_flight, queue_depth)) in accounts {
            let replicas = sample.replicas.last;
            sample.replicas = Gauge::of(replicas);
            second.accounts.insert(account_id.to_owned(), sample.point(in_flight, queue_depth));
            let before = watched.accounts.insert(account_id.to_owned(), replicas);
            if sample.requests() > 0 || before != Some(replicas) {
                samples.insert(account_id.to_owned(), sample);
            }
        }
        drop(watched);

        self.remember(slot_of_second_until(now), samples);
        self.ring.push(second);
    }

    pub(super) fn remember(&self, slot: i64, samples: Samples) {
        let mut recent = self.recent();
        if slot != recent.slot {
            recent.close();
            recent.slot = slot;
            self.closed.notify_one();
        }
        for (series, sample) in samples {
            recent.samples.entry(series).or_default().add(&sample);
        }
    }

    /// What a series did that is not in the store yet.
    pub(super) fn unsaved(&self, series: &str) -> Vec<(i64, Sample)> {
        let recent = self.recent();
        let unsaved = recent.unsaved.iter().map(|(slot, samples)| (*slot, samples));
        unsaved
            .chain([(recent.slot, &recent.samples)])
            .filter_map(|(slot, samples)| Some((slot, samples.get(series)?.clone())))
            .collect()
    }

    /// The oldest slot that is to be saved.
    fn oldest_unsaved(&self) -> Option<(i64, Samples)> {
        self.recent().unsaved.front().cloned()
    }

    /// Up to where everything is in the store.
    pub(super) fn saved_until(&self) -> i64 {
        let recent = self.recent();
        recent.unsaved.front().map_or(recent.slot, |(slot, _)| *slot)
    }

    fn forget_oldest(&self) {
        self.recent().unsaved.pop_front();
    }
}

impl Recent {
    fn close(&mut self) {
        let samples = std::mem::take(&mut self.samples);
        if !samples.is_empty() {
            self.unsaved.push_back((self.slot, samples));
        }
        if self.unsaved.len() > MOST_UNSAVED {
            self.unsaved.pop_front();
            tracing::error!("ten seconds of metrics are lost: the store could not be written");
        }
    }
}

impl Default for Watched {
    fn default() -> Self {
        Self { at: Instant::now(), services: HashMap::new(), accounts: HashMap::new() }
    }
}

impl Watched {
    /// What a service did since the last look, and its calls under way; `None` when it did nothing.
    fn look_at(&mut self, service: &ServedService, replicas: u32) -> Option<(Sample, u32)> {
        let meter = &service.meter;
        let (ended, in_flight) = (meter.ended(), meter.in_flight());
        let seen = self.services.get_mut(&service.id);
        if let Some(seen) = &seen
            && (seen.ended, seen.replicas, seen.in_flight, in_flight) == (ended, replicas, 0, 0)
        {
            return None;
        }
        let now = meter.take();
        let mut sample = match &seen {
            Some(seen) => now.since(&seen.sample),
            None => now.clone(),
        };
        sample.replicas = Gauge::of(u64::from(replicas));
        // What the sample holds may be more than `ended` said a moment ago, never less.
        let ended = now.requests();
        match seen {
            Some(seen) => {
                (seen.ended, seen.replicas, seen.in_flight, seen.sample) =
                    (ended, replicas, in_flight, now);
            }
            None => {
                let (meter, account_id) = (Arc::clone(meter), service.account_id.clone());
                let seen = Seen { meter, account_id, ended, replicas, in_flight, sample: now };
                self.services.insert(service.id, seen);
            }
        }
        Some((sample, in_flight))
    }

    /// What services did that were deleted meanwhile, by account. They are forgotten with their
    /// last call.
    fn look_at_gone(&mut self, present: &HashSet<ServiceId>) -> Vec<(String, Sample)> {
        let mut gone = Vec::new();
        self.services.retain(|id, seen| {
            if present.contains(id) {
                return true;
            }
            let under_way = seen.meter.in_flight() > 0;
            let now = seen.meter.take();
            gone.push((seen.account_id.clone(), now.since(&seen.sample)));
            seen.sample = now;
            under_way
        });
        gone
    }
}

impl Control {
    /// Ticks and saves, as long as the domain lives.
    pub(crate) fn start_metrics(&self) {
        self.inner.runner.spawn(tick_on(Arc::downgrade(&self.inner)));
        self.inner.runner.spawn(save_on(Arc::downgrade(&self.inner)));
    }

    fn tick(&self) {
        self.inner.metrics.tick(&self.inner.routes.all(), clock::now());
    }

    /// The last tick, and everything to the store.
    pub(crate) async fn stop_metrics(&self) {
        self.tick();
        self.inner.metrics.recent().close();
        self.save_metrics().await;
    }

    /// Writes the slots that are over.
    async fn save_metrics(&self) {
        let metrics = &self.inner.metrics;
        while let Some((slot, samples)) = metrics.oldest_unsaved() {
            let _saving = metrics.saving.write().await;
            match self.save_slot(slot, &samples).await {
                Ok(()) => metrics.forget_oldest(),
                Err(error) => {
                    // They stay in memory, and the next slot tries again.
                    tracing::error!(?error, "metrics could not be saved");
                    return;
                }
            }
        }
    }
}

async fn tick_on(inner: Weak<Inner>) {
    loop {
        // At the turn of each second of the clock, so that neighbouring servers' seconds agree.
        let into = clock::now().rem_euclid(1_000_000).unsigned_abs();
        tokio::time::sleep(Duration::from_micros(1_000_000 - into)).await;
        let Some(inner) = inner.upgrade() else { return };
        Control { inner }.tick();
    }
}

async fn save_on(inner: Weak<Inner>) {
    loop {
        {
            let Some(inner) = inner.upgrade() else { return };
            let control = Control { inner };
            control.save_metrics().await;
            if let Err(error) = control.age_metrics(clock::seconds(clock::now())).await {
                tracing::error!(?error, "old metrics could not be put together");
            }
        }
        let Some(inner) = inner.upgrade() else { return };
        // The domain may go while nobody closes a slot: this wait holds it no longer than a slot.
        let closed = inner.metrics.closed.notified();
        let _ = tokio::time::timeout(Duration::from_secs(11), closed).await;
    }
}

/// The slot that holds the second that ends at `now`, in microseconds. The second that ends with a
/// slot belongs to it, and timers fire a little late, seldom half a second.
fn slot_of_second_until(now: i64) -> i64 {
    floor(clock::seconds(now + 500_000) - 1, FINEST)
}

/// A point for a second in which nothing happened.
pub(super) fn idle(replicas: u32) -> LivePoint {
    LivePoint { replicas, ..LivePoint::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_that_ends_with_a_slot_belongs_to_it_also_when_its_timer_fires_late() {
        for late in [0, 1_500, 400_000] {
            assert_eq!(slot_of_second_until(39_000_000 + late), 30);
            assert_eq!(slot_of_second_until(40_000_000 + late), 30);
            assert_eq!(slot_of_second_until(41_000_000 + late), 40);
        }
    }
}
