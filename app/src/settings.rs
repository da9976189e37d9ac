//! A service's settings between the form and the wire: checked while typing, sent only when changed.

use shared::{
    AutoScaler, ContainerResourceReservation, DataCollection, Service, ServiceUpdateRequest,
};

/// What the form holds; empty text means the server's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) autoscale: bool,
    pub(crate) replicas: String,
    pub(crate) min_replicas: String,
    pub(crate) max_replicas: String,
    pub(crate) target_utilization: String,
    pub(crate) refresh_seconds: String,
    pub(crate) cpu: String,
    pub(crate) memory: String,
    pub(crate) max_concurrent: String,
    pub(crate) keep_calls: bool,
    pub(crate) trace_calls: bool,
}

/// The rule that a field breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    WholeNumber,
    AtLeastOne,
    AtMostHundred,
    MinOverMax,
    Quantity,
}

impl Draft {
    /// What a service has now.
    pub(crate) fn of(service: &Service) -> Self {
        let text = |n: Option<u32>| n.map(|n| n.to_string()).unwrap_or_default();
        let scaler = service.auto_scaler.clone().unwrap_or_default();
        let reservation = service.container_resource_reservation.clone().unwrap_or_default();
        let collection = service.data_collection.clone().unwrap_or_default();
        Self {
            autoscale: scaler.autoscale_enabled == Some(true),
            replicas: text(service.num_replicas),
            min_replicas: text(scaler.min_replicas),
            max_replicas: text(scaler.max_replicas),
            target_utilization: text(scaler.target_utilization),
            refresh_seconds: text(scaler.refresh_period_in_seconds),
            cpu: reservation.cpu.unwrap_or_default(),
            memory: reservation.memory.unwrap_or_default(),
            max_concurrent: text(service.max_concurrent_requests_per_container),
            keep_calls: collection.storage_enabled == Some(true),
            trace_calls: service.app_insights_enabled == Some(true),
        }
    }

    /// The request that makes a service so; `None` while a rule is broken.
    /// `before` is what the service has: what has not changed is not sent.
    pub(crate) fn request(&self, before: &Self) -> Option<ServiceUpdateRequest> {
        let fine = [
            whole(&self.replicas).is_ok(),
            self.scaler_error().is_none(),
            at_least_one(&self.refresh_seconds).is_ok(),
            per_cent(&self.target_utilization).is_ok(),
            quantity(&self.cpu).is_ok(),
            quantity(&self.memory).is_ok(),
            at_least_one(&self.max_concurrent).is_ok(),
        ];
        if fine.contains(&false) {
            return None;
        }
        let number = |text: &str| whole(text).ok().flatten();
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let scaler = || AutoScaler {
            autoscale_enabled: Some(self.autoscale),
            min_replicas: number(&self.min_replicas),
            max_replicas: number(&self.max_replicas),
            refresh_period_in_seconds: number(&self.refresh_seconds),
            target_utilization: number(&self.target_utilization),
        };
        let scaler_changed = self.autoscale != before.autoscale
            || (self.autoscale
                && (
                    &self.min_replicas,
                    &self.max_replicas,
                    &self.target_utilization,
                    &self.refresh_seconds,
                ) != (
                    &before.min_replicas,
                    &before.max_replicas,
                    &before.target_utilization,
                    &before.refresh_seconds,
                ));
        let mut request = ServiceUpdateRequest::default();
        if scaler_changed {
            request.auto_scaler = Some(if self.autoscale {
                scaler()
            } else {
                AutoScaler { autoscale_enabled: Some(false), ..AutoScaler::default() }
            });
        }
        if !self.autoscale && (self.replicas != before.replicas || scaler_changed) {
            request.num_replicas = number(&self.replicas);
        }
        if (&self.cpu, &self.memory) != (&before.cpu, &before.memory) {
            request.container_resource_reservation = Some(ContainerResourceReservation {
                cpu: text(&self.cpu),
                memory: text(&self.memory),
            });
        }
        if self.max_concurrent != before.max_concurrent {
            request.max_concurrent_requests_per_container = number(&self.max_concurrent);
        }
        if self.keep_calls != before.keep_calls {
            request.data_collection = Some(DataCollection {
                event_hub_enabled: None,
                storage_enabled: Some(self.keep_calls),
                ..DataCollection::default()
            });
        }
        if self.trace_calls != before.trace_calls {
            request.app_insights_enabled = Some(self.trace_calls);
        }
        Some(request)
    }

