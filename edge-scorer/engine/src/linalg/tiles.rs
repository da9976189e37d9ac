//! The product behind every function of `linalg`: rows times packed panels, in registers.
//!
//! The right operand lies in *panels* of [`PANEL`] columns: `k` lines of `PANEL` numbers, the last
//! panel padded. Weights are packed so by the compiler, pixels and computed operands here. Rows are
//! taken as many at a time as the registers hold sums for; each number of the left operand is
//! spread over a vector and multiplied with a line of the panel (R. van de Geijn and K. Goto,
//! *Anatomy of High-Performance Matrix Multiplication*, 2008; the panel is their `B`, and the left
//! operand is small enough to be read where it lies).
//!
//! # Invariants
//! - A sum is added up in one order whatever the other rows are, save that fewer rows than a tile
//!   has keep partial sums, to hide the latency of an addition.
//! - Columns past `n` are computed and never stored.
#![expect(unsafe_code, reason = "the inner loops of every dense product")]

use std::sync::OnceLock;

/// Columns of one packed panel.
pub(crate) const PANEL: usize = 32;

/// Numbers of the left operand that one pass over the panels takes: half of a first-level cache.
const BLOCK: usize = 8 * 1024;

/// `y[m, n] = clamp(start + a[m, k] · b[k, n], low, high)`; strides are in numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Product {
    pub(super) m: usize,
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) a: *const f32,
    pub(super) a_stride: usize,
    /// `ceil(n / PANEL)` panels, one behind the other.
    pub(super) b: *const f32,
    pub(super) y: *mut f32,
    pub(super) y_stride: usize,
    pub(super) start: Start,
    pub(super) low: f32,
    pub(super) high: f32,
}

/// What a sum begins with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start {
    Zero,
    /// A number for each of the `n` columns.
    Columns(*const f32),
    /// A number for each of the `m` rows.
    Rows(*const f32),
    /// What `y` holds: the product goes on where an earlier one ended.
    Sums,
}

impl Product {
    /// Computes it with the widest vectors of this machine.
    ///
    /// # Safety
    /// The addresses are valid for as many numbers as the sizes say; `y` overlaps no operand.
    pub(super) unsafe fn run(&self) {
        static WIDEST: OnceLock<unsafe fn(&Product)> = OnceLock::new();
        unsafe { WIDEST.get_or_init(widest)(self) }
    }
}

#[cfg(target_arch = "x86_64")]
fn widest() -> unsafe fn(&Product) {
    if is_x86_feature_detected!("avx512f") {
        return x86::with_avx512;
    }
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        return x86::with_avx2;
    }
    portable
}

/// Elsewhere the compiler makes vectors of the portable lanes: on Arm they are NEON's.
#[cfg(not(target_arch = "x86_64"))]
fn widest() -> unsafe fn(&Product) {
    portable
}

unsafe fn portable(product: &Product) {
    unsafe { product.panels::<Portable, 8, 4, 3>() }
}

/// A vector of numbers.
trait Lanes: Copy {
    const LANES: usize;
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// `self · factor + sum`.
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self;
    /// NaN stays NaN, as in the kernels of the sandbox.
    unsafe fn clamp(self, low: Self, high: Self) -> Self;
}

/// Four numbers, for the compiler to put where it likes.
type Portable = [f32; 4];

impl Lanes for Portable {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        [value; 4]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { from.cast::<Self>().read() }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { to.cast::<Self>().write(self) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self {
        std::array::from_fn(|lane| {
            // Without the instruction a fused addition is a slow call.
            if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
                self[lane].mul_add(factor[lane], sum[lane])
            } else {
                self[lane] * factor[lane] + sum[lane]
            }
        })
    }

    #[inline(always)]
    unsafe fn clamp(self, low: Self, high: Self) -> Self {
        std::array::from_fn(|lane| {
            let value = if self[lane] < low[lane] { low[lane] } else { self[lane] };
            if value > high[lane] { high[lane] } else { value }
        })
    }
}

