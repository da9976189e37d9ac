//! `inspect`: what a module takes, gives and does, and how large its parts are.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
};

use serde::Serialize;
use shared::{Dim, Label, Signature, TensorSpec};

use crate::{
    arguments::{InspectArguments, TextFormat},
    failure::Failure,
    files, score,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Inspection {
    signature: Signature,
    sizes: Sizes,
    plan: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sizes {
    /// The whole file.
    module_bytes: u64,
    /// Functions.
    code_bytes: u64,
    /// Weights and tables.
    data_bytes: u64,
    /// The section `edge-scorer.plan`; may be stripped.
    plan_bytes: u64,
}

pub(crate) fn run(arguments: &InspectArguments) -> Result<(), Failure> {
    let wasm = files::read(&arguments.module, files::MODEL_BYTES)?;
    let signature =
        engine::read_signature(&wasm).map_err(|error| score::not_a_module(error, &wasm))?;
    let plan = compiler::plan_text(&wasm);
    let sizes = Sizes {
        module_bytes: wasm.len() as u64,
        code_bytes: section_bytes(&wasm, |id, _| id == CODE),
        data_bytes: section_bytes(&wasm, |id, _| id == DATA),
        plan_bytes: section_bytes(&wasm, |id, name| id == CUSTOM && name == b"edge-scorer.plan"),
    };
    let inspection = Inspection { signature, sizes, plan };

    let mut stdout = io::stdout().lock();
    match TextFormat::chosen(arguments.format) {
        TextFormat::Json => {
            serde_json::to_writer_pretty(&mut stdout, &inspection).map_err(io::Error::from)?;
            writeln!(stdout)?;
        }
        TextFormat::Text => write!(stdout, "{}", inspection_text(&inspection))?,
    }
    Ok(())
}

const CUSTOM: u8 = 0;
const CODE: u8 = 10;
const DATA: u8 = 11;

/// Sums the bytes of the sections that `wanted` picks by id and, for custom ones, name.
///
/// The module was validated before; a section that does not fit ends the walk.
fn section_bytes(wasm: &[u8], wanted: impl Fn(u8, &[u8]) -> bool) -> u64 {
    let mut total = 0;
    let mut rest = wasm.get(8..).unwrap_or_default();
    while let Some((&id, after)) = rest.split_first() {
        let Some((content, after)) = sized(after) else { break };
        let name =
            if id == CUSTOM { sized(content).map_or(&[][..], |(name, _)| name) } else { &[] };
        if wanted(id, name) {
            total += content.len() as u64;
        }
        rest = after;
    }
    total
}

/// Splits off what a LEB128 length announces.
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0_usize;
    for (place, &byte) in bytes.iter().enumerate().take(5) {
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return bytes.get(place + 1..)?.split_at_checked(length);
        }
    }
    None
}

fn inspection_text(Inspection { signature, sizes, plan }: &Inspection) -> String {
    let mut text = signature_text(signature);
    let _ = writeln!(text, "\nSizes");
    for (what, bytes) in [
        ("module", sizes.module_bytes),
        ("code", sizes.code_bytes),
        ("weights", sizes.data_bytes),
        ("plan", sizes.plan_bytes),
    ] {
        let _ = writeln!(text, "  {what:<9}{bytes:>12} bytes");
    }
    match plan {
        Some(plan) => {
            let _ = writeln!(text, "\nPlan");
            for line in plan.lines() {
                let _ = writeln!(text, "  {line}");
            }
        }
        None => {
            let _ = writeln!(text, "\nPlan\n  none: hand-written or stripped");
        }
    }
    text
}

/// A signature for people.
pub(crate) fn signature_text(signature: &Signature) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "Inputs");
    for input in &signature.inputs {
        let _ = writeln!(text, "  {}", tensor_text(input));
    }
    let _ = writeln!(text, "Outputs");
    for output in &signature.outputs {
        let _ = writeln!(text, "  {}", tensor_text(output));
    }
    for symbol in &signature.symbols {
        let _ = writeln!(text, "{}: {} to {}", symbol.name, symbol.min, symbol.max);
    }
    let profile =
        signature.profile.map_or("none: hand-written".to_owned(), |profile| profile.to_string());
    let _ = writeln!(text, "Profile: {profile}");
    let bounded = if signature.bounded { "yes" } else { "no: runs under a deadline" };
    let _ = writeln!(text, "Bounded: {bounded}");
    if let Some(nanoseconds) = signature.row_cost_ns {
        let _ = writeln!(text, "Estimated time of a row: {nanoseconds} ns");
    }
    if let Some(source) = &signature.source {
        let _ = writeln!(text, "Compiled from: {source}");
    }
    text
}

fn tensor_text(tensor: &TensorSpec) -> String {
    let shape: Vec<_> = tensor
        .shape
        .iter()
        .map(|dim| match dim {
            Dim::Fixed(length) => length.to_string(),
            Dim::Named(name) => name.clone(),
        })
        .collect();
    let mut text = format!("{}: {} [{}]", tensor.name, tensor.element_type, shape.join(", "));
    if let Some(role) = tensor.role {
        let _ = write!(text, ", {role}");
    }
    if let Some(classes) = &tensor.classes {
        let names: Vec<_> = classes
            .iter()
            .map(|class| match class {
                Label::Int(number) => number.to_string(),
                Label::Text(name) => name.clone(),
            })
            .collect();
        let _ = write!(text, ", classes {}", names.join(", "));
    }
    if let Some(columns) = &tensor.columns {
        let _ = write!(text, "\n    columns {}", columns.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_told_apart_by_id_and_name() {
        let module = [
            b"\0asm\x01\0\0\0".as_slice(),
            &[CUSTOM, 4, 1, b'a', 7, 7],
            &[CODE, 3, 1, 2, 3],
            &[CUSTOM, 2, 1, b'b'],
        ]
        .concat();

        assert_eq!(section_bytes(&module, |id, _| id == CODE), 3);
        assert_eq!(section_bytes(&module, |id, name| id == CUSTOM && name == b"a"), 4);
        assert_eq!(section_bytes(&module, |id, _| id == DATA), 0);
    }

    #[test]
    fn a_section_that_claims_too_much_ends_the_walk() {
        let module = [b"\0asm\x01\0\0\0".as_slice(), &[CODE, 200, 1, 2]].concat();

        assert_eq!(section_bytes(&module, |_, _| true), 0);
    }
}
