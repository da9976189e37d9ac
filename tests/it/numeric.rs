//! Compiled models against ONNX Runtime, on rows that nobody chose by hand.
//!
//! Probabilities agree to 1e-5; regressions and the outputs of networks to 1e-5 + 1e-5·|b|; labels are
//! identical wherever the reference's two best scores differ by more than 1e-5.

use std::{
    io::Write as _,
    sync::{Once, OnceLock},
};

use compiler::{Options, compile};
use engine::{Engine, EngineConfig, Scorer, ScorerLimits, Tensor, TensorData, Trust};
use shared::{Dim, Label, Profile, Role, Signature};
use tests::{
    fixtures,
    reference::{Output, Reference, Values},
};

const TOLERANCE: f32 = 1e-5;

/// A model, its data set, and the shape of one row.
pub(crate) struct Case {
    model: &'static str,
    data_set: &'static str,
    row: &'static [usize],
}

pub(crate) const fn case(
    model: &'static str,
    data_set: &'static str,
    row: &'static [usize],
) -> Case {
    Case { model, data_set, row }
}

/// What a row of each data set looks like.
const IRIS: &[usize] = &[4];
const CANCER: &[usize] = &[30];
const DIABETES: &[usize] = &[10];
const WINE: &[usize] = &[13];
pub(crate) const PHOTO: &[usize] = &[3, 224, 224];

/// Every model whose rows are rows of a table.
const TABULAR: &[Case] = &[
    case("iris_logistic", "iris", IRIS),
    case("iris_logistic_tensor", "iris", IRIS),
    case("iris_logistic_text", "iris", IRIS),
    case("iris_logistic_text_tensor", "iris", IRIS),
    case("breast_cancer_gbdt", "breast_cancer", CANCER),
    case("breast_cancer_gbdt_text", "breast_cancer", CANCER),
    case("breast_cancer_gbdt_tensor", "breast_cancer", CANCER),
    case("breast_cancer_forest", "breast_cancer", CANCER),
    case("diabetes_gbdt", "diabetes", DIABETES),
    case("wine_gbdt", "wine", WINE),
    case("wine_forest", "wine", WINE),
    case("wine_logistic", "wine", WINE),
    case("wine_svc", "wine", WINE),
];

#[test]
fn iris_logistic_regression_agrees_in_all_four_forms_of_export() {
    for model in
        ["iris_logistic", "iris_logistic_tensor", "iris_logistic_text", "iris_logistic_text_tensor"]
    {
        agrees(tabular(model));
    }
}

#[test]
fn breast_cancer_gradient_boosting_agrees() {
    for model in ["breast_cancer_gbdt", "breast_cancer_gbdt_tensor", "breast_cancer_gbdt_text"] {
        agrees(tabular(model));
    }
}

#[test]
fn gradient_boosting_with_three_classes_agrees() {
    agrees(tabular("wine_gbdt"));
}

#[test]
fn random_forests_of_100_trees_agree() {
    agrees(tabular("breast_cancer_forest"));
    agrees(tabular("wine_forest"));
}

#[test]
fn diabetes_regression_agrees() {
    agrees(tabular("diabetes_gbdt"));
}

#[test]
fn scaled_logistic_regression_agrees() {
    agrees(tabular("wine_logistic"));
}

#[test]
fn a_scaled_support_vector_machine_agrees() {
    agrees(tabular("wine_svc"));
}

#[test]
fn a_batch_gives_the_rows_that_smaller_batches_give() {
    for case in TABULAR {
        for (size, whole, pieces) in in_batches(case) {
            assert!(pieces == whole, "{} in batches of {size}", case.model);
        }
    }
}

/// 5,000 rows at once, and the same rows in batches of each size.
pub(crate) fn in_batches(case: &Case) -> [(usize, Vec<Values>, Vec<Values>); 3] {
    let scorer = scorer(case.model, Profile::Relaxed);
    let width: usize = case.row.iter().product();
    let rows = fixtures::rows(case.data_set);
    let rows: Vec<f32> = rows.iter().copied().cycle().take(5000 * width).collect();
    let whole = score(&scorer, &rows, case.row);

    [1, 7, 4096].map(|size| {
        let mut pieces = rows.chunks(size * width).map(|piece| score(&scorer, piece, case.row));
        let mut all = pieces.next().unwrap();
        for piece in pieces {
            all.iter_mut().zip(piece).for_each(append);
        }
        (size, whole.clone(), all)
    })
}

