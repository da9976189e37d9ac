//! Matrix product of row-major rows with packed weights: `y = clamp(x·W + bias, low, high)`.
//!
//! Weights are packed by the compiler into panels of [`PANEL`] columns. A panel is `PANEL` biases
//! followed by `k` rows of `PANEL` weights; the last panel is padded with zeros. One row runs as a
//! matrix-vector product over four panels at a time; more rows run in tiles of four, whose numbers
//! are first packed side by side in `scratch`.
//!
//! # Invariants
//! - Columns past `n` are computed and never stored.
//! - `low = -inf, high = inf` leaves every value as it is; ReLU is `low = 0`.
//!
//! # Deliberately absent
//! - Activations that are not a clamp: they run over the finished rows (`activation.rs`).
#![expect(clippy::too_many_arguments, reason = "a plan step passes every size it knows")]

use crate::{
    lanes::{Lanes, kernel},
    tile::{Sums, TILE_COLUMNS, TILE_ROWS, store_columns, store_row},
};

/// Columns of one packed panel.
pub const PANEL: usize = TILE_COLUMNS;

kernel! {
    /// `y[rows, n] = clamp(x[rows, k] · W[k, n] + bias[n], low, high)`.
    ///
    /// `x` and `y` are row-major with `x_stride` and `y_stride` elements from row to row;
    /// `w` is `ceil(n / 8)` panels of `8 · (k + 1)` numbers, as the module describes.
    /// `scratch` holds `4 · k` numbers; up to two rows need none.
    dense_f32, dense_f32_relaxed,
    dense(x: *const f32, w: *const f32, y: *mut f32, scratch: *mut f32, rows: usize, k: usize,
          n: usize, x_stride: usize, y_stride: usize, low: f32, high: f32)
}

#[inline(always)]
unsafe fn dense<L: Lanes>(
    x: *const f32,
    w: *const f32,
    y: *mut f32,
    scratch: *mut f32,
    rows: usize,
    k: usize,
    n: usize,
    x_stride: usize,
    y_stride: usize,
    low: f32,
    high: f32,
) {
    let clamp = [low, high];
    let mut row = 0;
    while row < rows {
        let height = (rows - row).min(TILE_ROWS);
        unsafe {
            let (x, y) = (x.add(row * x_stride), y.add(row * y_stride));
            if height <= 2 {
                // A tile with half its rows missing takes longer than its rows one by one.
                for row in 0..height {
                    one_row::<L>(x.add(row * x_stride), w, y.add(row * y_stride), k, n, clamp);
                }
            } else {
                pack_rows(x, scratch, height, k, x_stride);
                some_rows::<L>(scratch, w, y, height, k, n, y_stride, clamp);
            }
        }
        row += height;
    }
}

/// Packs up to four rows as `[k][4]`; rows that are missing repeat the first.
#[inline(always)]
unsafe fn pack_rows(x: *const f32, to: *mut f32, height: usize, k: usize, x_stride: usize) {
    for row in 0..TILE_ROWS {
        unsafe {
            let from = x.add(if row < height { row * x_stride } else { 0 });
            for index in 0..k {
                to.add(index * TILE_ROWS + row).write(from.add(index).read());
            }
        }
    }
}

/// Up to four packed rows against every panel.
#[inline(always)]
unsafe fn some_rows<L: Lanes>(
    packed: *const f32,
    w: *const f32,
    y: *mut f32,
    height: usize,
    k: usize,
    n: usize,
    y_stride: usize,
    clamp: [f32; 2],
) {
    let mut column = 0;
    let mut panel = w;
    while column < n {
        unsafe {
            let bias = [L::load(panel), L::load(panel.add(4))];
            let mut sums: Sums = [0.0; TILE_ROWS * TILE_COLUMNS];
            for row in 0..TILE_ROWS {
                store_columns(bias, sums.as_mut_ptr().add(row * TILE_COLUMNS), TILE_COLUMNS);
            }
            L::tile(packed, panel.add(PANEL), k, &raw mut sums);
            for row in 0..height {
                let to = y.add(row * y_stride + column);
                store_row::<L>(&sums, row, to, n - column, clamp);
            }
            panel = panel.add(PANEL * (k + 1));
        }
        column += PANEL;
    }
}

