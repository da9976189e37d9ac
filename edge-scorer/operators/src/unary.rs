//! Operators of one tensor, element by element.
//!
//! Floats of every type are computed in double precision by one function each: short code, and
//! exact enough for all of them.

use crate::number::{BOOL, Bool, Element, Number, is_float};
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.Abs" => |node| same(node, |x| x.abs(), true),
    "ai.onnx.Acos" => |node| float(node, |x, _, _| libm::acos(x)),
    "ai.onnx.Acosh" => |node| float(node, |x, _, _| libm::acosh(x)),
    "ai.onnx.Asin" => |node| float(node, |x, _, _| libm::asin(x)),
    "ai.onnx.Asinh" => |node| float(node, |x, _, _| libm::asinh(x)),
    "ai.onnx.Atan" => |node| float(node, |x, _, _| libm::atan(x)),
    "ai.onnx.Atanh" => |node| float(node, |x, _, _| libm::atanh(x)),
    "ai.onnx.BitwiseNot" => bitwise_not,
    "ai.onnx.Ceil" => |node| float(node, |x, _, _| libm::ceil(x)),
    "ai.onnx.Celu" => |node| settings(node, ("alpha", 1.0), ("", 0.0), |x, a, _| {
        x.max(0.0) + (a * libm::expm1(x / a)).min(0.0)
    }),
    "ai.onnx.Cos" => |node| float(node, |x, _, _| libm::cos(x)),
    "ai.onnx.Cosh" => |node| float(node, |x, _, _| libm::cosh(x)),
    "ai.onnx.Elu" => |node| settings(node, ("alpha", 1.0), ("", 0.0), |x, a, _| {
        if x < 0.0 { a * libm::expm1(x) } else { x }
    }),
    "ai.onnx.Erf" => |node| float(node, |x, _, _| libm::erf(x)),
    "ai.onnx.Exp" => |node| float(node, |x, _, _| libm::exp(x)),
    "ai.onnx.Floor" => |node| float(node, |x, _, _| libm::floor(x)),
    "ai.onnx.Gelu" => gelu,
    "ai.onnx.HardSigmoid" => |node| settings(node, ("alpha", 0.2), ("beta", 0.5), |x, a, b| {
        (a * x + b).clamp(0.0, 1.0)
    }),
    "ai.onnx.HardSwish" => |node| float(node, |x, _, _| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)),
    "ai.onnx.IsInf" => is_inf,
    "ai.onnx.IsNaN" => |node| test(node, |x| x.is_nan()),
    "ai.onnx.LeakyRelu" => |node| settings(node, ("alpha", 0.01), ("", 0.0), |x, a, _| {
        if x < 0.0 { a * x } else { x }
    }),
    "ai.onnx.Log" => |node| float(node, |x, _, _| libm::log(x)),
    "ai.onnx.Mish" => |node| float(node, |x, _, _| x * libm::tanh(softplus(x))),
    "ai.onnx.Neg" => |node| same(node, |x| -x, false),
    "ai.onnx.Not" => not,
    "ai.onnx.Reciprocal" => |node| float(node, |x, _, _| 1.0 / x),
    "ai.onnx.Relu" => relu,
    "ai.onnx.Round" => |node| float(node, |x, _, _| libm::rint(x)),
    "ai.onnx.Selu" => |node| settings(node, ("alpha", 1.673_263_2), ("gamma", 1.050_701), |x, a, g| {
        g * if x > 0.0 { x } else { a * libm::expm1(x) }
    }),
    "ai.onnx.Shrink" => shrink,
    "ai.onnx.Sigmoid" => |node| float(node, |x, _, _| 1.0 / (1.0 + libm::exp(-x))),
    "ai.onnx.Sign" => sign,
    "ai.onnx.Sin" => |node| float(node, |x, _, _| libm::sin(x)),
    "ai.onnx.Sinh" => |node| float(node, |x, _, _| libm::sinh(x)),
    "ai.onnx.Softplus" => |node| float(node, |x, _, _| softplus(x)),
    "ai.onnx.Softsign" => |node| float(node, |x, _, _| x / (1.0 + libm::fabs(x))),
    "ai.onnx.Sqrt" => |node| float(node, |x, _, _| libm::sqrt(x)),
    "ai.onnx.Swish" => |node| settings(node, ("alpha", 1.0), ("", 0.0), |x, a, _| {
        x / (1.0 + libm::exp(-a * x))
    }),
    "ai.onnx.Tan" => |node| float(node, |x, _, _| libm::tan(x)),
    "ai.onnx.Tanh" => |node| float(node, |x, _, _| libm::tanh(x)),
    "ai.onnx.ThresholdedRelu" => |node| settings(node, ("alpha", 1.0), ("", 0.0), |x, a, _| {
        if x > a { x } else { 0.0 }
    }),
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + libm::log1p(libm::exp(-libm::fabs(x)))
}

