//! Maximum and average pooling of channel-first images.

use shared::ElementType;
use tract_onnx::prelude::{OutletId, TypedNode};
use tract_onnx::tract_core::ops::cnn::{MaxPool, PaddingSpec, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::nn::DataFormat;

use super::{Lowered, Lowering, Refusal, Value};
use crate::plan::{Arg, product};

pub(super) fn lower(l: &mut Lowering<'_>, node: &TypedNode) -> Lowered {
    if let Some(pool) = node.op_as::<MaxPool>() {
        if pool.with_index_outputs.is_some() {
            return Err(Refusal::because("it hands out the places of its maxima"));
        }
        return call(l, node, &pool.pool_spec, "max_pool_f32", "max_pool_f32_relaxed", false);
    }
    if let Some(pool) = node.op_as::<SumPool>() {
        if !pool.normalize {
            return Err(Refusal::because("it adds up its windows"));
        }
        let count_padding = pool.count_include_pad;
        let (kernel, relaxed) = ("average_pool_f32", "average_pool_f32_relaxed");
        return call(l, node, &pool.pool_spec, kernel, relaxed, count_padding);
    }
    Ok(None)
}

fn call(
    l: &mut Lowering<'_>,
    node: &TypedNode,
    spec: &PoolSpec,
    kernel: &'static str,
    relaxed: &'static str,
    count_padding: bool,
) -> Lowered {
    if l.element(node.inputs[0])? != ElementType::Float32 {
        return Err(Refusal::because("it pools another type than float32"));
    }
    let first = match spec.data_format {
        DataFormat::NCHW => 2,
        DataFormat::CHW => 1,
        _ => return Err(Refusal::because("its images do not have their channels first")),
    };
    let shape = l.shape(node.inputs[0])?;
    let known = |dims: &[crate::plan::Extent]| -> Result<Vec<usize>, Refusal> {
        dims.iter()
            .map(|dim| dim.fixed().and_then(|dim| usize::try_from(dim).ok()))
            .collect::<Option<_>>()
            .ok_or_else(|| Refusal::because("the size of its images is not known"))
    };
    let image = known(&shape[first..])?;
    let result = known(&l.shape(OutletId::new(node.id, 0))?[first..])?;
    let padding = spec.computed_padding(&image);
    let before: Vec<usize> = padding.iter().map(|padding| padding.pad_before).collect();
    // What an average counts is the padding that was asked for, not what rounding up adds to it.
    let after: Vec<usize> = match &spec.padding {
        PaddingSpec::Explicit(_, after) | PaddingSpec::ExplicitOnnxPool(_, after, _) => {
            after.to_vec()
        }
        _ => padding.iter().map(|padding| padding.pad_after).collect(),
    };
    let two = |values: &[usize], other: usize| match values {
        [x] => Ok([other, *x]),
        [y, x] => Ok([*y, *x]),
        _ => Err(Refusal::because("it pools in three dimensions")),
    };
    let kernel_shape = two(&spec.kernel_shape, 1)?;
    let result = two(&result, 1)?;
    let image = two(&image, 1)?;
    let numbers: Vec<u32> = [
        image,
        result,
        kernel_shape,
        two(&spec.strides(), 1)?,
        two(&spec.dilations(), 1)?,
        two(&before, 0)?,
        two(&after, 0)?,
    ]
    .concat()
    .into_iter()
    .chain([usize::from(count_padding)])
    .map(|number| number as u32)
    .collect();

    let x = l.read(node.inputs[0])?;
    let y = l.output(node, 0)?;
    let sizes = l.planner.weights_u32(format!("sizes of {}", node.name), &numbers);
    let name = format!("scratch of {}", node.name);
    let scratch = l.planner.buffer(name, ElementType::Float32, image[1].into());
    let planes = product(&shape[..first]);
    let windows =
        planes.evaluate(&[1, 1, 1, 1]).unwrap_or(1) as f64 * (result[0] * result[1]) as f64;
    let args = vec![x, Arg::write(y), Arg::write(scratch), Arg::Weights(sizes), Arg::Count(planes)];
    let [height, width] = kernel_shape;
    let title = format!(
        "{} {height}×{width}",
        if kernel.starts_with("max") { "maximum" } else { "average" }
    );
    l.call_profiled(kernel, relaxed, args, title, windows * (height + width) as f64);
    Ok(Some(vec![Value::Tensor(y)]))
}
