//! The inner loop of every matrix product: four rows times eight columns, along `k`.
//!
//! Four rows at a time are one vector whose lanes are spread by shuffles. Loading a number into
//! all lanes looks cheaper, but code generators for Wasm turn it into three instructions, two of
//! which wait for the same port; and more than eight sums leave no registers for the operands.

use crate::lanes::Lanes;

/// Rows of a tile.
pub(crate) const TILE_ROWS: usize = 4;

/// Columns of a tile.
pub(crate) const TILE_COLUMNS: usize = 8;

/// The sums of one tile, row by row.
pub(crate) type Sums = [f32; TILE_ROWS * TILE_COLUMNS];

/// `sums[row][column] += Σ a[i][row] · b[i][column]`, with `a` packed as `[k][4]` and `b` as `[k][8]`.
///
/// The wrappers of [`Lanes::tile`] keep it out of line: what lives around a call must not take
/// registers from the loop.
#[inline(always)]
pub(crate) unsafe fn tile<L: Lanes>(
    mut a: *const f32,
    mut b: *const f32,
    k: usize,
    sums: *mut Sums,
) {
    let sums = sums.cast::<f32>();
    unsafe {
        let mut rows = [[L::splat(0.0); 2]; TILE_ROWS];
        for (index, row) in rows.iter_mut().enumerate() {
            let from = sums.add(index * TILE_COLUMNS);
            *row = [L::load(from), L::load(from.add(4))];
        }
        for _ in 0..k {
            let (low, high) = (L::load(b), L::load(b.add(4)));
            let column = L::load(a);
            let [first, second] = [column.lane::<0>(), column.lane::<1>()];
            let [third, fourth] = [column.lane::<2>(), column.lane::<3>()];
            for (row, factor) in rows.iter_mut().zip([first, second, third, fourth]) {
                row[0] = factor.mul_add(low, row[0]);
                row[1] = factor.mul_add(high, row[1]);
            }
            a = a.add(TILE_ROWS);
            b = b.add(TILE_COLUMNS);
        }
        for (index, row) in rows.iter().enumerate() {
            let to = sums.add(index * TILE_COLUMNS);
            row[0].store(to);
            row[1].store(to.add(4));
        }
    }
}

/// Loads a row of sums, keeps it between `low` and `high` and stores its first `n` columns.
#[inline(always)]
pub(crate) unsafe fn store_row<L: Lanes>(
    sums: &Sums,
    row: usize,
    to: *mut f32,
    n: usize,
    [low, high]: [f32; 2],
) {
    let (low, high) = (L::splat(low), L::splat(high));
    unsafe {
        let from = sums.as_ptr().add(row * TILE_COLUMNS);
        let values = [L::load(from), L::load(from.add(4))];
        store_columns([values[0].max(low).min(high), values[1].max(low).min(high)], to, n);
    }
}

/// Stores the first `n` of eight columns.
#[inline(always)]
pub(crate) unsafe fn store_columns<L: Lanes>([low, high]: [L; 2], to: *mut f32, n: usize) {
    unsafe {
        if n >= TILE_COLUMNS {
            low.store(to);
            high.store(to.add(4));
        } else {
            store_first(low, to, n);
            if n > 4 {
                store_first(high, to.add(4), n - 4);
            }
        }
    }
}

/// Stores the first `n` lanes, all of them if there are fewer.
#[inline(always)]
pub(crate) unsafe fn store_first<L: Lanes>(value: L, to: *mut f32, n: usize) {
    unsafe {
        if n >= 4 {
            value.store(to);
        } else {
            let [a, b, c, _] = value.to_array();
            if n > 0 {
                to.write(a);
            }
            if n > 1 {
                to.add(1).write(b);
            }
            if n > 2 {
                to.add(2).write(c);
            }
        }
    }
}
