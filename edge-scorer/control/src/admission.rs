//! How many calls a service runs, how many may wait, and how busy it is.
//!
//! A slot runs one call at a time. Calls beyond the slots wait in the order they came; calls beyond
//! `slots × calls per slot` are turned away at once. The [`Permit`] is the slot: whoever holds it
//! may run, and its drop lets the next call run.
//!
//! # Invariants
//! - A waiting call that gives up (its future is dropped) gives up its place, also when a slot was
//!   just handed to it.
//! - With less than one CPU a slot rests after its work in proportion, so that over time it uses no
//!   more than its share.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, sync::oneshot};

/// Rest shorter than this is saved up: timers are no finer than a millisecond.
const LEAST_REST: Duration = Duration::from_millis(10);
const WHOLE_CPU: u64 = 1_000;

/// Why a call may not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AdmissionError {
    /// The service has no replicas.
    #[error("the service has no replicas")]
    Stopped,
    /// Too many calls are running and waiting; retry after a second.
    #[error("too many calls are in flight")]
    Busy,
}

/// A slot of a service; the call may run as long as this lives.
#[derive(Debug)]
pub struct Permit {
    slots: Option<Arc<Slots>>,
    since: Instant,
}

/// The slots of one service; they outlive its deployments.
#[derive(Debug)]
pub(crate) struct Slots {
    state: Mutex<State>,
    runtime: Handle,
}

/// What may change while calls run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SlotLimits {
    pub(crate) slots: u32,
    pub(crate) calls_per_slot: u32,
    pub(crate) cpu_millis: u64,
    /// Whether a call may wake a service that was scaled down to nothing.
    pub(crate) wakes: bool,
}

#[derive(Debug)]
struct State {
    limits: SlotLimits,
    busy: u32,
    waiting: VecDeque<oneshot::Sender<Permit>>,
    rest: Duration,
    usage: Usage,
}

/// Integrals over time, to tell utilisation from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) at: Instant,
    pub(crate) busy: Duration,
    pub(crate) slots: Duration,
}

impl Slots {
    pub(crate) fn new(limits: SlotLimits) -> Arc<Self> {
        let usage = Usage { at: Instant::now(), busy: Duration::ZERO, slots: Duration::ZERO };
        let state =
            State { limits, busy: 0, waiting: VecDeque::new(), rest: Duration::ZERO, usage };
        Arc::new(Self { state: Mutex::new(state), runtime: Handle::current() })
    }

    /// Waits for a slot.
    pub(crate) async fn admit(self: &Arc<Self>) -> Result<Permit, AdmissionError> {
        let turn = {
            let mut state = self.lock();
            if state.limits.slots == 0 {
                if !state.limits.wakes {
                    return Err(AdmissionError::Stopped);
                }
                state.count();
                state.limits.slots = 1;
            }
            if state.busy < state.limits.slots {
                state.count();
                state.busy += 1;
                return Ok(self.permit());
            }
            let most = u64::from(state.limits.slots) * u64::from(state.limits.calls_per_slot);
            if state.in_flight() >= most {
                state.waiting.retain(|turn| !turn.is_closed());
                if state.in_flight() >= most {
                    return Err(AdmissionError::Busy);
                }
            }
            let (sender, receiver) = oneshot::channel();
            state.waiting.push_back(sender);
            receiver
        };
        turn.await.map_err(|_| AdmissionError::Stopped)
    }

    /// Changes the limits; calls that run go on.
    pub(crate) fn set(self: &Arc<Self>, limits: SlotLimits) {
        let turned_away = {
            let mut state = self.lock();
            state.count();
            let stopped = limits.slots == 0 && !limits.wakes;
            state.limits = limits;
            if stopped { std::mem::take(&mut state.waiting) } else { VecDeque::new() }
        };
        drop(turned_away);
        self.hand_on();
    }

    /// Changes the number of slots only.
    pub(crate) fn set_slots(self: &Arc<Self>, slots: u32) {
        {
            let mut state = self.lock();
            state.count();
            state.limits.slots = slots;
        }
        self.hand_on();
    }

    /// Slots at this moment.
    pub(crate) fn count(&self) -> u32 {
        self.lock().limits.slots
    }

    /// Slots at this moment, and calls that wait for one.
    pub(crate) fn depth(&self) -> (u32, u32) {
        let state = self.lock();
        (state.limits.slots, u32::try_from(state.waiting.len()).unwrap_or(u32::MAX))
    }

