//! Operators of one or two tensors, element by element.

use shared::ElementType::{
    self, Bool, Float32, Float64, Int8, Int16, Int32, Int64, Uint8, Uint16, Uint32, Uint64,
};
use tract_onnx::prelude::{OutletId, TypedNode};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::logic::Iff;
use tract_onnx::tract_core::ops::math::PowConst;
use tract_onnx::tract_core::ops::nn::LeakyRelu;
use tract_onnx::tract_core::ops::nn::rms_norm::RmsNorm;

use super::views::{sized, strides};
use super::{Lowered, Lowering, Refusal, Value, constant_f32};
use crate::plan::{Arg, Extent, product};

/// Axes that the kernels walk.
const AXES: usize = 4;

pub(super) fn lower(l: &mut Lowering<'_>, node: &TypedNode) -> Lowered {
    if let Some(TypedBinOp(operator, _)) = node.op_as::<TypedBinOp>() {
        let element = l.element(node.inputs[0])?;
        if element != l.element(node.inputs[1])? {
            return Err(Refusal::because("its operands have different types"));
        }
        if element == ElementType::String && operator.name() == "Eq" {
            return crate::ml::equal_text(l, node).map(Some);
        }
        let kernel = binary_kernel(operator.name(), element).ok_or_else(|| {
            Refusal::because(format!("{} of {element} is not supported", operator.name()))
        })?;
        return broadcast(l, node, kernel, operator.name());
    }
    if node.op_is::<Iff>() {
        let element = l.element(node.inputs[1])?;
        let kernel = sized(element, ["choose_1", "", "choose_4", "choose_8"])?;
        if kernel.is_empty() {
            return Err(Refusal::because(format!("it chooses between {element}")));
        }
        return broadcast(l, node, kernel, "choose");
    }
    if let Some(norm) = node.op_as::<RmsNorm>() {
        return rms_norm(l, node, norm);
    }
    if let Some(op) = node.op_as::<ElementWiseOp>() {
        return unary(l, node, op);
    }
    Ok(None)
}

/// Appends a kernel that walks all operands and the result alike.
fn broadcast(l: &mut Lowering<'_>, node: &TypedNode, kernel: &'static str, title: &str) -> Lowered {
    let target = l.shape(OutletId::new(node.id, 0))?;
    // For each axis its size, then each operand's stride.
    let mut axes: Vec<Vec<Extent>> = target.iter().map(|size| vec![size.clone()]).collect();
    for input in &node.inputs {
        let shape = l.shape(*input)?;
        if shape.len() != target.len() {
            return Err(Refusal::because("its operands have different numbers of axes"));
        }
        for ((axis, size), stride) in axes.iter_mut().zip(&shape).zip(strides(&shape)) {
            let repeated = size.fixed() == Some(1);
            axis.push(if repeated { Extent::Fixed(0) } else { stride });
        }
    }
    let mut merged: Vec<Vec<Extent>> = Vec::new();
    for axis in axes.into_iter().filter(|axis| axis[0].fixed() != Some(1)) {
        if let Some(outer) = merged.last_mut()
            && outer[1..]
                .iter()
                .zip(&axis[1..])
                .all(|(outer, inner)| *outer == inner.clone().times(axis[0].clone()))
        {
            let size = outer[0].clone().times(axis[0].clone());
            *outer = axis;
            outer[0] = size;
        } else {
            merged.push(axis);
        }
    }
    if merged.len() > AXES {
        return Err(Refusal::because("its operands are repeated along too many axes"));
    }
    let mut idle = vec![Extent::Fixed(0); node.inputs.len() + 1];
    idle[0] = Extent::ONE;
    merged.splice(0..0, std::iter::repeat_n(idle, AXES - merged.len()));

    let mut args = node.inputs.iter().map(|input| l.read(*input)).collect::<Result<Vec<_>, _>>()?;
    let y = l.output(node, 0)?;
    args.push(Arg::write(y));
    for part in 0..=node.inputs.len() {
        args.extend(merged.iter().map(|axis| Arg::Count(axis[part].clone())));
    }
    let elements = product(&target).evaluate(&[1, 64, 64, 64]).unwrap_or(1);
    l.planner.call(kernel, args, title.to_lowercase(), elements as f64 * 0.3 + 10.0);
    Ok(Some(vec![Value::Tensor(y)]))
}

