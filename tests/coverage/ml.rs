//! Every operator of `ai.onnx.ml` at every version of its domain, against ONNX Runtime.
//!
//! `ml_cases.py` writes the cases to `target/` once; `ml.tsv` is the table of what passes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;

use crate::cases::Cases;
use crate::table::{Section, State, write_section};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/coverage/ml.tsv");
const HEADER: &str = "operator\tversion\tcase\tstate\treference\treason";
const VERSIONS: [i64; 5] = [1, 2, 3, 4, 5];

/// Why cases answer differently, by operator and what their names contain.
const EXPLAINED: &[(&str, &str, &str)] = &[(
    "SVMClassifier",
    "without vectors, 2 classes",
    "ONNX Runtime answers the second class where any score is above 0; ours is that of the larger score, as with more classes",
)];

#[test]
fn no_ml_operator_that_agreed_has_fallen() {
    let cases = Arc::new(Cases::of("ml_cases.py"));
    let wanted: Vec<usize> = (0..cases.all.len()).collect();

    let rows = crate::run(&cases, &wanted);

    let mut table = format!("{HEADER}\n");
    // Of each operator and version: cases that pass, cases.
    let mut counts: BTreeMap<(&str, i64), (usize, usize)> = BTreeMap::new();
    let (mut fallen, mut riddles) = (Vec::new(), Vec::new());
    let before = fs::read_to_string(TABLE).unwrap_or_default();
    for (row, case) in rows.iter().zip(&cases.all) {
        let (operator, passes) = (case.operators[0].as_str(), row.state == State::Pass);
        let entry = counts.entry((operator, case.version)).or_default();
        *entry = (entry.0 + usize::from(passes), entry.1 + 1);
        let id = format!("{operator}\t{}\t{}", case.version, row.name);
        let reason: String = row.reason.split_whitespace().collect::<Vec<_>>().join(" ");
        let why = EXPLAINED.iter().find(|(of, part, _)| *of == operator && row.name.contains(part));
        let is_riddle = matches!(row.state, State::Fails | State::Wrong);
        let is_explained = why.is_some() && is_riddle;
        let reason = if is_explained { why.map_or("", |why| why.2) } else { &reason };
        let reason: String = reason.chars().take(160).collect();
        let line = format!("{id}\t{}\t{}\t{reason}", row.state, case.reference);
        if is_riddle && !is_explained {
            riddles.push(line.clone());
        }
        if !passes && before.contains(&format!("\n{id}\t{}\t", State::Pass)) {
            fallen.push(line.clone());
        }
        writeln!(table, "{line}").unwrap();
    }
    if std::env::var_os("COVERAGE_WRITE").is_some() {
        fs::write(TABLE, table).unwrap();
        write_section(Section::Ml, &summary(&counts));
        return;
    }
    assert!(riddles.is_empty(), "wrong, and nobody has said why:\n{}", riddles.join("\n"));
    let passing = rows.iter().filter(|row| row.state == State::Pass).count();
    assert!(fallen.is_empty(), "{} cases have fallen:\n{}", fallen.len(), fallen.join("\n"));
    let known = before.lines().filter(|line| line.split('\t').nth(3) == Some("pass")).count();
    assert!(passing >= known, "{passing} cases pass, and {known} passed");
}

fn summary(counts: &BTreeMap<(&str, i64), (usize, usize)>) -> String {
    let (passing, total) =
        counts.values().fold((0, 0), |(a, b), (passing, total)| (a + passing, b + total));
    let mut text = format!(
        "# Operators of `ai.onnx.ml`\n\n\
         Written by `cargo xtask coverage`; `ml.tsv` has every case with its reference and its reason.\n\
         Each case is a model of one operator at one version of the domain, compiled, run in the sandbox and held \
         against ONNX Runtime, or against the evaluator of the `onnx` package where ONNX Runtime has no kernel; \
         a cell is cases that agree of cases.\n\n\
         **{passing} of {total} agree.**\n\n\
         | operator | 1 | 2 | 3 | 4 | 5 |\n|---|--:|--:|--:|--:|--:|\n"
    );
    let mut operators: Vec<&str> = counts.keys().map(|(operator, _)| *operator).collect();
    operators.dedup();
    for operator in operators {
        let cells = VERSIONS.map(|version| {
            let count = counts.get(&(operator, version));
            count.map_or_else(String::new, |(passing, total)| format!("{passing} of {total}"))
        });
        writeln!(text, "| {operator} | {} |", cells.join(" | ")).unwrap();
    }
    text
}
