//! Lays trees out as the tables that the kernels walk.
//!
//! The kernels know one comparison, `value <= threshold`, and send a missing value right. All else
//! is rewritten: `x < t` is `x <= t'` with the next lower number `t'`; a missing value that goes
//! left compares the negated column; `x == t` is two nodes, and the branch that both lead to is
//! reached through a link, a node that always goes left.

use std::collections::{HashMap, VecDeque};

use super::read::{Ensemble, Mode, Node, Tree};

/// Trees walked side by side; the kernels' number.
const LANES: usize = 8;
/// More leaf values than this are refused.
const MAX_LEAF_VALUES: usize = 1 << 24;
/// Up to this many targets may each have a table, and a kernel call, of their own.
const MAX_TABLES: usize = 256;

/// An ensemble as tables.
#[derive(Debug)]
pub(super) struct Packed {
    /// Whether nodes are wide (`f64`, 16 bytes) or narrow (`f32`, 8 bytes).
    pub(super) wide: bool,
    /// Whether rows need the negated columns.
    pub(super) mirrored: bool,
    pub(super) tables: Vec<Table>,
}

/// One kernel call's worth of trees.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) nodes: Vec<u8>,
    pub(super) groups: Vec<u8>,
    pub(super) group_count: usize,
    /// Steps that one row takes, for the estimate.
    pub(super) visits: usize,
    pub(super) trees: usize,
    /// Rows of leaf values, when a leaf has several.
    pub(super) values: Vec<f32>,
    /// The one target that all leaves give to, when a leaf has one value.
    pub(super) target: Option<usize>,
}

/// A node in the kernels' terms.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    /// Index of the leaf in its tree.
    Leaf(usize),
    Split {
        feature: usize,
        mirrored: bool,
        threshold: f64,
        left: usize,
        right: usize,
    },
    /// Goes on at a node that has another parent.
    Link(usize),
}

/// What nodes look like, and where the negated columns of a row begin.
#[derive(Clone, Copy)]
struct Shape {
    wide: bool,
    columns: usize,
}

/// Packs trees over rows of `columns` columns, whose leaves give to `width` targets.
pub(super) fn pack(
    ensemble: &Ensemble,
    columns: usize,
    width: usize,
    double_input: bool,
    aggregate: super::Aggregate,
) -> Result<Packed, String> {
    let wide_numbers = double_input || ensemble.double;
    let trees: Vec<Vec<Step>> =
        ensemble.trees.iter().map(|tree| rewrite(tree, wide_numbers)).collect();
    let mirrored =
        trees.iter().flatten().any(|step| matches!(step, Step::Split { mirrored: true, .. }));
    let layouts: Vec<Layout> = trees.iter().map(|steps| Layout::of(steps)).collect();
    let narrow_fits = 2 * columns < usize::from(u16::MAX)
        && layouts.iter().all(|layout| layout.reach <= i16::MAX as isize);
    let shape = Shape { wide: wide_numbers || !narrow_fits, columns };

    let neutral = aggregate.neutral();
    let all: Vec<usize> = (0..trees.len()).collect();
    let tree = |index: usize| (&ensemble.trees[index], &trees[index], &layouts[index]);
    let tables = if width == 1 {
        vec![single_table(&all, tree, 0, shape, neutral)]
    } else if let Some(by_target) = split_by_target(ensemble, width) {
        by_target
            .iter()
            .enumerate()
            .map(|(target, members)| single_table(members, tree, target, shape, neutral))
            .collect()
    } else {
        vec![several_table(&all, tree, width, shape, neutral)?]
    };
    Ok(Packed { wide: shape.wide, mirrored, tables })
}

/// The trees of each target, if every tree gives to one target only.
fn split_by_target(ensemble: &Ensemble, width: usize) -> Option<Vec<Vec<usize>>> {
    if width > MAX_TABLES {
        return None;
    }
    let mut by_target = vec![Vec::new(); width];
    for (index, tree) in ensemble.trees.iter().enumerate() {
        let mut targets = tree.nodes.iter().filter_map(Node::weights).flatten().map(|w| w.0);
        let first = targets.next().unwrap_or(0);
        if targets.any(|target| target != first) {
            return None;
        }
        by_target[first].push(index);
    }
    Some(by_target)
}

type TreeParts<'a> = (&'a Tree, &'a Vec<Step>, &'a Layout);

