//! Histograms with exponential buckets: eight to every doubling, from a microsecond to an hour.
//!
//! The buckets are those of Prometheus' native histograms with schema 3, so a histogram is shown to
//! Prometheus as it is, and any two can be added. A value read back from a bucket is at most 9 % off.
//!
//! # Invariants
//! - A recorded value lies in the bucket whose upper bound is the first that is not below it.
//! - Values up to [`ZERO_THRESHOLD`] are in the zero bucket, values beyond the last bound in the last.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Prometheus' name for eight buckets to a doubling.
pub const SCHEMA: i32 = 3;
const PER_DOUBLING: i32 = 1 << SCHEMA;
/// Bound of the zero bucket, 2⁻²⁰ s, as an exponent.
const LEAST: i32 = -20;
/// Bound of the last bucket, 2¹² s, as an exponent.
const MOST: i32 = 12;
/// Bound of the zero bucket in seconds.
pub const ZERO_THRESHOLD: f64 = 1.0 / 1_048_576.0;
const SLOTS: usize = ((MOST - LEAST) * PER_DOUBLING) as usize + 1;

/// Upper bound of each slot in nanoseconds.
static BOUNDS: LazyLock<[u64; SLOTS]> = LazyLock::new(|| {
    std::array::from_fn(|slot| {
        let slot = u16::try_from(slot).unwrap_or(u16::MAX);
        (upper_bound(slot) * 1e9).floor() as u64
    })
});

/// Prometheus' index of a slot; the zero bucket has none.
fn index(slot: u16) -> i32 {
    LEAST * PER_DOUBLING + i32::from(slot)
}

/// Upper bound of a slot in seconds.
fn upper_bound(slot: u16) -> f64 {
    (f64::from(index(slot)) / f64::from(PER_DOUBLING)).exp2()
}

/// A histogram that many threads record into at once.
pub struct AtomicHistogram {
    slots: [AtomicU64; SLOTS],
    sum_nanos: AtomicU64,
    /// Extremes since they were last taken.
    least_nanos: AtomicU64,
    most_nanos: AtomicU64,
}

impl Default for AtomicHistogram {
    fn default() -> Self {
        Self {
            slots: std::array::from_fn(|_| AtomicU64::new(0)),
            sum_nanos: AtomicU64::new(0),
            least_nanos: AtomicU64::new(u64::MAX),
            most_nanos: AtomicU64::new(0),
        }
    }
}

impl AtomicHistogram {
    /// Adds a value; some twenty nanoseconds.
    pub fn record(&self, value: Duration) {
        let nanos = u64::try_from(value.as_nanos()).unwrap_or(u64::MAX);
        let slot = BOUNDS.partition_point(|bound| *bound < nanos).min(SLOTS - 1);
        self.slots[slot].fetch_add(1, Relaxed);
        self.sum_nanos.fetch_add(nanos, Relaxed);
        // Extremes are rare: reading them first keeps the cache line shared.
        if nanos < self.least_nanos.load(Relaxed) {
            self.least_nanos.fetch_min(nanos, Relaxed);
        }
        if nanos > self.most_nanos.load(Relaxed) {
            self.most_nanos.fetch_max(nanos, Relaxed);
        }
    }

    /// Everything recorded so far. Extremes are those since they were last taken.
    pub fn read(&self) -> Histogram {
        let counts = self.slots.iter().enumerate().filter_map(|(slot, count)| {
            let count = count.load(Relaxed);
            (count > 0).then_some((u16::try_from(slot).unwrap_or(u16::MAX), count))
        });
        Histogram {
            counts: counts.collect(),
            sum_nanos: self.sum_nanos.load(Relaxed),
            least_nanos: self.least_nanos.load(Relaxed),
            most_nanos: self.most_nanos.load(Relaxed),
        }
    }

    /// As [`read`](Self::read), and begins to look for extremes anew.
    pub(crate) fn take_extremes(&self) -> Histogram {
        let mut read = self.read();
        read.least_nanos = self.least_nanos.swap(u64::MAX, Relaxed);
        read.most_nanos = self.most_nanos.swap(0, Relaxed);
        read
    }
}

