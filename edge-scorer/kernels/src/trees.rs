//! Tree ensembles as tables: many trees walked side by side, one comparison a level.
//!
//! A node is a threshold, a column of the prepared row and the way to its left child, as a signed
//! distance in nodes; the right child follows the left one. Going down is
//! `node += left + !(row[column] <= threshold)`, without a branch, so eight trees in flight hide
//! each other's latency.
//!
//! A leaf stays where it is: its column is 0, its distance is 0, and column 0 of a prepared row is
//! negative infinity, which is at most anything. So trees of unequal depth walk together, and the
//! threshold of a leaf is free to hold its value, or the bits of an index into a table of values.
//!
//! A missing value (NaN) goes right, as no comparison with it holds. Nodes that send it left
//! compare the negated value instead; a prepared row holds the negated columns behind the others.
//!
//! Trees come in groups of eight; the compiler fills the last group with trees of no weight.

const LANES: usize = 8;

/// A node of narrow tables: up to 65,535 columns, children within 32,767 nodes, `f32`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct NarrowNode {
    /// What the column is compared with; the value of a leaf.
    pub threshold: f32,
    /// Column of the prepared row.
    pub column: u16,
    /// Distance to the left child.
    pub left: i16,
}

/// A node of wide tables: any number of columns and nodes, `f64`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WideNode {
    /// What the column is compared with; the value of a leaf.
    pub threshold: f64,
    /// Column of the prepared row.
    pub column: u32,
    /// Distance to the left child.
    pub left: i32,
}

/// Eight trees that are walked together.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Levels of the deepest of them.
    pub depth: u32,
    /// Index of each root among all nodes.
    pub roots: [u32; LANES],
}

trait Node: Copy {
    type Value: Copy;
    /// The node that comes next, as a distance.
    ///
    /// # Safety
    /// `row` has the node's column.
    unsafe fn step(self, row: *const Self::Value) -> isize;
    fn value(self) -> f32;
    fn index(self) -> usize;
}

impl Node for NarrowNode {
    type Value = f32;

    #[inline(always)]
    unsafe fn step(self, row: *const f32) -> isize {
        // SAFETY: the caller's.
        let value = unsafe { *row.add(usize::from(self.column)) };
        // NaN goes right, so this is not `value > threshold`.
        let goes_left = value <= self.threshold;
        isize::from(self.left) + isize::from(!goes_left)
    }

    #[inline(always)]
    fn value(self) -> f32 {
        self.threshold
    }

    #[inline(always)]
    fn index(self) -> usize {
        self.threshold.to_bits() as usize
    }
}

impl Node for WideNode {
    type Value = f64;

    #[inline(always)]
    unsafe fn step(self, row: *const f64) -> isize {
        // SAFETY: the caller's.
        let value = unsafe { *row.add(self.column as usize) };
        let goes_left = value <= self.threshold;
        self.left as isize + isize::from(!goes_left)
    }

    #[inline(always)]
    fn value(self) -> f32 {
        self.threshold as f32
    }

    #[inline(always)]
    fn index(self) -> usize {
        self.threshold.to_bits() as usize
    }
}

/// The leaves that a row reaches in eight trees.
///
/// # Safety
/// The group's roots are among `nodes`, and every path stays there; `row` has every column.
#[inline(always)]
unsafe fn walk<N: Node>(nodes: *const N, group: &Group, row: *const N::Value) -> [N; LANES] {
    // SAFETY: the compiler lays out the tables so that every step lands on a node.
    unsafe {
        let mut at = group.roots.map(|root| nodes.add(root as usize));
        for _ in 0..group.depth {
            at = at.map(|node| node.offset((*node).step(row)));
        }
        at.map(|node| *node)
    }
}

/// How the values of the trees become one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Join {
    Sum,
    Min,
    Max,
}

impl Join {
    #[inline(always)]
    fn of(code: i32) -> Self {
        match code {
            1 => Self::Min,
            2 => Self::Max,
            _ => Self::Sum,
        }
    }

    #[inline(always)]
    fn start(self) -> f32 {
        match self {
            Self::Sum => 0.0,
            Self::Min => f32::INFINITY,
            Self::Max => f32::NEG_INFINITY,
        }
    }

    #[inline(always)]
    fn join(self, a: f32, b: f32) -> f32 {
        match self {
            Self::Sum => a + b,
            Self::Min if b < a => b,
            Self::Max if b > a => b,
            Self::Min | Self::Max => a,
        }
    }
}