#[test]
fn a_compiled_tabular_model_is_hardly_larger_than_its_onnx_file() {
    for case in TABULAR {
        let onnx = fixtures::onnx(case.model);
        let compiled = compile(&onnx, &Options::default()).unwrap();
        let size = compiled.wasm.len() - compiled.plan.len();
        assert!(size <= onnx.len() + 65_536, "{}: {} → {size} bytes", case.model, onnx.len());
    }
}

#[test]
fn the_same_model_compiles_to_the_same_bytes() {
    for model in ["breast_cancer_gbdt", "wine_svc"] {
        let onnx = fixtures::onnx(model);
        let [first, second] = [(); 2].map(|()| compile(&onnx, &Options::default()).unwrap());
        assert!(first.wasm == second.wasm, "{model}");
    }
}

#[test]
fn column_names_and_the_example_reach_the_signature() {
    let signature = scorer("breast_cancer_gbdt", Profile::Relaxed).1;

    let input = &signature.inputs[0];
    let columns = input.columns.as_ref().unwrap();
    assert_eq!((columns.len(), columns[0].as_str()), (30, "mean radius"));
    let example = input.example.as_ref().unwrap();
    assert_eq!(example[0].as_f64(), Some(17.99));
    assert_eq!(signature.rows().unwrap().max, 4096);
    let (_, probabilities) = signature.output_with(Role::Probabilities).unwrap();
    assert_eq!(probabilities.classes, Some(vec![Label::Int(0), Label::Int(1)]));
    assert!(signature.output_with(Role::Label).is_some());
}

fn tabular(model: &str) -> &'static Case {
    TABULAR.iter().find(|case| case.model == model).unwrap()
}

pub(crate) fn agrees(case: &Case) {
    announce_versions();
    let rows = fixtures::rows(case.data_set);
    let width: usize = case.row.iter().product();
    let expected = reference(case, &rows, width);
    for profile in [Profile::Relaxed, Profile::Portable, Profile::Linalg] {
        let scorer = scorer(case.model, profile);

        let scored = score(&scorer, &rows, case.row);

        let place = format!("{} ({profile:?})", case.model);
        assert_eq!(scored.len(), expected.len(), "{place}: number of outputs");
        for (index, (ours, theirs)) in scored.iter().zip(&expected).enumerate() {
            let spec = &scorer.1.outputs[index];
            assert_eq!(spec.name, theirs.name, "{place}");
            let probabilities = spec.role == Some(Role::Probabilities);
            match (ours, &theirs.values) {
                (Values::Floats(ours), Values::Floats(theirs)) => {
                    close(ours, theirs, probabilities, &place);
                }
                (Values::Floats(ours), Values::Maps(maps)) => {
                    let classes = spec.classes.as_ref().unwrap();
                    close(ours, &in_order(maps, classes), true, &place);
                }
                (ours, theirs) => same_labels(ours, theirs, &expected, &place),
            }
        }
    }
}

/// The reference's answers to all rows: at once, or row by row where the model's batch is fixed.
fn reference(case: &Case, rows: &[f32], width: usize) -> Vec<Output> {
    let mut reference = Reference::new(&fixtures::onnx(case.model));
    if case.row != PHOTO {
        return reference.run(rows, &[&[rows.len() / width], case.row].concat());
    }
    let shape = [&[1], case.row].concat();
    let mut runs = rows.chunks(width).map(|row| reference.run(row, &shape));
    let mut all = runs.next().unwrap();
    for run in runs {
        for (so_far, more) in all.iter_mut().zip(run) {
            append((&mut so_far.values, more.values));
        }
    }
    all
}

pub(crate) fn close(ours: &[f32], theirs: &[f32], probabilities: bool, place: &str) {
    assert_eq!(ours.len(), theirs.len(), "{place}: number of values");
    for (index, (a, b)) in ours.iter().zip(theirs).enumerate() {
        let allowed = if probabilities { TOLERANCE } else { TOLERANCE + TOLERANCE * b.abs() };
        assert!((a - b).abs() <= allowed, "{place}: value {index} is {a}, not {b}");
    }
}