/// What a histogram held at a moment, or what was added between two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    /// Slot and count, slots ascending, no count zero.
    pub(super) counts: Vec<(u16, u64)>,
    pub(super) sum_nanos: u64,
    pub(super) least_nanos: u64,
    pub(super) most_nanos: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: Vec::new(), sum_nanos: 0, least_nanos: u64::MAX, most_nanos: 0 }
    }
}

impl Histogram {
    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }

    /// Their sum in seconds.
    pub fn sum(&self) -> f64 {
        self.sum_nanos as f64 / 1e9
    }

    /// Their mean in seconds.
    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum() / count as f64)
    }

    /// The smallest in seconds.
    pub fn least(&self) -> Option<f64> {
        (self.least_nanos <= self.most_nanos).then(|| self.least_nanos as f64 / 1e9)
    }

    /// The largest in seconds.
    pub fn most(&self) -> Option<f64> {
        (self.least_nanos <= self.most_nanos).then(|| self.most_nanos as f64 / 1e9)
    }

    /// The value in seconds that a share of the values (0 to 1) does not exceed.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let count = self.count();
        let rank = share.clamp(0.0, 1.0) * count as f64;
        let mut below = 0.0;
        let (slot, within) = self.counts.iter().find_map(|&(slot, count)| {
            let (before, count) = (below, count as f64);
            below += count;
            (below >= rank).then(|| (slot, ((rank - before) / count).clamp(0.0, 1.0)))
        })?;
        let value = if slot == 0 {
            ZERO_THRESHOLD * within
        } else {
            let exponent = f64::from(index(slot)) - 1.0 + within;
            (exponent / f64::from(PER_DOUBLING)).exp2()
        };
        // A bucket is wider than what was seen of it.
        let least = self.least().unwrap_or(0.0);
        Some(value.clamp(least, self.most().unwrap_or(f64::INFINITY).max(least)))
    }

    /// Adds the values of another.
    pub fn add(&mut self, other: &Self) {
        if self.counts.is_empty() {
            self.counts.clone_from(&other.counts);
        } else if !other.counts.is_empty() {
            self.counts = merged(&self.counts, &other.counts, u64::wrapping_add);
        }
        self.sum_nanos = self.sum_nanos.wrapping_add(other.sum_nanos);
        self.least_nanos = self.least_nanos.min(other.least_nanos);
        self.most_nanos = self.most_nanos.max(other.most_nanos);
    }

    /// What was added since `earlier`, a state of the same histogram. Keeps the own extremes.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let mut counts = merged(&self.counts, &earlier.counts, u64::saturating_sub);
        counts.retain(|(_, count)| *count > 0);
        Self { counts, sum_nanos: self.sum_nanos.saturating_sub(earlier.sum_nanos), ..*self }
    }

    /// The zero bucket's count.
    pub fn zero_count(&self) -> u64 {
        self.counts.first().filter(|(slot, _)| *slot == 0).map_or(0, |(_, count)| *count)
    }

    /// Prometheus' index and count of every bucket that is not empty.
    pub fn buckets(&self) -> impl Iterator<Item = (i32, u64)> {
        self.counts.iter().filter(|(slot, _)| *slot > 0).map(|&(slot, count)| (index(slot), count))
    }

    /// Upper bound in seconds and how many values do not exceed it, at every second doubling: what a
    /// histogram with fixed buckets shows. The counts are exact.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let step = 2 * PER_DOUBLING as usize;
        let mut counts = self.counts.iter().peekable();
        let mut below = 0;
        (0..SLOTS).step_by(step).map(move |slot| {
            let slot = u16::try_from(slot).unwrap_or(u16::MAX);
            while let Some((_, count)) = counts.next_if(|(at, _)| *at <= slot) {
                below += count;
            }
            (upper_bound(slot), below)
        })
    }
}