/// The root of the mean of squares along an axis as a divisor.
fn rms_norm(l: &mut Lowering<'_>, node: &TypedNode, norm: &RmsNorm) -> Lowered {
    let input = node.inputs[0];
    if l.element(input)? != Float32 {
        return Err(Refusal::because("it normalises another type than float32"));
    }
    let shape = l.shape(input)?;
    let epsilon = constant_f32(&norm.eps)?.first().copied().unwrap_or(0.0);
    let (x, y) = (l.read(input)?, l.output(node, 0)?);
    let args = vec![
        x,
        Arg::write(y),
        Arg::Count(product(&shape[..norm.axis])),
        Arg::Count(shape[norm.axis].clone()),
        Arg::Count(product(&shape[norm.axis + 1..])),
        Arg::Float(epsilon),
    ];
    let cost = product(&shape).evaluate(&[1, 64, 64, 64]).unwrap_or(1) as f64;
    l.planner.call("rms_norm_f32", args, "root of the mean of squares", cost);
    Ok(Some(vec![Value::Tensor(y)]))
}

fn unary(l: &mut Lowering<'_>, node: &TypedNode, op: &ElementWiseOp) -> Lowered {
    let input = node.inputs[0];
    let element = l.element(input)?;
    let name = op.0.name();
    let (x, count) = (l.read(input)?, l.count(input)?);
    let cost = count.evaluate(&[1, 64, 64, 64]).unwrap_or(1) as f64 + 5.0;
    let title = name.to_lowercase();
    // The kernels with SIMD of their own.
    if element == Float32 {
        let pair = match name.as_str() {
            "Exp" => Some(("exp_f32", "exp_f32_relaxed")),
            "Ln" => Some(("log_f32", "log_f32_relaxed")),
            "Sigmoid" => Some(("sigmoid_f32", "sigmoid_f32_relaxed")),
            "Tanh" => Some(("tanh_f32", "tanh_f32_relaxed")),
            "Erf" => Some(("erf_f32", "erf_f32_relaxed")),
            _ => None,
        };
        if let Some((kernel, relaxed)) = pair {
            let y = l.output(node, 0)?;
            let args = vec![x, Arg::write(y), Arg::Count(count)];
            l.call_profiled(kernel, relaxed, args, title, cost);
            return Ok(Some(vec![Value::Tensor(y)]));
        }
    }
    let mut args = vec![x, Arg::Count(count)];
    let kernel =
        if let Some(leaky) = op.0.downcast_ref::<LeakyRelu>().filter(|_| element == Float32) {
            args.push(Arg::Float(leaky.alpha));
            "leaky_relu_f32"
        } else if let Some(pow) = op.0.downcast_ref::<PowConst>().filter(|_| element == Float32) {
            args.push(Arg::Float(pow.exponent));
            "pow_const_f32"
        } else {
            unary_kernel(&name, element)
                .ok_or_else(|| Refusal::because(format!("{name} of {element} is not supported")))?
        };
    let y = l.output(node, 0)?;
    args.push(Arg::write(y));
    l.planner.call(kernel, args, title, cost * 5.0);
    Ok(Some(vec![Value::Tensor(y)]))
}

fn unary_kernel(name: &str, element: ElementType) -> Option<&'static str> {
    Some(match (name, element) {
        ("Neg", Float32) => "neg_f32",
        ("Abs", Float32) => "abs_f32",
        ("Sqrt", Float32) => "sqrt_f32",
        ("Rsqrt", Float32) => "rsqrt_f32",
        ("Recip", Float32) => "recip_f32",
        ("Square", Float32) => "square_f32",
        ("Floor", Float32) => "floor_f32",
        ("Ceil", Float32) => "ceil_f32",
        ("Round", Float32) => "round_f32",
        ("RoundHalfToEven", Float32) => "round_even_f32",
        ("Sign", Float32) => "sign_f32",
        ("Sin", Float32) => "sin_f32",
        ("Cos", Float32) => "cos_f32",
        ("Tan", Float32) => "tan_f32",
        ("Asin", Float32) => "asin_f32",
        ("Acos", Float32) => "acos_f32",
        ("Atan", Float32) => "atan_f32",
        ("Sinh", Float32) => "sinh_f32",
        ("Cosh", Float32) => "cosh_f32",
        ("Asinh", Float32) => "asinh_f32",
        ("Acosh", Float32) => "acosh_f32",
        ("Atanh", Float32) => "atanh_f32",
        ("HardSwish", Float32) => "hard_swish_f32",
        ("Silu", Float32) => "silu_f32",
        ("GeluExact", Float32) => "gelu_f32",
        ("GeluApproximate", Float32) => "gelu_tanh_f32",
        ("Neg", Float64) => "neg_f64",
        ("Abs", Float64) => "abs_f64",
        ("Sqrt", Float64) => "sqrt_f64",
        ("Recip", Float64) => "recip_f64",
        ("Square", Float64) => "square_f64",
        ("Floor", Float64) => "floor_f64",
        ("Ceil", Float64) => "ceil_f64",
        ("RoundHalfToEven", Float64) => "round_even_f64",
        ("Exp", Float64) => "exp_f64",
        ("Ln", Float64) => "log_f64",
        ("Tanh", Float64) => "tanh_f64",
        ("Sigmoid", Float64) => "sigmoid_f64",
        ("Sign", Float64) => "sign_f64",
        ("Neg", Int32) => "neg_i32",
        ("Abs", Int32) => "abs_i32",
        ("Sign", Int32) => "sign_i32",
        ("Neg", Int64) => "neg_i64",
        ("Abs", Int64) => "abs_i64",
        ("Sign", Int64) => "sign_i64",
        ("Not" | "BitNot", Bool) => "not_u8",
        ("BitNot", Int8 | Uint8) => "flip_u8",
        ("BitNot", Int16 | Uint16) => "flip_u16",
        ("BitNot", Int32 | Uint32) => "flip_u32",
        ("BitNot", Int64 | Uint64) => "flip_u64",
        ("IsNan", Float32) => "is_nan_f32",
        _ => return None,
    })
}