    /// The rule that the autoscaler's bounds break.
    pub(crate) fn scaler_error(&self) -> Option<Broken> {
        if !self.autoscale {
            return None;
        }
        match (whole(&self.min_replicas), at_least_one(&self.max_replicas)) {
            (Err(broken), _) | (_, Err(broken)) => Some(broken),
            (Ok(min), Ok(max)) => {
                (min.unwrap_or(1) > max.unwrap_or(10)).then_some(Broken::MinOverMax)
            }
        }
    }
}

/// A whole number, or nothing.
pub(crate) fn whole(text: &str) -> Result<Option<u32>, Broken> {
    match text.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| Broken::WholeNumber),
    }
}

/// A whole number from 1, or nothing.
pub(crate) fn at_least_one(text: &str) -> Result<Option<u32>, Broken> {
    match whole(text)? {
        Some(0) => Err(Broken::AtLeastOne),
        other => Ok(other),
    }
}

/// 0 to 100, or nothing.
pub(crate) fn per_cent(text: &str) -> Result<Option<u32>, Broken> {
    match whole(text)? {
        Some(101..) => Err(Broken::AtMostHundred),
        other => Ok(other),
    }
}

/// A Kubernetes quantity such as `100m`, `0.5`, `1Gi` or `1e3`, or nothing.
pub(crate) fn quantity(text: &str) -> Result<(), Broken> {
    const SUFFIXES: [&str; 13] =
        ["", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi"];
    let text = text.trim();
    if text.is_empty() {
        return Ok(());
    }
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let plain = number.matches('.').count() <= 1 && number.contains(|c: char| c.is_ascii_digit());
    let exponent = suffix.strip_prefix(['e', 'E']).is_some_and(|e| e.parse::<i32>().is_ok());
    if plain && (SUFFIXES.contains(&suffix) || exponent) { Ok(()) } else { Err(Broken::Quantity) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_untouched_form_sends_nothing() {
        let draft = Draft { replicas: "1".into(), memory: "512Mi".into(), ..Draft::default() };

        assert_eq!(draft.request(&draft), Some(ServiceUpdateRequest::default()));
    }

    #[test]
    fn replicas_are_not_sent_together_with_the_autoscaler() {
        let before = Draft { replicas: "1".into(), ..Draft::default() };
        let draft = Draft {
            autoscale: true,
            max_replicas: "4".into(),
            replicas: "3".into(),
            ..before.clone()
        };

        let request = draft.request(&before).unwrap();

        assert_eq!(request.num_replicas, None);
        assert_eq!(request.auto_scaler.unwrap().max_replicas, Some(4));
    }

    #[test]
    fn a_broken_rule_holds_the_whole_request_back() {
        let before = Draft::default();
        for draft in [
            Draft { replicas: "-1".into(), ..Draft::default() },
            Draft { autoscale: true, min_replicas: "11".into(), ..Draft::default() },
            Draft { memory: "lots".into(), ..Draft::default() },
            Draft { max_concurrent: "0".into(), ..Draft::default() },
        ] {
            assert_eq!(draft.request(&before), None, "{draft:?}");
        }
    }

    #[test]
    fn kubernetes_quantities_are_told_from_other_text() {
        for good in ["", "1", "0.5", "100m", "1G", "1Gi", "1e3", "512Mi"] {
            assert_eq!(quantity(good), Ok(()), "{good}");
        }
        for bad in ["lots", "1GB", "-1", "Mi", "1 Gi", "1.2.3"] {
            assert_eq!(quantity(bad), Err(Broken::Quantity), "{bad}");
        }
    }
}
