//! Modules that break the contract, lie, or run amok: each is refused when it is loaded, or stopped.

use super::End::*;
use super::{End, Hostile, hostile};
use crate::proto::Message;

const SIGNATURE: &str = r#"{"contract":1,"symbols":[{"name":"rows","min":1,"max":8}],
    "inputs":[{"name":"X","type":"float32","shape":["rows",2]}],
    "outputs":[{"name":"y","type":"float32","shape":["rows"]}]}"#;

/// A module to be bent, in pieces of text.
#[derive(Clone)]
struct Bent {
    signature: String,
    /// Before everything else.
    first: String,
    memory: String,
    prepare: String,
    input: String,
    output: String,
    run: String,
    more: String,
}

impl Bent {
    /// One that answers zeros.
    fn upright() -> Self {
        Self {
            signature: SIGNATURE.to_owned(),
            first: String::new(),
            memory: "(memory (export \"memory\") 1)".to_owned(),
            prepare: "(i32.const 0)".to_owned(),
            input: "(i32.const 1024)".to_owned(),
            output: "(i32.const 32768)".to_owned(),
            run: "(i32.const 0)".to_owned(),
            more: String::new(),
        }
    }

    fn wasm(&self) -> Vec<u8> {
        let Self { signature, first, memory, prepare, input, output, run, more } = self;
        let text = format!(
            r#"(module {first} {memory}
                (func (export "prepare") (param i32) (result i32) {prepare})
                (func (export "input") (param i32) (result i32) {input})
                (func (export "output") (param i32) (result i32) {output})
                (func (export "run") (result i32) {run}) {more})"#
        );
        let wasm = wat::parse_str(text).unwrap();
        signed(wasm, signature)
    }
}

/// With a custom section that holds a signature.
fn signed(mut wasm: Vec<u8>, signature: &str) -> Vec<u8> {
    let name = "edge-scorer";
    let content = [&[name.len() as u8], name.as_bytes(), signature.as_bytes()].concat();
    // Field 0 of wire type 0 is byte 0, and lengths are written as in a protocol buffer.
    wasm.push(0);
    let framed = Message::default().bytes(0, &content).0;
    wasm.extend_from_slice(&framed[1..]);
    wasm
}

fn running(what: &'static str, run: &str, end: End, word: &'static str) -> Hostile {
    let run = run.to_owned();
    hostile(what, Bent { run, ..Bent::upright() }.wasm(), end, word)
}

fn with_signature(
    what: &'static str,
    from: &str,
    to: &str,
    end: End,
    word: &'static str,
) -> Hostile {
    assert!(SIGNATURE.contains(from), "{from}");
    let signature = SIGNATURE.replace(from, to);
    hostile(what, Bent { signature, ..Bent::upright() }.wasm(), end, word)
}

fn text(what: &'static str, text: &str, end: End, word: &'static str) -> Hostile {
    hostile(what, signed(wat::parse_str(text).unwrap(), SIGNATURE), end, word)
}

fn with_more(what: &'static str, more: &str, end: End, word: &'static str) -> Hostile {
    hostile(what, Bent { more: more.to_owned(), ..Bent::upright() }.wasm(), end, word)
}

pub(super) fn all() -> Vec<Hostile> {
    let mut all = bytes();
    all.extend(exports());
    all.extend(signatures());
    all.extend(running_amok());
    all.extend(lying());
    all
}

