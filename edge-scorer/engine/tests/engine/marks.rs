//! The times of a module's steps.

use std::time::Duration;

use engine::{Scorer, ScorerLimits, Trust};

use crate::guest::Guest;

/// Tells where two steps end, of which the second takes far longer.
fn marking() -> Guest {
    Guest {
        imports: r#"(import "marks" "mark" (func $mark))"#,
        run: "(local $i i32)
            (call $mark) (call $mark)
            (call $mark)
            (loop $again
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (i32.store (i32.const 32768) (local.get $i))
              (br_if $again (i32.lt_u (local.get $i) (i32.const 1000000))))
            (call $mark)
            (i32.const 0)",
        ..Guest::linear()
    }
}

#[test]
fn each_step_is_timed() {
    let scorer = Scorer::new(marking().load(Trust::Measured), ScorerLimits::default());

    let times = scorer.step_times(Duration::from_millis(20)).unwrap();

    let [quick, slow] = times.as_slice() else { panic!("{times:?}") };
    assert!(*slow > Duration::from_micros(50), "{times:?}");
    assert!(quick < slow, "{times:?}");
}

#[test]
fn a_module_without_marks_is_not_timed() {
    let scorer = Scorer::new(Guest::linear().load(Trust::Measured), ScorerLimits::default());

    let refusal = scorer.step_times(Duration::from_millis(1)).unwrap_err();

    assert!(refusal.to_string().contains("does not mark"), "{refusal}");
}

#[test]
fn nobody_elses_module_may_mark() {
    assert!(marking().refusal().to_string().contains("`mark` from `marks`"));
}
