//! Answers a question from the store and from what is not stored yet, in Azure Monitor's shape.

use shared::metrics::{
    Aggregation, LocalizableName, Metric, MetricName, MetricUnit, MetricValue, MetricsResponse,
    TimeSeries,
};

use super::{
    Outcome, Stage,
    question::{MetricsQuery, Question, iso, suits},
    sample::{Sample, milliseconds},
};
use crate::{AccountAccess, Action, Control, ControlError, clock};

const METRIC_TYPE: &str = "Microsoft.Insights/metrics";

impl Control {
    /// What a service did.
    pub async fn service_metrics(
        &self,
        account: &AccountAccess,
        id: &str,
        query: &MetricsQuery,
    ) -> Result<MetricsResponse, ControlError> {
        let (id, public_name) = self.metered_service(account, id).await?;
        let served = self.inner.routes.get(&public_name).filter(|served| served.id == id);
        let replicas = served.map(|served| u64::from(served.replicas()));
        let path = account.path().service_metrics(&id.to_string());
        self.history(&id.to_string(), replicas, path, query).await
    }

    /// What all services of an account did together.
    pub async fn account_metrics(
        &self,
        account: &AccountAccess,
        query: &MetricsQuery,
    ) -> Result<MetricsResponse, ControlError> {
        account.require(Action::Read)?;
        let services = self.inner.routes.all();
        let services = services.iter().filter(|served| served.account_id == account.account_id);
        let replicas = services.map(|served| u64::from(served.replicas())).sum();
        let path = account.path().metrics();
        self.history(&account.account_id, Some(replicas), path, query).await
    }

    pub(super) async fn history(
        &self,
        series: &str,
        replicas_now: Option<u64>,
        path: String,
        query: &MetricsQuery,
    ) -> Result<MetricsResponse, ControlError> {
        let now = clock::seconds(clock::now()) + 1;
        let question = Question::of(query, now)?;
        let (samples, before) = {
            let _saving = self.inner.metrics.saving.read().await;
            let span = (question.start, question.end);
            let (mut samples, before) = self.stored_samples(series, span, now).await?;
            samples.extend(self.inner.metrics.unsaved(series));
            (samples, before)
        };
        // A service that has not changed for as long as rows are kept has what it has now.
        let before = before.or(replicas_now.filter(|_| samples.is_empty()));
        let steps = steps(&question, samples, before);
        let value = question.metrics.iter().map(|metric| Metric {
            id: format!("{path}/{metric}"),
            metric_type: METRIC_TYPE.to_owned(),
            name: LocalizableName { value: *metric, localized_value: words(*metric).to_owned() },
            unit: if metric.is_time() { MetricUnit::MilliSeconds } else { MetricUnit::Count },
            timeseries: vec![TimeSeries {
                metadatavalues: Vec::new(),
                data: series_of(*metric, &question, &steps),
            }],
        });
        let moment = |seconds: i64| clock::timestamp(seconds * 1_000_000);
        Ok(MetricsResponse {
            cost: 0,
            timespan: format!("{}/{}", moment(question.start), moment(question.end)),
            interval: iso(question.interval),
            value: value.collect(),
        })
    }
}

/// What happened in each step, and the replicas that held before anything did.
fn steps(
    question: &Question,
    samples: Vec<(i64, Sample)>,
    before: Option<u64>,
) -> Vec<(Sample, Option<u64>)> {
    let mut steps = vec![Sample::default(); question.steps()];
    for (at, sample) in samples {
        if let Some(step) = question.step(at).and_then(|step| steps.get_mut(step)) {
            step.add(&sample);
        }
    }
    let mut replicas = before;
    let held = steps.into_iter().map(|sample| {
        let held = replicas;
        if sample.replicas.looks > 0 {
            replicas = Some(sample.replicas.last);
        }
        (sample, held)
    });
    held.collect()
}

fn series_of(
    metric: MetricName,
    question: &Question,
    steps: &[(Sample, Option<u64>)],
) -> Vec<MetricValue> {
    let aggregations = match &question.aggregations[..] {
        [] => suits(metric),
        asked => asked,
    };
    let value = |(at, (sample, held)): (usize, &(Sample, Option<u64>))| {
        let mut value = MetricValue {
            time_stamp: clock::timestamp(question.begins(at) * 1_000_000),
            ..MetricValue::default()
        };
        for aggregation in aggregations {
            let place = match aggregation {
                Aggregation::Total => &mut value.total,
                Aggregation::Average => &mut value.average,
                Aggregation::Minimum => &mut value.minimum,
                Aggregation::Maximum => &mut value.maximum,
                Aggregation::Count => &mut value.count,
                Aggregation::P50 => &mut value.p50,
                Aggregation::P95 => &mut value.p95,
                Aggregation::P99 => &mut value.p99,
            };
            *place = measure(metric, *aggregation, sample, *held);
        }
        value
    };
    steps.iter().enumerate().map(value).collect()
}

/// One number of one step; `None` where nothing was measured or the two do not go together.
fn measure(
    metric: MetricName,
    aggregation: Aggregation,
    sample: &Sample,
    held: Option<u64>,
) -> Option<f64> {
    let count = match metric {
        MetricName::Requests => sample.requests(),
        MetricName::Errors => sample.errors(),
        MetricName::Rejected => sample.outcome(Outcome::Rejected),
        MetricName::Cancelled => sample.outcome(Outcome::Cancelled),
        MetricName::Latency => return time(sample, Stage::Total, aggregation),
        MetricName::ParseTime => return time(sample, Stage::Parse, aggregation),
        MetricName::QueueTime => return time(sample, Stage::Queue, aggregation),
        MetricName::RunTime => return time(sample, Stage::Run, aggregation),
        MetricName::EncodeTime => return time(sample, Stage::Encode, aggregation),
        MetricName::Replicas => {
            let looks = &sample.replicas;
            let looked = |value: u64| (looks.looks > 0).then_some(value).or(held);
            return match aggregation {
                Aggregation::Average => looks.mean().or(held.map(|held| held as f64)),
                Aggregation::Minimum => looked(looks.least).map(|least| least as f64),
                Aggregation::Maximum => looked(looks.most).map(|most| most as f64),
                _ => None,
            };
        }
    };
    matches!(aggregation, Aggregation::Total | Aggregation::Count).then_some(count as f64)
}

fn time(sample: &Sample, stage: Stage, aggregation: Aggregation) -> Option<f64> {
    let histogram = sample.stage(stage);
    let count = histogram.count();
    let seconds = match aggregation {
        Aggregation::Count => return Some(count as f64),
        Aggregation::Total => (count > 0).then(|| histogram.sum()),
        Aggregation::Average => histogram.mean(),
        Aggregation::Minimum => histogram.least(),
        Aggregation::Maximum => histogram.most(),
        Aggregation::P50 => histogram.quantile(0.5),
        Aggregation::P95 => histogram.quantile(0.95),
        Aggregation::P99 => histogram.quantile(0.99),
    };
    seconds.map(milliseconds)
}

fn words(metric: MetricName) -> &'static str {
    match metric {
        MetricName::Requests => "Requests",
        MetricName::Errors => "Errors",
        MetricName::Rejected => "Rejected requests",
        MetricName::Cancelled => "Cancelled requests",
        MetricName::Latency => "Latency",
        MetricName::ParseTime => "Time to read the request",
        MetricName::QueueTime => "Time in the queue",
        MetricName::RunTime => "Time in the model",
        MetricName::EncodeTime => "Time to write the answer",
        MetricName::Replicas => "Replicas",
    }
}
