//! What a signature may say.
//!
//! # Invariants
//! - A signature that passes has bounded counts, ranks and dimensions; every name in a shape is a
//!   declared symbol; only outputs have `"?"`.
//! - The fixed dimensions of any tensor multiply to less than 2^32 elements.

use shared::{Dim, Signature, TensorSpec};

use crate::ModuleError;

/// Most inputs, and most outputs, of a module.
const TENSORS: usize = 4_096;
/// Most symbols.
const SYMBOLS: usize = 16;
/// Most dimensions of a tensor.
const RANK: usize = 16;
/// Largest dimension and symbol.
const DIMENSION: u64 = i32::MAX as u64;
/// Longest name of a tensor, a symbol or a column, in bytes.
const NAME_BYTES: usize = 1_024;
/// The dimension that only `output_dim` tells.
pub(crate) const UNKNOWN: &str = "?";

/// Refuses a signature that the engine could not enforce.
pub(crate) fn check(signature: &Signature) -> Result<(), ModuleError> {
    if signature.contract != 1 {
        return Err(refuse(format!("it is of contract {}, not 1", signature.contract)));
    }
    if signature.symbols.len() > SYMBOLS {
        return Err(refuse(format!("it has more than {SYMBOLS} symbols")));
    }
    for (index, symbol) in signature.symbols.iter().enumerate() {
        check_name("symbol", &symbol.name)?;
        if symbol.name == UNKNOWN {
            return Err(refuse("a symbol is named `?`"));
        }
        if signature.symbols[..index].iter().any(|earlier| earlier.name == symbol.name) {
            return Err(refuse(format!("there are two symbols `{}`", symbol.name)));
        }
        if symbol.min > symbol.max || u64::from(symbol.max) > DIMENSION {
            return Err(refuse(format!(
                "the range of the symbol `{}` is empty or too large",
                symbol.name
            )));
        }
    }
    if signature.inputs.is_empty() || signature.outputs.is_empty() {
        return Err(refuse("it has no inputs or no outputs"));
    }
    check_tensors(signature, &signature.inputs, "input", false)?;
    check_tensors(signature, &signature.outputs, "output", true)?;
    for symbol in &signature.symbols {
        // Else the host could not tell what to pass to `prepare`.
        if !signature.inputs.iter().any(|input| mentions(input, &symbol.name)) {
            return Err(refuse(format!("no input's shape mentions the symbol `{}`", symbol.name)));
        }
    }
    Ok(())
}

fn check_tensors(
    signature: &Signature,
    tensors: &[TensorSpec],
    kind: &str,
    unknown_allowed: bool,
) -> Result<(), ModuleError> {
    if tensors.len() > TENSORS {
        return Err(refuse(format!("it has more than {TENSORS} {kind}s")));
    }
    let mut names = std::collections::HashSet::new();
    for tensor in tensors {
        check_name(kind, &tensor.name)?;
        if !names.insert(&tensor.name) {
            return Err(refuse(format!("there are two {kind}s `{}`", tensor.name)));
        }
        check_shape(signature, tensor, kind, unknown_allowed)?;
        check_labels(tensor, kind)?;
    }
    Ok(())
}

fn check_shape(
    signature: &Signature,
    tensor: &TensorSpec,
    kind: &str,
    unknown_allowed: bool,
) -> Result<(), ModuleError> {
    let name = &tensor.name;
    if tensor.shape.len() > RANK {
        return Err(refuse(format!("the {kind} `{name}` has more than {RANK} dimensions")));
    }
    let mut fixed = 1_u64;
    for dim in &tensor.shape {
        match dim {
            Dim::Fixed(n) if *n <= DIMENSION => {
                // A zero elsewhere in the shape must not hide an absurd product.
                fixed = fixed.saturating_mul((*n).max(1));
            }
            Dim::Fixed(n) => {
                return Err(refuse(format!("the {kind} `{name}` has the dimension {n}")));
            }
            Dim::Named(unknown) if unknown == UNKNOWN && unknown_allowed => {}
            Dim::Named(symbol) => {
                if !signature.symbols.iter().any(|known| known.name == *symbol) {
                    return Err(refuse(format!(
                        "the shape of the {kind} `{name}` names no known symbol"
                    )));
                }
            }
        }
    }
    if fixed > u64::from(u32::MAX) {
        return Err(refuse(format!("the {kind} `{name}` is larger than a memory")));
    }
    Ok(())
}

/// Columns, classes and the example belong to the last axis or to one row.
fn check_labels(tensor: &TensorSpec, kind: &str) -> Result<(), ModuleError> {
    let name = &tensor.name;
    if let Some(columns) = &tensor.columns {
        for column in columns {
            if column.len() > NAME_BYTES {
                return Err(refuse(format!("a column of the {kind} `{name}` has too long a name")));
            }
        }
        if tensor.row_len() != Some(columns.len() as u64) {
            return Err(refuse(format!(
                "the {kind} `{name}` has another number of columns than names"
            )));
        }
    }
    if let Some(classes) = &tensor.classes {
        let last = match tensor.shape.last() {
            Some(Dim::Fixed(n)) => Some(*n),
            _ => None,
        };
        let probabilities = tensor.role == Some(shared::Role::Probabilities);
        if probabilities && last != Some(classes.len() as u64) {
            return Err(refuse(format!(
                "the {kind} `{name}` has another number of classes than labels"
            )));
        }
    }
    if let Some(example) = &tensor.example
        && tensor.row_len() != Some(example.len() as u64)
    {
        return Err(refuse(format!("the example of the {kind} `{name}` is not one row")));
    }
    Ok(())
}

fn mentions(tensor: &TensorSpec, symbol: &str) -> bool {
    tensor.shape.iter().any(|dim| matches!(dim, Dim::Named(name) if name == symbol))
}

/// Whether a dimension is told by `output_dim` only.
pub(crate) fn has_unknown_dimension(tensor: &TensorSpec) -> bool {
    mentions(tensor, UNKNOWN)
}

fn check_name(kind: &str, name: &str) -> Result<(), ModuleError> {
    if name.len() > NAME_BYTES || (name.is_empty() && kind == "symbol") {
        return Err(refuse(format!(
            "the name of a {kind} is empty or longer than {NAME_BYTES} bytes"
        )));
    }
    Ok(())
}

fn refuse(breach: impl std::fmt::Display) -> ModuleError {
    ModuleError::contract(format!("its signature cannot be used: {breach}"))
}