/// A function of floats.
fn float(node: &Node, function: impl Fn(f64, f64, f64) -> f64) -> Done {
    settings(node, ("", 0.0), ("", 0.0), function)
}

/// A function of floats and of two attributes.
fn settings(
    node: &Node,
    a: (&str, f32),
    b: (&str, f32),
    function: impl Fn(f64, f64, f64) -> f64,
) -> Done {
    let (a, b) = (f64::from(node.float(a.0, a.1)), f64::from(node.float(b.0, b.1)));
    let x = node.input(0)?;
    floats!(x.kind; T => {
        let y = node.output::<T>(0, x.dims())?;
        for (y, x) in y.iter_mut().zip(x.as_slice::<T>()) {
            *y = T::from_f64(function(x.to_f64(), a, b));
        }
        Ok(())
    })
}

/// A function of any number; integers are computed as wide integers.
fn same(node: &Node, function: impl Fn(f64) -> f64, absolute: bool) -> Done {
    let x = node.input(0)?;
    if is_float(x.kind) {
        return floats!(x.kind; T => {
            let y = node.output::<T>(0, x.dims())?;
            for (y, x) in y.iter_mut().zip(x.as_slice::<T>()) {
                *y = T::from_f64(function(x.to_f64()));
            }
            Ok(())
        });
    }
    whole_numbers!(x.kind; T => {
        let y = node.output::<T>(0, x.dims())?;
        for (y, x) in y.iter_mut().zip(x.as_slice::<T>()) {
            let negated = T::default().sub(*x);
            *y = if absolute && *x > T::default() { *x } else { negated };
        }
        Ok(())
    })
}

fn sign(node: &Node) -> Done {
    let x = node.input(0)?;
    numbers!(x.kind; T => {
        let y = node.output::<T>(0, x.dims())?;
        for (y, x) in y.iter_mut().zip(x.as_slice::<T>()) {
            *y = if *x > T::default() {
                T::ONE
            } else if *x < T::default() {
                T::default().sub(T::ONE)
            } else {
                *x
            };
        }
        Ok(())
    })
}

fn relu(node: &Node) -> Done {
    let x = node.input(0)?;
    numbers!(x.kind; T => {
        let y = node.output::<T>(0, x.dims())?;
        for (y, x) in y.iter_mut().zip(x.as_slice::<T>()) {
            *y = if *x < T::default() { T::default() } else { *x };
        }
        Ok(())
    })
}

fn shrink(node: &Node) -> Done {
    let (bias, lambda) = (f64::from(node.float("bias", 0.0)), f64::from(node.float("lambd", 0.5)));
    let x = node.input(0)?;
    numbers!(x.kind; T => {
        let y = node.output::<T>(0, x.dims())?;
        for (y, x) in y.iter_mut().zip(x.as_slice::<T>()) {
            let x: f64 = x.to_f64();
            let shrunk = if x < -lambda {
                x + bias
            } else if x > lambda {
                x - bias
            } else {
                0.0
            };
            *y = T::from_f64(shrunk);
        }
        Ok(())
    })
}

fn gelu(node: &Node) -> Done {
    match node.text("approximate", "none") {
        b"tanh" => float(node, |x, _, _| {
            let inner = 0.797_884_560_802_865_4 * (x + 0.044_715 * x * x * x);
            0.5 * x * (1.0 + libm::tanh(inner))
        }),
        _ => {
            float(node, |x, _, _| 0.5 * x * (1.0 + libm::erf(x * core::f64::consts::FRAC_1_SQRT_2)))
        }
    }
}

fn not(node: &Node) -> Done {
    let x = node.input(0)?;
    let values = x.slice::<Bool>()?;
    let y = node.output::<Bool>(0, x.dims())?;
    for (y, x) in y.iter_mut().zip(values) {
        *y = Bool(u8::from(x.0 == 0));
    }
    Ok(())
}

fn bitwise_not(node: &Node) -> Done {
    let x = node.input(0)?;
    if x.kind == BOOL || is_float(x.kind) {
        return Err(Failure::Unsupported);
    }
    widths!(x.kind; T => {
        let y = node.output_like::<T>(0, x.kind, x.dims())?;
        for (y, x) in y.iter_mut().zip(x.as_slice::<T>()) {
            *y = !*x;
        }
        Ok(())
    })
}

fn is_inf(node: &Node) -> Done {
    let (up, down) = (node.flag("detect_positive", true), node.flag("detect_negative", true));
    test(node, |x| (up && x == f64::INFINITY) || (down && x == f64::NEG_INFINITY))
}

/// A question about floats.
fn test(node: &Node, question: impl Fn(f64) -> bool) -> Done {
    let x = node.input(0)?;
    floats!(x.kind; T => {
        let y = node.output::<Bool>(0, x.dims())?;
        for (y, x) in y.iter_mut().zip(x.as_slice::<T>()) {
            *y = Bool(question(x.to_f64()).into());
        }
        Ok(())
    })
}
