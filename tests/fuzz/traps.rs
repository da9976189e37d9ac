//! Where floating point goes wrong: thresholds of two widths, missing values, signed zeros, subnormals,
//! casts out of range. The answers are written down, and ONNX Runtime is asked too where it has an answer.

use engine::{Scorer, ScorerLimits, Tensor, TensorData, Trust};
use tests::reference::{Reference, Values};

use crate::proto::{self, Attribute, DOUBLE, FLOAT, Graph, INT64, Message, attribute, port};
use crate::targets;

fn score(onnx: &[u8], input: Tensor) -> Tensor {
    let compiled = targets::compiler(onnx).unwrap();
    let module = targets::engine().load(&compiled.wasm, Trust::Compiled).unwrap();
    Scorer::new(module, ScorerLimits::default()).score_rows(&[input]).unwrap().remove(0)
}

/// One comparison: 1 where it holds, else 2.
fn stump(mode: &str, threshold: &Message, missing_is_yes: bool, element: i64) -> Vec<u8> {
    let attributes = [
        attribute("nodes_treeids", Attribute::Ints(&[0, 0, 0])),
        attribute("nodes_nodeids", Attribute::Ints(&[0, 1, 2])),
        attribute("nodes_featureids", Attribute::Ints(&[0, 0, 0])),
        attribute("nodes_modes", Attribute::Texts(&[mode, "LEAF", "LEAF"])),
        attribute("nodes_truenodeids", Attribute::Ints(&[1, 0, 0])),
        attribute("nodes_falsenodeids", Attribute::Ints(&[2, 0, 0])),
        attribute(
            "nodes_missing_value_tracks_true",
            Attribute::Ints(&[i64::from(missing_is_yes), 0, 0]),
        ),
        attribute("target_treeids", Attribute::Ints(&[0, 0])),
        attribute("target_nodeids", Attribute::Ints(&[1, 2])),
        attribute("target_ids", Attribute::Ints(&[0, 0])),
        attribute("n_targets", Attribute::Int(1)),
        threshold.clone(),
        if element == DOUBLE {
            attribute("target_weights_as_tensor", Attribute::Tensor(proto::doubles(&[1.0, 2.0])))
        } else {
            attribute("target_weights", Attribute::Floats(&[1.0, 2.0]))
        },
    ];
    one_node("TreeEnsembleRegressor", "ai.onnx.ml", &attributes, element, FLOAT)
}

fn one_node(operator: &str, domain: &str, attributes: &[Message], from: i64, to: i64) -> Vec<u8> {
    Graph {
        nodes: vec![proto::node(operator, domain, &["X"], &["Y"], attributes)],
        inputs: vec![port("X", from, &[None, Some(1)])],
        outputs: vec![port("Y", to, &[None, Some(1)])],
        ..Graph::default()
    }
    .model()
}

fn single(value: f32) -> Message {
    attribute("nodes_values", Attribute::Floats(&[value, 0.0, 0.0]))
}

fn column(values: &[f32]) -> Tensor {
    Tensor::new(vec![values.len() as u64, 1], TensorData::Float32(values.to_vec())).unwrap()
}

fn branches(onnx: &[u8], x: &[f32]) -> Vec<f32> {
    let ours = score(onnx, column(x)).as_f32().unwrap().to_vec();
    let theirs = Reference::new(onnx).run(x, &[x.len(), 1]).remove(0).values;
    assert_eq!(Values::Floats(ours.clone()), theirs);
    ours
}

#[test]
fn a_threshold_of_single_precision_is_compared_in_single_precision() {
    let x = [0.1_f32.next_down(), 0.1, 0.1_f32.next_up()];

    assert_eq!(branches(&stump("BRANCH_LEQ", &single(0.1), false, FLOAT), &x), [1.0, 1.0, 2.0]);
    assert_eq!(branches(&stump("BRANCH_LT", &single(0.1), false, FLOAT), &x), [1.0, 2.0, 2.0]);
}

#[test]
fn a_threshold_of_double_precision_tells_apart_what_single_precision_cannot() {
    let threshold = 0.1_f64;
    let values = attribute(
        "nodes_values_as_tensor",
        Attribute::Tensor(proto::doubles(&[threshold, 0.0, 0.0])),
    );
    let x = [threshold.next_down(), threshold, threshold.next_up(), f64::from(0.1_f32)];

    for (mode, expected) in
        [("BRANCH_LEQ", [1.0, 1.0, 2.0, 2.0]), ("BRANCH_LT", [1.0, 2.0, 2.0, 2.0])]
    {
        let onnx = stump(mode, &values, false, DOUBLE);
        let input = Tensor::new(vec![4, 1], TensorData::Float64(x.to_vec())).unwrap();
        assert_eq!(score(&onnx, input).as_f32().unwrap(), expected, "{mode}");
    }
}