/// One row against four, then two, then one panel at a time, so that enough sums are in flight to
/// hide the latency of an addition.
#[inline(always)]
unsafe fn one_row<L: Lanes>(
    x: *const f32,
    w: *const f32,
    y: *mut f32,
    k: usize,
    n: usize,
    clamp: [f32; 2],
) {
    let panel_len = PANEL * (k + 1);
    let (mut column, mut panel) = (0, w);
    unsafe {
        while column + 3 * PANEL < n {
            panels::<L, 4, 1>(x, panel, panel_len, y.add(column), k, n - column, clamp);
            panel = panel.add(4 * panel_len);
            column += 4 * PANEL;
        }
        if column + PANEL < n {
            panels::<L, 2, 2>(x, panel, panel_len, y.add(column), k, n - column, clamp);
            panel = panel.add(2 * panel_len);
            column += 2 * PANEL;
        }
        if column < n {
            panels::<L, 1, 4>(x, panel, panel_len, y.add(column), k, n - column, clamp);
        }
    }
}

/// One row against `P` panels, `U` partial sums for each column.
#[inline(always)]
unsafe fn panels<L: Lanes, const P: usize, const U: usize>(
    x: *const f32,
    w: *const f32,
    panel_len: usize,
    y: *mut f32,
    k: usize,
    n: usize,
    clamp: [f32; 2],
) {
    unsafe {
        let mut sums = [[[L::splat(0.0); 2]; P]; U];
        for (panel, sum) in sums[0].iter_mut().enumerate() {
            let bias = w.add(panel * panel_len);
            *sum = [L::load(bias), L::load(bias.add(4))];
        }
        let mut weights = w.add(PANEL);
        let mut index = 0;
        // Four at a time: the loop's own instructions weigh as much as two multiplications.
        while index + 4 <= k {
            for step in 0..4 {
                let factor = L::load_splat(x.add(index + step));
                for (panel, sum) in sums[step % U].iter_mut().enumerate() {
                    let at = weights.add(panel * panel_len + step * PANEL);
                    sum[0] = factor.mul_add(L::load(at), sum[0]);
                    sum[1] = factor.mul_add(L::load(at.add(4)), sum[1]);
                }
            }
            weights = weights.add(4 * PANEL);
            index += 4;
        }
        while index < k {
            let factor = L::load_splat(x.add(index));
            for (panel, sum) in sums[0].iter_mut().enumerate() {
                let at = weights.add(panel * panel_len);
                sum[0] = factor.mul_add(L::load(at), sum[0]);
                sum[1] = factor.mul_add(L::load(at.add(4)), sum[1]);
            }
            weights = weights.add(PANEL);
            index += 1;
        }
        for panel in 0..P {
            let mut total = sums[0][panel];
            for partial in &sums[1..] {
                total = [total[0].add(partial[panel][0]), total[1].add(partial[panel][1])];
            }
            let column = panel * PANEL;
            if column < n {
                let [low, high] = clamp.map(|bound| L::splat(bound));
                let total = [total[0].max(low).min(high), total[1].max(low).min(high)];
                store_columns(total, y.add(column), n - column);
            }
        }
    }
}

kernel! {
    /// `y[count, m, n] = a[count, m, k] · b[count, k, n]`, where both operands are computed.
    ///
    /// `scratch` holds `ceil(n / 8) · 8 · (k + 1) + 4 · k` numbers.
    products_f32, products_f32_relaxed,
    products(a: *const f32, b: *const f32, y: *mut f32, scratch: *mut f32, count: usize, m: usize,
             k: usize, n: usize)
}

#[inline(always)]
unsafe fn products<L: Lanes>(
    a: *const f32,
    b: *const f32,
    y: *mut f32,
    scratch: *mut f32,
    count: usize,
    m: usize,
    k: usize,
    n: usize,
) {
    let rows = unsafe { scratch.add(n.div_ceil(PANEL) * PANEL * (k + 1)) };
    for index in 0..count {
        unsafe {
            let (a, b) = (a.add(index * m * k), b.add(index * k * n));
            pack_panels(b, scratch, k, n);
            let y = y.add(index * m * n);
            dense::<L>(a, scratch, y, rows, m, k, n, k, n, f32::NEG_INFINITY, f32::INFINITY);
        }
    }
}

