//! The command line as scripts see it: stdout, stderr and exit codes of the built binary.

mod limits;
mod serving;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tests::{binary, fixtures, guests};

/// How a command ended.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    /// This, if it ended with `code`; else a panic that shows why.
    #[track_caller]
    fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {}", self.out))
    }
}

/// Runs the binary with `input` on stdin, without the caller's settings.
fn run(arguments: &[&str], input: &str) -> Ran {
    run_in(Path::new("."), arguments, input)
}

/// The same in a folder of its own.
fn run_in(folder: &Path, arguments: &[&str], input: &str) -> Ran {
    let mut process = Command::new(binary())
        .current_dir(folder)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may end first.
    let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
    let output = process.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A folder with files, gone when the test is.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        fs::write(self.0.path().join(name), bytes).unwrap();
        self.path(name)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

#[test]
fn a_csv_is_matched_by_its_header_and_answered_as_json_csv_or_a_table() {
    let desk = Desk::new();
    let module = desk.put("sum.wasm", guests::sums_two());
    let rows = desk.put("rows.csv", "second,first\n0.5,0.25\n2,1\n");

    let json = run(&["score", &module, "--input", &rows], "").expect(0);
    let csv = run(&["score", &module, "--input", &rows, "--format", "csv"], "").expect(0);
    let table = run(&["score", &module, "--input", &rows, "--format", "table"], "").expect(0);

    assert_eq!(json.json(), json!([{"sum": 0.75}, {"sum": 3.0}]));
    assert_eq!(csv.out, "sum\n0.75\n3.0\n");
    let cells: Vec<_> = table.out.split_whitespace().collect();
    assert_eq!(cells, ["row", "sum", "0", "0.75", "1", "3.0"]);
    assert_eq!((json.err.as_str(), csv.err.as_str()), ("", ""), "nothing to say");
}

#[test]
fn rows_are_read_from_stdin_as_arrays_objects_or_csv_without_a_header() {
    let desk = Desk::new();
    let module = desk.put("sum.wasm", guests::sums_two());
    let score = |flags: &[&str], input: &str| {
        let arguments = [&["score", &module, "--input", "-", "--format", "json"], flags].concat();
        run(&arguments, input).expect(0).json()
    };

    assert_eq!(score(&[], "[[1, \"2\"]]"), json!([{"sum": 3.0}]));
    assert_eq!(score(&[], r#"[{"second": 2, "first": 1}]"#), json!([{"sum": 3.0}]));
    assert_eq!(score(&["--no-header"], "1,2\n3,4\n"), json!([{"sum": 3.0}, {"sum": 7.0}]));
    assert_eq!(score(&[], "[]"), json!([]));
    assert_eq!(score(&[], "[[1, null]]"), json!([{"sum": null}]));
}

#[test]
fn more_rows_than_one_call_takes_are_answered_in_their_order() {
    let desk = Desk::new();
    let module = desk.put("sum.wasm", guests::sums_two());
    let rows: String = (0..10_000).map(|row| format!("{row},0.5\n")).collect();
    let rows = desk.put("rows.csv", rows);

    let answer = run(&["score", &module, "--input", &rows, "--no-header", "--format", "csv"], "");

    let sums: Vec<f32> =
        answer.expect(0).out.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    assert_eq!(sums.len(), 10_000);
    assert!(sums.iter().enumerate().all(|(row, sum)| *sum == row as f32 + 0.5));
}

#[test]
fn an_open_inference_protocol_document_is_answered_with_one() {
    let desk = Desk::new();
    let module = desk.put("sum.wasm", guests::sums_two());
    let document = json!({"inputs": [
        {"name": "X", "datatype": "FP32", "shape": [2, 2], "data": [[1, 2], [3, null]]},
    ]});

    let answer = run(&["score", &module, "--input", "-"], &document.to_string()).expect(0);

    assert_eq!(
        answer.json(),
        json!({"outputs": [
            {"name": "sum", "datatype": "FP32", "shape": [2, 1], "data": [3.0, null]},
        ]})
    );
}

#[test]
fn bad_input_ends_with_4_and_names_row_and_column() {
    let desk = Desk::new();
    let module = desk.put("sum.wasm", guests::sums_two());

    for (input, names) in [
        ("first,second\n1,2\n3,four\n", "row 1, column `second`"),
        ("first\n1\n", "column `second`"),
        ("[[1, 2], [3]]", "row 1"),
        (r#"[{"first": 1, "second": 2, "third": 3}]"#, "row 0, column `third`"),
        (
            r#"{"inputs": [{"name": "Y", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}"#,
            "X",
        ),
        (r#"{"rows": []}"#, "inputs"),
        ("[[1, NaN]]", "null"),
    ] {
        let refusal = run(&["score", &module, "--input", "-"], input).expect(4);

        assert!(refusal.err.contains(names), "{input}: {}", refusal.err);
        assert_eq!(refusal.out, "", "no half of an answer");
    }
}

#[test]
fn modules_that_break_the_contract_end_with_5_and_runaways_with_6() {
    let desk = Desk::new();
    let score = |module: &str, flags: &[&str]| {
        run(&[&["score", module, "--input", "-"], flags].concat(), "[[1, 2]]")
    };

    score(&desk.put("trap.wasm", guests::traps()), &[]).expect(5);
    score(&desk.put("empty.wasm", b"\0asm\x01\0\0\0"), &[]).expect(5);
    let onnx = score(fixtures::onnx_path("iris_logistic").to_str().unwrap(), &[]).expect(5);
    assert!(onnx.err.contains("edge-scorer compile"), "{}", onnx.err);
    score(&desk.put("runaway.wasm", guests::never_returns()), &["--timeout", "300ms"]).expect(6);
}

#[test]
fn what_cannot_be_meant_ends_with_2() {
    let desk = Desk::new();
    let module = desk.put("sum.wasm", guests::sums_two());

    for arguments in [
        vec![],
        vec!["score"],
        vec!["score", &module],
        vec!["score", &module, "--input", "no-such-file.csv"],
        vec!["score", "no-such.wasm", "--input", "-"],
        vec!["score", &module, "--input", "-", "--format", "xml"],
        vec!["compile", "model.onnx"],
        vec!["compile", "model.onnx", "--check", "-o", "model.wasm"],
        vec!["serve", "--listen", "nowhere"],
        vec!["serve", "--config", "no-such.toml"],
        vec!["serve", "--cors-origin", "app.example"],
        vec!["serve", "--cors-origin", "https://app.example/path"],
        vec!["deploy", &module, "--name", "Not A Name"],
        vec!["admin", "sign-in-link", "--data", "no-such-folder"],
    ] {
        let refusal = run(&arguments, "[]");

        assert_eq!(refusal.code, 2, "{arguments:?}: {}", refusal.err);
        assert!(!refusal.err.is_empty() && refusal.out.is_empty(), "{arguments:?}");
    }
    assert!(!Path::new("no-such-folder").exists(), "a wrong --data is not made");
}

#[test]
fn a_compiled_model_scores_and_its_check_says_so_beforehand() {
    let desk = Desk::new();
    let onnx = fixtures::onnx_path("breast_cancer_gbdt");
    let onnx = onnx.to_str().unwrap();
    let module = desk.path("model.wasm");

    let check = run(&["compile", onnx, "--check", "--format", "json"], "").expect(0).json();
    let compiled = run(&["compile", onnx, "-o", &module], "").expect(0);
    let inspected = run(&["inspect", &module, "--format", "json"], "").expect(0).json();
    let text = run(&["inspect", &module, "--format", "text"], "").expect(0).out;

    assert_eq!((&check["ok"], &check["unsupported"]), (&json!(true), &json!([])));
    assert_eq!(compiled.out, "", "stdout is for results, and the result is the file");
    assert_eq!(inspected["signature"]["inputs"][0]["shape"], json!(["rows", 30]));
    assert!(inspected["sizes"]["moduleBytes"].as_u64().unwrap() > 1000);
    assert!(text.contains("Inputs") && text.contains("Plan"), "{text}");
    let row = vec!["10"; 30].join(",");
    let scored = run(&["score", &module, "--input", "-", "--no-header"], &row).expect(0).json();
    let members = scored[0].as_object().unwrap();
    let probabilities = members.values().find_map(Value::as_array).unwrap();
    let sum: f64 = probabilities.iter().map(|p| p.as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-5, "{scored}");
}

#[test]
fn a_plan_says_in_both_tiers_what_each_step_may_take() {
    let desk = Desk::new();
    let module = desk.path("model.wasm");
    // Half precision is computed by the operators of the dynamic tier.
    let half = fixtures::prepared().models.join("cases/digits_cnn_fp16/model.onnx");
    let plan_of = |onnx: &Path| {
        run(&["compile", onnx.to_str().unwrap(), "-o", &module], "").expect(0);
        run(&["inspect", &module, "--format", "text"], "").expect(0).out
    };

    let plans = [plan_of(&fixtures::onnx_path("digits_cnn")), plan_of(&half)];

    assert_eq!(plans.each_ref().map(|plan| plan.contains("dynamic tier")), [false, true]);
    for plan in plans {
        let (_, steps) = plan.split_once("steps\n").unwrap();
        let (steps, total) = steps.split_once("\n  estimated ").unwrap();
        let convolutions: Vec<&str> =
            steps.lines().filter(|line| line.to_lowercase().contains("conv")).collect();
        assert!(convolutions.len() >= 2, "{plan}");
        assert!(steps.matches(" per row").count() >= 2, "{plan}");
        assert!(total.starts_with(|digit: char| digit.is_ascii_digit()), "{plan}");
    }
}

#[test]
fn a_model_with_unknown_operators_ends_with_3_lists_them_and_leaves_the_old_module() {
    let desk = Desk::new();
    let onnx = fixtures::onnx_path("unsupported");
    let onnx = onnx.to_str().unwrap();
    let module = desk.put("model.wasm", "old");

    let check = run(&["compile", onnx, "--check", "--format", "json"], "").expect(3);
    let compiled = run(&["compile", onnx, "-o", &module], "").expect(3);

    let unsupported = check.json()["unsupported"].as_array().unwrap().clone();
    assert_eq!(check.json()["ok"], json!(false));
    assert!(unsupported.len() > 1, "every operator, not the first: {unsupported:?}");
    for operator in unsupported {
        let name = operator["operator"].as_str().unwrap();
        assert!(compiled.err.contains(name), "{name} in {}", compiled.err);
        for node in operator["nodes"].as_array().unwrap() {
            assert!(compiled.err.contains(node.as_str().unwrap()), "{node}");
        }
    }
    assert_eq!(fs::read_to_string(&module).unwrap(), "old");
    assert_eq!(desk.names(), ["model.wasm"], "no litter");
}

#[test]
fn what_is_no_model_ends_with_3() {
    let desk = Desk::new();
    let pickle = desk.put("model.pkl", b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x07sklearn\x94.");
    let module = desk.path("model.wasm");

    let refusal = run(&["compile", &pickle, "-o", &module], "").expect(3);

    assert!(refusal.err.to_lowercase().contains("pickle"), "{}", refusal.err);
    assert!(!PathBuf::from(module).exists());
}

#[test]
fn quiet_leaves_errors_and_color_is_said_or_seen() {
    let desk = Desk::new();
    let module = desk.put("sum.wasm", guests::sums_two());
    let bad = ["score", &module, "--input", "-", "--quiet"];

    let plain = run(&bad, "[[1]]").expect(4);
    let colored = run(&[&bad[..], &["--color", "always"]].concat(), "[[1]]").expect(4);

    assert!(plain.err.starts_with("error: row 0"), "{}", plain.err);
    assert!(!plain.err.contains('\x1b'), "stderr is no terminal");
    assert!(colored.err.starts_with('\x1b'), "{:?}", colored.err);
}

#[test]
fn every_command_teaches() {
    for command in ["serve", "compile", "inspect", "score", "deploy", "admin"] {
        let help = run(&[command, "--help"], "").expect(0);

        assert!(help.out.contains("Usage: edge-scorer"), "{}", help.out);
    }
    let help = run(&["--help"], "").expect(0).out;
    assert!(help.contains("Exit codes") && help.contains("Examples"), "{help}");
    assert!(!help.contains("compile-child"), "what only the server starts is not shown");
}
