//! A service's settings: what was asked for, and what follows from it.
//!
//! # Invariants
//! - What was asked for is kept and shown as it was written; defaults live in [`Effect`] only.
//! - A setting whose effect does not exist here is refused, never stored in silence.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::{
    AutoScaler, ContainerResourceReservation, DataCollection, ServiceCreateRequest,
    ServiceUpdateRequest,
};

use super::quantity::Quantity;
use crate::ControlError;

/// Most replicas of one service.
const REPLICAS: u32 = 1_000;
/// Longest time that collected calls are kept.
const RETENTION_DAYS: u32 = 3_650;
/// Least memory of a slot: one WebAssembly page.
const LEAST_MEMORY: u64 = 64 << 10;

/// As requested.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Settings {
    pub(crate) num_replicas: Option<u32>,
    pub(crate) auto_scaler: Option<AutoScaler>,
    pub(crate) container_resource_reservation: Option<ContainerResourceReservation>,
    pub(crate) max_concurrent_requests_per_container: Option<u32>,
    pub(crate) app_insights_enabled: Option<bool>,
    pub(crate) data_collection: Option<DataCollection>,
}

/// What a service does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) scaling: Scaling,
    /// Running plus waiting calls per slot.
    pub(crate) calls_per_slot: u32,
    /// Guest memory of one slot.
    pub(crate) memory_bytes: u64,
    /// CPU time of one slot, thousandths of a second per second.
    pub(crate) cpu_millis: u64,
    /// Whether each call leaves a trace record.
    pub(crate) traced: bool,
    /// Which calls are kept.
    pub(crate) collecting: Option<Collecting>,
}

/// Which calls are kept, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Collecting {
    /// Of every hundred calls.
    pub(crate) sample_percent: u32,
    pub(crate) keep: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scaling {
    Fixed(u32),
    Automatic { least: u32, most: u32, period_seconds: u32, target_percent: u32 },
}

impl Settings {
    pub(crate) fn of_new(request: &ServiceCreateRequest) -> Self {
        Self {
            num_replicas: request.num_replicas,
            auto_scaler: request.auto_scaler.clone(),
            container_resource_reservation: request.container_resource_reservation.clone(),
            max_concurrent_requests_per_container: request.max_concurrent_requests_per_container,
            app_insights_enabled: request.app_insights_enabled,
            data_collection: request.data_collection.clone(),
        }
    }

    /// These settings with the members of `update` that are present and not null, also within
    /// objects.
    pub(crate) fn merged(&self, update: &ServiceUpdateRequest) -> Self {
        let auto_scaler = merge(&self.auto_scaler, &update.auto_scaler, |old, new| AutoScaler {
            autoscale_enabled: new.autoscale_enabled.or(old.autoscale_enabled),
            min_replicas: new.min_replicas.or(old.min_replicas),
            max_replicas: new.max_replicas.or(old.max_replicas),
            refresh_period_in_seconds: new
                .refresh_period_in_seconds
                .or(old.refresh_period_in_seconds),
            target_utilization: new.target_utilization.or(old.target_utilization),
        });
        let turned_on = update.auto_scaler.as_ref().and_then(|new| new.autoscale_enabled);
        Self {
            // Whoever turns the autoscaler on gives up the fixed number of before.
            num_replicas: match turned_on {
                Some(true) => update.num_replicas,
                _ => update.num_replicas.or(self.num_replicas),
            },
            auto_scaler,
            container_resource_reservation: merge(
                &self.container_resource_reservation,
                &update.container_resource_reservation,
                |old, new| ContainerResourceReservation {
                    cpu: new.cpu.clone().or_else(|| old.cpu.clone()),
                    memory: new.memory.clone().or_else(|| old.memory.clone()),
                },
            ),
            max_concurrent_requests_per_container: update
                .max_concurrent_requests_per_container
                .or(self.max_concurrent_requests_per_container),
            app_insights_enabled: update.app_insights_enabled.or(self.app_insights_enabled),
            data_collection: merge(&self.data_collection, &update.data_collection, |old, new| {
                DataCollection {
                    event_hub_enabled: new.event_hub_enabled.or(old.event_hub_enabled),
                    storage_enabled: new.storage_enabled.or(old.storage_enabled),
                    sample_percent: new.sample_percent.or(old.sample_percent),
                    retention_days: new.retention_days.or(old.retention_days),
                }
            }),
        }
    }