/// Packs `b[k, n]` as weights without bias.
#[inline(always)]
unsafe fn pack_panels(b: *const f32, to: *mut f32, k: usize, n: usize) {
    let mut to = to;
    for first in (0..n).step_by(PANEL) {
        let columns = (n - first).min(PANEL);
        unsafe {
            to.write_bytes(0, PANEL);
            to = to.add(PANEL);
            for row in 0..k {
                let from = b.add(row * n + first);
                for column in 0..PANEL {
                    to.add(column).write(if column < columns {
                        from.add(column).read()
                    } else {
                        0.0
                    });
                }
                to = to.add(PANEL);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::noise;

    fn packed(weights: &[f32], bias: &[f32], k: usize, n: usize) -> Vec<f32> {
        let mut out = Vec::new();
        for panel in 0..n.div_ceil(PANEL) {
            for row in 0..=k {
                for column in panel * PANEL..(panel + 1) * PANEL {
                    out.push(match row {
                        _ if column >= n => 0.0,
                        0 => bias[column],
                        _ => weights[(row - 1) * n + column],
                    });
                }
            }
        }
        out
    }

    #[test]
    fn every_shape_agrees_with_three_plain_loops_and_writes_nothing_beside_its_columns() {
        for (rows, k, n) in (1..14)
            .flat_map(|rows| [1, 3, 4, 7, 64].map(|k| (rows, k)))
            .flat_map(|(rows, k)| [1, 3, 8, 10, 17, 32, 45, 64].map(|n| (rows, k, n)))
        {
            let (x, weights, bias) = (noise(rows * k, 1), noise(k * n, 2), noise(n, 3));
            let w = packed(&weights, &bias, k, n);
            let y_stride = n + 2;
            let mut y = vec![99.0; rows * y_stride];
            let mut scratch = vec![f32::NAN; 4 * k];

            unsafe {
                let (x, w, y) = (x.as_ptr(), w.as_ptr(), y.as_mut_ptr());
                let scratch = scratch.as_mut_ptr();
                dense_f32(x, w, y, scratch, rows, k, n, k, y_stride, -0.5, f32::INFINITY);
            }

            for row in 0..rows {
                for column in 0..n {
                    let sum: f32 =
                        (0..k).map(|i| x[row * k + i] * weights[i * n + column]).sum::<f32>();
                    let expected = (sum + bias[column]).max(-0.5);
                    let actual = y[row * y_stride + column];
                    assert!(
                        (actual - expected).abs() <= 1e-5,
                        "{actual} is not {expected} at {row},{column} of {rows}x{k}x{n}"
                    );
                }
                assert_eq!(y[row * y_stride + n..][..2], [99.0; 2], "{rows}x{k}x{n}");
            }
        }
    }

    #[test]
    fn products_of_two_tensors_agree_with_three_plain_loops() {
        for (count, m, k, n) in [(2, 5, 7, 9), (3, 1, 4, 8), (1, 2, 1, 3), (1, 4, 16, 17)] {
            let (a, b) = (noise(count * m * k, 1), noise(count * k * n, 2));
            let mut y = vec![9.0; count * m * n];
            let mut scratch = vec![f32::NAN; n.div_ceil(PANEL) * PANEL * (k + 1) + 4 * k];

            unsafe {
                let (a, b, y) = (a.as_ptr(), b.as_ptr(), y.as_mut_ptr());
                products_f32(a, b, y, scratch.as_mut_ptr(), count, m, k, n);
            }

            for (index, actual) in y.iter().enumerate() {
                let (block, row, column) = (index / (m * n), index / n % m, index % n);
                let expected: f32 = (0..k)
                    .map(|i| a[(block * m + row) * k + i] * b[(block * k + i) * n + column])
                    .sum();
                assert!((actual - expected).abs() < 1e-5);
            }
        }
    }
}
