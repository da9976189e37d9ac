//! `Resize` and `Upsample`, `GridSample` and `AffineGrid`.

use shared::ElementType::{Float32, Int32};
use tract_onnx::prelude::{DatumType, TDim, ToDim};

use super::table::bits;
use super::wiring::{axis_of, fact, weight};
use super::{Fault, Inferred, Inputs, Layer, Source, Wired, contradiction};
use crate::lower::{Lowering, Refusal, Value, constant_f32, constant_i64};
use crate::plan::{Arg, BufferId, Extent, product};

/// `Resize` and `Upsample`.
#[derive(Debug)]
pub(super) struct Resize {
    /// 0: nearest, 1: linear, 2: cubic.
    kind: usize,
    transformation: usize,
    nearest: usize,
    exclude_outside: bool,
    antialias: bool,
    cubic: f32,
    outside: f32,
    axes: Vec<i64>,
    /// 0: sizes as they are, 1: no larger, 2: no smaller.
    policy: usize,
    /// Where region, scales and sizes are among the inputs.
    inputs: [Option<usize>; 3],
    /// Scales of an `Upsample` before opset 9.
    scales: Vec<f32>,
}

/// One axis of the result: its size, and its scale where that is not the ratio of the sizes.
struct Resized {
    axis: usize,
    size: TDim,
    scale: Option<f32>,
    region: Option<[f32; 2]>,
}

impl Resize {
    /// The axes that change, given what of the inputs is known.
    fn axes(
        &self,
        shape: &[TDim],
        region: Option<Vec<f32>>,
        scales: Option<Vec<f32>>,
        sizes: Option<Vec<i64>>,
    ) -> Result<Vec<Resized>, Fault> {
        let axes: Vec<usize> = match self.axes.is_empty() {
            true => (0..shape.len()).collect(),
            false => {
                self.axes.iter().map(|a| axis_of(*a, shape.len())).collect::<Result<_, _>>()?
            }
        };
        let region = region.filter(|region| !region.is_empty());
        let count = axes.len();
        let fits = |len: usize| len == count;
        if region.as_ref().is_some_and(|region| region.len() != 2 * count) {
            return Err("its region has another number of axes than it resizes".into());
        }
        let region_of = |place: usize| region.as_ref().map(|r| [r[place], r[count + place]]);
        if let Some(sizes) = sizes.filter(|sizes| !sizes.is_empty()) {
            if !fits(sizes.len()) || sizes.iter().any(|size| *size < 0) {
                return Err(contradiction!("its sizes do not fit the axes that it resizes"));
            }
            let known = |place: usize| shape[axes[place]].as_i64();
            let ratio = |place: usize| known(place).map(|from| sizes[place] as f64 / from as f64);
            let common = match self.policy {
                0 => None,
                policy => {
                    let ratios: Vec<f64> = (0..count)
                        .map(ratio)
                        .collect::<Option<_>>()
                        .ok_or("the sizes of its images are not known")?;
                    let pick = if policy == 1 { f64::min } else { f64::max };
                    ratios.into_iter().reduce(pick)
                }
            };
            return Ok((0..count)
                .map(|place| {
                    let size = match (common, known(place)) {
                        (Some(scale), Some(from)) => (scale * from as f64 + 0.5) as i64,
                        _ => sizes[place],
                    };
                    Resized {
                        axis: axes[place],
                        size: size.to_dim(),
                        scale: common.map(|scale| scale as f32),
                        region: region_of(place),
                    }
                })
                .collect());
        }
        let scales =
            scales.filter(|scales| !scales.is_empty()).ok_or("it has neither scales nor sizes")?;
        let is_impossible = |scale: &f32| !(*scale > 0.0 && *scale < 2.0_f32.powi(31));
        if !fits(scales.len()) || scales.iter().any(is_impossible) {
            return Err(contradiction!("its scales do not fit the axes that it resizes"));
        }
        if scales.iter().any(|scale| *scale > 4096.0) {
            return Err("its scales are larger than 4096".into());
        }
        (0..count)
            .map(|place| {
                let (from, scale) = (&shape[axes[place]], scales[place]);
                let size = match from.as_i64() {
                    Some(from) => ((from as f64 * f64::from(scale)) as i64).to_dim(),
                    None if scale.fract() == 0.0 => from.clone() * scale as i64,
                    None if (1.0 / scale).fract() == 0.0 => from.clone() / (1.0 / scale) as i64,
                    None => {
                        return Err("it scales an axis of unknown size by a fraction".into());
                    }
                };
                Ok(Resized {
                    axis: axes[place],
                    size,
                    scale: Some(scale),
                    region: region_of(place),
                })
            })
            .collect()
    }