#[test]
fn zeros_of_both_signs_are_equal_and_subnormals_are_not_zero() {
    let tiny = f32::from_bits(1);
    let x = [0.0, -0.0, tiny, -tiny];

    assert_eq!(
        branches(&stump("BRANCH_LEQ", &single(0.0), false, FLOAT), &x),
        [1.0, 1.0, 2.0, 1.0]
    );
    assert_eq!(
        branches(&stump("BRANCH_LT", &single(-0.0), false, FLOAT), &x),
        [2.0, 2.0, 2.0, 1.0]
    );
    assert_eq!(
        branches(&stump("BRANCH_EQ", &single(-0.0), false, FLOAT), &x),
        [1.0, 1.0, 2.0, 2.0]
    );
    assert_eq!(
        branches(&stump("BRANCH_GT", &single(tiny), false, FLOAT), &x),
        [2.0, 2.0, 2.0, 2.0]
    );
}

#[test]
fn missing_values_go_where_the_node_sends_them_and_infinities_are_values() {
    let x = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];

    for (mode, plain) in [
        ("BRANCH_LEQ", [2.0, 2.0, 1.0]),
        ("BRANCH_LT", [2.0, 2.0, 1.0]),
        ("BRANCH_GTE", [2.0, 1.0, 2.0]),
        ("BRANCH_GT", [2.0, 1.0, 2.0]),
        ("BRANCH_EQ", [2.0, 2.0, 2.0]),
    ] {
        assert_eq!(branches(&stump(mode, &single(0.0), false, FLOAT), &x), plain, "{mode}");
        let tracked = [1.0, plain[1], plain[2]];
        assert_eq!(
            branches(&stump(mode, &single(0.0), true, FLOAT), &x),
            tracked,
            "{mode}, tracked"
        );
    }
}

#[test]
fn casts_out_of_range_saturate_and_never_trap() {
    let to = [attribute("to", Attribute::Int(INT64))];
    let onnx = one_node("Cast", "", &to, FLOAT, INT64);
    let x = [1.9, -1.9, 1e30, -1e30, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];

    let y = score(&onnx, column(&x));

    // ONNX leaves what is out of range open, and processors differ; here it is the nearest number, and 0
    // for what is none.
    let expected = [1, -1, i64::MAX, i64::MIN, i64::MAX, i64::MIN, 0];
    assert_eq!(y.as_i64().unwrap(), expected);
}

#[test]
fn whole_numbers_keep_their_low_bits_when_they_are_cast_to_fewer() {
    let x = [i64::MAX, i64::MIN, 1 << 31, -(1 << 31) - 1, (1 << 32) + 5, 300, -129];
    let cast = |to: i64| {
        let onnx = one_node("Cast", "", &[attribute("to", Attribute::Int(to))], INT64, to);
        score(&onnx, Tensor::new(vec![7, 1], TensorData::Int64(x.to_vec())).unwrap())
    };

    let narrow: Vec<i32> = x.iter().map(|value| *value as i32).collect();
    assert_eq!(*cast(6).data(), TensorData::Int32(narrow));
    let narrower: Vec<i8> = x.iter().map(|value| *value as i8).collect();
    assert_eq!(*cast(3).data(), TensorData::Int8(narrower));
    let unsigned: Vec<u8> = x.iter().map(|value| *value as u8).collect();
    assert_eq!(*cast(2).data(), TensorData::Uint8(unsigned));
}

#[test]
fn doubles_beyond_single_precision_become_infinite_and_small_ones_subnormal() {
    let x = [1e300, -1e300, 1e-46, 1e-40, -1e-40, f64::NAN, f64::from(f32::MAX) * 1.000_000_01];
    let onnx = one_node("Cast", "", &[attribute("to", Attribute::Int(FLOAT))], DOUBLE, FLOAT);

    let y = score(&onnx, Tensor::new(vec![7, 1], TensorData::Float64(x.to_vec())).unwrap());

    let expected = x.map(|value| (value as f32).to_bits());
    assert_eq!(y.as_f32().unwrap().iter().map(|y| y.to_bits()).collect::<Vec<_>>(), expected);
    assert_eq!(y.as_f32().unwrap()[3], 1e-40, "it is not flushed to zero");
}

#[test]
fn signed_zeros_subnormals_and_what_is_no_number_pass_as_in_onnx_runtime() {
    let tiny = f32::from_bits(1);
    let x = [
        0.0,
        -0.0,
        tiny,
        -tiny,
        f32::MIN_POSITIVE,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        f32::MAX,
        0.5,
        1.5,
        2.5,
        -0.5,
        -2.5,
    ];
    for operator in ["Identity", "Abs", "Neg", "Floor", "Ceil", "Round", "Sqrt", "Reciprocal"] {
        let onnx = one_node(operator, "", &[], FLOAT, FLOAT);

        let ours = score(&onnx, column(&x));

        let theirs = Reference::new(&onnx).run(&x, &[x.len(), 1]).remove(0).values;
        let Values::Floats(theirs) = theirs else { panic!("no floats") };
        for ((x, ours), theirs) in x.iter().zip(ours.as_f32().unwrap()).zip(theirs) {
            let same = ours.to_bits() == theirs.to_bits() || (ours.is_nan() && theirs.is_nan());
            assert!(same, "{operator} of {x:?}: {ours:?}, not {theirs:?}");
        }
    }
}