fn single_table<'a>(
    members: &[usize],
    tree: impl Fn(usize) -> TreeParts<'a>,
    target: usize,
    shape: Shape,
    neutral: f32,
) -> Table {
    // A target without trees is 0, whatever the others are joined by.
    let neutral = if members.is_empty() { 0.0 } else { neutral };
    let mut writer = Writer::new(shape, f64::from(neutral));
    writer.write(members, &tree, |weights| match weights {
        [] => f64::from(neutral),
        weights => f64::from(weights.iter().map(|(_, weight)| weight).sum::<f32>()),
    });
    writer.finish(members.len(), Vec::new(), Some(target))
}

fn several_table<'a>(
    members: &[usize],
    tree: impl Fn(usize) -> TreeParts<'a>,
    width: usize,
    shape: Shape,
    neutral: f32,
) -> Result<Table, String> {
    // Equal rows are stored once; row 0 gives nothing.
    let mut values = vec![neutral; width];
    let mut known: HashMap<Vec<u32>, usize> = HashMap::new();
    known.insert(values.iter().map(|value| value.to_bits()).collect(), 0);
    let mut too_many = false;
    let mut row_of = |weights: &[(usize, f32)]| -> usize {
        let mut row = vec![neutral; width];
        let mut given = vec![false; width];
        for (target, weight) in weights {
            row[*target] = if given[*target] { row[*target] + weight } else { *weight };
            given[*target] = true;
        }
        let next = known.len();
        *known.entry(row.iter().map(|value| value.to_bits()).collect()).or_insert_with(|| {
            too_many |= values.len() + width > MAX_LEAF_VALUES;
            if !too_many {
                values.extend_from_slice(&row);
            }
            next
        })
    };
    let bits = |row: usize| match shape.wide {
        true => f64::from_bits(row as u64),
        // Carried through `f64` without loss: small indices are subnormal numbers.
        false => f64::from(f32::from_bits(row as u32)),
    };
    let mut writer = Writer::new(shape, bits(0));
    writer.write(members, &tree, |weights| bits(row_of(weights)));
    if too_many {
        return Err(format!("its leaves hold more than {MAX_LEAF_VALUES} values"));
    }
    Ok(writer.finish(members.len(), values, None))
}

/// Nodes of one tree, rewritten for the kernels. Index 0 is the root.
fn rewrite(tree: &Tree, wide: bool) -> Vec<Step> {
    let below = |threshold: f64| match wide {
        true => next_lower(threshold, f64::next_down),
        false => next_lower(threshold, |value| f64::from((value as f32).next_down())),
    };
    // Splits on equality take one node more, behind the others.
    let mut steps: Vec<Step> = vec![Step::Leaf(0); tree.nodes.len()];
    for (index, node) in tree.nodes.iter().enumerate() {
        let Node::Split { feature, threshold, mode, missing_is_yes, yes, no } = *node else {
            steps[index] = Step::Leaf(index);
            continue;
        };
        // `x <= at_most` leads to `low`, else to `high`; a missing value goes where it is told.
        let split = |at_most: f64, low: usize, high: usize, missing_low: bool| {
            if missing_low {
                // x <= t is -x >= -t, is not(-x <= the next number below -t). Where nothing is at
                // most t, everything but a missing value is at most infinity.
                let threshold = if at_most.is_nan() { f64::INFINITY } else { below(-at_most) };
                Step::Split { feature, mirrored: true, threshold, left: high, right: low }
            } else {
                Step::Split { feature, mirrored: false, threshold: at_most, left: low, right: high }
            }
        };
        if mode == Mode::Member {
            let set = tree.sets.get(threshold as usize).map_or(&[][..], Vec::as_slice);
            let mut members = Members {
                steps: &mut steps,
                feature,
                yes: Some(yes),
                no: Some(no),
                ends: [yes, no],
            };
            let first = members.search(set, &below);
            // A missing value is no member, unless it is told to count as one.
            let low = members.place(first);
            let high = members.end(missing_is_yes);
            let split = Step::Split {
                feature,
                mirrored: false,
                threshold: f64::INFINITY,
                left: low,
                right: high,
            };
            steps[index] = split;
            continue;
        }
        let (equal, other) = if mode == Mode::Equal { (yes, no) } else { (no, yes) };
        steps[index] = match mode {
            Mode::AtMost => split(threshold, yes, no, missing_is_yes),
            Mode::Less => split(below(threshold), yes, no, missing_is_yes),
            Mode::AtLeast => split(below(threshold), no, yes, !missing_is_yes),
            Mode::Greater => split(threshold, no, yes, !missing_is_yes),
            // Handled above: it takes more than one step.
            Mode::Member => Step::Link(no),
            Mode::Equal | Mode::NotEqual => {
                // First x <= t, then x < t: what remains is equal. A missing value is not, unless
                // it is told to count as equal.
                let (second, link) = (steps.len(), steps.len() + 1);
                let missing_is_equal = missing_is_yes && mode == Mode::Equal;
                let (inner_low, inner_high) = (link, equal);
                steps.push(Step::Split {
                    feature,
                    mirrored: false,
                    threshold: below(threshold),
                    left: inner_low,
                    right: inner_high,
                });
                steps.push(Step::Link(other));
                split(threshold, second, other, missing_is_equal)
            }
        };
    }
    steps
}