fn same_labels(ours: &Values, theirs: &Values, expected: &[Output], place: &str) {
    let margins = margins(expected);
    let differ: Vec<usize> = match (ours, theirs) {
        (Values::Integers(a), Values::Integers(b)) => differences(a, b),
        (Values::Texts(a), Values::Texts(b)) => differences(a, b),
        _ => panic!("{place}: labels of another type"),
    };
    for row in differ {
        assert!(margins[row] <= TOLERANCE, "{place}: row {row} has another label");
    }
}

fn differences<T: PartialEq>(ours: &[T], theirs: &[T]) -> Vec<usize> {
    assert_eq!(ours.len(), theirs.len());
    (0..ours.len()).filter(|&row| ours[row] != theirs[row]).collect()
}

/// How far apart the reference's two best scores are, row by row.
fn margins(expected: &[Output]) -> Vec<f32> {
    let rows: Vec<Vec<f32>> = match &expected[1].values {
        Values::Maps(maps) => {
            maps.iter().map(|row| row.iter().map(|pair| pair.1).collect()).collect()
        }
        Values::Floats(all) => {
            let rows = match &expected[0].values {
                Values::Integers(labels) => labels.len(),
                Values::Texts(labels) => labels.len(),
                _ => panic!("the first output is no label"),
            };
            all.chunks(all.len() / rows).map(<[f32]>::to_vec).collect()
        }
        _ => panic!("the second output is no score"),
    };
    let margin = |mut row: Vec<f32>| {
        row.sort_by(|a, b| b.total_cmp(a));
        row[0] - row[1]
    };
    rows.into_iter().map(margin).collect()
}

/// Maps as rows of a tensor, in the order of `classes`.
fn in_order(maps: &[Vec<(Label, f32)>], classes: &[Label]) -> Vec<f32> {
    let value = |row: &Vec<(Label, f32)>, class| {
        assert_eq!(row.len(), classes.len());
        row.iter().find(|(label, _)| label == class).unwrap().1
    };
    maps.iter().flat_map(|row| classes.iter().map(|class| value(row, class))).collect()
}

fn append((so_far, more): (&mut Values, Values)) {
    match (so_far, more) {
        (Values::Floats(a), Values::Floats(b)) => a.extend(b),
        (Values::Integers(a), Values::Integers(b)) => a.extend(b),
        (Values::Texts(a), Values::Texts(b)) => a.extend(b),
        _ => panic!("another type than before"),
    }
}

/// A compiled model, ready to score.
fn scorer(model: &str, profile: Profile) -> (Scorer, Signature) {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| Engine::new(EngineConfig::default()).unwrap());
    let options = Options { profile, ..Options::default() };
    let compiled = compile(&fixtures::onnx(model), &options).unwrap();
    let module = engine.load(&compiled.wasm, Trust::Compiled).unwrap();
    (Scorer::new(module, ScorerLimits::default()), compiled.signature)
}

fn score((scorer, signature): &(Scorer, Signature), rows: &[f32], row: &[usize]) -> Vec<Values> {
    let width: usize = row.iter().product();
    let mut shape = vec![(rows.len() / width) as u64];
    shape.extend(row.iter().map(|&dim| dim as u64));
    let first = &signature.inputs[0].shape[0];
    assert!(matches!(first, Dim::Fixed(1)) || *first == Dim::Named("rows".into()), "{first:?}");
    let input = Tensor::new(shape, TensorData::Float32(rows.to_vec())).unwrap();
    let outputs = scorer.score_rows(&[input]).unwrap();
    let read = |tensor: Tensor| match tensor.into_parts().1 {
        TensorData::Float32(values) => Values::Floats(values),
        TensorData::Int64(values) => Values::Integers(values),
        TensorData::String(values) => Values::Texts(values),
        other => panic!("no fixture answers {:?}", other.element_type()),
    };
    outputs.into_iter().map(read).collect()
}

/// Says once, past the test's captured output, what is compared with what.
fn announce_versions() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let versions = &fixtures::prepared().versions;
        let of = |package: &str| format!("{package} {}", versions[package]);
        let theirs = ["onnxruntime", "onnx", "scikit-learn", "skl2onnx", "numpy"].map(of);
        let ours = env!("CARGO_PKG_VERSION");
        let line = format!("\ncomparing compiler {ours} with {}\n", theirs.join(", "));
        std::io::stdout().write_all(line.as_bytes()).unwrap();
    });
}
