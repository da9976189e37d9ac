//! Poolings, and what undoes them.

use shared::ElementType::{Float32, Float64, Int8, Uint8};
use tract_onnx::prelude::{DatumType, TDim, ToDim};

use super::geometry::{Automatic, Sliding, Space, fixed, known};
use super::wiring::{fact, values, weight};
use super::{Fault, Inferred, Inputs, Layer, Source, Wired};
use crate::lower::{Lowering, Refusal, Value, constant_i64};
use crate::plan::{Arg, Extent, product};

/// Images and channels, then planes.
fn planes<T>(shape: &[T]) -> Result<(&[T], &[T]), Fault> {
    match shape.len() {
        3.. => Ok(shape.split_at(2)),
        axes => Err(format!("its input has {axes} axes; images have at least 3").into()),
    }
}

fn pooled(sliding: &Sliding, inputs: &Inputs<'_>) -> Result<Vec<TDim>, Fault> {
    let (front, image) = planes(inputs.shape(0)?)?;
    let result = sliding.output(image, &sliding.kernel)?;
    Ok(front.iter().cloned().chain(result).collect())
}

/// The numbers of `kernels::PoolShape` for flat images of known sizes.
fn flat(sliding: &Sliding, x: &[Extent], y: &[Extent], count_padding: bool) -> Option<Vec<u32>> {
    let (image, result) = (fixed(&x[2..])?, fixed(&y[2..])?);
    let axes = image.len();
    if axes > 2 {
        return None;
    }
    let two = |number: &dyn Fn(usize) -> usize, other: usize| match axes {
        1 => [other, number(0)],
        _ => [number(0), number(1)],
    };
    let pad = |axis: usize, end: usize| {
        let padding = sliding.padding(axis, &x[2..], &y[2..], &sliding.kernel);
        padding[end].fixed().and_then(|pad| usize::try_from(pad).ok()).unwrap_or(0)
    };
    let numbers = [
        two(&|axis| image[axis], 1),
        two(&|axis| result[axis], 1),
        two(&|axis| sliding.kernel[axis], 1),
        two(&|axis| sliding.stride(axis), 1),
        two(&|axis| sliding.dilation(axis), 1),
        two(&|axis| pad(axis, 0), 0),
        two(&|axis| pad(axis, 1), 0),
    ];
    let counted = [usize::from(count_padding)];
    Some(numbers.concat().into_iter().chain(counted).map(|number| number as u32).collect())
}

/// The table of sizes for the plain kernels; all channels of all images are planes.
fn table(
    sliding: &Sliding,
    l: &mut Lowering<'_>,
    name: &str,
    x: &[Extent],
    y: &[Extent],
    kernel: &[usize],
) -> Arg {
    let pads: Vec<[Extent; 2]> =
        (0..kernel.len()).map(|axis| sliding.padding(axis, &x[2..], &y[2..], kernel)).collect();
    let space = Space {
        batch: product(&x[..2]),
        channels: [Extent::ONE, Extent::ONE],
        groups: 1,
        input: &x[2..],
        output: &y[2..],
        kernel,
        pads: &pads,
    };
    let numbers = space.numbers(sliding);
    l.table(name, &numbers)
}