    /// What follows, with the defaults; refuses what cannot be.
    pub(crate) fn effect(&self, guest_memory_bytes: u64) -> Result<Effect, ControlError> {
        self.refuse_what_has_no_effect()?;
        let calls_per_slot = self.max_concurrent_requests_per_container.unwrap_or(100);
        at_least("maxConcurrentRequestsPerContainer", calls_per_slot, 1)?;
        let reservation = self.container_resource_reservation.clone().unwrap_or_default();
        let memory = quantity("containerResourceReservation.memory", reservation.memory, "512Mi")?;
        if memory.units() < LEAST_MEMORY {
            return Err(ControlError::invalid(
                "`containerResourceReservation.memory` is 64Ki at least",
                "Send `512Mi`, the default, or more.",
            ));
        }
        let cpu = quantity("containerResourceReservation.cpu", reservation.cpu, "1")?;
        if cpu.millis() == 0 {
            return Err(ControlError::invalid(
                "`containerResourceReservation.cpu` is more than 0",
                "Send `1`, the default, or a part such as `100m`.",
            ));
        }
        Ok(Effect {
            scaling: self.scaling()?,
            calls_per_slot,
            memory_bytes: memory.units().min(guest_memory_bytes),
            cpu_millis: cpu.millis(),
            traced: self.app_insights_enabled == Some(true),
            collecting: self.collecting()?,
        })
    }

    fn scaling(&self) -> Result<Scaling, ControlError> {
        let scaler = self.auto_scaler.clone().unwrap_or_default();
        let (least, most) = (scaler.min_replicas.unwrap_or(1), scaler.max_replicas.unwrap_or(10));
        let period_seconds = scaler.refresh_period_in_seconds.unwrap_or(1);
        let target_percent = scaler.target_utilization.unwrap_or(70);
        at_least("autoScaler.maxReplicas", most, 1)?;
        at_least("autoScaler.refreshPeriodInSeconds", period_seconds, 1)?;
        at_least("autoScaler.targetUtilization", target_percent, 1)?;
        at_most("autoScaler.targetUtilization", target_percent, 100)?;
        at_most("autoScaler.maxReplicas", most, REPLICAS)?;
        if least > most {
            return Err(ControlError::invalid(
                format!("`autoScaler.minReplicas` ({least}) is over `maxReplicas` ({most})"),
                "Send `minReplicas` and `maxReplicas` together.",
            ));
        }
        if scaler.autoscale_enabled != Some(true) {
            let replicas = self.num_replicas.unwrap_or(1);
            at_most("numReplicas", replicas, REPLICAS)?;
            return Ok(Scaling::Fixed(replicas));
        }
        if self.num_replicas.is_some() {
            return Err(ControlError::invalid(
                "`numReplicas` and `autoScaler.autoscaleEnabled: true` exclude each other",
                "Leave `numReplicas` out, or send `autoscaleEnabled: false`.",
            ));
        }
        Ok(Scaling::Automatic { least, most, period_seconds, target_percent })
    }

    fn collecting(&self) -> Result<Option<Collecting>, ControlError> {
        let collection = self.data_collection.clone().unwrap_or_default();
        let sample_percent = collection.sample_percent.unwrap_or(100);
        let days = collection.retention_days.unwrap_or(30);
        at_least("dataCollection.samplePercent", sample_percent, 1)?;
        at_most("dataCollection.samplePercent", sample_percent, 100)?;
        at_least("dataCollection.retentionDays", days, 1)?;
        at_most("dataCollection.retentionDays", days, RETENTION_DAYS)?;
        let keep = Duration::from_secs(u64::from(days) * 24 * 3600);
        let wanted = collection.storage_enabled == Some(true);
        Ok(wanted.then_some(Collecting { sample_percent, keep }))
    }

