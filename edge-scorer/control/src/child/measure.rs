//! How long each operator of a model takes: compiled once more, with marks, and run on one row.

use std::{collections::BTreeMap, time::Duration};

use engine::{Engine, EngineConfig, ScoreError, Scorer, ScorerLimits, Trust};
use rlimit::Resource;
use shared::{GraphCosts, NodeCost, Profile};

use super::{
    job::{Job, Refusal},
    work::{compile_refusal, internal, module_refusal, options},
};

/// Addresses that an instance reserves, most of which never become memory.
pub(super) const ADDRESSES: u64 = 8 << 30;
/// About how long the model is run.
const TIME: Duration = Duration::from_millis(500);
/// Longest that one run may take.
const DEADLINE: Duration = Duration::from_secs(10);

pub(super) fn measure(job: &Job, onnx: &[u8], profile: Profile) -> Result<GraphCosts, Refusal> {
    let options = compiler::Options { marks: true, ..options(job, profile) };
    let compiled = compiler::compile(onnx, &options).map_err(compile_refusal)?;
    // The compiler is done with the file; from here on the engine limits what the model gets.
    let (_, hard) = Resource::AS.get().map_err(|error| internal(&error))?;
    Resource::AS.set(hard, hard).map_err(|error| internal(&error))?;
    let config = EngineConfig {
        memory_cap_bytes: job.limits.guest_memory_bytes,
        deadline: DEADLINE,
        max_instances: 0,
        ..EngineConfig::default()
    };
    let engine = Engine::new(config).map_err(|error| internal(&error))?;
    let module = engine.load(&compiled.wasm, Trust::Measured).map_err(module_refusal)?;
    let limits =
        ScorerLimits { memory_bytes: job.limits.guest_memory_bytes, ..ScorerLimits::default() };
    let times = Scorer::new(module, limits).step_times(TIME).map_err(refusal)?;

    let mut nodes: BTreeMap<u32, Duration> = BTreeMap::new();
    for (node, time) in compiled.steps.iter().zip(times) {
        if let Some(node) = node {
            *nodes.entry(*node).or_default() += time;
        }
    }
    let cost = |(node, time): (u32, Duration)| NodeCost {
        node,
        nanoseconds: time.as_nanos().try_into().unwrap_or(u64::MAX),
    };
    Ok(GraphCosts { nodes: nodes.into_iter().map(cost).collect() })
}

fn refusal(error: ScoreError) -> Refusal {
    match error {
        ScoreError::OutOfTime | ScoreError::OutOfMemory => Refusal::limit(error.to_string()),
        ScoreError::NoInstance(_) => internal(&error),
        error => Refusal::unsupported_model(
            format!("the model cannot be timed with its example, or zeros if it has none: {error}"),
            "Put a row that it accepts into the file's metadata, as `example`.",
        ),
    }
}
