//! What one service, or an account, did in a stretch of time; samples of neighbouring stretches add up.

use prost::Message;
use shared::metrics::LivePoint;

use super::{Outcome, Stage, histogram::Histogram};
use crate::ControlError;

pub(crate) const STAGES: usize = 5;
pub(crate) const OUTCOMES: usize = 5;

/// Counts and times of a stretch.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Sample {
    /// By [`Outcome`].
    pub(super) outcomes: [u64; OUTCOMES],
    /// By [`Stage`].
    pub(super) stages: [Histogram; STAGES],
    pub(super) replicas: Gauge,
}

/// A number that goes up and down, looked at now and then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Gauge {
    pub(super) looks: u64,
    pub(super) sum: u64,
    pub(super) least: u64,
    pub(super) most: u64,
    /// The latest look; what holds until the next.
    pub(super) last: u64,
}

impl Gauge {
    pub(super) fn of(value: u64) -> Self {
        Self { looks: 1, sum: value, least: value, most: value, last: value }
    }

    /// Adds later looks at the same number.
    fn add(&mut self, later: &Self) {
        if self.looks == 0 {
            *self = *later;
        } else if later.looks > 0 {
            self.looks += later.looks;
            self.sum += later.sum;
            self.least = self.least.min(later.least);
            self.most = self.most.max(later.most);
            self.last = later.last;
        }
    }

    pub(super) fn mean(&self) -> Option<f64> {
        (self.looks > 0).then(|| self.sum as f64 / self.looks as f64)
    }
}

impl Sample {
    pub(super) fn stage(&self, stage: Stage) -> &Histogram {
        &self.stages[stage as usize]
    }

    pub(super) fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize]
    }

    pub(super) fn requests(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    pub(super) fn errors(&self) -> u64 {
        self.outcome(Outcome::ClientError) + self.outcome(Outcome::ServerError)
    }

    /// Adds a later stretch of the same series.
    pub(super) fn add(&mut self, later: &Self) {
        self.add_calls(later);
        self.replicas.add(&later.replicas);
    }

    /// Adds the calls of another series.
    pub(super) fn add_calls(&mut self, other: &Self) {
        for (ours, other) in self.outcomes.iter_mut().zip(&other.outcomes) {
            *ours = ours.saturating_add(*other);
        }
        for (ours, other) in self.stages.iter_mut().zip(&other.stages) {
            ours.add(other);
        }
    }

    /// What was counted since `earlier`, a state of the same counters.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        Self {
            outcomes: std::array::from_fn(|at| {
                self.outcomes[at].saturating_sub(earlier.outcomes[at])
            }),
            stages: std::array::from_fn(|at| self.stages[at].since(&earlier.stages[at])),
            replicas: self.replicas,
        }
    }

    /// As live readers see it.
    pub(super) fn point(&self, in_flight: u32, queue_depth: u32) -> LivePoint {
        let millis = |seconds: Option<f64>| seconds.map(milliseconds);
        let total = self.stage(Stage::Total);
        LivePoint {
            requests: self.requests(),
            errors: self.errors(),
            rejected: self.outcome(Outcome::Rejected),
            cancelled: self.outcome(Outcome::Cancelled),
            p50: millis(total.quantile(0.5)),
            p95: millis(total.quantile(0.95)),
            p99: millis(total.quantile(0.99)),
            queue_time: millis(self.stage(Stage::Queue).mean()),
            run_time: millis(self.stage(Stage::Run).mean()),
            replicas: u32::try_from(self.replicas.last).unwrap_or(u32::MAX),
            in_flight,
            queue_depth,
        }
    }

    /// As it lies in the store.
    pub(super) fn encode(&self) -> Vec<u8> {
        let replicas = &self.replicas;
        stored::Sample {
            outcomes: self.outcomes.to_vec(),
            stages: self.stages.iter().map(stored::Histogram::of).collect(),
            replicas: (replicas.looks > 0).then_some(stored::Gauge {
                looks: replicas.looks,
                sum: replicas.sum,
                least: replicas.least,
                most: replicas.most,
                last: replicas.last,
            }),
        }
        .encode_to_vec()
    }

    /// From the store. Members that an older program did not write are empty.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, ControlError> {
        let read = stored::Sample::decode(bytes).map_err(ControlError::internal)?;
        let mut sample = Self::default();
        for (ours, read) in sample.outcomes.iter_mut().zip(read.outcomes) {
            *ours = read;
        }
        for (ours, read) in sample.stages.iter_mut().zip(&read.stages) {
            *ours = read.histogram();
        }
        if let Some(stored::Gauge { looks, sum, least, most, last }) = read.replicas {
            sample.replicas = Gauge { looks, sum, least, most, last };
        }
        Ok(sample)
    }
}

