//! Windows that slide over images: what convolutions and poolings have in common.

use tract_onnx::prelude::{TDim, ToDim};
use tract_onnx::tract_hir::internal::DimLike as _;

use super::{Fault, Source};
use crate::plan::Extent;

/// Axes of the kernels' images; `kernels::space`.
pub(super) const AXES: usize = 3;

/// Padding that follows from the sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Automatic {
    /// Padding is as it is given.
    No,
    /// None at all.
    Valid,
    /// As many outputs as inputs over the stride; what is odd goes behind.
    SameUpper,
    /// The same; what is odd goes in front.
    SameLower,
}

/// The attributes of a sliding window; lists are empty where the file leaves them out.
#[derive(Debug)]
pub(super) struct Sliding {
    pub(super) kernel: Vec<usize>,
    strides: Vec<usize>,
    dilations: Vec<usize>,
    pads: Vec<usize>,
    pub(super) automatic: Automatic,
    round_up: bool,
}

impl Sliding {
    pub(super) fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let list = |name: &str| Ok::<_, Fault>(node.sizes(name)?.unwrap_or_default());
        let automatic =
            match node.one_of("auto_pad", &["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"])? {
                0 => Automatic::No,
                1 => Automatic::Valid,
                2 => Automatic::SameUpper,
                _ => Automatic::SameLower,
            };
        let sliding = Self {
            kernel: list("kernel_shape")?,
            strides: list("strides")?,
            dilations: list("dilations")?,
            pads: list("pads")?,
            automatic,
            round_up: node.flag("ceil_mode"),
        };
        let all = [&sliding.kernel, &sliding.strides, &sliding.dilations];
        if all.iter().any(|sizes| sizes.contains(&0)) {
            return Err("its window has a size or a step of 0".into());
        }
        Ok(sliding)
    }

    pub(super) fn stride(&self, axis: usize) -> usize {
        self.strides.get(axis).copied().unwrap_or(1)
    }

    pub(super) fn dilation(&self, axis: usize) -> usize {
        self.dilations.get(axis).copied().unwrap_or(1)
    }

    /// What a window covers.
    pub(super) fn reach(&self, axis: usize, kernel: &[usize]) -> usize {
        self.dilation(axis) * (kernel[axis] - 1) + 1
    }

    /// Padding before and behind as the file gives it.
    pub(super) fn given(&self, axis: usize, axes: usize) -> [usize; 2] {
        [axis, axes + axis].map(|index| self.pads.get(index).copied().unwrap_or(0))
    }

    /// Lists have one number for each axis, or are not there.
    pub(super) fn check(&self, axes: usize, kernel: &[usize]) -> Result<(), Fault> {
        let fits = |list: &[usize], len: usize| list.is_empty() || list.len() == len;
        if kernel.len() == axes
            && (1..=AXES).contains(&axes)
            && fits(&self.strides, axes)
            && fits(&self.dilations, axes)
            && fits(&self.pads, 2 * axes)
        {
            return Ok(());
        }
        Err(format!("its window has {} axes, its images {axes}", kernel.len()).into())
    }

    /// Sizes of what windows over planes of these sizes give.
    pub(super) fn output(&self, input: &[TDim], kernel: &[usize]) -> Result<Vec<TDim>, Fault> {
        self.check(input.len(), kernel)?;
        (0..input.len()).map(|axis| self.output_of(axis, input, kernel)).collect()
    }

    fn output_of(&self, axis: usize, input: &[TDim], kernel: &[usize]) -> Result<TDim, Fault> {
        let stride = self.stride(axis);
        let size = &input[axis];
        if matches!(self.automatic, Automatic::SameUpper | Automatic::SameLower) {
            return Ok(size.clone().divceil(stride));
        }
        let [before, after] = match self.automatic {
            Automatic::Valid => [0, 0],
            _ => self.given(axis, input.len()),
        };
        let reach = self.reach(axis, kernel);
        let room = size.clone() + (before + after) as i64 - reach as i64;
        if room.as_i64().is_some_and(|room| room < 0) {
            return Err("its window is larger than its image".into());
        }
        if !self.round_up {
            return Ok(room / stride as i64 + 1.to_dim());
        }
        let rounded = room.divceil(stride) + 1.to_dim();
        let (Some(outputs), Some(size)) = (rounded.as_i64(), size.as_i64()) else {
            return Err("it rounds up an image whose size is not known".into());
        };
        // The last window starts within the image or the padding before it.
        let starts_outside = (outputs - 1) * stride as i64 >= size + before as i64;
        Ok((outputs - i64::from(starts_outside)).to_dim())
    }

    /// Padding before and behind, as counts.
    pub(super) fn padding(
        &self,
        axis: usize,
        input: &[Extent],
        output: &[Extent],
        kernel: &[usize],
    ) -> [Extent; 2] {
        let total = || {
            output[axis]
                .clone()
                .plus(Extent::Fixed(-1))
                .times(Extent::from(self.stride(axis)))
                .plus(Extent::from(self.reach(axis, kernel)))
                .plus(input[axis].clone().times(Extent::Fixed(-1)))
                .larger(Extent::Fixed(0))
        };
        let smaller = |total: Extent| total.divided_by(2);
        let larger = |total: Extent| total.plus(Extent::ONE).divided_by(2);
        match self.automatic {
            Automatic::No => self.given(axis, input.len()).map(Extent::from),
            Automatic::Valid => [Extent::Fixed(0), Extent::Fixed(0)],
            Automatic::SameUpper => [smaller(total()), larger(total())],
            Automatic::SameLower => [larger(total()), smaller(total())],
        }
    }
}

