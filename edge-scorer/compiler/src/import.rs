//! From bytes to tract's typed, decluttered graph, or to a reason why not.
//!
//! `sniff` recognises what is not ONNX; `weigh` looks at what decoding would take; `screen` checks
//! limits and structure before anything is believed; `functions` puts the model's own functions
//! where they are called; `order` puts nodes behind those that they read; `rewrite` turns what has
//! no tensor form (ZipMap) into something that has; then tract parses, infers types and shapes over
//! symbolic dimensions, and simplifies, within `bounds`.
//!
//! # Invariants
//! - tract only sees models whose nodes are in order, whose names are defined and whose constants
//!   hold as many elements as they claim.
//! - tract's panics end here: the models are hostile, and tract indexes slices. The compiler runs
//!   in a child process, so a fence is enough; what it catches is reported as an invalid model.

mod bounds;
mod external;
mod facts;
mod functions;
mod order;
mod quantised;
mod rewrite;
mod screen;
mod sequences;
mod sniff;
mod weigh;

use std::panic::{AssertUnwindSafe, catch_unwind};

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{Framework, InferenceModelExt, TypedModel};
use tract_onnx::tract_hir::internal::{InferenceModel, Symbol};

pub(crate) use self::{
    external::inline,
    facts::{SymbolFact, given_inputs},
    rewrite::{Zipped, node_name, unzip},
};
use crate::error::{CompileError, Limits, Stopped};
use crate::ml::Fault;
use crate::{layers, ml};

/// A model that was understood.
pub(crate) struct Imported {
    pub(crate) typed: TypedModel,
    /// The file's own structure, after `rewrite`.
    pub(crate) proto: ModelProto,
    /// The symbols of the shapes, in the order of `prepare`'s parameters.
    pub(crate) symbols: Vec<SymbolFact>,
    /// The classes that `ZipMap` nodes gave to outputs.
    pub(crate) zipped: Zipped,
}

/// How the first axis of inputs with a fixed batch of 1 is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Batch {
    /// As the symbol `rows`, on trial.
    Symbolic,
    /// As it stands.
    AsExported,
}

/// Reads the file and checks it, without looking into its operators.
pub(crate) fn read(onnx: &[u8], limits: &Limits) -> Result<ModelProto, CompileError> {
    if onnx.len() as u64 > limits.onnx_bytes {
        return Err(CompileError::LimitExceeded {
            what: "bytes",
            actual: onnx.len() as u64,
            limit: limits.onnx_bytes,
        });
    }
    if let Some(error) = sniff::something_else(onnx) {
        return Err(error);
    }
    weigh::weigh(onnx)?;
    let mut proto =
        fenced("its encoding is broken", || tract_onnx::onnx().proto_model_for_read(&mut &*onnx))
            .map_err(|_| sniff::not_readable())?;
    // What a body of a function holds is screened where it is called.
    functions::inline(&mut proto, limits)?;
    proto.graph.iter_mut().for_each(order::sort);
    screen::screen(&proto, limits)?;
    quantised::expand(&mut proto);
    sequences::split(&mut proto);
    Ok(proto)
}

/// Types and simplifies a model that [`read`] has let through.
pub(crate) fn import(mut proto: ModelProto, batch: Batch) -> Result<Imported, Stopped> {
    let zipped = rewrite::rewrite(&mut proto)?;
    let mut onnx = tract_onnx::onnx().with_ignore_value_info(true);
    layers::register(&mut onnx.op_register);
    ml::register(&mut onnx.op_register);

    let (typed, symbols) = fenced("it contradicts itself", || {
        let template = InferenceModel::default();
        let scope = template.symbols.clone();
        let mut model = onnx.parse_with_template(&proto, None, template)?.model;
        let symbols = facts::set_input_facts(&mut model, &proto, &scope, batch)?;
        bounds::guard(&mut model);
        let typed = model.into_typed()?;
        bounds::check(&typed)?;
        let typed = typed.into_decluttered()?;
        Ok((typed, symbols))
    })?;
    Ok(Imported { typed, proto, symbols, zipped })
}

/// Whether some input has a first axis of exactly 1.
pub(crate) fn has_batch_of_one(proto: &ModelProto) -> bool {
    facts::has_batch_of_one(proto)
}

/// Whether every output has the batch as its first axis, and no node mixes rows.
pub(crate) fn rows_stay_apart(imported: &Imported) -> bool {
    facts::rows_stay_apart(&imported.typed, &imported.symbols)
}

/// Runs a piece of tract; an error or a panic becomes `CompileError::Invalid`.
fn fenced<T>(
    what: &str,
    work: impl FnOnce() -> tract_onnx::prelude::TractResult<T>,
) -> Result<T, Stopped> {
    // Whatever `work` was changing is dropped with it.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            tracing::debug!(%error, "tract refused the model");
            if let Some(limit) = bounds::limit_exceeded(&error) {
                return Err(limit.into());
            }
            let fault = error.chain().find_map(|cause| cause.downcast_ref::<Fault>());
            let is_final = fault.is_some_and(Fault::is_contradiction);
            let error = CompileError::invalid(format!("{what}: {}", first_causes(&error)));
            Err(Stopped { error, is_final })
        }
        Err(_) => {
            Err(CompileError::invalid(format!("{what}, and reading it stopped half way")).into())
        }
    }
}

/// The chain of an error, shortened: tract prints whole nodes.
fn first_causes(error: &tract_onnx::prelude::TractError) -> String {
    let mut chain: Vec<String> = error
        .chain()
        .map(|cause| {
            let line = cause.to_string().lines().next().unwrap_or_default().to_owned();
            line.replace("Building node", "node").chars().take(200).collect()
        })
        .collect();
    // The first names the node, the last says what is wrong with it.
    if chain.len() > 2 {
        chain.drain(1..chain.len() - 1);
    }
    chain.join(": ")
}

/// The symbol that shapes of the typed graph are written in.
pub(crate) fn symbol_index(symbols: &[SymbolFact], symbol: &Symbol) -> Option<usize> {
    symbols.iter().position(|known| known.symbol == *symbol)
}
