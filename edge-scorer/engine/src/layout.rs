//! Shapes with their names resolved, so that a call computes sizes without looking anything up.

use shared::{Dim, ElementType, Signature, TensorSpec};

use crate::{ModuleError, rules};

/// One dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Fixed(u64),
    /// Index into the signature's symbols.
    Symbol(usize),
    /// Told by `output_dim` after the run.
    Unknown,
}

/// One input or output.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) element_type: ElementType,
    pub(crate) extents: Box<[Extent]>,
}

impl Layout {
    pub(crate) fn of(signature: &Signature, tensor: &TensorSpec) -> Result<Self, ModuleError> {
        let extent = |dim: &Dim| match dim {
            Dim::Fixed(n) => Some(Extent::Fixed(*n)),
            Dim::Named(name) if name == rules::UNKNOWN => Some(Extent::Unknown),
            Dim::Named(name) => {
                signature.symbols.iter().position(|symbol| symbol.name == *name).map(Extent::Symbol)
            }
        };
        let extents = tensor.shape.iter().map(extent).collect::<Option<_>>();
        let extents =
            extents.ok_or_else(|| ModuleError::contract("a shape names no known symbol"))?;
        Ok(Self { element_type: tensor.element_type, extents })
    }

    /// Number of elements, where every dimension follows from the symbols.
    pub(crate) fn elements(&self, symbols: &[u32]) -> Option<u64> {
        self.extents.iter().try_fold(1_u64, |product, extent| match extent {
            Extent::Fixed(n) => product.checked_mul(*n),
            Extent::Symbol(index) => product.checked_mul(u64::from(*symbols.get(*index)?)),
            Extent::Unknown => None,
        })
    }

    /// Bytes that `elements` take in guest memory; offsets, for text.
    pub(crate) fn bytes(&self, elements: u64) -> Option<usize> {
        let bytes = match self.element_type.byte_width() {
            Some(width) => elements.checked_mul(width as u64)?,
            None => elements.checked_add(1)?.checked_mul(4)?,
        };
        usize::try_from(bytes).ok()
    }

    pub(crate) fn begins_with(&self, extent: Extent) -> bool {
        self.extents.first() == Some(&extent)
    }
}