/// The numbers of `kernels::space::Space`.
pub(super) struct Space<'a> {
    pub(super) batch: Extent,
    pub(super) channels: [Extent; 2],
    pub(super) groups: usize,
    pub(super) input: &'a [Extent],
    pub(super) output: &'a [Extent],
    pub(super) kernel: &'a [usize],
    pub(super) pads: &'a [[Extent; 2]],
}

impl Space<'_> {
    pub(super) fn numbers(self, sliding: &Sliding) -> Vec<Extent> {
        let axes = self.input.len();
        let [channels_in, channels_out] = self.channels;
        let mut numbers = vec![self.batch, channels_in, channels_out, Extent::from(self.groups)];
        // Fewer axes are three, the first of size 1.
        let mut list = |other: i64, number: &dyn Fn(usize) -> Extent| {
            for axis in 0..AXES {
                let missing = AXES - axes;
                numbers.push(match axis.checked_sub(missing) {
                    Some(axis) => number(axis),
                    None => Extent::Fixed(other),
                });
            }
        };
        list(1, &|axis| self.input[axis].clone());
        list(1, &|axis| self.output[axis].clone());
        list(1, &|axis| Extent::from(self.kernel[axis]));
        list(1, &|axis| Extent::from(sliding.stride(axis)));
        list(1, &|axis| Extent::from(sliding.dilation(axis)));
        list(0, &|axis| self.pads[axis][0].clone());
        list(0, &|axis| self.pads[axis][1].clone());
        numbers
    }
}

/// Sizes that are known, for rules that need them.
pub(super) fn fixed(extents: &[Extent]) -> Option<Vec<usize>> {
    extents.iter().map(|extent| usize::try_from(extent.fixed()?).ok()).collect()
}

/// Sizes of a shape that are known.
pub(super) fn known(dims: &[TDim], what: &str) -> Result<Vec<usize>, Fault> {
    dims.iter()
        .map(|dim| dim.as_i64().and_then(|dim| usize::try_from(dim).ok()))
        .collect::<Option<_>>()
        .ok_or_else(|| format!("the sizes of {what} are not known").into())
}