/// Steps that look for a number in a set, as a search tree over it.
struct Members<'a> {
    steps: &'a mut Vec<Step>,
    feature: usize,
    /// The branches, until something leads to them; what comes later goes by a link.
    yes: Option<usize>,
    no: Option<usize>,
    ends: [usize; 2],
}

impl Members<'_> {
    /// A step that leads to a branch.
    fn end(&mut self, is_yes: bool) -> usize {
        let (fresh, known) =
            if is_yes { (self.yes.take(), self.ends[0]) } else { (self.no.take(), self.ends[1]) };
        match fresh {
            Some(branch) => branch,
            None => self.place(Step::Link(known)),
        }
    }

    fn place(&mut self, step: Step) -> usize {
        self.steps.push(step);
        self.steps.len() - 1
    }

    fn split(&self, threshold: f64, left: usize, right: usize) -> Step {
        Step::Split { feature: self.feature, mirrored: false, threshold, left, right }
    }

    /// The step that begins the search among ascending numbers, all of which are at most infinity.
    fn search(&mut self, set: &[f64], below: &impl Fn(f64) -> f64) -> Step {
        match set {
            // Nothing is a member: both sides lead to the same branch.
            [] => {
                let (left, right) = (self.end(false), self.end(false));
                self.split(f64::INFINITY, left, right)
            }
            [one] => {
                let (under, equal) = (self.end(false), self.end(true));
                let at_most = self.split(below(*one), under, equal);
                let (low, high) = (self.place(at_most), self.end(false));
                self.split(*one, low, high)
            }
            several => {
                let (low, high) = several.split_at(several.len() / 2);
                let threshold = low[low.len() - 1];
                let low = self.search(low, below);
                let high = self.search(high, below);
                let (low, high) = (self.place(low), self.place(high));
                self.split(threshold, low, high)
            }
        }
    }
}

/// The next lower number; below negative infinity there is none, and NaN compares with nothing.
fn next_lower(threshold: f64, next_down: impl Fn(f64) -> f64) -> f64 {
    if threshold == f64::NEG_INFINITY { f64::NAN } else { next_down(threshold) }
}

/// Where each step of a tree lies: level by level, the children of a node side by side.
#[derive(Debug)]
struct Layout {
    /// Steps in the order of the table.
    order: Vec<usize>,
    position: Vec<usize>,
    /// Steps of the longest path.
    depth: usize,
    /// The largest distance between a node and its left child.
    reach: isize,
}

impl Layout {
    fn of(steps: &[Step]) -> Self {
        let mut order = vec![0];
        let mut position = vec![usize::MAX; steps.len()];
        position[0] = 0;
        let mut next = VecDeque::from([0]);
        while let Some(step) = next.pop_front() {
            if let Step::Split { left, right, .. } = steps[step] {
                for child in [left, right] {
                    position[child] = order.len();
                    order.push(child);
                    next.push_back(child);
                }
            }
        }
        let reach =
            order.iter().map(|step| distance(steps, &position, *step).abs()).max().unwrap_or(0);
        Self { depth: depth(steps), order, position, reach }
    }
}

/// From a step to its left child, in nodes.
fn distance(steps: &[Step], position: &[usize], step: usize) -> isize {
    match steps[step] {
        Step::Leaf(_) => 0,
        Step::Split { left: to, .. } | Step::Link(to) => {
            position[to] as isize - position[step] as isize
        }
    }
}