/// `out[r·stride]` = what the trees' leaves come to, for one value a leaf.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a kernel is called with plain numbers")]
unsafe fn single<N: Node>(
    rows: *const N::Value,
    count: usize,
    columns: usize,
    nodes: *const N,
    groups: *const Group,
    group_count: usize,
    join: Join,
    out: *mut f32,
    stride: usize,
) {
    // SAFETY: the plan's buffers and tables have these lengths.
    unsafe {
        let groups = core::slice::from_raw_parts(groups, group_count);
        for r in 0..count {
            let row = rows.add(r * columns);
            let mut total = join.start();
            for group in groups {
                for leaf in walk(nodes, group, row) {
                    total = join.join(total, leaf.value());
                }
            }
            *out.add(r * stride) = total;
        }
    }
}

/// `out[r·width..]` = what the trees' leaves come to, for `width` values a leaf.
///
/// A leaf holds the index of a row of `values`, each `width` long.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a kernel is called with plain numbers")]
unsafe fn several<N: Node>(
    rows: *const N::Value,
    count: usize,
    columns: usize,
    nodes: *const N,
    groups: *const Group,
    group_count: usize,
    join: Join,
    values: *const f32,
    width: usize,
    out: *mut f32,
) {
    // SAFETY: the plan's buffers and tables have these lengths.
    unsafe {
        let groups = core::slice::from_raw_parts(groups, group_count);
        for r in 0..count {
            let row = rows.add(r * columns);
            let totals = core::slice::from_raw_parts_mut(out.add(r * width), width);
            totals.fill(join.start());
            for group in groups {
                for leaf in walk(nodes, group, row) {
                    let leaf = core::slice::from_raw_parts(values.add(leaf.index() * width), width);
                    for (total, value) in totals.iter_mut().zip(leaf) {
                        *total = join.join(*total, *value);
                    }
                }
            }
        }
    }
}

/// Narrow trees with one value a leaf; `join` is 0 for the sum, 1 for the least, 2 for the largest.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trees_single(
    rows: *const f32,
    count: usize,
    columns: usize,
    nodes: *const NarrowNode,
    groups: *const Group,
    group_count: usize,
    join: i32,
    out: *mut f32,
    stride: usize,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        match Join::of(join) {
            Join::Sum => {
                single(rows, count, columns, nodes, groups, group_count, Join::Sum, out, stride)
            }
            join => single(rows, count, columns, nodes, groups, group_count, join, out, stride),
        }
    }
}

/// Wide trees with one value a leaf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trees_single_wide(
    rows: *const f64,
    count: usize,
    columns: usize,
    nodes: *const WideNode,
    groups: *const Group,
    group_count: usize,
    join: i32,
    out: *mut f32,
    stride: usize,
) {
    // SAFETY: the kernels' contract.
    unsafe { single(rows, count, columns, nodes, groups, group_count, Join::of(join), out, stride) }
}

/// Narrow trees with several values a leaf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trees_several(
    rows: *const f32,
    count: usize,
    columns: usize,
    nodes: *const NarrowNode,
    groups: *const Group,
    group_count: usize,
    join: i32,
    values: *const f32,
    width: usize,
    out: *mut f32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        match Join::of(join) {
            Join::Sum => several(
                rows,
                count,
                columns,
                nodes,
                groups,
                group_count,
                Join::Sum,
                values,
                width,
                out,
            ),
            join => {
                several(rows, count, columns, nodes, groups, group_count, join, values, width, out)
            }
        }
    }
}

/// Wide trees with several values a leaf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trees_several_wide(
    rows: *const f64,
    count: usize,
    columns: usize,
    nodes: *const WideNode,
    groups: *const Group,
    group_count: usize,
    join: i32,
    values: *const f32,
    width: usize,
    out: *mut f32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        let join = Join::of(join);
        several(rows, count, columns, nodes, groups, group_count, join, values, width, out)
    }
}

/// Puts 0 where no leaf gave anything, which is where the join's beginning still stands.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trees_not_given(out: *mut f32, count: usize, beginning: f32) {
    // SAFETY: the kernels' contract.
    let out = unsafe { core::slice::from_raw_parts_mut(out, count) };
    out.iter_mut().filter(|total| **total == beginning).for_each(|total| *total = 0.0);
}