    fn refuse_what_has_no_effect(&self) -> Result<(), ControlError> {
        let sink = self.data_collection.as_ref().and_then(|wanted| wanted.event_hub_enabled);
        if sink == Some(true) {
            return Err(ControlError::NotConfigured {
                message: "no event sink is configured on this server".to_owned(),
                remedy: "Send `dataCollection.eventHubEnabled: false`, or leave it out.".to_owned(),
            });
        }
        Ok(())
    }
}

fn merge<T: Clone>(old: &Option<T>, new: &Option<T>, both: impl Fn(&T, &T) -> T) -> Option<T> {
    match (old, new) {
        (Some(old), Some(new)) => Some(both(old, new)),
        (old, new) => new.clone().or_else(|| old.clone()),
    }
}

fn quantity(member: &str, text: Option<String>, default: &str) -> Result<Quantity, ControlError> {
    let text = text.unwrap_or_else(|| default.to_owned());
    Quantity::parse(&text).ok_or_else(|| {
        ControlError::invalid(
            format!("`{member}` is a Kubernetes quantity, not `{text}`"),
            "Send something like `100m`, `0.5`, `1`, `512Mi`, `1G` or `1e9`.",
        )
    })
}

fn at_least(member: &str, value: u32, least: u32) -> Result<(), ControlError> {
    if value >= least {
        return Ok(());
    }
    Err(ControlError::invalid(
        format!("`{member}` is {least} at least"),
        format!("Send {least} or more."),
    ))
}

fn at_most(member: &str, value: u32, most: u32) -> Result<(), ControlError> {
    if value <= most {
        return Ok(());
    }
    Err(ControlError::invalid(
        format!("`{member}` is {most} at most"),
        format!("Send {most} or less."),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: u64 = 512 << 20;

    fn read(text: &str) -> Settings {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn empty_objects_mean_the_documented_defaults() {
        let settings =
            read(r#"{"autoScaler":{},"containerResourceReservation":{},"dataCollection":{}}"#);

        let effect = settings.effect(MEMORY).unwrap();

        assert_eq!(
            effect,
            Effect {
                scaling: Scaling::Fixed(1),
                calls_per_slot: 100,
                memory_bytes: 512 << 20,
                cpu_millis: 1_000,
                traced: false,
                collecting: None,
            }
        );
    }

    #[test]
    fn what_contradicts_itself_or_has_no_effect_is_refused() {
        for bad in [
            r#"{"numReplicas":2,"autoScaler":{"autoscaleEnabled":true}}"#,
            r#"{"autoScaler":{"minReplicas":3,"maxReplicas":2}}"#,
            r#"{"autoScaler":{"maxReplicas":0}}"#,
            r#"{"autoScaler":{"refreshPeriodInSeconds":0}}"#,
            r#"{"autoScaler":{"targetUtilization":101}}"#,
            r#"{"maxConcurrentRequestsPerContainer":0}"#,
            r#"{"containerResourceReservation":{"memory":"lots"}}"#,
            r#"{"containerResourceReservation":{"cpu":"0"}}"#,
            r#"{"dataCollection":{"eventHubEnabled":true}}"#,
            r#"{"dataCollection":{"samplePercent":0}}"#,
            r#"{"dataCollection":{"samplePercent":101}}"#,
            r#"{"dataCollection":{"retentionDays":0}}"#,
        ] {
            assert!(read(bad).effect(MEMORY).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_update_changes_only_what_it_names() {
        let before = read(
            r#"{"numReplicas":2,"containerResourceReservation":{"cpu":"100m","memory":"64Mi"}}"#,
        );
        let update: ServiceUpdateRequest = serde_json::from_str(
            r#"{"autoScaler":{"autoscaleEnabled":true},"containerResourceReservation":{"cpu":"0.5"}}"#,
        )
        .unwrap();

        let after = before.merged(&update);

        assert_eq!(before.merged(&ServiceUpdateRequest::default()), before);
        assert_eq!(after.num_replicas, None);
        let effect = after.effect(MEMORY).unwrap();
        assert_eq!((effect.cpu_millis, effect.memory_bytes), (500, 64 << 20));
    }
}