/// The fast kernel of flat images; answers whether it was called.
fn call_flat(
    sliding: &Sliding,
    l: &mut Lowering<'_>,
    node: &Wired<'_>,
    [kernel, relaxed]: [&'static str; 2],
    count_padding: bool,
) -> Result<Option<Vec<Value>>, Refusal> {
    let x = node.input(0)?;
    let (x_shape, y_shape) = (l.shape(x)?, node.shape(l, 0)?);
    let Some(numbers) = flat(sliding, &x_shape, &y_shape, count_padding) else { return Ok(None) };
    let sizes = l.planner.weights_u32(format!("sizes of {}", node.name()), &numbers);
    let [_, width, ..] = numbers.as_slice() else { return Ok(None) };
    let scratch = node.scratch(l, "scratch", Float32, Extent::Fixed(i64::from(*width)));
    let (x, y) = (l.read(x)?, node.output(l, 0)?);
    let planes = Arg::Count(product(&x_shape[..2]));
    let args = vec![x, Arg::write(y), Arg::write(scratch), Arg::Weights(sizes), planes];
    let cost = weight(&y_shape) * sliding.kernel.iter().sum::<usize>() as f64;
    let what = if kernel.starts_with("max") { "maximum" } else { "average" };
    l.call_profiled(kernel, relaxed, args, format!("{what} {:?}", sliding.kernel), cost);
    Ok(Some(vec![Value::Tensor(y)]))
}

/// `MaxPool`.
#[derive(Debug)]
pub(super) struct MaxPool {
    sliding: Sliding,
    by_columns: bool,
    hands_out_places: bool,
}

impl Layer for MaxPool {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        Ok(Self {
            sliding: Sliding::parse(node)?,
            by_columns: node.flag("storage_order"),
            hands_out_places: node.has_output(1),
        })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let shape = pooled(&self.sliding, inputs)?;
        let largest = fact(inputs.fact(0)?.datum_type, shape.clone());
        Ok(Some(vec![largest, fact(DatumType::I64, shape)]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let x = node.input(0)?;
        let element = l.element(x)?;
        let fast = ["max_pool_f32", "max_pool_f32_relaxed"];
        if element == Float32
            && !self.hands_out_places
            && let Some(values) = call_flat(&self.sliding, l, node, fast, false)?
        {
            return Ok(values);
        }
        let (x_shape, y_shape) = (l.shape(x)?, node.shape(l, 0)?);
        let table = table(&self.sliding, l, node.name(), &x_shape, &y_shape, &self.sliding.kernel);
        let kernel = match element {
            Float64 => "max_pool_any_f64",
            Int8 => "max_pool_any_i8",
            Uint8 => "max_pool_any_u8",
            _ => "max_pool_any_f32",
        };
        let is_own = matches!(element, Float64 | Int8 | Uint8);
        let x = if is_own { l.read(x)? } else { l.read_f32(x)? };
        let y = if is_own { node.output(l, 0)? } else { node.f32_output(l, 0)? };
        let (places, places_arg) = node.optional_output(l, 1)?;
        let columns = Arg::count(usize::from(self.by_columns));
        let args = vec![x, Arg::write(y), places_arg, table, columns];
        let cost = weight(&y_shape) * self.sliding.kernel.iter().product::<usize>() as f64 * 3.0;
        l.planner.call(kernel, args, format!("maximum {:?}", self.sliding.kernel), cost);
        let first = if is_own { Value::Tensor(y) } else { node.finish(l, 0, y)? };
        Ok(values(first, [places]))
    }
}

/// `AveragePool`.
#[derive(Debug)]
pub(super) struct AveragePool {
    sliding: Sliding,
    count_padding: bool,
}

impl Layer for AveragePool {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let count_padding = node.flag("count_include_pad");
        Ok(Self { sliding: Sliding::parse(node)?, count_padding })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        Ok(Some(vec![fact(inputs.fact(0)?.datum_type, pooled(&self.sliding, inputs)?)]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let x = node.input(0)?;
        let fast = ["average_pool_f32", "average_pool_f32_relaxed"];
        if l.element(x)? == Float32
            && let Some(values) = call_flat(&self.sliding, l, node, fast, self.count_padding)?
        {
            return Ok(values);
        }
        let (x_shape, y_shape) = (l.shape(x)?, node.shape(l, 0)?);
        let table = table(&self.sliding, l, node.name(), &x_shape, &y_shape, &self.sliding.kernel);
        let (x, y) = (l.read_f32(x)?, node.f32_output(l, 0)?);
        let counted = Arg::count(usize::from(self.count_padding));
        let cost = weight(&y_shape) * self.sliding.kernel.iter().product::<usize>() as f64 * 3.0;
        let args = vec![x, Arg::write(y), table, counted];
        l.planner.call("average_pool_any_f32", args, "average", cost);
        Ok(vec![node.finish(l, 0, y)?])
    }
}

/// `LpPool`.
#[derive(Debug)]
pub(super) struct LpPool {
    sliding: Sliding,
    p: i64,
}

impl Layer for LpPool {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        Ok(Self { sliding: Sliding::parse(node)?, p: node.int("p").unwrap_or(2) })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        Ok(Some(vec![fact(inputs.fact(0)?.datum_type, pooled(&self.sliding, inputs)?)]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let kernel = self.sliding.kernel.clone();
        norm_of_windows(&self.sliding, &kernel, self.p, l, node)
    }
}

fn norm_of_windows(
    sliding: &Sliding,
    kernel: &[usize],
    p: i64,
    l: &mut Lowering<'_>,
    node: &Wired<'_>,
) -> Result<Vec<Value>, Refusal> {
    let x = node.input(0)?;
    let (x_shape, y_shape) = (l.shape(x)?, node.shape(l, 0)?);
    let table = table(sliding, l, node.name(), &x_shape, &y_shape, kernel);
    let (x, y) = (l.read_f32(x)?, node.f32_output(l, 0)?);
    let cost = weight(&y_shape) * kernel.iter().product::<usize>() as f64 * 10.0;
    let args = vec![x, Arg::write(y), table, Arg::Float(p as f32)];
    l.planner.call("lp_pool_f32", args, format!("{p}-norm {kernel:?}"), cost);
    Ok(vec![node.finish(l, 0, y)?])
}

/// `GlobalLpPool`: one window that is the whole image.
#[derive(Debug)]
pub(super) struct GlobalLpPool {
    sliding: Sliding,
    p: i64,
}

impl Layer for GlobalLpPool {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        Ok(Self { sliding: Sliding::parse(node)?, p: node.int("p").unwrap_or(2) })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let (front, image) = planes(inputs.shape(0)?)?;
        let shape = front.iter().cloned().chain(image.iter().map(|_| 1.to_dim()));
        Ok(Some(vec![fact(inputs.fact(0)?.datum_type, shape)]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let shape = l.shape(node.input(0)?)?;
        let kernel = fixed(&shape[2..])
            .ok_or_else(|| Refusal::because("the size of its images is not known"))?;
        norm_of_windows(&self.sliding, &kernel, self.p, l, node)
    }
}

/// `MaxUnpool`.
#[derive(Debug)]
pub(super) struct MaxUnpool {
    sliding: Sliding,
}

impl MaxUnpool {
    /// The planes that the indices count in.
    fn source(&self, image: &[usize]) -> Result<Vec<usize>, Fault> {
        self.sliding.check(image.len(), &self.sliding.kernel)?;
        image
            .iter()
            .enumerate()
            .map(|(axis, size)| {
                let [before, after] = self.sliding.given(axis, image.len());
                (size.saturating_sub(1) * self.sliding.stride(axis) + self.sliding.kernel[axis])
                    .checked_sub(before + after)
                    .ok_or_else(|| "it cuts off its whole result".into())
            })
            .collect()
    }
}

impl Layer for MaxUnpool {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let sliding = Sliding::parse(node)?;
        match sliding.automatic {
            Automatic::No => Ok(Self { sliding }),
            _ => Err("it has no automatic padding".into()),
        }
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let (front, image) = planes(inputs.shape(0)?)?;
        let datum_type = inputs.fact(0)?.datum_type;
        if inputs.get(2).is_some() {
            let Some(shape) = inputs.ints(2)? else { return Ok(None) };
            return Ok(Some(vec![fact(datum_type, shape.iter().map(|size| size.to_dim()))]));
        }
        let source = self.source(&known(image, "its images")?)?;
        let shape = front.iter().cloned().chain(source.iter().map(|size| size.to_dim()));
        Ok(Some(vec![fact(datum_type, shape)]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let x = node.input(0)?;
        let (x_shape, y_shape) = (l.shape(x)?, node.shape(l, 0)?);
        if let Some(shape) = node.optional(2)
            && l.constant(shape).map(|shape| constant_i64(&shape)).transpose()?.is_none()
        {
            return Err(Refusal::because("its output's shape is known only at run time"));
        }
        let image = fixed(&x_shape[2..])
            .ok_or_else(|| Refusal::because("the size of its images is not known"))?;
        let source: Vec<Extent> = self.source(&image)?.into_iter().map(Extent::from).collect();
        let none = vec![[Extent::Fixed(0), Extent::Fixed(0)]; image.len()];
        let space = Space {
            batch: product(&x_shape[..2]),
            channels: [Extent::ONE, Extent::ONE],
            groups: 1,
            input: &source,
            output: &y_shape[2..],
            kernel: &self.sliding.kernel,
            pads: &none,
        };
        let numbers = space.numbers(&self.sliding);
        let table = l.table(node.name(), &numbers);
        let count = l.count(x)?;
        let (x, places) = (l.read_f32(x)?, node.i64_or_none(l, 1)?);
        let y = node.f32_output(l, 0)?;
        let args = vec![x, places, Arg::write(y), table, Arg::Count(count)];
        l.planner.call("max_unpool_f32", args, "maxima to their places", weight(&y_shape));
        Ok(vec![node.finish(l, 0, y)?])
    }
}
