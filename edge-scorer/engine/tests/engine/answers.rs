//! What well-behaved guests answer.

use engine::{Fit, ScoreError, Scorer, ScorerLimits, Tensor, TensorData, Trust, read_signature};

use crate::guest::{Guest, counted, rows};

const ECHO: &str = r#"{"contract":1,"symbols":[{"name":"rows","min":1,"max":100}],
    "inputs":[{"name":"text","type":"string","shape":["rows"]}],
    "outputs":[{"name":"same","type":"string","shape":["rows"]}]}"#;

/// Gives back the text it was given: the very same offsets and bytes.
fn echo() -> Guest {
    Guest {
        more: r#"(func (export "input_bytes") (param i32 i32) (result i32)
                (select (i32.const 2048) (i32.const 0)
                    (i32.le_u (local.get 1) (i32.const 1000))))
            (func (export "output_bytes") (param i32) (result i32) (i32.const 2048))"#,
        output: r#"(func (export "output") (param i32) (result i32) (i32.const 1024))"#,
        run: "(i32.const 0)",
        ..Guest::signed(ECHO)
    }
}

#[test]
fn a_linear_guest_scores_rows_of_either_trust() {
    for trust in [Trust::Compiled, Trust::HandWritten] {
        let scorer = Scorer::new(Guest::linear().load(trust), ScorerLimits::default());

        let answer = scorer.score_rows(&rows(&[[1.0, 2.0], [0.5, -1.0]])).unwrap();

        assert_eq!(answer[0].shape(), [2]);
        assert_eq!(answer[0].as_f32().unwrap(), [9.0, -1.0]);
        assert_eq!(scorer.module().is_interruptible(), trust == Trust::HandWritten);
    }
}

