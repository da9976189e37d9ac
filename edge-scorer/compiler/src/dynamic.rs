//! The dynamic tier: graphs whose shapes are known only while they run.
//!
//! Where the typed graph does not tell every shape, the file's own graph is taken as it stands: one
//! call for each node, of an operator that looks at its inputs' descriptors, checks them, and
//! describes its outputs (`operators` has them all). If, Loop and Scan become Wasm blocks and loops
//! around such calls.
//!
//! 1. `image` lays out what the operators read: descriptors, attributes, constants.
//! 2. `graph` turns nodes into calls, with one function for each subgraph.
//! 3. `ports` says what goes in and what comes out.
//! 4. `emit` writes the module.
//!
//! # Invariants
//! - An operator is known if `operators.wasm` exports it as `<domain>.<name>`: nothing is listed here.
//! - Outputs are held against the signature after every run; what differs is a failure, no answer.
//! - Modules of this tier are never called bounded: they run under the deadline.
//!
//! # Deliberately absent
//! - Shapes, and types that do not follow from the file: they are looked at while the model runs.

mod cost;
mod emit;
mod graph;
mod image;
mod ports;
mod types;

use std::sync::OnceLock;

use shared::UnsupportedOperator;
use tract_onnx::pb::ModelProto;

use crate::error::CompileError;
use crate::{Compiled, Options, import, ml, operators};

static OPERATORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/operators.wasm"));

/// Compiles a model for the dynamic tier, or lists every operator that it lacks.
pub(crate) fn compile(
    mut proto: ModelProto,
    source: String,
    options: &Options,
) -> Result<Compiled, CompileError> {
    let zipped = proto.graph.as_mut().map(import::unzip).transpose()?.unwrap_or_default();
    let unsupported = unsupported(&proto);
    if !unsupported.is_empty() {
        return Err(CompileError::Unsupported(unsupported));
    }
    if let Some(graph) = &proto.graph {
        ml::check(graph)?;
        types::check(graph)?;
    }
    let mut ports = ports::Ports::of(&proto)?;
    let signature = ports.describe(&proto, &zipped, options.profile, source);
    let (wasm, plan) = emit::emit(&proto, &ports, &signature, options.marks)?;
    // One step for each node: what is inside of a loop or a branch is a part of it.
    let steps = match &proto.graph {
        Some(graph) if options.marks => {
            let shown = crate::graph::places(graph).map(Some);
            shown.chain(std::iter::repeat(None)).take(graph.node.len()).collect()
        }
        _ => Vec::new(),
    };
    Ok(Compiled { wasm, signature, plan, steps })
}

/// Every operator of the model that this tier lacks, with its nodes.
pub(crate) fn unsupported(proto: &ModelProto) -> Vec<UnsupportedOperator> {
    // In its first version `Scan` goes over batches of lists.
    let main = proto.opset_import.iter().find(|o| matches!(o.domain.as_str(), "" | "ai.onnx"));
    let is_old = main.is_some_and(|opset| opset.version < 9);
    let mut found =
        operators::unknown(proto, &|domain, name| match graph::is_control(domain, name) {
            true => !(is_old && name == "Scan"),
            false => exports().contains(&graph::export_name(domain, name)),
        });
    for scan in found.iter_mut().filter(|found| found.operator == "Scan") {
        scan.hint =
            Some("it is that of operator set 8; convert the model to 9 or later".to_owned());
    }
    found
}

/// The names of all operators there are.
fn exports() -> &'static std::collections::HashSet<String> {
    static NAMES: OnceLock<std::collections::HashSet<String>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let module = emit::operators();
        module.iter().flat_map(|m| m.exports.iter()).map(|export| export.name.clone()).collect()
    })
}