/// Steps from the root to the deepest leaf, links included.
fn depth(steps: &[Step]) -> usize {
    let mut depths: Vec<Option<usize>> = vec![None; steps.len()];
    let mut open = vec![0];
    while let Some(step) = open.last().copied() {
        let children = match steps[step] {
            Step::Leaf(_) => [None, None],
            Step::Split { left, right, .. } => [Some(left), Some(right)],
            Step::Link(to) => [Some(to), None],
        };
        let unknown = children.into_iter().flatten().find(|child| depths[*child].is_none());
        match unknown {
            Some(child) => open.push(child),
            None => {
                let below = children.into_iter().flatten().filter_map(|child| depths[child]).max();
                depths[step] = Some(below.map_or(0, |below| below + 1));
                open.pop();
            }
        }
    }
    depths[0].unwrap_or(0)
}

/// Writes nodes and groups.
struct Writer {
    shape: Shape,
    nodes: Vec<u8>,
    groups: Vec<u8>,
    group_count: usize,
    visits: usize,
    /// Value of the leaf that gives nothing.
    nothing: f64,
}

impl Writer {
    fn new(shape: Shape, nothing: f64) -> Self {
        Self { shape, nodes: Vec::new(), groups: Vec::new(), group_count: 0, visits: 0, nothing }
    }

