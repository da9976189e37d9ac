//! Random tree ensembles against ONNX Runtime: every mode and aggregate, missing values, categories, thresholds
//! of both widths, several targets, and classifiers with every way to turn sums into scores.

use arbitrary::{Result, Unstructured};
use engine::{Scorer, ScorerLimits, Tensor, TensorData, Trust};
use tests::reference::{Reference, Values};

use crate::proto::{self, Attribute, DOUBLE, FLOAT, Graph, INT64, Message, attribute, port};
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
    /// Whether leaves may leave targets out.
    is_sparse: bool,
}

impl Lists {
    /// Adds a tree below a fresh node, whose leaves give something to some targets; answers the node's number.
    fn grow(
        &mut self,
        u: &mut Unstructured<'_>,
        tree: i64,
        next: &mut i64,
        depth: usize,
        targets: &[i64],
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
            for target in targets.iter().copied() {
                if self.is_sparse && u.ratio(1, 3)? {
                    continue;
                }
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

    /// What every kind of ensemble has; thresholds are halfway to the next number where they are doubles.
    fn nodes(&self, is_double: bool) -> Vec<Message> {
        vec![
            attribute("nodes_treeids", Attribute::Ints(&self.trees)),
            attribute("nodes_nodeids", Attribute::Ints(&self.ids)),
            attribute("nodes_featureids", Attribute::Ints(&self.features)),
            if is_double {
                let values: Vec<f64> = self.values.iter().map(|value| between(*value)).collect();
                attribute("nodes_values_as_tensor", Attribute::Tensor(proto::doubles(&values)))
            } else {
                attribute("nodes_values", Attribute::Floats(&self.values))
            },
            attribute("nodes_modes", Attribute::Texts(&self.modes)),
            attribute("nodes_truenodeids", Attribute::Ints(&self.yes)),
            attribute("nodes_falsenodeids", Attribute::Ints(&self.no)),
            attribute("nodes_missing_value_tracks_true", Attribute::Ints(&self.missing)),
        ]
    }

    fn regressor(&self, aggregate: &str, targets: i64, is_double: bool) -> Vec<Message> {
        let mut attributes = self.nodes(is_double);
        attributes.extend([
            attribute("aggregate_function", Attribute::Text(aggregate)),
            attribute("n_targets", Attribute::Int(targets)),
            attribute("target_treeids", Attribute::Ints(&self.leaf_trees)),
            attribute("target_nodeids", Attribute::Ints(&self.leaf_nodes)),
            attribute("target_ids", Attribute::Ints(&self.leaf_targets)),
            if is_double {
                let weights: Vec<f64> = self.leaf_weights.iter().map(|w| f64::from(*w)).collect();
                attribute("target_weights_as_tensor", Attribute::Tensor(proto::doubles(&weights)))
            } else {
                attribute("target_weights", Attribute::Floats(&self.leaf_weights))
            },
        ]);
        attributes
    }

    fn classifier(&self, transform: &str, classes: i64) -> Vec<Message> {
        let labels: Vec<i64> = (0..classes).map(|class| 10 * class).collect();
        let mut attributes = self.nodes(false);
        attributes.extend([
            attribute("post_transform", Attribute::Text(transform)),
            attribute("classlabels_int64s", Attribute::Ints(&labels)),
            attribute("class_treeids", Attribute::Ints(&self.leaf_trees)),
            attribute("class_nodeids", Attribute::Ints(&self.leaf_nodes)),
            attribute("class_ids", Attribute::Ints(&self.leaf_targets)),
            attribute("class_weights", Attribute::Floats(&self.leaf_weights)),
        ]);
        attributes
    }
}

/// A double that no single number is: just above one.
fn between(value: f32) -> f64 {
    if value.is_finite() { f64::from(value).next_up() } else { f64::from(value) }
}

/// The parts that every kind of ensemble shares.
fn lists(u: &mut Unstructured<'_>, targets: &[i64], is_sparse: bool) -> Result<Lists> {
    // Exporters write one mode; a mixture takes another way through ONNX Runtime.
    let one = u.choose_index(MODES.len())?;
    let modes = if u.arbitrary()? { &MODES[..] } else { &MODES[one..=one] };
    let mut lists = Lists { is_sparse, ..Lists::default() };
    for tree in 0..u.int_in_range(1..=20)? {
        let depth = u.int_in_range(0..=5)?;
        lists.grow(u, tree, &mut 0, depth, targets, modes)?;
    }
    Ok(lists)
}

fn numbers(u: &mut Unstructured<'_>) -> Result<Vec<f32>> {
    (0..ROWS * COLUMNS)
        .map(|_| Ok(if u.ratio(1, 6)? { f32::NAN } else { *u.choose(&NUMBERS)? }))
        .collect()
}

fn model(operator: &str, attributes: &[Message], element: i64, outputs: Vec<Message>) -> Vec<u8> {
    let names = ["Y", "Z"];
    let nodes =
        vec![proto::node(operator, "ai.onnx.ml", &["X"], &names[..outputs.len()], attributes)];
    let inputs = vec![port("X", element, &[None, Some(COLUMNS as i64)])];
    Graph { nodes, inputs, outputs, ..Graph::default() }.model()
}

fn scored(onnx: &[u8], data: TensorData) -> Vec<Tensor> {
    let compiled = targets::compiler(onnx).unwrap();
    let module = targets::engine().load(&compiled.wasm, Trust::Compiled).unwrap();
    let input = Tensor::new(vec![ROWS as u64, COLUMNS as u64], data).unwrap();
    Scorer::new(module, ScorerLimits::default()).score_rows(&[input]).unwrap()
}

/// Holds numbers against the reference's, row by row.
fn same(ours: &Tensor, theirs: &Values, rows: &[f32]) {
    let (ours, Values::Floats(theirs)) = (ours.as_f32().unwrap(), theirs) else {
        panic!("no floats");
    };
    assert_eq!(ours.len(), theirs.len());
    let width = ours.len() / ROWS;
    for (place, (a, b)) in ours.iter().zip(theirs).enumerate() {
        let row = place / width;
        let x = &rows[row * COLUMNS..(row + 1) * COLUMNS];
        let close = (a - b).abs() <= 1e-5 + 1e-5 * b.abs() || a == b || (a.is_nan() && b.is_nan());
        assert!(close, "row {row} {x:?}: {a}, not {b}");
    }
}

fn regressor(bytes: &[u8]) -> Result<()> {
    let u = &mut Unstructured::new(bytes);
    let targets = u.int_in_range(1..=3)?;
    let aggregate = *u.choose(&["SUM", "AVERAGE", "MIN", "MAX"])?;
    let is_double = u.ratio(1, 3)?;
    // A leaf of an ensemble for one target always gives it something.
    let is_sparse = targets > 1 && u.ratio(1, 3)?;
    let lists = lists(u, &(0..targets).collect::<Vec<_>>(), is_sparse)?;
    let rows = numbers(u)?;
    let outputs = vec![port("Y", FLOAT, &[None, Some(targets)])];
    let attributes = lists.regressor(aggregate, targets, is_double);
    let element = if is_double { DOUBLE } else { FLOAT };
    let onnx = model("TreeEnsembleRegressor", &attributes, element, outputs);
    let (ours, theirs) = if is_double {
        // Half of the values are on the threshold, and half are the single number below it.
        let doubles: Vec<f64> = rows
            .iter()
            .enumerate()
            .map(|(at, x)| if at % 2 == 0 { between(*x) } else { f64::from(*x) })
            .collect();
        let theirs = Reference::new(&onnx).run_doubles(&doubles, &[ROWS, COLUMNS]);
        (scored(&onnx, TensorData::Float64(doubles)), theirs)
    } else {
        let theirs = Reference::new(&onnx).run(&rows, &[ROWS, COLUMNS]);
        (scored(&onnx, TensorData::Float32(rows.clone())), theirs)
    };
    same(&ours[0], &theirs[0].values, &rows);
    Ok(())
}

fn classifier(bytes: &[u8]) -> Result<()> {
    let u = &mut Unstructured::new(bytes);
    let classes = u.int_in_range(3..=4)?;
    let transform = *u.choose(&["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"])?;
    let lists = lists(u, &(0..classes).collect::<Vec<_>>(), false)?;
    let rows = numbers(u)?;
    let outputs = vec![port("Y", INT64, &[None]), port("Z", FLOAT, &[None, Some(classes)])];
    let attributes = lists.classifier(transform, classes);
    let onnx = model("TreeEnsembleClassifier", &attributes, FLOAT, outputs);
    let theirs = Reference::new(&onnx).run(&rows, &[ROWS, COLUMNS]);
    let ours = scored(&onnx, TensorData::Float32(rows.clone()));
    same(&ours[1], &theirs[1].values, &rows);
    let labels = Values::Integers(ours[0].as_i64().unwrap().to_vec());
    assert_eq!(labels, theirs[0].values);
    Ok(())
}

/// Two classes: with scores for both, or for one of them alone, from which the other's follow.
fn of_two_classes(bytes: &[u8]) -> Result<()> {
    let u = &mut Unstructured::new(bytes);
    let transform = *u.choose(&["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"])?;
    let targets: &[i64] = u.choose(&[&[0][..], &[1], &[0, 1]])?;
    let is_one_sided = u.arbitrary()?;
    let mut lists = lists(u, targets, false)?;
    let count = 1.0 + lists.trees.last().map_or(0.0, |last| *last as f32);
    if is_one_sided {
        // Shares of votes, as forests have them: above one half is enough.
        lists.leaf_weights.iter_mut().for_each(|w| *w = w.abs() / (32.0 * count));
    }
    let rows = numbers(u)?;
    let outputs = vec![port("Y", INT64, &[None]), port("Z", FLOAT, &[None, Some(2)])];
    let attributes = lists.classifier(transform, 2);
    let onnx = model("TreeEnsembleClassifier", &attributes, FLOAT, outputs.clone());
    let theirs = Reference::new(&onnx).run(&rows, &[ROWS, COLUMNS]);
    let ours = scored(&onnx, TensorData::Float32(rows.clone()));
    same(&ours[1], &theirs[1].values, &rows);
    let labels = ours[0].as_i64().unwrap();
    let Values::Integers(reference) = &theirs[0].values else { panic!("no labels") };
    let plain = model("TreeEnsembleClassifier", &lists.classifier("NONE", 2), FLOAT, outputs);
    let Values::Floats(sums) = &Reference::new(&plain).run(&rows, &[ROWS, COLUMNS])[1].values
    else {
        panic!("no sums")
    };
    for ((label, other), sums) in labels.iter().zip(reference).zip(sums.as_chunks::<2>().0) {
        if let &[_] = targets {
            // A sum that is the threshold, but for the order in which trees are added.
            let is_tie = is_one_sided && (sums[1] - 0.5).abs() < 1e-6;
            assert!(label == other || is_tie, "{label}, not {other}: {sums:?}");
            continue;
        }
        // Where both classes have scores, the label is that of the larger one, as the specification says. ONNX
        // Runtime answers 1 where the second score is above 0 and 0 elsewhere, whatever the classes are called.
        assert_eq!(*other, i64::from(sums[1] > 0.0), "{sums:?}");
        let larger = if sums[1] > sums[0] { 10 } else { 0 };
        let is_tie = is_one_sided && (sums[1] - sums[0]).abs() < 1e-6;
        assert!(*label == larger || is_tie, "{label}, not {larger}: {sums:?}");
    }
    Ok(())
}

#[test]
fn random_trees_agree_with_onnx_runtime() {
    // Bytes that end too early make no case.
    seeded(6_000, |bytes| regressor(bytes).unwrap_or(()));
}

#[test]
fn random_classifiers_of_trees_agree_with_onnx_runtime() {
    seeded(6_000, |bytes| classifier(bytes).unwrap_or(()));
}

#[test]
fn random_classifiers_of_two_classes_agree_with_onnx_runtime() {
    seeded(6_000, |bytes| of_two_classes(bytes).unwrap_or(()));
}

#[test]
fn a_target_that_no_leaf_gives_to_is_0_in_both_tiers() {
    // One tree of two leaves, each of which gives to a target of its own. What has an infinite leaf besides is
    // left to the dynamic tier, for infinity is where the static one begins to look for the least.
    for (weight, is_dynamic) in [(-2.0, false), (f32::INFINITY, true)] {
        for aggregate in ["MIN", "MAX", "SUM", "AVERAGE"] {
            let lists = Lists {
                trees: vec![0; 3],
                ids: vec![0, 1, 2],
                features: vec![0; 3],
                values: vec![0.5, 0.0, 0.0],
                modes: vec!["BRANCH_LEQ", "LEAF", "LEAF"],
                yes: vec![1, 0, 0],
                no: vec![2, 0, 0],
                missing: vec![0; 3],
                leaf_trees: vec![0; 2],
                leaf_nodes: vec![1, 2],
                leaf_targets: vec![0, 1],
                leaf_weights: if aggregate == "MAX" {
                    vec![3.0, -weight]
                } else {
                    vec![3.0, weight]
                },
                is_sparse: true,
            };
            let outputs = vec![port("Y", FLOAT, &[None, Some(2)])];
            let attributes = lists.regressor(aggregate, 2, false);
            let onnx = model("TreeEnsembleRegressor", &attributes, FLOAT, outputs);
            let rows: Vec<f32> = (0..ROWS * COLUMNS).map(|at| (at % 2) as f32).collect();

            let compiled = targets::compiler(&onnx).unwrap();
            let theirs = Reference::new(&onnx).run(&rows, &[ROWS, COLUMNS]);
            let ours = scored(&onnx, TensorData::Float32(rows.clone()));

            let extremes = matches!(aggregate, "MIN" | "MAX");
            assert_eq!(compiled.plan.contains("dynamic tier"), is_dynamic && extremes);
            same(&ours[0], &theirs[0].values, &rows);
            assert!(ours[0].as_f32().unwrap().contains(&0.0));
        }
    }
}