/// What one tile needs of a product: where its rows, its panel and its results are.
#[derive(Clone, Copy)]
struct Tile {
    k: usize,
    a: *const f32,
    a_stride: usize,
    b: *const f32,
    y: *mut f32,
    y_stride: usize,
    /// Columns to store.
    width: usize,
    start: Start,
    bounds: [f32; 2],
}

impl Product {
    /// All of it, with `V` vectors to a panel (`HALF` of them where the last panel is half empty)
    /// and up to `M` rows to a tile.
    #[inline(always)]
    unsafe fn panels<L: Lanes, const V: usize, const HALF: usize, const M: usize>(&self) {
        let whole = (BLOCK / self.k.max(1) / M).max(1) * M;
        let mut first = 0;
        while first < self.m {
            let rows = whole.min(self.m - first);
            let mut column = 0;
            while column < self.n {
                let width = PANEL.min(self.n - column);
                unsafe {
                    let mut padded = [0.0; PANEL];
                    let start = match self.start {
                        Start::Columns(start) => {
                            std::ptr::copy_nonoverlapping(
                                start.add(column),
                                padded.as_mut_ptr(),
                                width,
                            );
                            Start::Columns(padded.as_ptr())
                        }
                        Start::Rows(start) => Start::Rows(start.add(first)),
                        other => other,
                    };
                    let tile = Tile {
                        k: self.k,
                        a: self.a.add(first * self.a_stride),
                        a_stride: self.a_stride,
                        b: self.b.add(column * self.k),
                        y: self.y.add(first * self.y_stride + column),
                        y_stride: self.y_stride,
                        width,
                        start,
                        bounds: [self.low, self.high],
                    };
                    if width > PANEL / 2 {
                        tile.rows::<L, V, M>(rows);
                    } else {
                        tile.rows::<L, HALF, M>(rows);
                    }
                }
                column += PANEL;
            }
            first += rows;
        }
    }
}

impl Tile {
    /// Some rows against one panel.
    #[inline(always)]
    unsafe fn rows<L: Lanes, const V: usize, const M: usize>(mut self, rows: usize) {
        let mut left = rows;
        unsafe {
            while left >= M {
                self.sums::<L, V, M, 1>();
                self = self.below(M);
                left -= M;
            }
            match left % M {
                0 => {}
                1 => self.sums::<L, V, 1, 4>(),
                2 => self.sums::<L, V, 2, 2>(),
                3 => self.sums::<L, V, 3, 2>(),
                4 => self.sums::<L, V, 4, 1>(),
                5 => self.sums::<L, V, 5, 1>(),
                6 => self.sums::<L, V, 6, 1>(),
                7 => self.sums::<L, V, 7, 1>(),
                8 => self.sums::<L, V, 8, 1>(),
                9 => self.sums::<L, V, 9, 1>(),
                10 => self.sums::<L, V, 10, 1>(),
                _ => self.sums::<L, V, 11, 1>(),
            }
        }
    }

    #[inline(always)]
    unsafe fn below(self, rows: usize) -> Self {
        let start = match self.start {
            Start::Rows(start) => Start::Rows(unsafe { start.add(rows) }),
            other => other,
        };
        unsafe {
            let (a, y) = (self.a.add(rows * self.a_stride), self.y.add(rows * self.y_stride));
            Self { a, y, start, ..self }
        }
    }

