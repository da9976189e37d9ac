//! Which instances serve twice, and what is left in them.

use engine::{Scorer, ScorerLimits, Trust};

use crate::guest::{Guest, LINEAR, counted, rows};

/// Answers how often it has run.
fn counting() -> Guest {
    Guest {
        more: "(global $runs (mut i32) (i32.const 0))",
        run: "(global.set $runs (i32.add (global.get $runs) (i32.const 1)))
            (f32.store (i32.const 32768) (f32.convert_i32_u (global.get $runs)))
            (i32.const 0)",
        ..Guest::linear()
    }
}

fn runs(scorer: &Scorer) -> f32 {
    scorer.score_rows(&counted(1)).unwrap()[0].as_f32().unwrap()[0]
}

#[test]
fn compiled_instances_serve_again_and_hand_written_ones_do_not() {
    let compiled = Scorer::new(counting().load(Trust::Compiled), ScorerLimits::default());
    let hand_written = counting().scorer();
    let allowed = ScorerLimits { reuse_hand_written: true, ..ScorerLimits::default() };
    let trusted = Scorer::new(counting().load(Trust::HandWritten), allowed);

    for again in 1..=3 {
        assert_eq!(runs(&compiled), again as f32);
        assert_eq!(runs(&hand_written), 1.0);
        assert_eq!(runs(&trusted), again as f32);
    }
}

#[test]
fn a_hand_written_guest_cannot_keep_what_it_saw() {
    // Answers what lies at 40000, then leaves its input there.
    let keeping = Guest::running(
        "(i32.store (i32.const 32768) (i32.load (i32.const 40000)))
        (i32.store (i32.const 40000) (i32.load (i32.const 1024)))
        (i32.const 0)",
    );
    let scorer = keeping.scorer();

    for secret in [3.5, 4.5, 5.5] {
        let answer = scorer.score_rows(&rows(&[[secret, 0.0]])).unwrap();
        assert_eq!(answer[0].as_f32().unwrap(), [0.0]);
    }
}

#[test]
fn an_instance_that_trapped_does_not_serve_again() {
    // Traps on every second run, of which a fresh instance has none.
    let moody = Guest {
        more: "(global $runs (mut i32) (i32.const 0))",
        run: "(global.set $runs (i32.add (global.get $runs) (i32.const 1)))
            (if (i32.eq (global.get $runs) (i32.const 2)) (then (unreachable)))
            (i32.const 0)",
        ..Guest::linear()
    };
    let scorer = Scorer::new(moody.load(Trust::Compiled), ScorerLimits::default());

    for _ in 0..3 {
        assert!(scorer.score_rows(&counted(1)).is_ok());
        assert!(scorer.score_rows(&counted(1)).is_err());
    }
}

#[test]
fn canaries_do_not_change_what_a_writing_plan_answers() {
    let scorer = Scorer::new(Guest::linear().load(Trust::Compiled), ScorerLimits::default());
    let mut batch = scorer.batch().unwrap();

    for input in [[1.0_f32, 2.0], [3.0, 4.0]] {
        assert_eq!(batch.prepare(&[1]).unwrap(), engine::Fit::Ready);
        batch.fill_with_canaries(0).unwrap();
        batch.input_mut(0).unwrap().copy_from_slice(&input.map(f32::to_le_bytes).concat());
        batch.run().unwrap();
        let expected = 2.0 * input[0] + 3.0 * input[1] + 1.0;
        assert_eq!(batch.output(0).unwrap(), expected.to_le_bytes());
    }
}

#[test]
fn canaries_betray_a_plan_that_reads_what_it_did_not_write() {
    let reading =
        Guest::running("(f32.store (i32.const 32768) (f32.load (i32.const 40000))) (i32.const 0)");
    let scorer = Scorer::new(reading.load(Trust::Compiled), ScorerLimits::default());
    let mut batch = scorer.batch().unwrap();

    assert_eq!(batch.prepare(&[1]).unwrap(), engine::Fit::Ready);
    batch.fill_with_canaries(0).unwrap();
    batch.run().unwrap();

    assert_eq!(batch.output(0).unwrap(), [0xA5; 4]);
}

#[test]
fn many_threads_share_one_scorer() {
    let scorer = Scorer::new(
        Guest::signed(&LINEAR.replace(r#""max":8"#, r#""max":4096"#)).load(Trust::Compiled),
        ScorerLimits::default(),
    );

    std::thread::scope(|scope| {
        for thread in 0..8_u8 {
            let scorer = &scorer;
            scope.spawn(move || {
                for round in 0..500_u16 {
                    let input = [f32::from(thread), f32::from(round)];
                    let answer = scorer.score_rows(&rows(&[input])).unwrap();
                    let expected = 2.0 * input[0] + 3.0 * input[1] + 1.0;
                    assert_eq!(answer[0].as_f32().unwrap(), [expected]);
                }
            });
        }
    });
}