#[test]
fn only_cheap_and_bounded_plans_run_without_interruption() {
    let signature = &Guest::linear().signature;
    let unbounded = signature.replace(r#""bounded":true"#, r#""bounded":false"#);
    let dear = signature.replace(r#""rowCostNs":5"#, r#""rowCostNs":100000001"#);
    let unpriced = signature.replace(r#""rowCostNs":5,"#, "");

    for signature in [&unbounded, &dear, &unpriced] {
        assert!(Guest::signed(signature).load(Trust::Compiled).is_interruptible(), "{signature}");
    }
    assert!(!Guest::linear().load(Trust::Compiled).is_interruptible());
}

#[test]
fn a_batch_is_prepared_written_run_and_read() {
    let scorer = Guest::linear().scorer();
    let mut batch = scorer.batch().unwrap();

    assert_eq!(batch.prepare(&[1]).unwrap(), Fit::Ready);
    batch.input_mut(0).unwrap().copy_from_slice(&[10.0_f32, 100.0].map(f32::to_le_bytes).concat());
    batch.run().unwrap();

    assert_eq!(batch.output(0).unwrap(), 321.0_f32.to_le_bytes());
    assert_eq!(batch.output_shape(0).unwrap(), [1]);
}

#[test]
fn steps_out_of_order_are_refused() {
    let scorer = Guest::linear().scorer();
    let mut batch = scorer.batch().unwrap();

    assert!(matches!(batch.run(), Err(ScoreError::WrongInput(_))), "not prepared");
    assert!(matches!(batch.input_mut(0), Err(ScoreError::WrongInput(_))), "not prepared");
    assert_eq!(batch.prepare(&[1]).unwrap(), Fit::Ready);
    assert!(matches!(batch.output(0), Err(ScoreError::WrongInput(_))), "not run");
    assert!(matches!(batch.input_mut(1), Err(ScoreError::WrongInput(_))), "no such input");
    for symbols in [&[0][..], &[9], &[], &[1, 1]] {
        assert!(matches!(batch.prepare(symbols), Err(ScoreError::WrongInput(_))), "{symbols:?}");
    }
}

#[test]
fn larger_batches_than_the_symbol_allows_are_split() {
    for trust in [Trust::Compiled, Trust::HandWritten] {
        let scorer = Scorer::new(Guest::linear().load(trust), ScorerLimits::default());

        let answer = scorer.score_rows(&counted(21)).unwrap();

        let expected: Vec<f32> = (0..21).map(|i| 2.0 * i as f32 + 4.0).collect();
        assert_eq!(answer[0].as_f32().unwrap(), expected);
        assert_eq!(answer[0].shape(), [21]);
    }
}

#[test]
fn a_batch_that_does_not_fit_is_halved_until_it_does() {
    let guest = Guest {
        prepare: r#"(func (export "prepare") (param i32) (result i32)
            (global.set $rows (local.get 0)) (i32.gt_u (local.get 0) (i32.const 1)))"#,
        ..Guest::linear()
    };

    let answer = guest.scorer().score_rows(&counted(7)).unwrap();

    assert_eq!(answer[0].as_f32().unwrap(), [4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0]);
}

#[test]
fn one_row_that_does_not_fit_is_out_of_memory() {
    let guest = Guest {
        prepare: r#"(func (export "prepare") (param i32) (result i32) (i32.const 1))"#,
        ..Guest::linear()
    };

    let refusal = guest.scorer().score_rows(&counted(7)).unwrap_err();

    assert!(matches!(refusal, ScoreError::OutOfMemory));
}

#[test]
fn no_rows_have_no_answers() {
    let answer = Guest::linear().scorer().score_rows(&counted(0)).unwrap();

    assert_eq!(answer, [Tensor::new(vec![0], TensorData::Float32(vec![])).unwrap()]);
}

#[test]
fn a_module_without_rows_is_called_once_per_row() {
    let signature = r#"{"contract":1,
        "inputs":[{"name":"X","type":"float32","shape":[1,2]}],
        "outputs":[{"name":"y","type":"float32","shape":[1,1]}]}"#;
    let guest = Guest {
        prepare: r#"(func (export "prepare") (result i32) (global.set $rows (i32.const 1)) (i32.const 0))"#,
        ..Guest::signed(signature)
    };

    let answer = guest.scorer().score_rows(&counted(3)).unwrap();

    assert_eq!(answer[0].shape(), [3, 1]);
    assert_eq!(answer[0].as_f32().unwrap(), [4.0, 6.0, 8.0]);
}

#[test]
fn tensors_that_do_not_fit_the_signature_are_refused_by_name() {
    let scorer = Guest::linear().scorer();
    let wide = Tensor::new(vec![1, 3], TensorData::Float32(vec![0.0; 3])).unwrap();
    let double = Tensor::new(vec![1, 2], TensorData::Float64(vec![0.0; 2])).unwrap();
    let flat = Tensor::new(vec![2], TensorData::Float32(vec![0.0; 2])).unwrap();

    for input in [wide, double, flat] {
        match scorer.score_rows(&[input]) {
            Err(ScoreError::WrongInput(message)) => {
                assert!(message.contains("`X`") && message.contains("[rows, 2]"), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(scorer.score_rows(&[]), Err(ScoreError::WrongInput(_))));
}

#[test]
fn a_refused_value_names_its_row_in_the_whole_batch() {
    let guest = Guest {
        more: r#"(func (export "error_row") (result i32) (i32.const 1))"#,
        // The first eight rows pass.
        run: "(i32.lt_u (global.get $rows) (i32.const 8))",
        ..Guest::linear()
    };

    let refusal = guest.scorer().score_rows(&counted(10)).unwrap_err();

    assert!(matches!(refusal, ScoreError::BadInput { row: Some(9) }), "{refusal:?}");
}

#[test]
fn an_impossible_row_is_not_repeated_to_the_caller() {
    let guest = Guest {
        more: r#"(func (export "error_row") (result i32) (i32.const -5))"#,
        ..Guest::running("(i32.const 1)")
    };

    let refusal = guest.scorer().score_rows(&counted(2)).unwrap_err();

    assert!(matches!(refusal, ScoreError::BadInput { row: None }), "{refusal:?}");
}

#[test]
fn text_goes_in_and_comes_out() {
    let scorer = echo().scorer();
    let texts = ["", "ünï", "", "code", "점수", ""].map(str::to_owned).to_vec();
    let input = Tensor::new(vec![6], TensorData::String(texts)).unwrap();

    let answer = scorer.score_rows(std::slice::from_ref(&input)).unwrap();

    assert_eq!(answer, [input]);
}

#[test]
fn empty_texts_need_no_room() {
    let guest = Guest {
        more: r#"(func (export "input_bytes") (param i32 i32) (result i32) (unreachable))
            (func (export "output_bytes") (param i32) (result i32) (unreachable))"#,
        ..echo()
    };
    let input = Tensor::new(vec![2], TensorData::String(vec![String::new(); 2])).unwrap();

    let answer = guest.scorer().score_rows(std::slice::from_ref(&input)).unwrap();

    assert_eq!(answer, [input]);
}

#[test]
fn rows_whose_texts_find_no_room_together_are_scored_apart() {
    let texts: Vec<String> = (0..7).map(|row| row.to_string().repeat(400)).collect();
    let input = Tensor::new(vec![7], TensorData::String(texts)).unwrap();

    let answer = echo().scorer().score_rows(std::slice::from_ref(&input)).unwrap();

    assert_eq!(answer, [input]);
}

#[test]
fn text_without_room_is_out_of_memory() {
    let input = Tensor::new(vec![1], TensorData::String(vec!["x".repeat(1001)])).unwrap();

    let refusal = echo().scorer().score_rows(&[input]).unwrap_err();

    assert!(matches!(refusal, ScoreError::OutOfMemory));
}

#[test]
fn dimensions_known_only_after_the_run_are_asked_for() {
    let signature = r#"{"contract":1,"symbols":[{"name":"rows","min":1,"max":8}],
        "inputs":[{"name":"X","type":"float32","shape":["rows",2]}],
        "outputs":[{"name":"y","type":"uint8","shape":["?","?"]}]}"#;
    let guest = Guest {
        more: r#"(func (export "output_dim") (param i32 i32) (result i32)
            (select (i32.const 3) (global.get $rows) (local.get 1)))
            (data (i32.const 32768) "abcdef")"#,
        run: "(i32.const 0)",
        ..Guest::signed(signature)
    };

    let answer = guest.scorer().score_rows(&counted(2)).unwrap();

    let expected = TensorData::Uint8(b"abcdef".to_vec());
    assert_eq!(answer, [Tensor::new(vec![2, 3], expected).unwrap()]);
}

#[test]
fn three_symbols_reach_prepare_in_order() {
    let signature = r#"{"contract":1,"symbols":[{"name":"rows","min":1,"max":8},
            {"name":"a","min":1,"max":9},{"name":"b","min":1,"max":9}],
        "inputs":[{"name":"X","type":"uint8","shape":["rows","a","b"]}],
        "outputs":[{"name":"y","type":"int32","shape":[1]}]}"#;
    let guest = Guest {
        prepare: r#"(func (export "prepare") (param i32 i32 i32) (result i32)
            (i32.store (i32.const 32768) (i32.add (local.get 2) (i32.mul (i32.const 10)
                (i32.add (local.get 1) (i32.mul (i32.const 10) (local.get 0))))))
            (i32.const 0))"#,
        run: "(i32.const 0)",
        ..Guest::signed(signature)
    };
    let input = Tensor::new(vec![2, 3, 4], TensorData::Uint8(vec![0; 24])).unwrap();

    let answer = guest.scorer().score_rows(&[input]).unwrap();

    assert_eq!(answer[0].data(), &TensorData::Int32(vec![234]));
}

#[test]
fn the_signature_is_read_without_running_anything() {
    let signature = read_signature(&Guest::running("(unreachable)").wasm()).unwrap();

    assert_eq!(signature.inputs[0].name, "X");
    assert_eq!(signature.rows().unwrap().max, 8);
}