    /// The integrals up to now.
    pub(crate) fn usage(&self) -> Usage {
        let mut state = self.lock();
        state.count();
        state.usage
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn permit(self: &Arc<Self>) -> Permit {
        Permit { slots: Some(Arc::clone(self)), since: Instant::now() }
    }

    /// Gives free slots to those who wait.
    fn hand_on(self: &Arc<Self>) {
        loop {
            let turn = {
                let mut state = self.lock();
                if state.busy >= state.limits.slots {
                    return;
                }
                let Some(turn) = state.waiting.pop_front() else { return };
                state.count();
                state.busy += 1;
                turn
            };
            if let Err(mut permit) = turn.send(self.permit()) {
                // Nobody waits there any more; the slot goes to the next.
                permit.slots = None;
                let mut state = self.lock();
                state.count();
                state.busy -= 1;
            }
        }
    }

    fn release(self: &Arc<Self>, worked: Duration) {
        let rest = self.lock().rest_after(worked);
        if rest.is_zero() {
            self.free();
            return;
        }
        let slots = Arc::clone(self);
        self.runtime.spawn(async move {
            tokio::time::sleep(rest).await;
            slots.free();
        });
    }

    fn free(self: &Arc<Self>) {
        {
            let mut state = self.lock();
            state.count();
            state.busy -= 1;
        }
        self.hand_on();
    }
}

impl State {
    fn in_flight(&self) -> u64 {
        u64::from(self.busy) + self.waiting.len() as u64
    }

    /// Brings the integrals up to now; called before anything they depend on changes.
    fn count(&mut self) {
        let now = Instant::now();
        let passed = now.saturating_duration_since(self.usage.at);
        self.usage.busy += passed * self.busy;
        self.usage.slots += passed * self.limits.slots.max(self.busy);
        self.usage.at = now;
    }

    /// How long a slot must rest after working, once enough has come together.
    fn rest_after(&mut self, worked: Duration) -> Duration {
        let share = self.limits.cpu_millis;
        if share >= WHOLE_CPU || share == 0 {
            self.rest = Duration::ZERO;
            return Duration::ZERO;
        }
        self.rest += worked.mul_f64((WHOLE_CPU - share) as f64 / share as f64);
        if self.rest < LEAST_REST { Duration::ZERO } else { std::mem::take(&mut self.rest) }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(slots) = self.slots.take() {
            slots.release(self.since.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(slots: u32, calls_per_slot: u32) -> Arc<Slots> {
        Slots::new(SlotLimits { slots, calls_per_slot, cpu_millis: 1_000, wakes: false })
    }

    #[tokio::test]
    async fn calls_beyond_the_slots_wait_and_beyond_the_limit_are_turned_away() {
        let slots = slots(1, 2);
        let running = slots.admit().await.unwrap();
        let waiting = tokio::spawn({
            let slots = Arc::clone(&slots);
            async move { slots.admit().await.map(drop) }
        });
        while slots.lock().waiting.is_empty() {
            tokio::task::yield_now().await;
        }

        assert_eq!(slots.admit().await.unwrap_err(), AdmissionError::Busy);

        drop(running);
        assert!(waiting.await.unwrap().is_ok());
        assert!(slots.admit().await.is_ok());
    }

    #[tokio::test]
    async fn a_call_that_gave_up_leaves_its_place() {
        let slots = slots(1, 2);
        let running = slots.admit().await.unwrap();
        {
            let mut gives_up = std::pin::pin!(slots.admit());
            assert!(futures::poll!(gives_up.as_mut()).is_pending());
        }
        let mut patient = std::pin::pin!(slots.admit());
        assert!(futures::poll!(patient.as_mut()).is_pending());

        drop(running);

        let permit = patient.await.unwrap();
        assert_eq!(slots.lock().busy, 1);
        drop(permit);
        assert_eq!(slots.lock().busy, 0);
    }

    #[tokio::test]
    async fn a_service_without_replicas_is_stopped_and_its_waiters_too() {
        let slots = slots(1, 5);
        let running = slots.admit().await.unwrap();
        let mut waiting = std::pin::pin!(slots.admit());
        assert!(futures::poll!(waiting.as_mut()).is_pending());

        slots.set(SlotLimits { slots: 0, calls_per_slot: 5, cpu_millis: 1_000, wakes: false });

        assert_eq!(waiting.await.unwrap_err(), AdmissionError::Stopped);
        assert_eq!(slots.admit().await.unwrap_err(), AdmissionError::Stopped);
        drop(running);
    }

    #[tokio::test]
    async fn more_slots_let_those_who_wait_run_at_once() {
        let slots = slots(1, 5);
        let _running = slots.admit().await.unwrap();
        let mut waiting = std::pin::pin!(slots.admit());
        assert!(futures::poll!(waiting.as_mut()).is_pending());

        slots.set_slots(2);

        assert!(waiting.await.is_ok());
    }

    #[tokio::test]
    async fn a_tenth_of_a_cpu_rests_nine_times_as_long_as_it_works() {
        let slots =
            Slots::new(SlotLimits { slots: 1, calls_per_slot: 9, cpu_millis: 100, wakes: false });

        assert_eq!(slots.lock().rest_after(Duration::from_millis(1)), Duration::ZERO);
        let rest = slots.lock().rest_after(Duration::from_millis(1));

        assert_eq!(rest.as_millis(), 18);
    }
}