    fn write<'a>(
        &mut self,
        members: &[usize],
        tree: &impl Fn(usize) -> TreeParts<'a>,
        mut leaf_value: impl FnMut(&[(usize, f32)]) -> f64,
    ) {
        // Trees of like depth walk together; ties keep the file's order.
        let mut sorted = members.to_vec();
        sorted.sort_by_key(|index| std::cmp::Reverse(tree(*index).2.depth));

        let mut roots = Vec::with_capacity(sorted.len());
        for index in &sorted {
            let (source, steps, layout) = tree(*index);
            roots.push((self.node_count(), layout.depth));
            for step in &layout.order {
                let left = distance(steps, &layout.position, *step);
                match steps[*step] {
                    Step::Leaf(node) => {
                        let weights = source.nodes[node].weights().unwrap_or(&[]);
                        self.node(leaf_value(weights), 0, 0);
                    }
                    Step::Link(_) => self.node(f64::INFINITY, 0, left),
                    Step::Split { feature, mirrored, threshold, .. } => {
                        let column = 1 + feature + if mirrored { self.shape.columns } else { 0 };
                        self.node(threshold, column, left);
                    }
                }
            }
        }
        let nothing = self.node_count();
        self.node(self.nothing, 0, 0);
        for group in roots.chunks(LANES) {
            let depth = group.iter().map(|(_, depth)| *depth).max().unwrap_or(0);
            self.groups.extend((depth as u32).to_le_bytes());
            for lane in 0..LANES {
                let root = group.get(lane).map_or(nothing, |(root, _)| *root);
                self.groups.extend((root as u32).to_le_bytes());
            }
            self.group_count += 1;
            self.visits += depth * LANES;
        }
    }

    fn node_count(&self) -> usize {
        self.nodes.len() / if self.shape.wide { 16 } else { 8 }
    }

    fn node(&mut self, threshold: f64, column: usize, left: isize) {
        if self.shape.wide {
            self.nodes.extend(threshold.to_le_bytes());
            self.nodes.extend((column as u32).to_le_bytes());
            self.nodes.extend((left as i32).to_le_bytes());
        } else {
            self.nodes.extend((threshold as f32).to_le_bytes());
            self.nodes.extend((column as u16).to_le_bytes());
            self.nodes.extend((left as i16).to_le_bytes());
        }
    }

    fn finish(self, trees: usize, values: Vec<f32>, target: Option<usize>) -> Table {
        let Self { nodes, groups, group_count, visits, .. } = self;
        Table { nodes, groups, group_count, visits, trees, values, target }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Aggregate;
    use super::*;

    const MODES: [Mode; 6] =
        [Mode::AtMost, Mode::Less, Mode::AtLeast, Mode::Greater, Mode::Equal, Mode::NotEqual];

    /// What ONNX Runtime's comparisons say.
    fn goes_yes(mode: Mode, missing_is_yes: bool, x: f32, threshold: f32) -> bool {
        let holds = match mode {
            Mode::AtMost => x <= threshold,
            Mode::Less => x < threshold,
            Mode::AtLeast => x >= threshold,
            Mode::Greater => x > threshold,
            Mode::Equal => x == threshold,
            Mode::NotEqual => x != threshold,
            Mode::Member => false,
        };
        holds || missing_is_yes && x.is_nan()
    }

    fn stump(mode: Mode, missing_is_yes: bool, threshold: f32) -> Ensemble {
        let threshold = f64::from(threshold);
        let split = Node::Split { feature: 0, threshold, mode, missing_is_yes, yes: 1, no: 2 };
        let leaf = |value| Node::Leaf { weights: vec![(0, value)] };
        Ensemble::of(vec![Tree { nodes: vec![split, leaf(1.0), leaf(2.0)], ..Tree::default() }])
    }

    /// The leaf that the first tree of a narrow table leads `x` to, as the kernels walk.
    fn walk(packed: &Packed, x: f32) -> f32 {
        let table = &packed.tables[0];
        let number =
            |at: usize, list: &[u8]| u32::from_le_bytes(list[at..at + 4].try_into().unwrap());
        let (depth, mut node) = (number(0, &table.groups), number(4, &table.groups) as usize);
        let row = [f32::NEG_INFINITY, x, -x];
        for _ in 0..depth {
            let threshold = f32::from_bits(number(8 * node, &table.nodes));
            let rest = number(8 * node + 4, &table.nodes);
            let (column, left) = ((rest & 0xffff) as usize, (rest >> 16) as i16);
            let goes_left = row[column] <= threshold;
            node = (node as isize + left as isize + isize::from(!goes_left)) as usize;
        }
        f32::from_bits(number(8 * node, &table.nodes))
    }

    #[test]
    fn every_comparison_survives_being_rewritten() {
        let numbers = [0.0, -0.0, 1.0, -1.0, 1e-45, f32::MAX, f32::INFINITY, f32::NEG_INFINITY];
        for mode in MODES {
            for missing_is_yes in [false, true] {
                for threshold in numbers {
                    let ensemble = stump(mode, missing_is_yes, threshold);

                    let packed = pack(&ensemble, 1, 1, false, Aggregate::Sum).unwrap();

                    for x in numbers.into_iter().chain([f32::NAN, 0.5]) {
                        let wanted =
                            if goes_yes(mode, missing_is_yes, x, threshold) { 1.0 } else { 2.0 };
                        let got = walk(&packed, x);
                        assert_eq!(got, wanted, "{mode:?} {missing_is_yes} {x} {threshold}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_chain_of_equalities_does_not_grow_exponentially() {
        const LENGTH: usize = 200;
        let mut nodes = Vec::new();
        for i in 0..LENGTH {
            nodes.push(Node::Split {
                feature: 0,
                threshold: i as f64,
                mode: Mode::Equal,
                missing_is_yes: false,
                yes: 2 * i + 1,
                no: 2 * i + 2,
            });
            nodes.push(Node::Leaf { weights: vec![(0, i as f32)] });
        }
        nodes.push(Node::Leaf { weights: vec![(0, -1.0)] });

        let packed = pack(
            &Ensemble::of(vec![Tree { nodes, ..Tree::default() }]),
            1,
            1,
            false,
            Aggregate::Sum,
        )
        .unwrap();

        assert!(packed.tables[0].nodes.len() < 8 * 5 * LENGTH);
        assert_eq!(walk(&packed, 150.0), 150.0);
        assert_eq!(walk(&packed, 0.5), -1.0);
    }

    #[test]
    fn equal_leaves_are_stored_once() {
        let leaf = |value| Node::Leaf { weights: vec![(0, value), (1, 1.0 - value)] };
        let tree = |value| Tree { nodes: vec![leaf(value)], ..Tree::default() };

        let packed = pack(
            &Ensemble::of(vec![tree(0.25), tree(0.25), tree(1.0)]),
            1,
            2,
            false,
            Aggregate::Sum,
        )
        .unwrap();

        let table = &packed.tables[0];
        assert_eq!(table.values, [0.0, 0.0, 0.25, 0.75, 1.0, 0.0]);
    }

    #[test]
    fn more_columns_than_a_narrow_node_can_name_make_wide_ones() {
        let packed =
            pack(&stump(Mode::AtMost, false, 1.0), 40_000, 1, false, Aggregate::Sum).unwrap();

        assert!(packed.wide);
    }
}
