//! The fields of a service's settings, as the deploy page and the settings tab show them.

use leptos::prelude::*;
use shared::ServiceUpdateRequest;

use crate::{
    components::{CheckField, Field},
    markup::view,
    react::derive,
    settings::{Broken, Draft, at_least_one, per_cent, quantity, whole},
    text::t,
};

/// The fields' values.
#[derive(Clone, Copy)]
pub(super) struct SettingsFields {
    autoscale: RwSignal<bool>,
    replicas: RwSignal<String>,
    min_replicas: RwSignal<String>,
    max_replicas: RwSignal<String>,
    target_utilization: RwSignal<String>,
    refresh_seconds: RwSignal<String>,
    cpu: RwSignal<String>,
    memory: RwSignal<String>,
    max_concurrent: RwSignal<String>,
    keep_calls: RwSignal<bool>,
    trace_calls: RwSignal<bool>,
}

impl SettingsFields {
    /// Fields that hold `draft`.
    pub(super) fn new(draft: Draft) -> Self {
        Self {
            autoscale: RwSignal::new(draft.autoscale),
            replicas: RwSignal::new(draft.replicas),
            min_replicas: RwSignal::new(draft.min_replicas),
            max_replicas: RwSignal::new(draft.max_replicas),
            target_utilization: RwSignal::new(draft.target_utilization),
            refresh_seconds: RwSignal::new(draft.refresh_seconds),
            cpu: RwSignal::new(draft.cpu),
            memory: RwSignal::new(draft.memory),
            max_concurrent: RwSignal::new(draft.max_concurrent),
            keep_calls: RwSignal::new(draft.keep_calls),
            trace_calls: RwSignal::new(draft.trace_calls),
        }
    }

    /// What the fields hold, tracked.
    fn draft(self) -> Draft {
        Draft {
            autoscale: self.autoscale.get(),
            replicas: self.replicas.get(),
            min_replicas: self.min_replicas.get(),
            max_replicas: self.max_replicas.get(),
            target_utilization: self.target_utilization.get(),
            refresh_seconds: self.refresh_seconds.get(),
            cpu: self.cpu.get(),
            memory: self.memory.get(),
            max_concurrent: self.max_concurrent.get(),
            keep_calls: self.keep_calls.get(),
            trace_calls: self.trace_calls.get(),
        }
    }

    /// The request that turns `before` into what the fields hold; `None` while a rule is broken.
    pub(super) fn request(self, before: &Draft) -> Option<ServiceUpdateRequest> {
        self.draft().request(before)
    }
}

fn rule(broken: Broken) -> String {
    match broken {
        Broken::WholeNumber => t().rule_whole_number,
        Broken::AtLeastOne => t().rule_at_least_one,
        Broken::AtMostHundred => t().rule_at_most_hundred,
        Broken::MinOverMax => t().rule_min_over_max,
        Broken::Quantity => t().rule_quantity,
    }
    .to_owned()
}

/// Every setting with what it means.
#[component]
pub(super) fn SettingsForm(fields: SettingsFields) -> impl IntoView {
    let check = |value: RwSignal<String>, read: fn(&str) -> Result<Option<u32>, Broken>| {
        derive(move || value.with(|text| read(text).err().map(rule)))
    };
    let check_quantity =
        |value: RwSignal<String>| derive(move || value.with(|text| quantity(text).err().map(rule)));
    let bounds = derive(move || fields.draft().scaler_error().map(rule));
    let replicas_error = check(fields.replicas, whole);
    let target_error = check(fields.target_utilization, per_cent);
    let refresh_error = check(fields.refresh_seconds, at_least_one);
    let scaling = move || {
        if fields.autoscale.get() {
            view! {
                <div class="field-row">
                    <Field id="min-replicas" label=t().min_replicas value=fields.min_replicas placeholder="1" error=bounds />
                    <Field id="max-replicas" label=t().max_replicas value=fields.max_replicas placeholder="10" error=bounds />
                </div>
                <div class="field-row">
                    <Field id="target" label=t().target_utilization value=fields.target_utilization placeholder="70" error=target_error />
                    <Field id="refresh" label=t().refresh_seconds value=fields.refresh_seconds placeholder="1" error=refresh_error />
                </div>
            }
        } else {
            view! {
                <Field
                    id="replicas"
                    label=t().replicas
                    hint=t().replicas_hint
                    value=fields.replicas
                    placeholder="1"
                    error=replicas_error
                />
            }
        }
    };
    view! {
        <CheckField id="autoscale" label=t().autoscale hint=t().autoscale_hint value=fields.autoscale />
        {scaling}
        <div class="field-row">
            <Field
                id="cpu"
                label=t().cpu
                hint=t().cpu_hint
                value=fields.cpu
                placeholder="1"
                error=check_quantity(fields.cpu)
            />
            <Field
                id="memory"
                label=t().memory
                hint=t().memory_hint
                value=fields.memory
                placeholder="512Mi"
                error=check_quantity(fields.memory)
            />
        </div>
        <Field
            id="max-concurrent"
            label=t().max_concurrent
            hint=t().max_concurrent_hint
            value=fields.max_concurrent
            placeholder="100"
            error=check(fields.max_concurrent, at_least_one)
        />
        <CheckField id="keep-calls" label=t().keep_calls hint=t().keep_calls_hint value=fields.keep_calls />
        <CheckField id="trace-calls" label=t().trace_calls hint=t().trace_calls_hint value=fields.trace_calls />
    }
}