fn binary_kernel(name: &str, element: ElementType) -> Option<&'static str> {
    /// One row for each operator, one column for each type.
    macro_rules! table {
        ($($($operator:literal)|+ => $($kernel:literal)+;)*) => {
            match name {
                $($($operator)|+ => [$($kernel),+],)*
                _ => return None,
            }
        };
    }
    let column = match element {
        Float32 => 0,
        Float64 => 1,
        Int8 => 2,
        Int16 => 3,
        Int32 => 4,
        Int64 => 5,
        Bool | Uint8 => 6,
        Uint16 => 7,
        Uint32 => 8,
        Uint64 => 9,
        _ => return None,
    };
    let row = table! {
        "Add" => "add_f32" "add_f64" "add_i8" "add_i16" "add_i32" "add_i64" "add_u8" "add_u16" "add_u32" "add_u64";
        "Sub" => "sub_f32" "sub_f64" "sub_i8" "sub_i16" "sub_i32" "sub_i64" "sub_u8" "sub_u16" "sub_u32" "sub_u64";
        "Mul" => "mul_f32" "mul_f64" "mul_i8" "mul_i16" "mul_i32" "mul_i64" "mul_u8" "mul_u16" "mul_u32" "mul_u64";
        "Div" => "div_f32" "div_f64" "div_i8" "div_i16" "div_i32" "div_i64" "div_u8" "div_u16" "div_u32" "div_u64";
        "Rem" => "rem_f32" "rem_f64" "rem_i8" "rem_i16" "rem_i32" "rem_i64" "rem_u8" "rem_u16" "rem_u32" "rem_u64";
        "Min" => "min_f32" "min_f64" "min_i8" "min_i16" "min_i32" "min_i64" "min_u8" "min_u16" "min_u32" "min_u64";
        "Max" => "max_f32" "max_f64" "max_i8" "max_i16" "max_i32" "max_i64" "max_u8" "max_u16" "max_u32" "max_u64";
        "Eq" | "EQ" => "eq_f32" "eq_f64" "eq_i8" "eq_i16" "eq_i32" "eq_i64" "eq_u8" "eq_u16" "eq_u32" "eq_u64";
        "NE" => "ne_f32" "ne_f64" "ne_i8" "ne_i16" "ne_i32" "ne_i64" "ne_u8" "ne_u16" "ne_u32" "ne_u64";
        "LT" => "lt_f32" "lt_f64" "lt_i8" "lt_i16" "lt_i32" "lt_i64" "lt_u8" "lt_u16" "lt_u32" "lt_u64";
        "LTE" => "le_f32" "le_f64" "le_i8" "le_i16" "le_i32" "le_i64" "le_u8" "le_u16" "le_u32" "le_u64";
        "GT" => "gt_f32" "gt_f64" "gt_i8" "gt_i16" "gt_i32" "gt_i64" "gt_u8" "gt_u16" "gt_u32" "gt_u64";
        "GTE" => "ge_f32" "ge_f64" "ge_i8" "ge_i16" "ge_i32" "ge_i64" "ge_u8" "ge_u16" "ge_u32" "ge_u64";
        "Pow" => "pow_f32" "pow_f64" "" "" "" "" "" "" "" "";
        "And" | "BitAnd" => "" "" "and_u8" "and_u16" "and_u32" "and_u64" "and_u8" "and_u16" "and_u32" "and_u64";
        "Or" | "BitOr" => "" "" "or_u8" "or_u16" "or_u32" "or_u64" "or_u8" "or_u16" "or_u32" "or_u64";
        "Xor" | "BitXor" => "" "" "xor_u8" "xor_u16" "xor_u32" "xor_u64" "xor_u8" "xor_u16" "xor_u32" "xor_u64";
    };
    Some(row[column]).filter(|kernel| !kernel.is_empty())
}