fn bytes() -> Vec<Hostile> {
    let whole = Bent::upright().wasm();
    let section =
        |id: u8, body: &[u8]| [&b"\0asm\x01\0\0\0"[..], &[id, body.len() as u8], body].concat();
    vec![
        hostile("an upright module", whole.clone(), Answers, "[3]"),
        hostile("a magic number alone", b"\0asm".to_vec(), NotWasm, ""),
        hostile("version 2", b"\0asm\x02\0\0\0".to_vec(), NotWasm, ""),
        hostile("a component", b"\0asm\x0d\0\x01\0".to_vec(), NotWasm, ""),
        hostile(
            "a section beyond the end",
            b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\x0f".to_vec(),
            NotValid,
            "",
        ),
        hostile("a section of unknown kind", section(0x7f, &[0]), NotValid, ""),
        hostile("4 billion types", section(1, &[0xff, 0xff, 0xff, 0xff, 0x0f]), NotValid, ""),
        hostile("4 billion functions", section(3, &[0xff, 0xff, 0xff, 0xff, 0x0f]), NotValid, ""),
        hostile(
            "4 billion locals",
            {
                let mut wasm = b"\0asm\x01\0\0\0".to_vec();
                wasm.extend([1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0]);
                wasm.extend([10, 10, 1, 8, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0x0b]);
                wasm
            },
            NotValid,
            "",
        ),
        hostile("a module that is cut short", whole[..whole.len() - 9].to_vec(), NotValid, ""),
        hostile("a module and then more", [&whole[..], b"\0asm"].concat(), NotValid, ""),
        hostile(
            "sections in the wrong order",
            [&b"\0asm\x01\0\0\0"[..], &[3, 2, 1, 0, 1, 4, 1, 0x60, 0, 0]].concat(),
            NotValid,
            "",
        ),
    ]
}

