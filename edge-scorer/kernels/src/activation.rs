//! Activations: element by element, and softmax along an axis.
//!
//! Element-wise kernels may run in place (`y` = `x`). The functions that end in `_lanes` exist on
//! wasm32 alone: a fused chain, which the compiler emits as code, calls them on a register.

use crate::{
    lanes::{Lanes, kernel, load_first},
    math,
    tile::store_first,
};

/// A function of one vector. A closure would not do: it lacks the caller's target features, so
/// the intrinsics in it would stay calls.
trait Function<L> {
    fn apply(&self, value: L) -> L;
}

/// `y[i] = f(x[i])` for `n` numbers.
#[inline(always)]
unsafe fn each<L: Lanes>(x: *const f32, y: *mut f32, n: usize, f: impl Function<L>) {
    let mut i = 0;
    unsafe {
        while i + 4 <= n {
            f.apply(L::load(x.add(i))).store(y.add(i));
            i += 4;
        }
        if i < n {
            store_first(f.apply(load_first(x.add(i), n - i)), y.add(i), n - i);
        }
    }
}

/// Subtracts two vectors, one after the other: their sum has lost digits where the first is large.
struct Minus<L>(L, L);

impl<L: Lanes> Function<L> for Minus<L> {
    #[inline(always)]
    fn apply(&self, value: L) -> L {
        value.sub(self.0).sub(self.1)
    }
}

/// Divides by a vector.
struct Over<L>(L);

impl<L: Lanes> Function<L> for Over<L> {
    #[inline(always)]
    fn apply(&self, value: L) -> L {
        value.div(self.0)
    }
}

