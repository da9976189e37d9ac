//! Operators that move whole pixels: `DepthToSpace`, `SpaceToDepth`, `CenterCropPad`.

use tract_onnx::prelude::{TDim, ToDim};

use super::wiring::{axis_of, fact};
use super::{Fault, Inferred, Inputs, Layer, Source, Wired, contradiction};
use crate::lower::views::{View, sized, strides};
use crate::lower::{Lowering, Refusal, Value};
use crate::plan::{Arg, Extent};

/// `DepthToSpace` and `SpaceToDepth`.
#[derive(Debug)]
pub(super) struct DepthToSpace {
    to_depth: bool,
    block: usize,
    /// Whether the block's place comes after the channel.
    channel_first: bool,
}

impl Layer for DepthToSpace {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let block = usize::try_from(node.int("blocksize").unwrap_or(0))
            .ok()
            .filter(|block| (1..=4096).contains(block))
            .ok_or_else(|| contradiction!("its `blocksize` is missing or impossible"))?;
        Ok(Self {
            to_depth: node.operator() == "SpaceToDepth",
            block,
            channel_first: node.choice("mode", &["DCR", "CRD"])? == 1,
        })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let [batch, channels, height, width] = inputs.shape(0)? else {
            return Err("its input does not have four axes".into());
        };
        let block = self.block as i64;
        let divides = |dim: &TDim, by: i64| dim.as_i64().is_none_or(|size| size % by == 0);
        let fits = match self.to_depth {
            true => divides(height, block) && divides(width, block),
            false => divides(channels, block * block),
        };
        if !fits {
            return Err(contradiction!("its image does not divide into blocks of {block}"));
        }
        let shape = match self.to_depth {
            true => [
                batch.clone(),
                channels.clone() * (block * block),
                height.clone() / block,
                width.clone() / block,
            ],
            false => [
                batch.clone(),
                channels.clone() / (block * block),
                height.clone() * block,
                width.clone() * block,
            ],
        };
        Ok(Some(vec![fact(inputs.fact(0)?.datum_type, shape)]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let x = node.input(0)?;
        let element = l.element(x)?;
        let (deep, wide) = match self.to_depth {
            true => (node.shape(l, 0)?, l.shape(x)?),
            false => (l.shape(x)?, node.shape(l, 0)?),
        };
        let block = Extent::from(self.block);
        let (channels, plane) = (wide[1].clone(), deep[2].clone().times(deep[3].clone()));
        let wide_plane = wide[2].clone().times(wide[3].clone());
        // Of a deep channel's number: what the channel, the row and the column of a block weigh.
        let (of_channel, of_row, of_column) = match self.channel_first {
            true => (block.clone().times(block.clone()), block.clone(), Extent::ONE),
            false => (Extent::ONE, block.clone().times(channels.clone()), channels.clone()),
        };
        let deep_stride = |weight: Extent| weight.times(plane.clone());
        let axes = [
            (
                wide[0].clone(),
                deep[1].clone().times(plane.clone()),
                channels.clone().times(wide_plane.clone()),
            ),
            (channels, deep_stride(of_channel), wide_plane),
            (deep[2].clone(), deep[3].clone(), wide[3].clone().times(block.clone())),
            (block.clone(), deep_stride(of_row), wide[3].clone()),
            (deep[3].clone(), Extent::ONE, block.clone()),
            (block, deep_stride(of_column), Extent::ONE),
        ];
        let from = l.read(x)?;
        let y = node.output(l, 0)?;
        let title = node.node.op().name().into_owned();
        // One copy for each column of a block: six axes are one more than a copy has.
        let [outer @ .., last] = axes;
        for column in 0..self.block {
            let mut view = View::default();
            for (size, deep, wide) in outer.clone() {
                let (from, to) = if self.to_depth { (wide, deep) } else { (deep, wide) };
                view.axis(size, from, to);
            }
            let width = Extent::from(element.byte_width().unwrap_or(1));
            let index = Extent::from(column).times(width);
            let (deep, wide) = (last.1.clone().times(index.clone()), last.2.clone().times(index));
            let (from_offset, to_offset) = if self.to_depth { (wide, deep) } else { (deep, wide) };
            let from = match &from {
                Arg::Read(buffer, offset) => Arg::Read(*buffer, offset.clone().plus(from_offset)),
                other if column == 0 => other.clone(),
                _ => return Err(Refusal::because("it moves a constant")),
            };
            view.copy(l, from, Arg::Write(y, to_offset), element, &title)?;
        }
        Ok(vec![Value::Tensor(y)])
    }
}

/// `CenterCropPad`.
#[derive(Debug)]
pub(super) struct CenterCropPad {
    axes: Vec<i64>,
}

impl CenterCropPad {
    fn axes(&self, rank: usize) -> Result<Vec<usize>, Fault> {
        match self.axes.is_empty() {
            true => Ok((0..rank).collect()),
            false => self.axes.iter().map(|axis| axis_of(*axis, rank)).collect(),
        }
    }
}

impl Layer for CenterCropPad {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        Ok(Self { axes: node.ints("axes").to_vec() })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let Some(sizes) = inputs.ints(1)? else { return Ok(None) };
        let mut shape = inputs.shape(0)?.to_vec();
        let axes = self.axes(shape.len())?;
        if axes.len() != sizes.len() || sizes.iter().any(|size| *size < 0) {
            return Err("its sizes do not fit its axes".into());
        }
        for (axis, size) in axes.into_iter().zip(sizes) {
            shape[axis] = size.to_dim();
        }
        Ok(Some(vec![fact(inputs.fact(0)?.datum_type, shape)]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let x = node.input(0)?;
        let (shape, target, element) = (l.shape(x)?, node.shape(l, 0)?, l.element(x)?);
        let y = node.output(l, 0)?;
        let count = crate::plan::product(&target);
        let width = element.byte_width().unwrap_or(1);
        let zero = l.planner.weights("zero", vec![0; width]);
        let kernel = sized(element, ["fill_1", "fill_2", "fill_4", "fill_8"])?;
        let args = vec![Arg::Weights(zero), Arg::write(y), Arg::Count(count)];
        l.planner.call(kernel, args, "fill the padding", 10.0);

        let (from, to) = (strides(&shape), strides(&target));
        let (mut from_offset, mut to_offset) = (Extent::Fixed(0), Extent::Fixed(0));
        let mut view = View::default();
        for axis in 0..shape.len() {
            let size = shape[axis].clone().smaller(target[axis].clone());
            let half = |larger: &Extent| {
                let rest = larger.clone().plus(size.clone().times(Extent::Fixed(-1)));
                rest.divided_by(2)
            };
            from_offset = from_offset.plus(half(&shape[axis]).times(from[axis].clone()));
            to_offset = to_offset.plus(half(&target[axis]).times(to[axis].clone()));
            view.axis(size, from[axis].clone(), to[axis].clone());
        }
        let bytes = |elements: Extent| elements.times(Extent::from(width));
        let from = match l.read(x)? {
            Arg::Read(buffer, offset) => Arg::Read(buffer, offset.plus(bytes(from_offset))),
            other if from_offset.fixed() == Some(0) => other,
            _ => return Err(Refusal::because("it takes a part of a constant")),
        };
        view.copy(l, from, Arg::Write(y, bytes(to_offset)), element, "centre")?;
        Ok(vec![Value::Tensor(y)])
    }
}