/// Counts by slot of two histograms as one.
fn merged(
    ours: &[(u16, u64)],
    others: &[(u16, u64)],
    combine: impl Fn(u64, u64) -> u64,
) -> Vec<(u16, u64)> {
    let mut merged = Vec::with_capacity(ours.len() + others.len());
    let (mut ours, mut others) = (ours.iter().peekable(), others.iter().peekable());
    loop {
        let next = match (ours.peek(), others.peek()) {
            (Some(a), Some(b)) => a.0.min(b.0),
            (Some(one), None) | (None, Some(one)) => one.0,
            (None, None) => return merged,
        };
        let count = ours.next_if(|(slot, _)| *slot == next).map_or(0, |(_, count)| *count);
        let other = others.next_if(|(slot, _)| *slot == next).map_or(0, |(_, count)| *count);
        merged.push((next, combine(count, other)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(micros: impl IntoIterator<Item = u64>) -> Histogram {
        let histogram = AtomicHistogram::default();
        micros.into_iter().for_each(|value| histogram.record(Duration::from_micros(value)));
        histogram.read()
    }

    #[test]
    fn quantiles_are_within_a_bucket_of_the_truth() {
        let histogram = of(1..=10_000);

        for (share, micros) in [(0.5, 5_000.0), (0.95, 9_500.0), (0.99, 9_900.0), (1.0, 10_000.0)] {
            let read = histogram.quantile(share).unwrap() * 1e6;
            assert!((read / micros - 1.0).abs() < 0.05, "{share}: {read} instead of {micros}");
        }
        assert_eq!(histogram.count(), 10_000);
        assert!((histogram.sum() - 50.005).abs() < 1e-9);
        assert_eq!(histogram.least(), Some(1e-6));
        assert_eq!(histogram.most(), Some(0.01));
    }

    #[test]
    fn one_value_is_every_quantile() {
        let histogram = of([137]);

        assert_eq!(histogram.quantile(0.5), Some(137e-6));
        assert_eq!(histogram.quantile(0.99), Some(137e-6));
        assert_eq!(of([]).quantile(0.5), None);
        assert_eq!(of([]).mean(), None);
    }

    #[test]
    fn a_value_at_a_bound_belongs_to_the_bucket_below_it() {
        // 2⁻³ s is a bound, and Prometheus' buckets include their upper bounds.
        let at = of([125_000]);
        let above = of([125_001]);

        assert_eq!(at.buckets().collect::<Vec<_>>(), [(-24, 1)]);
        assert_eq!(above.buckets().collect::<Vec<_>>(), [(-23, 1)]);
    }

    #[test]
    fn the_shortest_and_the_longest_values_have_a_place() {
        let histogram = AtomicHistogram::default();
        histogram.record(Duration::ZERO);
        histogram.record(Duration::from_nanos(900));
        histogram.record(Duration::MAX);
        let read = histogram.read();

        assert_eq!(read.zero_count(), 2);
        assert_eq!(read.buckets().collect::<Vec<_>>(), [(MOST * PER_DOUBLING, 1)]);
    }

    #[test]
    fn what_was_added_and_what_was_before_make_the_whole() {
        let histogram = AtomicHistogram::default();
        (1..100).for_each(|value| histogram.record(Duration::from_micros(value * 37)));
        let before = histogram.take_extremes();
        (1..50).for_each(|value| histogram.record(Duration::from_micros(value * 1_011)));
        let whole = histogram.read();

        let added = whole.since(&before);
        let mut sum = before.clone();
        sum.add(&added);

        assert_eq!(added.count(), 49);
        assert_eq!(added.least(), Some(1_011e-6));
        assert_eq!((sum.counts, sum.sum_nanos), (whole.counts, whole.sum_nanos));
    }

    #[test]
    fn fixed_buckets_count_what_does_not_exceed_their_bound() {
        let histogram = of([1, 20, 300, 4_000, 50_000, 600_000, 7_000_000]);

        let fixed: Vec<_> = histogram.cumulative().collect();

        assert!(fixed.is_sorted());
        for (bound, count) in &fixed {
            let truth = [1e-6, 20e-6, 300e-6, 4e-3, 50e-3, 0.6, 7.0];
            let truth = truth.iter().filter(|value| *value <= bound).count();
            assert_eq!(*count, truth as u64, "up to {bound}");
        }
        assert_eq!(fixed.len(), 17);
    }
}
