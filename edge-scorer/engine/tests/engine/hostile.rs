//! Guests that do harm while they run: each is stopped, and the host goes on.

use std::time::{Duration, Instant};

use engine::{ScoreError, Scorer, ScorerLimits, Tensor, TensorData, Trust};

use crate::guest::{Guest, LINEAR, counted, engine};

fn failure(guest: &Guest) -> ScoreError {
    guest.scorer().score_rows(&counted(2)).unwrap_err()
}

fn breaks_the_contract(guest: &Guest, why: &str) {
    match failure(guest) {
        ScoreError::BrokenContract(message) => assert!(message.contains(why), "{message}"),
        other => panic!("{other:?} instead of {why}"),
    }
}

#[test]
fn an_endless_loop_ends_at_the_deadline_wherever_it_is() {
    let everywhere = [
        Guest::running("(loop (br 0)) (unreachable)"),
        Guest {
            prepare: r#"(func (export "prepare") (param i32) (result i32) (loop (br 0)) (unreachable))"#,
            ..Guest::linear()
        },
        Guest {
            output: r#"(func (export "output") (param i32) (result i32) (loop (br 0)) (unreachable))"#,
            ..Guest::linear()
        },
    ];
    for guest in everywhere {
        let begun = Instant::now();

        let end = failure(&guest);

        assert!(matches!(end, ScoreError::OutOfTime), "{end:?}");
        assert!(begun.elapsed() >= Duration::from_millis(250), "{:?}", begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}

#[test]
fn a_neighbour_keeps_answering_while_a_guest_loops() {
    let engine = engine();
    let load = |guest: &Guest| {
        let module = engine.load(&guest.wasm(), Trust::HandWritten).unwrap();
        Scorer::new(module, ScorerLimits::default())
    };
    let (endless, linear) =
        (load(&Guest::running("(loop (br 0)) (unreachable)")), load(&Guest::linear()));

    std::thread::scope(|scope| {
        let runaway = scope.spawn(|| endless.score_rows(&counted(1)));
        while !runaway.is_finished() {
            assert_eq!(linear.score_rows(&counted(1)).unwrap()[0].as_f32().unwrap(), [4.0]);
        }
        assert!(matches!(runaway.join().unwrap(), Err(ScoreError::OutOfTime)));
    });
}

#[test]
fn time_is_counted_over_all_calls_of_a_batch() {
    // Each call takes a little; 100,000 of them do not fit into 300 ms.
    let guest = Guest::running(
        "(local $i i32) (loop $again
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const 1000000))))
        (i32.const 0)",
    );
    for trust in [Trust::Compiled, Trust::HandWritten] {
        let scorer = Scorer::new(guest.load(trust), ScorerLimits::default());
        let begun = Instant::now();

        let end = scorer.score_rows(&counted(100_000)).unwrap_err();

        assert!(matches!(end, ScoreError::OutOfTime), "{end:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}

#[test]
fn growing_without_end_stops_at_the_limit() {
    let polite = Guest::running(
        "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
        (i32.const 16)",
    );
    assert_eq!(
        failure(&polite).to_string(),
        "the model failed with status 16: there is no room for a tensor"
    );

    let stubborn = Guest::running("(loop (drop (memory.grow (i32.const 1))) (br 0)) (unreachable)");
    let end = failure(&stubborn);
    assert!(matches!(end, ScoreError::OutOfMemory | ScoreError::OutOfTime), "{end:?}");

    let panicking = Guest::running(
        "(if (i32.eq (memory.grow (i32.const 60000)) (i32.const -1)) (then (unreachable)))
        (i32.const 0)",
    );
    assert!(matches!(failure(&panicking), ScoreError::OutOfMemory));
}

#[test]
fn a_scorer_may_have_less_memory_than_its_engine() {
    let guest = Guest::running(
        "(if (i32.eq (memory.grow (i32.const 4)) (i32.const -1)) (then (unreachable)))
        (i32.const 0)",
    );
    let small = ScorerLimits { memory_bytes: 65_536 * 4, ..ScorerLimits::default() };
    let smallest = ScorerLimits { memory_bytes: 65_535, ..ScorerLimits::default() };
    let module = guest.load(Trust::HandWritten);

    assert!(Scorer::new(module.clone(), ScorerLimits::default()).score_rows(&counted(1)).is_ok());
    for limits in [small, smallest] {
        let end = Scorer::new(module.clone(), limits).score_rows(&counted(1)).unwrap_err();
        assert!(matches!(end, ScoreError::OutOfMemory), "{end:?}");
    }
}

#[test]
fn deep_recursion_and_traps_are_failures_of_the_guest() {
    let recursion = Guest {
        more: "(func $deeper (param i64 i64 i64 i64) (result i32)
            (i32.add (i32.const 1)
                (call $deeper (local.get 1) (local.get 2) (local.get 3) (local.get 0))))",
        run: "(call $deeper (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0))",
        ..Guest::linear()
    };
    let others = [
        "(unreachable)",
        "(i32.div_u (i32.const 1) (i32.const 0))",
        "(i32.load (i32.const 0x7fffffff))",
        "(i32.load offset=0xffffffff (i32.const -1))",
    ];
    for guest in std::iter::once(recursion).chain(others.map(Guest::running)) {
        let end = failure(&guest);
        assert!(matches!(end, ScoreError::Trap(_)), "{end:?}");
        assert_eq!(end.to_string(), "the model failed while running", "tells no internals");
    }
}

#[test]
fn pointers_outside_the_memory_are_not_followed() {
    for pointer in [
        r#"(func (export "input") (param i32) (result i32) (i32.const 65536))"#,
        r#"(func (export "input") (param i32) (result i32) (i32.const 65528))"#,
        r#"(func (export "input") (param i32) (result i32) (i32.const -16))"#,
    ] {
        let guest = Guest { input: pointer, ..Guest::linear() };
        breaks_the_contract(&guest, if pointer.contains("65528") { "aligned" } else { "outside" });
    }
    for pointer in [
        r#"(func (export "output") (param i32) (result i32) (i32.const 65536))"#,
        r#"(func (export "output") (param i32) (result i32) (i32.const -2147483648))"#,
    ] {
        breaks_the_contract(&Guest { output: pointer, ..Guest::linear() }, "outside");
    }
    let end_of_memory = Guest {
        input: r#"(func (export "input") (param i32) (result i32) (i32.const 65520))"#,
        ..Guest::running("(i32.const 0)")
    };
    assert!(end_of_memory.scorer().score_rows(&counted(2)).is_ok(), "16 bytes fit exactly");
}

#[test]
fn misaligned_tensors_are_refused() {
    breaks_the_contract(
        &Guest {
            input: r#"(func (export "input") (param i32) (result i32) (i32.const 1032))"#,
            ..Guest::linear()
        },
        "aligned",
    );
    breaks_the_contract(
        &Guest {
            output: r#"(func (export "output") (param i32) (result i32) (i32.const 32769))"#,
            ..Guest::linear()
        },
        "aligned",
    );
}

#[test]
fn statuses_outside_the_contract_are_breaches() {
    breaks_the_contract(&Guest::running("(i32.const 2)"), "`run` answers 2");
    breaks_the_contract(&Guest::running("(i32.const -1)"), "`run` answers -1");
    let prepare = |prepare| Guest { prepare, ..Guest::linear() };
    breaks_the_contract(
        &prepare(r#"(func (export "prepare") (param i32) (result i32) (i32.const 7))"#),
        "`prepare` answers 7",
    );
    breaks_the_contract(
        &prepare(r#"(func (export "prepare") (param i32) (result i32) (i32.const 2))"#),
        "refuses a size",
    );
    assert!(matches!(failure(&Guest::running("(i32.const 99)")), ScoreError::Failed(99)));
}

/// Text out, from a table of offsets and bytes in the data.
fn telling(data: &'static str, bytes: &'static str) -> Guest {
    let more = format!(
        r#"(data (i32.const 32768) "{data}")
        (func (export "output_bytes") (param i32) (result i32) (i32.const {bytes}))"#
    );
    Guest {
        more: more.leak(),
        run: "(i32.const 0)",
        ..Guest::signed(&LINEAR.replace(
            r#""type":"float32","shape":["rows"],"role":"value""#,
            r#""type":"string","shape":["rows"]"#,
        ))
    }
}

#[test]
fn lying_offsets_are_found_out() {
    let honest = telling(r"\00\00\00\00\01\00\00\00\02\00\00\00", "32768");
    let answer = honest.scorer().score_rows(&counted(2)).unwrap();
    assert_eq!(answer[0].as_strings().unwrap(), ["\0", "\0"]);

    for (data, bytes, why) in [
        (r"\01\00\00\00\01\00\00\00\02\00\00\00", "32768", "offsets"),
        (r"\00\00\00\00\02\00\00\00\01\00\00\00", "32768", "offsets"),
        (r"\00\00\00\00\01\00\00\00\ff\ff\ff\ff", "32768", "outside"),
        (r"\00\00\00\00\01\00\00\00\02\00\00\00", "65535", "outside"),
        (r"\00\00\00\00\01\00\00\00\02\00\00\00", "-1", "outside"),
    ] {
        breaks_the_contract(&telling(data, bytes), why);
    }
}

#[test]
fn text_that_is_not_utf8_is_found_out() {
    let whole = telling(r"\00\00\00\00\01\00\00\00\02\00\00\00\c3\bc", "32780");
    breaks_the_contract(&whole, "UTF-8");

    let broken = telling(r"\00\00\00\00\01\00\00\00\02\00\00\00\ff\ff", "32780");
    breaks_the_contract(&broken, "UTF-8");
}

#[test]
fn dimensions_that_lie_are_found_out() {
    let unknown = LINEAR.replace(r#"["rows"],"role":"value""#, r#"["?","?"]"#);
    for (dim, why) in [
        (r#"(func (export "output_dim") (param i32 i32) (result i32) (i32.const -1))"#, "negative"),
        (r#"(func (export "output_dim") (param i32 i32) (result i32) (i32.const 0x7fffffff))"#, ""),
        (
            r#"(func (export "output_dim") (param i32 i32) (result i32) (i32.const 1000))"#,
            "outside",
        ),
    ] {
        breaks_the_contract(&Guest { more: dim, ..Guest::signed(&unknown) }, why);
    }
}

#[test]
fn a_truth_value_is_zero_or_one() {
    let signature = LINEAR.replace(
        r#""type":"float32","shape":["rows"],"role":"value""#,
        r#""type":"bool","shape":["rows"]"#,
    );
    let guest = Guest {
        more: r#"(data (i32.const 32768) "\01\02")"#,
        run: "(i32.const 0)",
        ..Guest::signed(&signature)
    };

    breaks_the_contract(&guest, "truth value");

    let answer = guest.scorer().score_rows(&counted(1)).unwrap();
    assert_eq!(answer, [Tensor::new(vec![1], TensorData::Bool(vec![true])).unwrap()]);
}

#[test]
fn too_many_instances_are_refused_and_room_is_made_again() {
    let scorer = Guest::linear().scorer();

    let mut batches = Vec::new();
    let refusal = loop {
        match scorer.batch() {
            Ok(batch) => batches.push(batch),
            Err(refusal) => break refusal,
        }
        assert!(batches.len() <= 10);
    };

    assert!(matches!(refusal, ScoreError::NoInstance(_)), "{refusal:?}");
    batches.clear();
    assert!(scorer.batch().is_ok());
}
