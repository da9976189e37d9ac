//! Guests that import `linalg`: what its products answer, and what they refuse to touch.

use engine::{ScoreError, Scorer, ScorerLimits, Trust};

use crate::guest::{Guest, counted, rows};

const DENSE: &str = r#"(import "linalg" "dense_panels"
    (func $dense (param i32 i32 i32 i32 i32 i32 i32 f32 f32)))"#;
const CONV: &str = r#"(import "linalg" "conv"
    (func $conv (param i32 i32 i32 i32 i32 i32 f32 f32)))"#;
const PRODUCTS: &str = r#"(import "linalg" "products"
    (func $products (param i32 i32 i32 i32 i32 i32 i32)))"#;

/// The weights 2 and 3 at 512, the bias 1 at 520.
const WEIGHTS: &str = r#"(data (i32.const 512) "\00\00\00\40\00\00\40\40\00\00\80\3f")"#;

/// The same as a panel of 32 columns, of which one counts: at 512, 640, and the bias at 768.
const PANEL: &str = r#"(data (i32.const 512) "\00\00\00\40") (data (i32.const 640) "\00\00\40\40")
    (data (i32.const 768) "\00\00\80\3f")"#;

/// `y = clamp(2·a + 3·b + 1)` as one dense product.
fn dense(run: &'static str) -> Guest {
    Guest { imports: DENSE, run, more: PANEL, ..Guest::linear() }
}

fn answers(guest: &Guest) -> Vec<f32> {
    let answer = guest.scorer().score_rows(&rows(&[[0.5, 1.0], [-1.0, 4.0], [2.0, -3.0]]));
    answer.unwrap()[0].as_f32().unwrap().to_vec()
}

#[test]
fn a_dense_product_is_the_sum_that_the_guest_would_have_computed() {
    let guest = dense(
        "(call $dense (i32.const 1024) (i32.const 512) (i32.const 768) (i32.const 32768)
           (global.get $rows) (i32.const 2) (i32.const 1) (f32.const 0) (f32.const inf))
         (i32.const 0)",
    );

    assert_eq!(answers(&guest), [5.0, 11.0, 0.0]);
    let ours = Scorer::new(guest.load(Trust::Compiled), ScorerLimits::default());
    assert_eq!(ours.score_rows(&counted(2)).unwrap()[0].as_f32().unwrap(), [4.0, 6.0]);
}

#[test]
fn a_product_of_two_tensors_has_no_bias() {
    let guest = Guest {
        imports: PRODUCTS,
        more: WEIGHTS,
        run: "(call $products (i32.const 1024) (i32.const 512) (i32.const 32768)
                (i32.const 1) (global.get $rows) (i32.const 2) (i32.const 1))
              (i32.const 0)",
        ..Guest::linear()
    };

    assert_eq!(answers(&guest), [4.0, 10.0, -5.0]);
}

#[test]
fn a_convolution_reads_its_sizes_from_the_memory() {
    // Images of one row and two columns, windows of as many: sizes at 256.
    let sizes = concat!(
        r#"(data (i32.const 256) "\01\00\00\00\01\00\00\00\02\00\00\00\01\00\00\00\01\00\00\00\01\00\00\00"#,
        r#"\01\00\00\00\02\00\00\00\01\00\00\00\01\00\00\00\01\00\00\00\01\00\00\00"#,
        r#"\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\01\00\00\00")"#,
        r#"(data (i32.const 512) "\00\00\00\40\00\00\40\40\00\00\80\3f")"#
    );
    let guest = Guest {
        imports: CONV,
        more: sizes,
        run: "(call $conv (i32.const 1024) (i32.const 512) (i32.const 520) (i32.const 32768)
                (i32.const 256) (global.get $rows) (f32.const -inf) (f32.const 10))
              (i32.const 0)",
        ..Guest::linear()
    };

    assert_eq!(answers(&guest), [5.0, 10.0, -4.0]);
}

#[test]
fn a_product_that_leaves_the_memory_or_writes_over_its_operands_is_a_trap() {
    for run in [
        // Past the end; not on a number; over the input; more than one call may do.
        "(call $dense (i32.const 65532) (i32.const 512) (i32.const 768) (i32.const 32768)
           (i32.const 1) (i32.const 2) (i32.const 1) (f32.const 0) (f32.const 1)) (i32.const 0)",
        "(call $dense (i32.const 1026) (i32.const 512) (i32.const 768) (i32.const 32768)
           (i32.const 1) (i32.const 2) (i32.const 1) (f32.const 0) (f32.const 1)) (i32.const 0)",
        "(call $dense (i32.const 1024) (i32.const 512) (i32.const 768) (i32.const 1028)
           (i32.const 1) (i32.const 2) (i32.const 1) (f32.const 0) (f32.const 1)) (i32.const 0)",
        "(call $dense (i32.const 1024) (i32.const 512) (i32.const 768) (i32.const 32768)
           (i32.const -1) (i32.const -1) (i32.const -1) (f32.const 0) (f32.const 1)) (i32.const 0)",
    ] {
        let failure = dense(run).scorer().score_rows(&counted(2)).unwrap_err();

        assert!(matches!(failure, ScoreError::Trap(_)), "{failure:?} of {run}");
    }
}

#[test]
fn a_convolution_with_impossible_sizes_is_a_trap() {
    // All sizes are 0: its channels do not divide by no groups.
    let guest = Guest {
        imports: CONV,
        run: "(call $conv (i32.const 1024) (i32.const 512) (i32.const 520) (i32.const 32768)
                (i32.const 256) (i32.const 1) (f32.const 0) (f32.const 1))
              (i32.const 0)",
        ..Guest::linear()
    };

    let failure = guest.scorer().score_rows(&counted(1)).unwrap_err();

    assert!(matches!(failure, ScoreError::Trap(_)), "{failure:?}");
}

#[test]
fn a_function_of_another_type_is_no_product() {
    let guest = Guest { imports: r#"(import "linalg" "dense_panels" (func))"#, ..Guest::linear() };

    let refusal = guest.refusal().to_string();

    assert!(refusal.contains("no such function of that type"), "{refusal}");
}
