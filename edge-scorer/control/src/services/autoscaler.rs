//! Lets the number of slots follow the load.
//!
//! Every refresh period: `slots × utilisation ÷ target`, rounded up, within the limits; utilisation
//! is busy time over slot time of the last ten seconds. More slots come at once, fewer only after a
//! minute below.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use shared::{LogLevel, ServiceId};

use super::settings::Scaling;
use crate::{Control, admission::Usage, control::Inner, operations::Event, routes::ServedService};

const TICK: Duration = Duration::from_secs(1);
const WINDOW: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(60);

/// What is remembered of one service.
#[derive(Default)]
struct Watch {
    samples: VecDeque<Usage>,
    below_since: Option<Instant>,
    due: Option<Instant>,
}

impl Watch {
    /// Takes a sample; gives the utilisation of the window in per cent.
    fn utilisation(&mut self, now: Usage) -> f64 {
        while self.samples.len() > 1 && now.at.duration_since(self.samples[1].at) >= WINDOW {
            self.samples.pop_front();
        }
        let first = self.samples.front().copied().unwrap_or(now);
        self.samples.push_back(now);
        let slots = now.slots.saturating_sub(first.slots).as_secs_f64();
        let busy = now.busy.saturating_sub(first.busy).as_secs_f64();
        if slots > 0.0 { busy / slots * 100.0 } else { 0.0 }
    }

    /// How many slots there should be.
    fn decide(
        &mut self,
        now: Instant,
        slots: u32,
        utilisation: f64,
        (least, most, target): (u32, u32, u32),
    ) -> u32 {
        let wanted = if target == 0 {
            f64::from(most)
        } else {
            // A hair less, so that a rounding error does not cost a slot.
            (f64::from(slots) * utilisation / f64::from(target) - 1e-9).ceil().max(0.0)
        };
        let wanted = (wanted as u32).clamp(least, most);
        if wanted >= slots {
            self.below_since = None;
            return wanted;
        }
        if slots > most {
            return most;
        }
        let since = *self.below_since.get_or_insert(now);
        if now.duration_since(since) < PATIENCE {
            return slots;
        }
        self.below_since = None;
        wanted
    }
}

impl Control {
    /// Looks at every service once a tick, as long as the domain lives.
    pub(crate) fn start_autoscaler(&self) {
        let inner = Arc::downgrade(&self.inner);
        self.inner.runner.spawn(watch_all(inner));
    }
}

async fn watch_all(inner: Weak<Inner>) {
    let mut watches: HashMap<ServiceId, Watch> = HashMap::new();
    loop {
        tokio::time::sleep(TICK).await;
        let Some(inner) = inner.upgrade() else { return };
        let mut before = std::mem::take(&mut watches);
        for service in inner.routes.all() {
            if !service.effect.wakes() {
                continue;
            }
            let watch = watches.entry(service.id);
            let watch = watch.or_insert_with(|| before.remove(&service.id).unwrap_or_default());
            if look_at(&service, watch) {
                inner.runner.publish(Event {
                    account_id: service.account_id.clone(),
                    resource_id: service.id.to_string(),
                    status: None,
                });
            }
        }
    }
}

/// `true` when the number of slots changed.
fn look_at(service: &ServedService, watch: &mut Watch) -> bool {
    let Scaling::Automatic { least, most, period_seconds, target_percent } = service.effect.scaling
    else {
        *watch = Watch::default();
        return false;
    };
    let usage = service.slots.usage();
    let utilisation = watch.utilisation(usage);
    if watch.due.is_some_and(|due| usage.at < due) {
        return false;
    }
    // Half a tick of grace: a period of one second is every tick.
    let period = Duration::from_secs(u64::from(period_seconds)).saturating_sub(TICK / 2);
    watch.due = Some(usage.at + period);
    let slots = service.slots.count();
    let wanted = watch.decide(usage.at, slots, utilisation, (least, most, target_percent));
    if wanted == slots {
        return false;
    }
    service.slots.set_slots(wanted);
    let message = format!(
        "scaled from {slots} to {wanted} replicas: {utilisation:.0} % busy, {target_percent} % wanted"
    );
    service.watch.observers.logs.say(service.id, LogLevel::Information, message);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: (u32, u32, u32) = (1, 10, 70);

    #[test]
    fn load_above_the_target_adds_slots_at_once() {
        let mut watch = Watch::default();
        let now = Instant::now();

        assert_eq!(watch.decide(now, 2, 100.0, LIMITS), 3);
        assert_eq!(watch.decide(now, 9, 100.0, LIMITS), 10);
        assert_eq!(watch.decide(now, 4, 70.0, LIMITS), 4);
    }

    #[test]
    fn slots_go_only_after_a_minute_below_the_target() {
        let mut watch = Watch::default();
        let now = Instant::now();

        assert_eq!(watch.decide(now, 4, 10.0, LIMITS), 4);
        assert_eq!(watch.decide(now + Duration::from_secs(59), 4, 10.0, LIMITS), 4);
        assert_eq!(watch.decide(now + Duration::from_secs(60), 4, 10.0, LIMITS), 1);
    }

    #[test]
    fn one_busy_moment_begins_the_minute_anew() {
        let mut watch = Watch::default();
        let now = Instant::now();

        watch.decide(now, 4, 10.0, LIMITS);
        watch.decide(now + Duration::from_secs(30), 4, 70.0, LIMITS);

        assert_eq!(watch.decide(now + Duration::from_secs(61), 4, 10.0, LIMITS), 4);
    }

    #[test]
    fn utilisation_is_busy_time_over_slot_time_of_the_last_ten_seconds() {
        let mut watch = Watch::default();
        let start = Instant::now();
        let usage = |seconds: u64, busy: u64| Usage {
            at: start + Duration::from_secs(seconds),
            busy: Duration::from_secs(busy),
            slots: Duration::from_secs(2 * seconds),
        };

        watch.utilisation(usage(0, 0));
        watch.utilisation(usage(10, 20));

        assert_eq!(watch.utilisation(usage(20, 25)), 25.0);
    }
}
