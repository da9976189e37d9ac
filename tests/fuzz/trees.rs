//! Random tree ensembles: every mode, missing values, several targets, against ONNX Runtime.

use arbitrary::{Result, Unstructured};
use engine::{Scorer, ScorerLimits, Tensor, TensorData, Trust};
use tests::reference::{Reference, Values};

use crate::proto::{self, Attribute, FLOAT, Graph, Message, attribute, port};
use crate::{seeded, targets};

const COLUMNS: usize = 3;
const ROWS: usize = 24;
/// Numbers that comparisons go wrong with.
const NUMBERS: [f32; 13] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    2.0,
    1.0e-42,
    -1.0e-42,
    f32::MIN_POSITIVE,
    f32::MAX,
    f32::INFINITY,
    f32::NEG_INFINITY,
    1.000_000_1,
];
const MODES: [&str; 6] =
    ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"];

/// The lists of a regressor's attributes.
#[derive(Default)]
struct Lists {
    trees: Vec<i64>,
    ids: Vec<i64>,
    features: Vec<i64>,
    values: Vec<f32>,
    modes: Vec<&'static str>,
    yes: Vec<i64>,
    no: Vec<i64>,
    missing: Vec<i64>,
    leaf_trees: Vec<i64>,
    leaf_nodes: Vec<i64>,
    leaf_targets: Vec<i64>,
    leaf_weights: Vec<f32>,
}

impl Lists {
    /// Adds a tree below a fresh node; answers the node's number.
    fn grow(
        &mut self,
        u: &mut Unstructured<'_>,
        tree: i64,
        next: &mut i64,
        depth: usize,
        targets: i64,
        modes: &[&'static str],
    ) -> Result<i64> {
        let (id, at) = (*next, self.ids.len());
        *next += 1;
        let is_leaf = depth == 0 || u.ratio(1, 4)?;
        self.trees.push(tree);
        self.ids.push(id);
        self.features.push(u.int_in_range(0..=COLUMNS as i64 - 1)?);
        self.values.push(*u.choose(&NUMBERS)?);
        self.modes.push(if is_leaf { "LEAF" } else { u.choose(modes)? });
        self.missing.push(if is_leaf { 0 } else { u.int_in_range(0..=1)? });
        self.yes.push(0);
        self.no.push(0);
        if is_leaf {
            for target in 0..targets {
                self.leaf_trees.push(tree);
                self.leaf_nodes.push(id);
                self.leaf_targets.push(target);
                self.leaf_weights.push(f32::from(u.arbitrary::<i8>()?) / 4.0);
            }
        } else {
            self.yes[at] = self.grow(u, tree, next, depth - 1, targets, modes)?;
            self.no[at] = self.grow(u, tree, next, depth - 1, targets, modes)?;
        }
        Ok(id)
    }

    fn attributes(&self, aggregate: &str, targets: i64) -> Vec<Message> {
        vec![
            attribute("aggregate_function", Attribute::Text(aggregate)),
            attribute("n_targets", Attribute::Int(targets)),
            attribute("nodes_treeids", Attribute::Ints(&self.trees)),
            attribute("nodes_nodeids", Attribute::Ints(&self.ids)),
            attribute("nodes_featureids", Attribute::Ints(&self.features)),
            attribute("nodes_values", Attribute::Floats(&self.values)),
            attribute("nodes_modes", Attribute::Texts(&self.modes)),
            attribute("nodes_truenodeids", Attribute::Ints(&self.yes)),
            attribute("nodes_falsenodeids", Attribute::Ints(&self.no)),
            attribute("nodes_missing_value_tracks_true", Attribute::Ints(&self.missing)),
            attribute("target_treeids", Attribute::Ints(&self.leaf_trees)),
            attribute("target_nodeids", Attribute::Ints(&self.leaf_nodes)),
            attribute("target_ids", Attribute::Ints(&self.leaf_targets)),
            attribute("target_weights", Attribute::Floats(&self.leaf_weights)),
        ]
    }
}

/// An ensemble and rows for it.
fn ensemble(bytes: &[u8]) -> Result<(Vec<u8>, Vec<f32>, usize)> {
    let u = &mut Unstructured::new(bytes);
    let targets = u.int_in_range(1..=3)?;
    let aggregate = *u.choose(&["SUM", "AVERAGE", "MIN", "MAX"])?;
    // Exporters write one mode; a mixture takes another way through ONNX Runtime.
    let one = u.choose_index(MODES.len())?;
    let modes = if u.arbitrary()? { &MODES[..] } else { &MODES[one..=one] };
    let mut lists = Lists::default();
    for tree in 0..u.int_in_range(1..=20)? {
        let depth = u.int_in_range(0..=5)?;
        lists.grow(u, tree, &mut 0, depth, targets, modes)?;
    }
    let mut rows = Vec::with_capacity(ROWS * COLUMNS);
    for _ in 0..ROWS * COLUMNS {
        rows.push(if u.ratio(1, 6)? { f32::NAN } else { *u.choose(&NUMBERS)? });
    }
    let node = proto::node(
        "TreeEnsembleRegressor",
        "ai.onnx.ml",
        &["X"],
        &["Y"],
        &lists.attributes(aggregate, targets),
    );
    let graph = Graph {
        nodes: vec![node],
        inputs: vec![port("X", FLOAT, &[None, Some(COLUMNS as i64)])],
        outputs: vec![port("Y", FLOAT, &[None, Some(targets)])],
        ..Graph::default()
    };
    Ok((graph.model(), rows, targets as usize))
}

fn agrees(bytes: &[u8]) {
    let Ok((onnx, rows, targets)) = ensemble(bytes) else { return };
    let compiled = targets::compiler(&onnx).unwrap();
    let module = targets::engine().load(&compiled.wasm, Trust::Compiled).unwrap();
    let input =
        Tensor::new(vec![ROWS as u64, COLUMNS as u64], TensorData::Float32(rows.clone())).unwrap();
    let ours = Scorer::new(module, ScorerLimits::default()).score_rows(&[input]).unwrap();
    let theirs = Reference::new(&onnx).run(&rows, &[ROWS, COLUMNS]);
    let (ours, Values::Floats(theirs)) = (ours[0].as_f32().unwrap(), &theirs[0].values) else {
        panic!("no floats");
    };
    for (place, (a, b)) in ours.iter().zip(theirs).enumerate() {
        let row = place / targets;
        let x = &rows[row * COLUMNS..(row + 1) * COLUMNS];
        assert!((a - b).abs() <= 1e-5 + 1e-5 * b.abs(), "row {row} {x:?}: {a}, not {b}");
    }
}

#[test]
fn random_trees_agree_with_onnx_runtime() {
    seeded(6_000, agrees);
}