    /// `M` rows of `V` vectors, each in `U` partial sums.
    #[inline(always)]
    unsafe fn sums<L: Lanes, const V: usize, const M: usize, const U: usize>(self) {
        unsafe {
            // In memory, where places may be computed; in the loop below they are constants, or the
            // sums would not stay in registers.
            let mut lines = [[0.0; PANEL]; M];
            for (row, line) in lines.iter_mut().enumerate() {
                self.begin(row, line);
            }
            let mut sums = [[[L::splat(0.0); V]; M]; U];
            for (sums, line) in sums[0].iter_mut().zip(&lines) {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = L::load(line.as_ptr().add(v * L::LANES));
                }
            }
            // Every third row has a pointer of its own: an address holds a base and one or two
            // strides, and sums leave no registers for more.
            let mut bases = [self.a; 4];
            for (third, base) in bases.iter_mut().enumerate() {
                *base = self.a.wrapping_add(3 * third * self.a_stride);
            }
            let mut line = self.b;
            let mut left = self.k;
            while left >= U {
                for sums in &mut sums {
                    self.step::<L, V, M>(&mut bases, &mut line, sums);
                }
                left -= U;
            }
            while left > 0 {
                self.step::<L, V, M>(&mut bases, &mut line, &mut sums[0]);
                left -= 1;
            }
            let [low, high] = [L::splat(self.bounds[0]), L::splat(self.bounds[1])];
            let is_whole = self.width == V * L::LANES;
            for (row, line) in lines.iter_mut().enumerate() {
                let y = self.y.add(row * self.y_stride);
                let to = if is_whole { y } else { line.as_mut_ptr() };
                for v in 0..V {
                    let mut sum = sums[0][row][v];
                    for partial in &sums[1..] {
                        sum = L::splat(1.0).multiply_add(partial[row][v], sum);
                    }
                    sum.clamp(low, high).store(to.add(v * L::LANES));
                }
                if !is_whole {
                    std::ptr::copy_nonoverlapping(to, y, self.width);
                }
            }
        }
    }

    /// One line of the panel times a number of each row.
    #[inline(always)]
    unsafe fn step<L: Lanes, const V: usize, const M: usize>(
        &self,
        bases: &mut [*const f32; 4],
        line: &mut *const f32,
        sums: &mut [[L; V]; M],
    ) {
        unsafe {
            let mut columns = [L::splat(0.0); V];
            for (v, column) in columns.iter_mut().enumerate() {
                *column = L::load(line.add(v * L::LANES));
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let factor = L::splat(bases[row / 3].add(row % 3 * self.a_stride).read());
                for v in 0..V {
                    sums[v] = factor.multiply_add(columns[v], sums[v]);
                }
            }
            for base in bases {
                *base = base.wrapping_add(1);
            }
            *line = line.add(PANEL);
        }
    }

    #[inline(always)]
    unsafe fn begin(&self, row: usize, line: &mut [f32; PANEL]) {
        unsafe {
            match self.start {
                Start::Zero => {}
                Start::Columns(start) => *line = start.cast::<[f32; PANEL]>().read(),
                Start::Rows(start) => *line = [start.add(row).read(); PANEL],
                Start::Sums => {
                    let sums = self.y.add(row * self.y_stride);
                    if self.width == PANEL {
                        *line = sums.cast::<[f32; PANEL]>().read();
                    } else {
                        std::ptr::copy_nonoverlapping(sums, line.as_mut_ptr(), self.width);
                    }
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m512, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_max_ps, _mm256_min_ps,
        _mm256_set1_ps, _mm256_storeu_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_max_ps,
        _mm512_min_ps, _mm512_set1_ps, _mm512_storeu_ps,
    };

    use super::{Lanes, Product};

    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn with_avx512(product: &Product) {
        unsafe { product.panels::<__m512, 2, 1, 12>() }
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn with_avx2(product: &Product) {
        unsafe { product.panels::<__m256, 4, 2, 3>() }
    }

    macro_rules! lanes {
        ($vector:ty, $lanes:literal, $splat:ident, $load:ident, $store:ident, $multiply_add:ident,
         $max:ident, $min:ident) => {
            impl Lanes for $vector {
                const LANES: usize = $lanes;

                #[inline(always)]
                unsafe fn splat(value: f32) -> Self {
                    unsafe { $splat(value) }
                }

                #[inline(always)]
                unsafe fn load(from: *const f32) -> Self {
                    unsafe { $load(from) }
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut f32) {
                    unsafe { $store(to, self) }
                }

                #[inline(always)]
                unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self {
                    unsafe { $multiply_add(self, factor, sum) }
                }

                #[inline(always)]
                unsafe fn clamp(self, low: Self, high: Self) -> Self {
                    // Of a NaN and a number these give the second operand.
                    unsafe { $min(high, $max(low, self)) }
                }
            }
        };
    }

    lanes!(
        __m256,
        8,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_fmadd_ps,
        _mm256_max_ps,
        _mm256_min_ps
    );
    lanes!(
        __m512,
        16,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_fmadd_ps,
        _mm512_max_ps,
        _mm512_min_ps
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    fn packed(b: &[f32], k: usize, n: usize) -> Vec<f32> {
        let mut panels = Vec::new();
        for panel in 0..n.div_ceil(PANEL) {
            for line in 0..k {
                let columns = panel * PANEL..(panel + 1) * PANEL;
                panels.extend(columns.map(|it| if it < n { b[line * n + it] } else { f32::NAN }));
            }
        }
        panels
    }

    fn ways() -> Vec<unsafe fn(&Product)> {
        let mut ways: Vec<unsafe fn(&Product)> = vec![portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                ways.push(x86::with_avx2);
            }
            if is_x86_feature_detected!("avx512f") {
                ways.push(x86::with_avx512);
            }
        }
        ways
    }

    #[test]
    fn every_shape_agrees_with_three_plain_loops_and_writes_nothing_beside_its_columns() {
        for (m, k, n) in (1..28)
            .flat_map(|m| [1, 2, 3, 7, 64].map(|k| (m, k)))
            .flat_map(|(m, k)| [1, 10, 16, 17, 32, 33, 70].map(|n| (m, k, n)))
        {
            let (a, b, start) = (numbers(m * k, 1), numbers(k * n, 2), numbers(m.max(n), 3));
            let panels = packed(&b, k, n);
            let y_stride = n + 3;
            let expected = |row: usize, column: usize, first: f32| {
                let sum: f32 = (0..k).map(|i| a[row * k + i] * b[i * n + column]).sum();
                (first + sum).max(-0.5)
            };
            for way in ways() {
                for which in 0..4 {
                    let mut y = vec![0.25; m * y_stride];
                    let kind = match which {
                        0 => Start::Zero,
                        1 => Start::Columns(start.as_ptr()),
                        2 => Start::Rows(start.as_ptr()),
                        _ => Start::Sums,
                    };
                    let product = Product {
                        m,
                        n,
                        k,
                        a: a.as_ptr(),
                        a_stride: k,
                        b: panels.as_ptr(),
                        y: y.as_mut_ptr(),
                        y_stride,
                        start: kind,
                        low: -0.5,
                        high: f32::INFINITY,
                    };

                    unsafe { way(&product) };

                    for row in 0..m {
                        for column in 0..n {
                            let first =
                                [0.0, start[column.min(start.len() - 1)], start[row], 0.25][which];
                            let (actual, expected) =
                                (y[row * y_stride + column], expected(row, column, first));
                            assert!(
                                (actual - expected).abs() <= 1e-5,
                                "{actual} is not {expected} at {row},{column} of {m}x{k}x{n}"
                            );
                        }
                        assert_eq!(y[row * y_stride + n..][..3], [0.25; 3], "{m}x{k}x{n}");
                    }
                }
            }
        }
    }

    #[test]
    fn bounds_keep_what_is_not_a_number() {
        for way in ways() {
            let (a, b) = ([f32::NAN, 1.0, -9.0], numbers(PANEL, 2));
            let mut y = [0.0; 3 * PANEL];
            let product = Product {
                m: 3,
                n: PANEL,
                k: 1,
                a: a.as_ptr(),
                a_stride: 1,
                b: b.as_ptr(),
                y: y.as_mut_ptr(),
                y_stride: PANEL,
                start: Start::Zero,
                low: 0.0,
                high: 0.5,
            };

            unsafe { way(&product) };

            assert!(y[..PANEL].iter().all(|it| it.is_nan()));
            assert!(y[PANEL..].iter().all(|it| (0.0..=0.5).contains(it)));
        }
    }
}
