//! One axis of an image: where each place of the answer lies in the source, and what it is made of.

use crate::{Failure, Node};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Nearest,
    Linear,
    Cubic,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Places {
    HalfPixel,
    Asymmetric,
    AlignCorners,
    Pytorch,
    Crop,
    Symmetric,
}

/// How places of the answer lie in the source.
pub(super) struct Mode<'a> {
    pub(super) kind: Kind,
    pub(super) places: Places,
    pub(super) nearest: &'a [u8],
    pub(super) exclude_outside: bool,
    pub(super) antialias: bool,
    pub(super) cubic: f64,
    pub(super) outside: f64,
}

impl<'a> Mode<'a> {
    pub(super) fn of(node: &'a Node, old: bool) -> Result<Self, Failure> {
        let kind = match node.text("mode", "nearest") {
            b"nearest" => Kind::Nearest,
            b"linear" | b"bilinear" => Kind::Linear,
            b"cubic" => Kind::Cubic,
            _ => return Err(Failure::Unsupported),
        };
        let places = match node.text("coordinate_transformation_mode", "half_pixel") {
            _ if old => Places::Asymmetric,
            b"half_pixel" => Places::HalfPixel,
            b"asymmetric" => Places::Asymmetric,
            b"align_corners" => Places::AlignCorners,
            b"pytorch_half_pixel" => Places::Pytorch,
            b"tf_crop_and_resize" => Places::Crop,
            b"half_pixel_symmetric" => Places::Symmetric,
            _ => return Err(Failure::Unsupported),
        };
        Ok(Self {
            kind,
            places,
            nearest: if old { b"floor" } else { node.text("nearest_mode", "round_prefer_floor") },
            exclude_outside: node.flag("exclude_outside", false),
            antialias: node.flag("antialias", false),
            cubic: node.float("cubic_coeff_a", -0.75).into(),
            outside: node.float("extrapolation_value", 0.0).into(),
        })
    }

    fn weight(&self, x: f64) -> f64 {
        let a = self.cubic;
        match self.kind {
            Kind::Nearest | Kind::Linear => (1.0 - x).max(0.0),
            Kind::Cubic if x <= 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
            Kind::Cubic if x < 2.0 => ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a,
            Kind::Cubic => 0.0,
        }
    }
}

/// One axis: its sizes, and where in the source the answer lies.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) scale: f64,
    pub(super) region: [f64; 2],
}

impl Axis {
    fn source(&self, mode: &Mode<'_>, place: f64) -> f64 {
        let (scale, from, to) = (self.scale, self.from as f64, self.to as f64);
        let length = scale * from;
        let [start, end] = self.region;
        match mode.places {
            Places::Asymmetric => place / scale,
            Places::AlignCorners if length == 1.0 => 0.0,
            Places::AlignCorners => place * (from - 1.0) / (length - 1.0),
            Places::Pytorch if length == 1.0 => -0.5,
            Places::Crop => {
                let inside = if length == 1.0 {
                    (end - start) * (from - 1.0) / 2.0
                } else {
                    place * (end - start) * (from - 1.0) / (length - 1.0)
                };
                inside + start * (from - 1.0)
            }
            Places::Symmetric => from / 2.0 * (1.0 - to / length) + (place + 0.5) / scale - 0.5,
            Places::HalfPixel | Places::Pytorch => (place + 0.5) / scale - 0.5,
        }
    }

    /// Places of the source that one of the answer looks at.
    pub(super) fn taps(&self, mode: &Mode<'_>) -> Result<usize, Failure> {
        let plain = match mode.kind {
            Kind::Nearest => 1,
            Kind::Linear => 2,
            Kind::Cubic => 4,
        };
        if !mode.antialias || mode.kind == Kind::Nearest {
            return Ok(plain);
        }
        let reach = if mode.kind == Kind::Linear { -1.0 } else { -2.0 };
        let first = libm::floor(reach / self.scale.min(1.0)) + 1.0;
        let taps = 2.0 - 2.0 * first;
        if (2.0..=4096.0).contains(&taps) { Ok(taps as usize) } else { Err(Failure::Unacceptable) }
    }

    /// Fills `taps` places and weights for each place of the answer; -1 lies outside.
    pub(super) fn plan(
        &self,
        mode: &Mode<'_>,
        taps: usize,
        places: &mut [i32],
        weights: &mut [f64],
    ) {
        let last = self.from as i64 - 1;
        for place in 0..self.to {
            let (places, weights) =
                (&mut places[place * taps..][..taps], &mut weights[place * taps..][..taps]);
            let at = self.source(mode, place as f64);
            let outside = mode.places == Places::Crop && !(at >= 0.0 && at <= last as f64);
            // One less than a whole number, so that the ratio is in (0, 1].
            let base = libm::ceil(at) - 1.0;
            let ratio = at - base;
            if mode.kind == Kind::Nearest {
                let right = match mode.nearest {
                    _ if ratio == 1.0 => true,
                    b"round_prefer_ceil" => ratio >= 0.5,
                    b"floor" => false,
                    b"ceil" => true,
                    _ => ratio > 0.5,
                };
                let index = (base as i64).saturating_add(i64::from(right)).clamp(0, last);
                places[0] = if outside { -1 } else { index as i32 };
                weights[0] = 1.0;
                continue;
            }
            let first = 1 - (taps / 2) as i64;
            let squeezed = if mode.antialias { self.scale.min(1.0) } else { 1.0 };
            let mut total = 0.0;
            for tap in 0..taps {
                let offset = first + tap as i64;
                let index = (base as i64).saturating_add(offset);
                let mut weight = mode.weight(((offset as f64 - ratio) * squeezed).abs());
                if mode.exclude_outside && !(0..=last).contains(&index) {
                    weight = 0.0;
                }
                total += weight;
                weights[tap] = weight;
                places[tap] = if outside { -1 } else { index.clamp(0, last) as i32 };
            }
            if (mode.exclude_outside || mode.antialias) && total != 0.0 {
                weights.iter_mut().for_each(|weight| *weight /= total);
            }
        }
    }
}
