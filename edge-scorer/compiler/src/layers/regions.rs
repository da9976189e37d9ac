//! Poolings of regions of interest.

use tract_onnx::prelude::{TDim, ToDim};

use super::table::bits;
use super::wiring::{fact, weight};
use super::{Fault, Inferred, Inputs, Layer, Source, Wired, contradiction};
use crate::lower::{Lowering, Refusal, Value};
use crate::plan::{Arg, Extent};

/// What both have: the size of a result, and the scale of regions.
#[derive(Debug)]
struct Regions {
    height: usize,
    width: usize,
    scale: f32,
    sampling: usize,
    largest: bool,
    half_pixel: bool,
}

impl Regions {
    fn shape(&self, inputs: &Inputs<'_>, columns: i64) -> Result<Vec<TDim>, Fault> {
        let ([_, channels, _, _], [regions, width]) = (inputs.shape(0)?, inputs.shape(1)?) else {
            return Err("it takes flat images and rows of numbers".into());
        };
        if width.as_i64() != Some(columns) {
            return Err(format!("its regions do not have {columns} numbers").into());
        }
        Ok(vec![regions.clone(), channels.clone(), self.height.to_dim(), self.width.to_dim()])
    }

    fn table(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Arg, Refusal> {
        let (x, y) = (l.shape(node.input(0)?)?, node.shape(l, 0)?);
        let mut numbers = x;
        numbers.extend([
            y[0].clone(),
            Extent::from(self.height),
            Extent::from(self.width),
            Extent::from(self.sampling),
            Extent::from(usize::from(self.largest)),
            Extent::from(usize::from(self.half_pixel)),
            bits(self.scale),
        ]);
        Ok(l.table(node.name(), &numbers))
    }
}

fn size(value: i64, what: &str) -> Result<usize, Fault> {
    usize::try_from(value)
        .ok()
        .filter(|size| (1..=4096).contains(size))
        .ok_or_else(|| contradiction!("its `{what}` is impossible"))
}

/// `RoiAlign`.
#[derive(Debug)]
pub(super) struct RoiAlign {
    regions: Regions,
}

impl Layer for RoiAlign {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let half_pixel = match node.opset() {
            16.. => {
                node.choice("coordinate_transformation_mode", &["half_pixel", "output_half_pixel"])?
                    == 0
            }
            _ => false,
        };
        let sampling = node.int("sampling_ratio").unwrap_or(0);
        Ok(Self {
            regions: Regions {
                height: size(node.int("output_height").unwrap_or(1), "output_height")?,
                width: size(node.int("output_width").unwrap_or(1), "output_width")?,
                scale: node.float("spatial_scale").unwrap_or(1.0),
                sampling: usize::try_from(sampling.clamp(0, 64)).unwrap_or(0),
                largest: node.choice("mode", &["avg", "max"])? == 1,
                half_pixel,
            },
        })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        Ok(Some(vec![fact(inputs.fact(0)?.datum_type, self.regions.shape(inputs, 4)?)]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let table = self.regions.table(l, node)?;
        let (x, regions) = (l.read_f32(node.input(0)?)?, l.read_f32(node.input(1)?)?);
        let (images, y) = (node.i64_or_none(l, 2)?, node.f32_output(l, 0)?);
        let cost = weight(&node.shape(l, 0)?) * 50.0;
        let args = vec![x, regions, images, Arg::write(y), table];
        l.planner.call("roi_align_f32", args, "align regions", cost);
        Ok(vec![node.finish(l, 0, y)?])
    }
}

/// `MaxRoiPool`.
#[derive(Debug)]
pub(super) struct MaxRoiPool {
    regions: Regions,
}

impl Layer for MaxRoiPool {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let [height, width] = *node.ints("pooled_shape") else {
            return Err("its `pooled_shape` is not two numbers".into());
        };
        Ok(Self {
            regions: Regions {
                height: size(height, "pooled_shape")?,
                width: size(width, "pooled_shape")?,
                scale: node.float("spatial_scale").unwrap_or(1.0),
                sampling: 0,
                largest: true,
                half_pixel: false,
            },
        })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        Ok(Some(vec![fact(inputs.fact(0)?.datum_type, self.regions.shape(inputs, 5)?)]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let table = self.regions.table(l, node)?;
        let (x, regions) = (l.read_f32(node.input(0)?)?, l.read_f32(node.input(1)?)?);
        let y = node.f32_output(l, 0)?;
        let cost = weight(&node.shape(l, 0)?) * 50.0;
        l.planner.call(
            "max_roi_pool_f32",
            vec![x, regions, Arg::write(y), table],
            "pool regions",
            cost,
        );
        Ok(vec![node.finish(l, 0, y)?])
    }
}