    fn taps(&self, axis: &Resized, from: &Extent) -> Result<usize, Refusal> {
        let plain = match self.kind {
            0 => 1,
            1 => 2,
            _ => 4,
        };
        if !self.antialias || self.kind == 0 {
            return Ok(plain);
        }
        let ratio = match (axis.scale, axis.size.as_i64(), from.fixed()) {
            (Some(scale), ..) => f64::from(scale),
            (None, Some(to), Some(from)) => to as f64 / from as f64,
            _ => {
                return Err(Refusal::because(
                    "it looks between places, and their number is not known",
                ));
            }
        };
        let reach = if self.kind == 1 { -1.0 } else { -2.0 };
        let first = (reach / ratio.min(1.0)).floor() + 1.0;
        let taps = 2.0 - 2.0 * first;
        if !(2.0..=4096.0).contains(&taps) {
            return Err(Refusal::because("it makes an image too much smaller at once"));
        }
        Ok(taps as usize)
    }
}

impl Layer for Resize {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let old = node.opset() < 11 || node.operator() == "Upsample";
        let kind = match node.string("mode", "nearest")?.as_str() {
            "nearest" => 0,
            "linear" | "bilinear" => 1,
            "cubic" => 2,
            other => return Err(format!("its `mode` is `{other}`, which is not supported").into()),
        };
        let transformations = [
            "half_pixel",
            "asymmetric",
            "align_corners",
            "pytorch_half_pixel",
            "tf_crop_and_resize",
            "half_pixel_symmetric",
        ];
        let transformation = match old {
            true => 1,
            false => node.choice("coordinate_transformation_mode", &transformations)?,
        };
        let modes = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"];
        let nearest = if old { 2 } else { node.choice("nearest_mode", &modes)? };
        let policies = ["stretch", "not_larger", "not_smaller"];
        Ok(Self {
            kind,
            transformation,
            nearest,
            exclude_outside: node.flag("exclude_outside"),
            antialias: node.flag("antialias"),
            cubic: node.float("cubic_coeff_a").unwrap_or(-0.75),
            outside: node.float("extrapolation_value").unwrap_or(0.0),
            axes: node.ints("axes").to_vec(),
            policy: node.choice("keep_aspect_ratio_policy", &policies)?,
            inputs: match old {
                true => [None, Some(1), None],
                false => [Some(1), Some(2), Some(3)],
            },
            scales: node.floats("scales").to_vec(),
        })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let mut shape = inputs.shape(0)?.to_vec();
        let [region, scales, sizes] = self.inputs;
        // All of them that are there have to be known.
        for index in [region, scales, sizes].into_iter().flatten() {
            if inputs.get(index).is_some() && inputs.value(index).is_none() {
                return Ok(None);
            }
        }
        let floats = |index: Option<usize>| index.map_or(Ok(None), |index| inputs.floats(index));
        let scales = match self.scales.is_empty() {
            true => floats(scales)?,
            false => Some(self.scales.clone()),
        };
        let sizes = sizes.map_or(Ok(None), |index| inputs.ints(index))?;
        for resized in self.axes(&shape.clone(), floats(region)?, scales, sizes)? {
            shape[resized.axis] = resized.size;
        }
        Ok(Some(vec![fact(inputs.fact(0)?.datum_type, shape)]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let x = node.input(0)?;
        let dims = l.dims(x)?;
        let [region, scales, sizes] = self.inputs.map(|index| index.and_then(|i| node.optional(i)));
        let floats = |outlet| match outlet {
            Some(outlet) => match l.constant(outlet) {
                Some(tensor) => constant_f32(&tensor).map(Some),
                None => Err(Refusal::because("its scales are known only at run time")),
            },
            None => Ok(None),
        };
        let (region, mut scales) = (floats(region)?, floats(scales)?);
        if !self.scales.is_empty() {
            scales = Some(self.scales.clone());
        }
        let sizes = match sizes {
            Some(outlet) => match l.constant(outlet) {
                Some(tensor) => Some(constant_i64(&tensor)?),
                None => return Err(Refusal::because("its sizes are known only at run time")),
            },
            None => None,
        };
        let axes = self.axes(&dims, region, scales, sizes)?;
        let element = l.element(x)?;
        let width = element.byte_width().ok_or_else(|| Refusal::because("it resizes text"))?;
        let mut shape = l.shape(x)?;
        let mut from = if self.kind == 0 { l.read(x)? } else { l.read_f32(x)? };
        let mut last: Option<BufferId> = None;
        let is_idle = |axis: &Resized| {
            axis.size == dims[axis.axis]
                && axis.scale.is_none_or(|scale| scale == 1.0)
                && axis.region.is_none_or(|region| region == [0.0, 1.0])
        };
        let moving: Vec<Resized> = axes.into_iter().filter(|axis| !is_idle(axis)).collect();
        for (index, axis) in moving.iter().enumerate() {
            let taps = self.taps(axis, &shape[axis.axis])?;
            let (size, to_size) = (shape[axis.axis].clone(), l.extent(&axis.size)?);
            let outer = product(&shape[..axis.axis]);
            let inner = product(&shape[axis.axis + 1..]);
            shape[axis.axis] = to_size.clone();
            let places = to_size.clone().times(Extent::from(taps));
            let indices = node.scratch(l, "places", Int32, places.clone());
            let weights = node.scratch(l, "weights", Float32, places);
            let mode = [
                Extent::from(self.kind),
                Extent::from(self.transformation),
                Extent::from(self.nearest),
                Extent::from(usize::from(self.exclude_outside)),
                Extent::from(usize::from(self.antialias)),
                Extent::from(taps),
                bits(self.cubic),
            ];
            let mode = l.table(node.name(), &mode);
            let mut constant = |value: Option<f32>| match value {
                Some(value) => {
                    let name = format!("setting of {}", node.name());
                    Arg::Weights(l.planner.weights_f32(name, &[value]))
                }
                None => Arg::Int(0),
            };
            let region = axis.region.filter(|_| self.transformation == 4);
            let settings = [axis.scale, region.map(|r| r[0]), region.map(|r| r[1])];
            let settings = settings.map(&mut constant);
            let mut args = vec![Arg::write(indices), Arg::write(weights)];
            args.extend([size.clone(), to_size.clone()].map(Arg::Count));
            args.extend(settings);
            args.push(mode);
            l.planner.call("resize_plan", args, format!("places of axis {}", axis.axis), 1000.0);

            let is_last = index + 1 == moving.len();
            let to = match (is_last, self.kind) {
                (true, 0) => node.output(l, 0)?,
                (true, _) => node.f32_output(l, 0)?,
                (false, 0) => node.scratch(l, "image", element, product(&shape)),
                (false, _) => node.scratch(l, "image", Float32, product(&shape)),
            };
            let sizes = [outer, size, to_size, inner].map(Arg::Count);
            let cost = weight(&shape) * taps as f64;
            let mut args = vec![from, Arg::write(to), Arg::read(indices)];
            if self.kind == 0 && self.transformation != 4 {
                args.extend(sizes);
                args.push(Arg::count(width));
                l.planner.call("resize_nearest", args, "resize", cost);
            } else if self.kind == 0 && element != Float32 {
                return Err(Refusal::because("it crops another type than float32"));
            } else {
                args.push(Arg::read(weights));
                args.extend(sizes);
                args.extend([Arg::count(taps), Arg::Float(self.outside)]);
                l.planner.call("resize_f32", args, "resize", cost);
            }
            from = Arg::read(to);
            last = Some(to);
        }
        match last {
            None => Ok(vec![l.value(x)?]),
            Some(y) if self.kind == 0 => Ok(vec![Value::Tensor(y)]),
            Some(y) => Ok(vec![node.finish(l, 0, y)?]),
        }
    }
}

/// Planes of three axes, the first of size 1 where there are two.
fn three(planes: &[Extent]) -> Result<[Extent; 3], Refusal> {
    match planes {
        [height, width] => Ok([Extent::ONE, height.clone(), width.clone()]),
        [depth, height, width] => Ok([depth.clone(), height.clone(), width.clone()]),
        _ => Err(Refusal::because("its images have neither two axes nor three")),
    }
}

/// `GridSample`.
#[derive(Debug)]
pub(super) struct GridSample {
    kind: usize,
    padding: usize,
    align_corners: bool,
}

impl Layer for GridSample {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let kind = match node.string("mode", "linear")?.as_str() {
            "nearest" => 0,
            "linear" | "bilinear" => 1,
            "cubic" | "bicubic" => 2,
            other => return Err(format!("its `mode` is `{other}`, which is not supported").into()),
        };
        let padding = node.choice("padding_mode", &["zeros", "border", "reflection"])?;
        Ok(Self { kind, padding, align_corners: node.flag("align_corners") })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let ([batch, channels, planes @ ..], [_, places @ .., axes]) =
            (inputs.shape(0)?, inputs.shape(1)?)
        else {
            return Err("its input is no image".into());
        };
        if planes.len() != places.len()
            || axes.as_i64() != Some(planes.len() as i64)
            || !(2..=3).contains(&planes.len())
        {
            return Err("its grid does not fit its images".into());
        }
        let shape = [batch, channels].into_iter().chain(places).cloned();
        Ok(Some(vec![fact(inputs.fact(0)?.datum_type, shape)]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let (shape, grid) = (l.shape(node.input(0)?)?, l.shape(node.input(1)?)?);
        let places = product(&grid[1..grid.len() - 1]);
        let mut numbers = vec![shape[0].clone(), shape[1].clone(), Extent::from(shape.len() - 2)];
        numbers.extend(three(&shape[2..])?);
        numbers.extend([
            places.clone(),
            Extent::from(self.kind),
            Extent::from(self.padding),
            Extent::from(usize::from(self.align_corners)),
        ]);
        let table = l.table(node.name(), &numbers);
        let (x, grid) = (l.read_f32(node.input(0)?)?, l.read_f32(node.input(1)?)?);
        let y = node.f32_output(l, 0)?;
        let cost = weight([&shape[0], &shape[1], &places]) * 20.0;
        l.planner.call("grid_sample_f32", vec![x, grid, Arg::write(y), table], "sample", cost);
        Ok(vec![node.finish(l, 0, y)?])
    }
}

/// `AffineGrid`.
#[derive(Debug)]
pub(super) struct AffineGrid {
    align_corners: bool,
}

impl Layer for AffineGrid {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        Ok(Self { align_corners: node.flag("align_corners") })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let Some(size) = inputs.ints(1)? else { return Ok(None) };
        let [batch, _, planes @ ..] = size.as_slice() else {
            return Err("its size is not that of an image".into());
        };
        let axes = planes.len() as i64;
        let theta = inputs.shape(0)?;
        if !(2..=3).contains(&planes.len())
            || theta != [batch.to_dim(), axes.to_dim(), (axes + 1).to_dim()]
            || planes.iter().any(|size| *size < 1)
        {
            return Err("its map does not fit its size".into());
        }
        let shape = [batch].into_iter().chain(planes).map(|size| size.to_dim());
        Ok(Some(vec![fact(DatumType::F32, shape.chain([axes.to_dim()]))]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let shape = node.shape(l, 0)?;
        let [batch, planes @ .., _] = shape.as_slice() else {
            return Err(Refusal::because("its size is not that of an image"));
        };
        let (theta, y) = (l.read_f32(node.input(0)?)?, node.f32_output(l, 0)?);
        let mut args =
            vec![theta, Arg::write(y), Arg::Count(batch.clone()), Arg::count(planes.len())];
        args.extend(three(planes)?.map(Arg::Count));
        args.push(Arg::count(usize::from(self.align_corners)));
        l.planner.call("affine_grid_f32", args, "grid of a map", weight(&shape) * 3.0);
        Ok(vec![node.finish(l, 0, y)?])
    }
}
