//! Modules that are refused before they run.

use engine::{ModuleError, read_signature};

use crate::guest::{Guest, LINEAR, append_section, engine};

/// The guest is refused for breaking the contract, in words that contain `why`.
fn breaks_the_contract(guest: &Guest, why: &str) {
    match guest.refusal() {
        ModuleError::Contract(message) => assert!(message.contains(why), "{message}"),
        other => panic!("{other:?} instead of {why}"),
    }
}

fn is_invalid(guest: &Guest) {
    let refusal = guest.refusal();
    assert!(matches!(refusal, ModuleError::Invalid(_)), "{refusal:?}");
}

#[test]
fn other_bytes_are_not_modules() {
    for bytes in [&b""[..], b"\0asm", b"\x80\x04pickle!", b"\0asm\x0d\0\x01\0"] {
        assert!(matches!(read_signature(bytes), Err(ModuleError::NotWasm)), "{bytes:?}");
    }
}

#[test]
fn a_truncated_module_is_invalid() {
    let wasm = Guest::linear().wasm();

    for length in 9..wasm.len() {
        assert!(read_signature(&wasm[..length]).is_err(), "cut at {length}");
    }
}

#[test]
fn a_signature_is_needed_exactly_once() {
    let mut none = wat::parse_str(r#"(module (memory (export "memory") 1))"#).unwrap();
    append_section(&mut none, "edge-scorer.plan", b"x");
    let mut twice = Guest::linear().wasm();
    append_section(&mut twice, "edge-scorer", LINEAR.as_bytes());

    for wasm in [none, twice] {
        assert!(matches!(read_signature(&wasm), Err(ModuleError::Contract(_))));
    }
}

#[test]
fn signatures_are_bounded_and_consistent() {
    let long = format!("{LINEAR}{}", " ".repeat(1 << 20));
    breaks_the_contract(&Guest::signed(&long), "longer than 1 MiB");
    breaks_the_contract(&Guest::signed("{"), "cannot be read");
    breaks_the_contract(&Guest::signed(&"[".repeat(100_000)), "cannot be read");
    for (part, other, why) in [
        (r#""contract":1"#, r#""contract":2"#, "contract 2"),
        (r#""min":1,"max":8"#, r#""min":9,"max":8"#, "range"),
        (r#""max":8"#, r#""max":4294967295"#, "range"),
        (r#"["rows",2]"#, r#"["columns",2]"#, "names no known symbol"),
        (r#"["rows",2]"#, r#"["?",2]"#, "names no known symbol"),
        (r#"["rows",2]"#, r#"["rows",2147483647,3]"#, "larger than a memory"),
        (r#"["rows",2]"#, r#"["rows",0,2147483647,3]"#, "larger than a memory"),
        (r#"["rows",2]"#, r#"["rows",2147483648]"#, "dimension 2147483648"),
        (r#"["rows",2]"#, r#"["rows",1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"#, "more than 16"),
        (r#"["rows",2]"#, r#"["rows",2],"columns":["a"]"#, "columns"),
        (r#"["rows",2]"#, r#"["rows",2],"example":[1]"#, "example"),
        (
            r#"["rows"],"role":"value""#,
            r#"["rows",2],"role":"probabilities","classes":[1]"#,
            "classes",
        ),
        (r#"["rows",2]"#, "[1,2]", "no input's shape mentions"),
        (r#""type":"float32""#, r#""type":"complex64""#, "cannot be read"),
    ] {
        assert!(LINEAR.contains(part), "{part}");
        breaks_the_contract(&Guest::signed(&LINEAR.replacen(part, other, 1)), why);
    }
}

#[test]
fn every_export_is_needed_with_its_type() {
    breaks_the_contract(&Guest { input: "", ..Guest::linear() }, "exports no function `input`");
    breaks_the_contract(&Guest { memory: "(memory 1)", ..Guest::linear() }, "exports no memory");
    breaks_the_contract(
        &Guest { output: r#"(global (export "output") i32 (i32.const 0))"#, ..Guest::linear() },
        "`output` is not a function",
    );
    breaks_the_contract(
        &Guest {
            prepare: r#"(func (export "prepare") (result i32) (i32.const 0))"#,
            ..Guest::linear()
        },
        "`prepare` is not a function of 1 i32",
    );
    breaks_the_contract(
        &Guest {
            output: r#"(func (export "output") (param i64) (result i32) (i32.const 0))"#,
            ..Guest::linear()
        },
        "`output` is not a function",
    );
    breaks_the_contract(
        &Guest {
            more: r#"(func (export "error_row") (result i64) (i64.const 0))"#,
            ..Guest::linear()
        },
        "`error_row` is not a function",
    );
    breaks_the_contract(
        &Guest::signed(&LINEAR.replacen("float32", "string", 1)),
        "exports no function `input_bytes`",
    );
    breaks_the_contract(
        &Guest::signed(&LINEAR.replace(r#"["rows"],"role":"value""#, r#"["?"]"#)),
        "exports no function `output_dim`",
    );
}

#[test]
fn nothing_but_products_may_be_imported() {
    for (import, what) in [
        (
            r#"(import "wasi_snapshot_preview1" "fd_write" (func (param i32) (result i32)))"#,
            "fd_write",
        ),
        (r#"(import "linalg" "sgemm" (func))"#, "sgemm"),
        (r#"(import "env" "table" (table 1 funcref))"#, "the table"),
        (r#"(import "env" "base" (global i32))"#, "the global"),
    ] {
        breaks_the_contract(&Guest { imports: import, ..Guest::linear() }, what);
    }
    breaks_the_contract(
        &Guest {
            imports: r#"(import "env" "memory" (memory 1)) (export "memory" (memory 0))"#,
            memory: "",
            ..Guest::linear()
        },
        "the memory",
    );
}

#[test]
fn nothing_may_start_by_itself() {
    breaks_the_contract(
        &Guest { more: "(func $begin) (start $begin)", ..Guest::linear() },
        "start function",
    );
}

#[test]
fn only_one_ordinary_memory_is_had() {
    breaks_the_contract(
        &Guest { memory: r#"(memory (export "memory") 1) (memory 1)"#, ..Guest::linear() },
        "more than one memory",
    );
    for memory in [
        r#"(memory (export "memory") i64 1)"#,
        r#"(memory (export "memory") 1 1 shared)"#,
        r#"(memory (export "memory") 1 (pagesize 1))"#,
    ] {
        let guest = Guest { memory, run: "(i32.const 0)", ..Guest::linear() };
        breaks_the_contract(&guest, "not an ordinary 32-bit memory");
    }
}

#[test]
fn proposals_that_are_not_needed_are_off() {
    for more in [
        "(tag $oops)",
        "(type $box (struct (field i32)))",
        "(func $again (return_call $again))",
        "(func (param externref))",
        "(func (result i64 i64) (i64.add128 (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)))",
    ] {
        is_invalid(&Guest { more, ..Guest::linear() });
    }
}

#[test]
fn a_body_that_does_not_check_is_invalid() {
    let mut wasm = Guest::linear().wasm();
    let call = wasm.windows(3).position(|bytes| bytes == [0x41, 0x80, 0x08]).unwrap();
    wasm[call] = 0x42; // i64.const where `input` promises an i32

    assert!(matches!(read_signature(&wasm), Err(ModuleError::Invalid(_))));
}

#[test]
fn a_memory_larger_than_the_limit_is_refused_before_it_is_made() {
    let guest = Guest { memory: r#"(memory (export "memory") 65536)"#, ..Guest::linear() };

    let refusal = guest.refusal();

    assert!(matches!(refusal, ModuleError::LimitExceeded(_)), "{refusal:?}");
}

#[test]
fn a_data_segment_at_four_gibibytes_is_refused() {
    let inside = Guest {
        memory: r#"(memory (export "memory") 65536)"#,
        more: r#"(data (i32.const 0xffff0000) "far away")"#,
        ..Guest::linear()
    };
    assert!(matches!(inside.refusal(), ModuleError::LimitExceeded(_)));

    let outside = Guest { more: r#"(data (i32.const 0xffff0000) "far away")"#, ..Guest::linear() };
    let module = engine().load(&outside.wasm(), engine::Trust::HandWritten);
    let scored = module.map(|module| {
        engine::Scorer::new(module, engine::ScorerLimits::default()).batch().map(|_| ())
    });
    assert!(!matches!(scored, Ok(Ok(()))), "a segment outside the memory makes no instance");
}