fn exports() -> Vec<Hostile> {
    let bent = Bent::upright;
    let without = |what, from: &str, to: &str, word| {
        let text = r#"(module (memory (export "memory") 1)
            (func (export "prepare") (param i32) (result i32) (i32.const 0))
            (func (export "input") (param i32) (result i32) (i32.const 0))
            (func (export "output") (param i32) (result i32) (i32.const 0))
            (func (export "run") (result i32) (i32.const 0)))"#;
        assert!(text.contains(from));
        self::text(what, &text.replace(from, to), OutsideContract, word)
    };
    vec![
        hostile(
            "a module of nothing",
            wat::parse_str("(module)").unwrap(),
            OutsideContract,
            "memory",
        ),
        without("no memory that is exported", r#"(export "memory")"#, "", "memory"),
        without("no `run`", r#"(export "run")"#, "", "`run`"),
        without(
            "a `run` that takes something",
            r#"(func (export "run") (result i32) (i32.const 0))"#,
            r#"(func (export "run") (param i64) (result i32) (i32.const 0))"#,
            "`run`",
        ),
        without(
            "a `run` that answers in 64 bits",
            r#"(func (export "run") (result i32) (i32.const 0))"#,
            r#"(func (export "run") (result i64) (i64.const 0))"#,
            "`run`",
        ),
        without(
            "a `run` that is a number",
            r#"(func (export "run") (result i32) (i32.const 0))"#,
            r#"(global (export "run") i32 (i32.const 0))"#,
            "`run`",
        ),
        without(
            "a `prepare` of too many symbols",
            r#""prepare") (param i32)"#,
            r#""prepare") (param i32 i32)"#,
            "`prepare`",
        ),
        hostile(
            "two memories",
            Bent { memory: r#"(memory (export "memory") 1) (memory 1)"#.to_owned(), ..bent() }
                .wasm(),
            OutsideContract,
            "memory",
        ),
        hostile(
            "a memory of 64 bits",
            Bent { memory: r#"(memory (export "memory") i64 1)"#.to_owned(), ..bent() }.wasm(),
            OutsideContract,
            "memory",
        ),
        hostile(
            "a memory of 4 GiB",
            Bent { memory: r#"(memory (export "memory") 65536)"#.to_owned(), ..bent() }.wasm(),
            OverLimit,
            "bytes",
        ),
        hostile(
            "a table of 4 billion",
            with_more_wasm("(table 4294967295 funcref)"),
            OverLimit,
            "table",
        ),
        hostile(
            "a hundred tables",
            with_more_wasm(&"(table 100000 funcref)".repeat(100)),
            Answers,
            "[3]",
        ),
        with_more(
            "a start function",
            "(start $go) (func $go (loop (br 0)))",
            OutsideContract,
            "start function",
        ),
        with_more("data at the last byte of 4 GiB", r#"(data (i32.const -1) "x")"#, Traps, ""),
        hostile(
            "an import of WASI",
            Bent {
                first: r#"(import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))"#
                    .to_owned(),
                ..bent()
            }
            .wasm(),
            OutsideContract,
            "imports",
        ),
        hostile(
            "an import of a memory",
            Bent {
                first: r#"(import "env" "memory" (memory 1))"#.to_owned(),
                memory: String::new(),
                ..bent()
            }
            .wasm(),
            OutsideContract,
            "imports",
        ),
        hostile(
            "an import with a name of a megabyte",
            Bent {
                first: format!(
                    r#"(import "{}" "f" (func))"#,
                    "x".repeat(1 << 20).get(..99_999).unwrap_or_default()
                ),
                ..bent()
            }
            .wasm(),
            OutsideContract,
            "imports",
        ),
        hostile(
            "an import of `linalg` of another type",
            Bent { first: r#"(import "linalg" "dense" (func (param i64)))"#.to_owned(), ..bent() }
                .wasm(),
            OutsideContract,
            "linalg",
        ),
        hostile(
            "an import of what `linalg` has not",
            Bent { first: r#"(import "linalg" "shell" (func (param i32)))"#.to_owned(), ..bent() }
                .wasm(),
            OutsideContract,
            "linalg",
        ),
    ]
}

fn with_more_wasm(more: &str) -> Vec<u8> {
    Bent { more: more.to_owned(), ..Bent::upright() }.wasm()
}

fn signatures() -> Vec<Hostile> {
    let bare = |signature: &str| Bent { signature: signature.to_owned(), ..Bent::upright() }.wasm();
    vec![
        hostile("a signature that is no JSON", bare("{"), OutsideContract, "cannot be read"),
        hostile("a signature of nothing", bare("{}"), OutsideContract, "cannot be read"),
        hostile(
            "a signature that is not UTF-8",
            signed(
                signed(wat::parse_str("(module (memory (export \"memory\") 1))").unwrap(), "\u{0}"),
                "x",
            ),
            OutsideContract,
            "",
        ),
        hostile(
            "a signature of brackets, 100,000 deep",
            bare(&"[".repeat(100_000)),
            OutsideContract,
            "cannot be read",
        ),
        hostile(
            "a signature of two megabytes",
            bare(&format!("{SIGNATURE}{}", " ".repeat(2 << 20))),
            OutsideContract,
            "1 MiB",
        ),
        hostile(
            "two signatures",
            signed(Bent::upright().wasm(), SIGNATURE),
            OutsideContract,
            "more than one",
        ),
        with_signature(
            "another contract",
            "\"contract\":1",
            "\"contract\":2",
            OutsideContract,
            "contract 2",
        ),
        with_signature(
            "a dimension of 2^62",
            "\"rows\",2",
            "\"rows\",4611686018427387904",
            OutsideContract,
            "dimension",
        ),
        with_signature("a dimension of -1", "\"rows\",2", "\"rows\",-1", OutsideContract, ""),
        with_signature(
            "a tensor larger than a memory",
            "\"rows\",2",
            "\"rows\",2147483647,2147483647",
            OutsideContract,
            "larger than a memory",
        ),
        with_signature(
            "a hidden product behind a zero",
            "\"rows\",2",
            "\"rows\",0,2147483647,2147483647",
            OutsideContract,
            "larger than a memory",
        ),
        with_signature(
            "a symbol that nobody declared",
            "\"rows\",2",
            "\"columns\",2",
            OutsideContract,
            "no known symbol",
        ),
        with_signature(
            "a symbol of an empty range",
            "\"min\":1,\"max\":8",
            "\"min\":9,\"max\":8",
            OutsideContract,
            "range",
        ),
        with_signature(
            "a hundred dimensions",
            "\"rows\",2",
            &format!("\"rows\"{}", ",1".repeat(100)),
            OutsideContract,
            "dimensions",
        ),
        with_signature(
            "an unknown element type",
            "float32\",\"shape\":[\"rows\",2",
            "quaternion\",\"shape\":[\"rows\",2",
            OutsideContract,
            "cannot be read",
        ),
        with_signature(
            "an input of no known size",
            "\"rows\",2",
            "\"rows\",\"?\"",
            OutsideContract,
            "",
        ),
        with_signature(
            "a name of 2,000 letters",
            "\"X\"",
            &format!("\"{}\"", "x".repeat(2_000)),
            OutsideContract,
            "name",
        ),
        with_signature(
            "5,000 outputs",
            "{\"name\":\"y\",\"type\":\"float32\",\"shape\":[\"rows\"]}",
            &(0..5_000)
                .map(|i| format!("{{\"name\":\"y{i}\",\"type\":\"float32\",\"shape\":[1]}}"))
                .collect::<Vec<_>>()
                .join(","),
            OutsideContract,
            "more than 4096",
        ),
        with_signature(
            "a proof that it is bounded",
            "\"contract\":1",
            "\"contract\":1,\"bounded\":true,\"rowCostNs\":1",
            Answers,
            "",
        ),
    ]
}

fn running_amok() -> Vec<Hostile> {
    let recursion = Bent {
        more: "(func $deeper (param i64 i64) (result i32) (i32.add (i32.const 1) (call $deeper (local.get 1) (local.get 0))))".to_owned(),
        run: "(call $deeper (i64.const 0) (i64.const 0))".to_owned(),
        ..Bent::upright()
    };
    let indirect = Bent {
        more: "(type $t (func (result i32))) (table 1 funcref)".to_owned(),
        run: "(call_indirect (type $t) (i32.const 7))".to_owned(),
        ..Bent::upright()
    };
    let many = Bent {
        more: (0..1_000).map(|i| format!("(func (result i32) (i32.const {i}))")).collect(),
        ..Bent::upright()
    };
    let nested = format!("{}(i32.const 0){}", "(block (result i32) ".repeat(500), ")".repeat(500));
    let amok = |what, prepare: &str, end, word| {
        hostile(what, Bent { prepare: prepare.to_owned(), ..Bent::upright() }.wasm(), end, word)
    };
    vec![
        running("a loop that runs for ever", "(loop (br 0)) (unreachable)", OutOfTime, ""),
        running("loops within loops", "(loop (loop (loop (br 2)))) (unreachable)", OutOfTime, ""),
        amok("a `prepare` that runs for ever", "(loop (br 0)) (unreachable)", OutOfTime, ""),
        amok("a `prepare` that never has room", "(i32.const 1)", OutOfMemory, ""),
        amok("a `prepare` that answers -1", "(i32.const -1)", BreaksContract, "answers -1"),
        running(
            "memory without end, politely",
            "(loop $m (br_if $m (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (i32.const 16)",
            Fails,
            "16",
        ),
        running(
            "4 GiB of memory at once",
            "(if (i32.eq (memory.grow (i32.const 65535)) (i32.const -1)) (then (unreachable))) (i32.const 0)",
            OutOfMemory,
            "",
        ),
        hostile("recursion without end", recursion.wasm(), Traps, ""),
        hostile("a call through a table that ends before", indirect.wasm(), Traps, ""),
        running("an instruction that cannot be reached", "(unreachable)", Traps, ""),
        running("a division by 0", "(i32.div_u (i32.const 1) (i32.const 0))", Traps, ""),
        running("a number that does not fit", "(i32.trunc_f64_s (f64.const nan))", Traps, ""),
        running("a read beyond 4 GiB", "(i32.load offset=0xffffffff (i32.const -1))", Traps, ""),
        running(
            "a write of all memory there is",
            "(memory.fill (i32.const 0) (i32.const 7) (i32.const -1)) (i32.const 0)",
            Traps,
            "",
        ),
        running(
            "memory that is shot to pieces",
            "(memory.fill (i32.const 0) (i32.const 255) (i32.const 65536)) (i32.const 0)",
            Answers,
            "[3]",
        ),
        running("a refusal of row 2^31", "(i32.const 1)", BadInput, "the input"),
        running("blocks 500 deep", &nested, Answers, "[3]"),
        hostile("1,000 functions", many.wasm(), Answers, "[3]").within(400, 10),
    ]
}

fn lying() -> Vec<Hostile> {
    let at = |what, input: &str, output: &str, end, word| {
        hostile(
            what,
            Bent { input: input.to_owned(), output: output.to_owned(), ..Bent::upright() }.wasm(),
            end,
            word,
        )
    };
    let unknown = |what, dim: &str, end, word| {
        let more = format!("(func (export \"output_dim\") (param i32 i32) (result i32) {dim})");
        let signature = SIGNATURE.replace("\"shape\":[\"rows\"]", "\"shape\":[\"?\",\"?\",\"?\"]");
        hostile(what, Bent { more, signature, ..Bent::upright() }.wasm(), end, word)
    };
    let told = |what, offsets: &str, bytes: &str, end, word| {
        let more = format!(
            "(data (i32.const 32768) \"{offsets}\") (func (export \"output_bytes\") (param i32) (result i32) {bytes})"
        );
        let signature = SIGNATURE
            .replace("\"float32\",\"shape\":[\"rows\"]", "\"string\",\"shape\":[\"rows\"]");
        hostile(what, Bent { more, signature, ..Bent::upright() }.wasm(), end, word)
    };
    // A memory of 60 MiB, claimed as the answer a thousand times over.
    let greedy = {
        let one = 60 << 18;
        let outputs: Vec<String> = (0..1_000)
            .map(|i| format!("{{\"name\":\"y{i}\",\"type\":\"float32\",\"shape\":[{one}]}}"))
            .collect();
        let signature = SIGNATURE.replace(
            "{\"name\":\"y\",\"type\":\"float32\",\"shape\":[\"rows\"]}",
            &outputs.join(","),
        );
        Bent {
            signature,
            memory: "(memory (export \"memory\") 1000)".to_owned(),
            output: "(i32.const 0)".to_owned(),
            ..Bent::upright()
        }
    };
    let wordy = {
        let signature = SIGNATURE
            .replace("\"float32\",\"shape\":[\"rows\"]", "\"string\",\"shape\":[15000000]");
        Bent {
            signature,
            memory: "(memory (export \"memory\") 1000)".to_owned(),
            more: "(func (export \"output_bytes\") (param i32) (result i32) (i32.const 0))"
                .to_owned(),
            ..Bent::upright()
        }
    };
    vec![
        at(
            "an input outside of the memory",
            "(i32.const 65536)",
            "(i32.const 32768)",
            BreaksContract,
            "outside",
        ),
        at("an input at -16", "(i32.const -16)", "(i32.const 32768)", BreaksContract, "outside"),
        at(
            "an input between two words",
            "(i32.const 1025)",
            "(i32.const 32768)",
            BreaksContract,
            "aligned",
        ),
        at(
            "an output outside of the memory",
            "(i32.const 1024)",
            "(i32.const 0x7ffffff0)",
            BreaksContract,
            "outside",
        ),
        at("an output that is the input", "(i32.const 1024)", "(i32.const 1024)", Answers, "[3]"),
        at(
            "an output that runs for ever",
            "(i32.const 1024)",
            "(loop (br 0)) (unreachable)",
            OutOfTime,
            "",
        ),
        unknown("a dimension of -1", "(i32.const -1)", BreaksContract, "negative"),
        unknown(
            "dimensions of 2^31 - 1",
            "(i32.const 0x7fffffff)",
            BreaksContract,
            "larger than any memory",
        ),
        unknown("dimensions of more than there is", "(i32.const 100)", BreaksContract, "outside"),
        unknown("dimensions of nothing", "(i32.const 0)", Answers, "[0, 0, 0]"),
        told(
            "offsets that fall",
            r"\00\00\00\00\02\00\00\00\01\00\00\00",
            "(i32.const 32768)",
            BreaksContract,
            "offsets",
        ),
        told(
            "text beyond the end",
            r"\00\00\00\00\01\00\00\00\01\00\00\00\ff\ff\ff\7f",
            "(i32.const 32768)",
            BreaksContract,
            "outside",
        ),
        told(
            "text that is not UTF-8",
            r"\00\00\00\00\01\00\00\00\02\00\00\00\03\00\00\00\ff\ff\ff",
            "(i32.const 32784)",
            BreaksContract,
            "UTF-8",
        ),
        hostile("a thousand outputs of all memory", greedy.wasm(), OutOfMemory, ""),
        hostile("fifteen million empty texts", wordy.wasm(), OutOfMemory, ""),
    ]
}
