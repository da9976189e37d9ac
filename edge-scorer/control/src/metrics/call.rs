//! A scoring call while it lasts, and the counters that it leaves behind.

use std::{
    sync::{
        LazyLock, OnceLock,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use super::{
    histogram::AtomicHistogram,
    sample::{OUTCOMES, STAGES, Sample},
};

/// What a call spends its time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading the request.
    Parse,
    /// Waiting for a slot.
    Queue,
    /// In the model.
    Run,
    /// Writing the answer.
    Encode,
    /// From the whole request to the whole answer.
    Total,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With an answer.
    Answered,
    /// The caller can mend it.
    ClientError,
    /// The service, or the server, is to blame.
    ServerError,
    /// Turned away: the service was full or had no replicas.
    Rejected,
    /// The caller gave up.
    Cancelled,
}

impl Outcome {
    /// Every outcome, as they are stored.
    pub const ALL: [Self; OUTCOMES] =
        [Self::Answered, Self::ClientError, Self::ServerError, Self::Rejected, Self::Cancelled];

    /// As it is shown to Prometheus.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::ClientError => "client_error",
            Self::ServerError => "server_error",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Threads that count side by side do so in places of their own, up to so many.
const MOST_STRIPES: usize = 8;

static STRIPES: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from).min(MOST_STRIPES));

thread_local! {
    /// Which stripe this thread counts in.
    static STRIPE: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Relaxed) % *STRIPES
    };
}

/// The counters of one service. They belong to the service and outlive its deployments.
#[derive(Default)]
pub struct Meter {
    /// Ten kilobytes each, so only for services that are called.
    stripes: OnceLock<Box<[Stripe]>>,
}

/// Counters that, as a rule, one thread adds to at a time: cores do not wait for one another.
#[derive(Default)]
#[repr(align(128))]
struct Stripe {
    in_flight: AtomicU32,
    outcomes: [AtomicU64; OUTCOMES],
    stages: [AtomicHistogram; STAGES],
}

impl Meter {
    /// A call begins.
    pub fn begin(&self) -> Call<'_> {
        let make = || (0..*STRIPES).map(|_| Stripe::default()).collect();
        let stripes = self.stripes.get_or_init(make);
        let stripe = &stripes[STRIPE.with(|stripe| *stripe)];
        stripe.in_flight.fetch_add(1, Relaxed);
        Call { stripe, started: None, mark: None, outcome: Outcome::Cancelled }
    }

    fn stripes(&self) -> &[Stripe] {
        self.stripes.get().map_or(&[], |stripes| stripes)
    }

    /// Calls under way.
    pub fn in_flight(&self) -> u32 {
        self.stripes().iter().map(|stripe| stripe.in_flight.load(Relaxed)).sum()
    }

    /// Calls that ended, ever; grows with every call, so that idle services are recognised cheaply.
    pub(super) fn ended(&self) -> u64 {
        let outcomes = self.stripes().iter().flat_map(|stripe| &stripe.outcomes);
        outcomes.map(|count| count.load(Relaxed)).sum()
    }

    /// Everything counted so far; extremes are those since the last time.
    pub(super) fn take(&self) -> Sample {
        self.sample(AtomicHistogram::take_extremes)
    }

    /// Everything counted so far.
    pub(super) fn read(&self) -> Sample {
        self.sample(AtomicHistogram::read)
    }

    fn sample(&self, read: impl Fn(&AtomicHistogram) -> super::Histogram) -> Sample {
        let mut sample = Sample::default();
        for stripe in self.stripes() {
            sample.add_calls(&Sample {
                outcomes: std::array::from_fn(|at| stripe.outcomes[at].load(Relaxed)),
                stages: std::array::from_fn(|at| read(&stripe.stages[at])),
                ..Sample::default()
            });
        }
        sample
    }
}

/// A call under way. Dropped before its end, it was given up by its caller.
pub struct Call<'a> {
    stripe: &'a Stripe,
    started: Option<Instant>,
    /// When the stage before ended.
    mark: Option<Instant>,
    outcome: Outcome,
}

impl Call<'_> {
    /// The whole request is here: the clock starts. Calls that fail earlier have no times.
    pub fn received(&mut self) {
        self.mark = Some(Instant::now());
        self.started = self.mark;
    }

    /// What happened since the last stage was `stage`.
    pub fn passed(&mut self, stage: Stage) {
        self.passed_at(stage, Instant::now());
    }

    /// As [`passed`](Self::passed), for a stage that ended on another thread at `end`.
    pub fn passed_at(&mut self, stage: Stage, end: Instant) {
        if let Some(mark) = self.mark.replace(end) {
            self.record(stage, end.saturating_duration_since(mark));
        }
    }

    /// The call has an answer, of whatever kind.
    pub fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    fn record(&self, stage: Stage, time: Duration) {
        self.stripe.stages[stage as usize].record(time);
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let measured = !matches!(self.outcome, Outcome::Rejected | Outcome::Cancelled);
        if let Some(started) = self.started.filter(|_| measured) {
            self.record(Stage::Total, started.elapsed());
        }
        self.stripe.in_flight.fetch_sub(1, Relaxed);
        self.stripe.outcomes[self.outcome as usize].fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_under_way_until_it_ends_and_is_counted_once() {
        let meter = Meter::default();

        let mut call = meter.begin();
        call.received();
        call.passed(Stage::Parse);
        assert_eq!((meter.in_flight(), meter.ended()), (1, 0));
        call.end(Outcome::Answered);

        let sample = meter.read();
        assert_eq!((meter.in_flight(), meter.ended()), (0, 1));
        assert_eq!(sample.outcomes, [1, 0, 0, 0, 0]);
        assert_eq!(sample.stage(Stage::Parse).count(), 1);
        assert_eq!(sample.stage(Stage::Total).count(), 1);
        assert_eq!(sample.stage(Stage::Queue).count(), 0);
    }

    #[test]
    fn a_call_that_its_caller_gave_up_has_no_latency() {
        let meter = Meter::default();

        let mut call = meter.begin();
        call.received();
        drop(call);
        meter.begin().end(Outcome::Rejected);

        let sample = meter.read();
        assert_eq!(sample.outcomes, [0, 0, 0, 1, 1]);
        assert_eq!(sample.stage(Stage::Total).count(), 0);
    }

    #[test]
    fn calls_on_several_threads_are_all_counted() {
        let meter = Meter::default();

        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        let mut call = meter.begin();
                        call.received();
                        call.passed(Stage::Run);
                        call.end(Outcome::Answered);
                    }
                });
            }
        });

        assert_eq!((meter.ended(), meter.in_flight()), (4_000, 0));
        assert_eq!(meter.read().stage(Stage::Run).count(), 4_000);
    }
}