/// Milliseconds with a precision of a tenth of a microsecond.
pub(super) fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1e7).round() / 1e4
}

/// The layout in the store. Numbers of fields are never used again for something else.
mod stored {
    #[derive(prost::Message)]
    pub(super) struct Sample {
        #[prost(uint64, repeated, tag = "1")]
        pub(super) outcomes: Vec<u64>,
        #[prost(message, repeated, tag = "2")]
        pub(super) stages: Vec<Histogram>,
        #[prost(message, optional, tag = "3")]
        pub(super) replicas: Option<Gauge>,
    }

    #[derive(prost::Message)]
    pub(super) struct Histogram {
        #[prost(uint32, repeated, tag = "1")]
        slots: Vec<u32>,
        #[prost(uint64, repeated, tag = "2")]
        counts: Vec<u64>,
        #[prost(uint64, tag = "3")]
        sum_nanos: u64,
        #[prost(uint64, optional, tag = "4")]
        least_nanos: Option<u64>,
        #[prost(uint64, tag = "5")]
        most_nanos: u64,
    }

    #[derive(prost::Message)]
    pub(super) struct Gauge {
        #[prost(uint64, tag = "1")]
        pub(super) looks: u64,
        #[prost(uint64, tag = "2")]
        pub(super) sum: u64,
        #[prost(uint64, tag = "3")]
        pub(super) least: u64,
        #[prost(uint64, tag = "4")]
        pub(super) most: u64,
        #[prost(uint64, tag = "5")]
        pub(super) last: u64,
    }

    impl Histogram {
        pub(super) fn of(histogram: &super::Histogram) -> Self {
            let (slots, counts) =
                histogram.counts.iter().map(|&(slot, count)| (u32::from(slot), count)).unzip();
            Self {
                slots,
                counts,
                sum_nanos: histogram.sum_nanos,
                least_nanos: (histogram.least_nanos < u64::MAX).then_some(histogram.least_nanos),
                most_nanos: histogram.most_nanos,
            }
        }

        pub(super) fn histogram(&self) -> super::Histogram {
            let slots = self.slots.iter().filter_map(|slot| u16::try_from(*slot).ok());
            super::Histogram {
                counts: slots.zip(self.counts.iter().copied()).collect(),
                sum_nanos: self.sum_nanos,
                least_nanos: self.least_nanos.unwrap_or(u64::MAX),
                most_nanos: self.most_nanos,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::{AtomicHistogram, Meter};

    fn sample() -> Sample {
        let meter = Meter::default();
        for outcome in [Outcome::Answered, Outcome::Answered, Outcome::ServerError] {
            let mut call = meter.begin();
            call.received();
            call.passed(Stage::Parse);
            call.end(outcome);
        }
        Sample { replicas: Gauge::of(3), ..meter.take() }
    }

    #[test]
    fn a_sample_is_read_from_the_store_as_it_was_written() {
        let sample = sample();

        assert_eq!(Sample::decode(&sample.encode()).unwrap(), sample);
        assert_eq!(Sample::decode(&[]).unwrap(), Sample::default());
        assert!(Sample::decode(b"\xff\xff").is_err());
    }

    #[test]
    fn neighbouring_stretches_add_up() {
        let (first, mut second) = (sample(), sample());
        second.replicas = Gauge::of(5);

        let mut both = first.clone();
        both.add(&second);

        assert_eq!(both.requests(), 6);
        assert_eq!(both.errors(), 2);
        assert_eq!(both.stage(Stage::Total).count(), 6);
        assert_eq!(both.replicas, Gauge { looks: 2, sum: 8, least: 3, most: 5, last: 5 });
        assert_eq!(both.replicas.mean(), Some(4.0));
    }

    #[test]
    fn a_stretch_of_ten_seconds_takes_a_few_hundred_bytes() {
        let histogram = AtomicHistogram::default();
        (1..60_000).for_each(|n| histogram.record(Duration::from_nanos(50_000 + n * 17)));
        let sample = Sample {
            outcomes: [60_000, 0, 0, 0, 0],
            stages: std::array::from_fn(|_| histogram.read()),
            replicas: Gauge::of(4),
        };

        assert!(sample.encode().len() < 1_000, "{}", sample.encode().len());
    }
}