macro_rules! elementwise {
    ($(#[$doc:meta])* $module:ident, $portable:ident, $relaxed:ident, $lanes:ident, $lanes_relaxed:ident, $function:path) => {
        mod $module {
            use crate::lanes::Lanes;

            struct This;

            impl<L: Lanes> super::Function<L> for This {
                #[inline(always)]
                fn apply(&self, value: L) -> L {
                    $function(value)
                }
            }

            #[inline(always)]
            pub(super) unsafe fn run<L: Lanes>(x: *const f32, y: *mut f32, n: usize) {
                unsafe { super::each::<L>(x, y, n, This) }
            }
        }
        use $module::run as $module;

        kernel! {
            $(#[$doc])*
            $portable, $relaxed, $module(x: *const f32, y: *mut f32, n: usize)
        }

        $(#[$doc])*
        #[cfg(target_arch = "wasm32")]
        #[unsafe(no_mangle)]
        #[target_feature(enable = "simd128")]
        #[expect(improper_ctypes_definitions, reason = "generated code calls it, not C")]
        pub extern "C" fn $lanes(x: core::arch::wasm32::v128) -> core::arch::wasm32::v128 {
            $function(crate::lanes::Portable(x)).0
        }

        $(#[$doc])*
        #[cfg(target_arch = "wasm32")]
        #[unsafe(no_mangle)]
        #[target_feature(enable = "simd128,relaxed-simd")]
        #[expect(improper_ctypes_definitions, reason = "generated code calls it, not C")]
        pub extern "C" fn $lanes_relaxed(x: core::arch::wasm32::v128) -> core::arch::wasm32::v128 {
            $function(crate::lanes::Relaxed(x)).0
        }
    };
}

elementwise! {
    /// `y[i] = e^x[i]` for `n` numbers.
    exp_each, exp_f32, exp_f32_relaxed, exp_lanes, exp_lanes_relaxed, crate::math::exp
}
elementwise! {
    /// `y[i] = ln x[i]` for `n` numbers.
    log_each, log_f32, log_f32_relaxed, log_lanes, log_lanes_relaxed, crate::math::log
}
elementwise! {
    /// `y[i] = 1 / (1 + e^-x[i])` for `n` numbers.
    sigmoid_each, sigmoid_f32, sigmoid_f32_relaxed, sigmoid_lanes, sigmoid_lanes_relaxed,
    crate::math::sigmoid
}
elementwise! {
    /// `y[i] = tanh x[i]` for `n` numbers.
    tanh_each, tanh_f32, tanh_f32_relaxed, tanh_lanes, tanh_lanes_relaxed, crate::math::tanh
}
elementwise! {
    /// `y[i] = erf x[i]` for `n` numbers.
    erf_each, erf_f32, erf_f32_relaxed, erf_lanes, erf_lanes_relaxed, crate::math::erf
}

kernel! {
    /// Softmax along the middle axis of `x[outer, len, inner]`; `y` may be `x`.
    softmax_f32, softmax_f32_relaxed,
    softmax(x: *const f32, y: *mut f32, outer: usize, len: usize, inner: usize)
}

kernel! {
    /// Logarithm of the softmax along the middle axis of `x[outer, len, inner]`; `y` may be `x`.
    log_softmax_f32, log_softmax_f32_relaxed,
    log_softmax(x: *const f32, y: *mut f32, outer: usize, len: usize, inner: usize)
}

#[inline(always)]
unsafe fn softmax<L: Lanes>(x: *const f32, y: *mut f32, outer: usize, len: usize, inner: usize) {
    unsafe { soft::<L, false>(x, y, outer, len, inner) }
}

#[inline(always)]
unsafe fn log_softmax<L: Lanes>(
    x: *const f32,
    y: *mut f32,
    outer: usize,
    len: usize,
    inner: usize,
) {
    unsafe { soft::<L, true>(x, y, outer, len, inner) }
}

#[inline(always)]
unsafe fn soft<L: Lanes, const LOG: bool>(
    x: *const f32,
    y: *mut f32,
    outer: usize,
    len: usize,
    inner: usize,
) {
    if len == 0 {
        return;
    }
    for block in 0..outer {
        let at = block * len * inner;
        unsafe {
            if inner == 1 {
                soft_row::<L, LOG>(x.add(at), y.add(at), len);
            } else {
                let mut lane = 0;
                while lane < inner {
                    let lanes = (inner - lane).min(4);
                    let (x, y) = (x.add(at + lane), y.add(at + lane));
                    soft_columns::<L, LOG>(x, y, len, inner, lanes);
                    lane += 4;
                }
            }
        }
    }
}

/// One row whose numbers lie side by side.
#[inline(always)]
unsafe fn soft_row<L: Lanes, const LOG: bool>(x: *const f32, y: *mut f32, len: usize) {
    unsafe {
        // The last four numbers, some of which the whole vectors before hold too, or a row of fewer.
        // Taken at once, for `y` may be `x`.
        let whole = (len - 1) / 4 * 4;
        let last = if len >= 4 { L::load(x.add(len - 4)) } else { load_first(x, len) };
        let mut peak = last;
        let mut i = 0;
        while i < whole {
            // NaN need not win: its power makes a sum of NaN.
            peak = peak.at_least(L::load(x.add(i)));
            i += 4;
        }
        let [a, b, c, d] = peak.to_array();
        let peak = L::splat(a).at_least(L::splat(b)).at_least(L::splat(c).at_least(L::splat(d)));
        let mut sum = L::splat(0.0);
        i = 0;
        while i < whole {
            let power = math::exp(L::load(x.add(i)).sub(peak));
            sum = sum.add(power);
            if !LOG {
                power.store(y.add(i));
            }
            i += 4;
        }
        let power = math::exp(last.sub(peak));
        sum = sum.add(once(power, len));
        let [a, b, c, d] = sum.to_array();
        let total = L::splat((a + b) + (c + d));
        if LOG {
            let minus = Minus(peak, math::log(total));
            let end = minus.apply(last);
            each::<L>(x, y, whole, minus);
            store_last(end, y, len);
        } else {
            each::<L>(y, y, whole, Over(total));
            store_last(power.div(total), y, len);
        }
    }
}

/// Zeros in the lanes of a row's last vector that are no numbers of it, or in whole vectors before it too.
#[inline(always)]
fn once<L: Lanes>(last: L, len: usize) -> L {
    let lanes = unsafe { L::load([0.0, 1.0, 2.0, 3.0].as_ptr()) };
    let (zero, fresh) = (L::splat(0.0), (len - 1) % 4 + 1);
    if len >= 4 {
        lanes.where_less(L::splat((4 - fresh) as f32), zero, last)
    } else {
        lanes.where_less(L::splat(fresh as f32), last, zero)
    }
}

/// Writes a row's last vector.
#[inline(always)]
unsafe fn store_last<L: Lanes>(last: L, y: *mut f32, len: usize) {
    unsafe {
        if len >= 4 {
            last.store(y.add(len - 4));
        } else {
            store_first(last, y, len);
        }
    }
}

/// Up to four columns side by side, `stride` numbers from row to row.
#[inline(always)]
unsafe fn soft_columns<L: Lanes, const LOG: bool>(
    x: *const f32,
    y: *mut f32,
    len: usize,
    stride: usize,
    lanes: usize,
) {
    unsafe {
        let mut peak = L::splat(f32::NEG_INFINITY);
        for row in 0..len {
            peak = peak.max(load_first(x.add(row * stride), lanes));
        }
        let mut sum = L::splat(0.0);
        for row in 0..len {
            let value = load_first::<L>(x.add(row * stride), lanes);
            let power = math::exp(value.sub(peak));
            sum = sum.add(power);
            if !LOG {
                store_first(power, y.add(row * stride), lanes);
            }
        }
        let logarithm = math::log(sum);
        for row in 0..len {
            let result = if LOG {
                load_first::<L>(x.add(row * stride), lanes).sub(peak).sub(logarithm)
            } else {
                load_first::<L>(y.add(row * stride), lanes).div(sum)
            };
            store_first(result, y.add(row * stride), lanes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Kernel = unsafe extern "C" fn(*const f32, *mut f32, usize);

    /// Compares `kernel` with `exact`, computed in `f64`, over a range that no multiple of four fits.
    fn agree(kernel: Kernel, exact: impl Fn(f64) -> f64, range: core::ops::Range<f32>, ulps: f64) {
        let n = 40_003;
        let step = (range.end - range.start) / n as f32;
        let x: Vec<f32> = (0..n).map(|i| range.start + step * i as f32).collect();
        let mut y = vec![0.0_f32; n];

        unsafe { kernel(x.as_ptr(), y.as_mut_ptr(), n) };

        for (x, y) in x.iter().zip(y) {
            let expected = exact(f64::from(*x));
            let unit = (expected.abs() * f64::from(f32::EPSILON)).max(1e-44);
            let error = (f64::from(y) - expected).abs() / unit;
            assert!(error <= ulps, "f({x}) = {y}, not {expected}: {error} units off");
        }
    }

    fn value(kernel: Kernel, x: f32) -> f32 {
        let mut y = 0.0;
        unsafe { kernel(&raw const x, &raw mut y, 1) };
        y
    }

    #[test]
    fn elementary_functions_stay_within_a_few_units_in_the_last_place() {
        agree(exp_f32, f64::exp, -87.0..88.5, 1.5);
        agree(log_f32, f64::ln, 1e-3..50.0, 2.0);
        agree(tanh_f32, f64::tanh, -9.5..9.5, 2.0);
        agree(sigmoid_f32, |x| 1.0 / (1.0 + (-x).exp()), -80.0..30.0, 3.0);
        agree(erf_f32, libm::erf, -5.0..5.0, 2.5);
    }

    #[test]
    fn elementary_functions_answer_at_the_edges() {
        assert_eq!(value(exp_f32, f32::INFINITY), f32::INFINITY);
        assert_eq!(value(exp_f32, 89.0), f32::INFINITY);
        assert_eq!(value(exp_f32, f32::NEG_INFINITY), 0.0);
        assert!(value(exp_f32, -100.0) > 0.0, "subnormals are kept");
        assert_eq!(value(exp_f32, 0.0), 1.0);
        assert_eq!(value(log_f32, 0.0), f32::NEG_INFINITY);
        assert_eq!(value(log_f32, f32::INFINITY), f32::INFINITY);
        assert_eq!(value(log_f32, 1.0), 0.0);
        assert!((value(log_f32, 1e-40) - -92.103_4).abs() < 1e-4);
        assert!(value(log_f32, -1.0).is_nan());
        for kernel in [exp_f32, log_f32, tanh_f32, sigmoid_f32, erf_f32] {
            assert!(value(kernel, f32::NAN).is_nan());
        }
        assert_eq!(value(tanh_f32, 100.0), 1.0);
        assert_eq!(value(tanh_f32, f32::NEG_INFINITY), -1.0);
        assert_eq!(value(sigmoid_f32, -200.0), 0.0);
        assert_eq!(value(sigmoid_f32, 200.0), 1.0);
        assert_eq!(value(erf_f32, 10.0), 1.0);
    }

    #[test]
    fn a_logarithm_of_softmax_keeps_the_digits_of_what_is_far_from_0() {
        let x = [10_000.0, 10_001.0, 9_800.0, 10_002.0, 10_003.0];
        let exact = [-3.440_189_7, -2.440_189_7, -203.440_19, -1.440_189_7, -0.440_189_7];
        // As one row, and as one of four columns.
        let columns: Vec<f32> = x.iter().flat_map(|x| [*x; 4]).collect();
        let (mut row, mut several) = ([0.0_f32; 5], [0.0_f32; 20]);

        unsafe { log_softmax_f32(x.as_ptr(), row.as_mut_ptr(), 1, 5, 1) };
        unsafe { log_softmax_f32(columns.as_ptr(), several.as_mut_ptr(), 1, 5, 4) };

        for (place, exact) in exact.into_iter().enumerate() {
            for y in [&row[place..=place], &several[4 * place..4 * place + 4]].concat() {
                assert!((y - exact).abs() < 2e-6 * exact.abs(), "{y}, not {exact}");
            }
        }
    }

    #[test]
    fn softmax_agrees_with_its_definition_along_any_axis() {
        let rows = (0..14).map(|len| (3, len, 1));
        for (outer, len, inner) in rows.chain([(2, 5, 7), (1, 10, 4)]) {
            let n = outer * len * inner;
            let x: Vec<f32> = (0..n).map(|i| ((i * 37 % 101) as f32 - 50.0) * 0.2).collect();
            let (mut y, mut z) = (vec![0.0; n], vec![0.0; n]);

            unsafe {
                softmax_f32(x.as_ptr(), y.as_mut_ptr(), outer, len, inner);
                log_softmax_f32(x.as_ptr(), z.as_mut_ptr(), outer, len, inner);
            }

            for block in 0..outer {
                for column in 0..inner {
                    let at = |row: usize| (block * len + row) * inner + column;
                    let total: f64 = (0..len).map(|row| f64::from(x[at(row)]).exp()).sum();
                    for row in 0..len {
                        let expected = f64::from(x[at(row)]).exp() / total;
                        assert!((f64::from(y[at(row)]) - expected).abs() < 1e-6);
                        assert!((f64::from(z[at(row)]) - expected.ln()).abs() < 1e-5);
                    }
                }
            }
        }
    }
}