/// Prepares rows for narrow trees: negative infinity, the columns and, if `mirrored`, the negated
/// columns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trees_rows(
    x: *const f32,
    count: usize,
    features: usize,
    mirrored: i32,
    rows: *mut f32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        let width = 1 + features * if mirrored == 0 { 1 } else { 2 };
        for r in 0..count {
            let from = core::slice::from_raw_parts(x.add(r * features), features);
            let to = core::slice::from_raw_parts_mut(rows.add(r * width), width);
            to[0] = f32::NEG_INFINITY;
            let (plain, negated) = to[1..].split_at_mut(features);
            plain.copy_from_slice(from);
            for (to, from) in negated.iter_mut().zip(from) {
                *to = -*from;
            }
        }
    }
}

/// Prepares rows for wide trees, from `f32`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trees_rows_wide(
    x: *const f32,
    count: usize,
    features: usize,
    mirrored: i32,
    rows: *mut f64,
) {
    // SAFETY: the kernels' contract.
    unsafe { wide_rows(x, count, features, mirrored, rows, f64::from) }
}

/// Prepares rows for wide trees, from `f64`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trees_rows_double(
    x: *const f64,
    count: usize,
    features: usize,
    mirrored: i32,
    rows: *mut f64,
) {
    // SAFETY: the kernels' contract.
    unsafe { wide_rows(x, count, features, mirrored, rows, |value| value) }
}

#[inline(always)]
unsafe fn wide_rows<T: Copy>(
    x: *const T,
    count: usize,
    features: usize,
    mirrored: i32,
    rows: *mut f64,
    widen: impl Fn(T) -> f64,
) {
    // SAFETY: the caller's.
    unsafe {
        let width = 1 + features * if mirrored == 0 { 1 } else { 2 };
        for r in 0..count {
            let row = rows.add(r * width);
            *row = f64::NEG_INFINITY;
            for c in 0..features {
                let value = widen(*x.add(r * features + c));
                *row.add(1 + c) = value;
                if mirrored != 0 {
                    *row.add(1 + features + c) = -value;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAF_OF_NOTHING: NarrowNode = NarrowNode { threshold: 0.0, column: 0, left: 0 };

    fn leaf(value: f32) -> NarrowNode {
        NarrowNode { threshold: value, column: 0, left: 0 }
    }

    /// `x0 <= 1 ? 10 : (x1 <= 2 ? 20 : 30)`, and an empty tree behind it.
    fn nodes() -> [NarrowNode; 6] {
        [
            NarrowNode { threshold: 1.0, column: 1, left: 1 },
            leaf(10.0),
            NarrowNode { threshold: 2.0, column: 2, left: 1 },
            leaf(20.0),
            leaf(30.0),
            LEAF_OF_NOTHING,
        ]
    }

    fn score(x: [f32; 2]) -> f32 {
        let (nodes, group) = (nodes(), Group { depth: 2, roots: [0, 5, 5, 5, 5, 5, 5, 5] });
        let (mut row, mut out) = ([0.0; 3], [0.0]);
        unsafe {
            trees_rows(x.as_ptr(), 1, 2, 0, row.as_mut_ptr());
            trees_single(row.as_ptr(), 1, 3, nodes.as_ptr(), &group, 1, 0, out.as_mut_ptr(), 1);
        }
        out[0]
    }

    #[test]
    fn a_tree_is_walked_to_the_leaf_that_its_comparisons_name() {
        assert_eq!(score([1.0, 0.0]), 10.0);
        assert_eq!(score([1.5, 2.0]), 20.0);
        assert_eq!(score([1.5, 2.5]), 30.0);
    }

    #[test]
    fn a_missing_value_goes_right_and_a_leaf_never_moves() {
        assert_eq!(score([f32::NAN, f32::NAN]), 30.0);
        assert_eq!(score([f32::NEG_INFINITY, f32::NAN]), 10.0);
    }

    #[test]
    fn negated_columns_lie_behind_the_plain_ones() {
        let mut row = [0.0; 5];

        unsafe { trees_rows([3.0, f32::NAN].as_ptr(), 1, 2, 1, row.as_mut_ptr()) };

        assert_eq!(row[..2], [f32::NEG_INFINITY, 3.0]);
        assert!(row[2].is_nan() && row[4].is_nan());
        assert_eq!(row[3], -3.0);
    }
}
