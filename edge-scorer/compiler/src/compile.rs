//! The pipeline: import, lower, describe, emit.

use sha2::{Digest, Sha256};
use shared::{Check, Profile, UnsupportedOperator};
use tract_onnx::pb::ModelProto;

use crate::emit;
use crate::error::CompileError;
use crate::import::{self, Batch, Imported};
use crate::lower::{self, Refused};
use crate::operators;
use crate::plan::{self, Plan};
use crate::signature;
use crate::{Compiled, Options};

pub(crate) fn compile(onnx: &[u8], options: &Options) -> Result<Compiled, CompileError> {
    if options.profile == Profile::Linalg {
        return Err(CompileError::invalid(
            "the profile `linalg` is not available yet; use `relaxed` or `portable`",
        ));
    }
    let proto = import::read(onnx, &options.limits)?;
    let unsupported = operators::unsupported(&proto);
    if !unsupported.is_empty() {
        return Err(CompileError::Unsupported(unsupported));
    }

    let (imported, plan) = plan_of(proto, options)?;
    let source = format!("sha256:{:x}", Sha256::digest(onnx));
    let signature = signature::describe(&imported, &plan, source)?;
    let placement = plan::place(&plan);
    // `prepare` computes sizes in 64 bits without looking for overflow; here it is looked for.
    let largest: Vec<u32> = plan.symbols.iter().map(|symbol| symbol.max).collect();
    if placement.total_bytes(&largest, emit::ALIGNMENT).is_none() {
        return Err(CompileError::invalid("its tensors have more elements than can be counted"));
    }
    let text = plan::print(&plan, &placement);
    let wasm = emit::emit(&plan, &placement, &signature, &text)?;
    if wasm.len() as u64 > options.limits.module_bytes {
        return Err(CompileError::LimitExceeded {
            what: "bytes of module",
            actual: wasm.len() as u64,
            limit: options.limits.module_bytes,
        });
    }
    Ok(Compiled { wasm, signature, plan: text })
}

pub(crate) fn check(onnx: &[u8], options: &Options) -> Result<Check, CompileError> {
    match compile(onnx, options) {
        Ok(compiled) => {
            Ok(Check { ok: true, signature: Some(compiled.signature), unsupported: Vec::new() })
        }
        Err(CompileError::Unsupported(unsupported)) => {
            Ok(Check { ok: false, signature: None, unsupported })
        }
        Err(error) => Err(error),
    }
}

/// The typed graph and its plan.
///
/// A batch that was exported as 1 is made symbolic first; where the graph does not allow that, the
/// model is taken as it stands, and the host calls it once for each row.
fn plan_of(proto: ModelProto, options: &Options) -> Result<(Imported, Plan), CompileError> {
    let attempt = |proto: ModelProto, batch: Batch| -> Result<(Imported, Plan), CompileError> {
        let imported = import::import(proto, batch)?;
        let plan = lower::lower(&imported.typed, &imported.symbols, options.profile)
            .map_err(|refused| not_lowered(&imported.proto, refused))?;
        Ok((imported, plan))
    };
    if !import::has_batch_of_one(&proto) {
        return attempt(proto, Batch::AsExported);
    }
    match attempt(proto.clone(), Batch::Symbolic) {
        Ok((imported, plan)) if import::rows_stay_apart(&imported) => Ok((imported, plan)),
        _ => attempt(proto, Batch::AsExported),
    }
}

/// Nodes of the typed graph, reported as the operators of the file that they come from.
fn not_lowered(proto: &ModelProto, refused: Vec<Refused>) -> CompileError {
    let nodes = proto.graph.as_ref().map_or(&[][..], |graph| &graph.node);
    let mut unsupported: Vec<UnsupportedOperator> = Vec::new();
    for Refused { node, operator, reason } in refused {
        // tract names what it makes of a node after the node: `conv1`, `conv1.bias`.
        let origin = nodes
            .iter()
            .filter(|origin| node.starts_with(&origin.name))
            .max_by_key(|origin| origin.name.len());
        let (domain, operator, node) = match origin {
            Some(origin) => {
                let domain = if origin.domain.is_empty() { "ai.onnx" } else { &origin.domain };
                (domain.to_owned(), origin.op_type.clone(), origin.name.clone())
            }
            None => ("ai.onnx".to_owned(), operator, node),
        };
        let same = |known: &&mut UnsupportedOperator| {
            known.domain == domain && known.operator == operator && known.hint == reason
        };
        match unsupported.iter_mut().find(same) {
            Some(known) if known.nodes.contains(&node) => {}
            Some(known) => known.nodes.push(node),
            None => unsupported.push(UnsupportedOperator {
                domain,
                operator,
                nodes: vec![node],
                hint: reason,
            }),
        }
    }
    CompileError::Unsupported(unsupported)
}
