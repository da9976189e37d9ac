//! The checked-in table of what passes.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    fs,
    sync::Mutex,
};

use crate::cases::Cases;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/coverage/node.tsv");
const SUMMARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/coverage/README.md");
/// Longest reason that is kept.
const REASON: usize = 160;

/// Why cases do not pass, by what their names contain: where the specification leaves room, where what is expected
/// is itself not exact, and what is not mended. Each was looked at by running it.
const EXPLAINED: &[(&str, &str)] = &[
    (
        "training_dropout",
        "with training_mode it drops at random, and a module has nothing random: it says so while it runs (status 17)",
    ),
    (
        "_bf16",
        "each value is what double precision rounds to, bit for bit; the expected ones are summed in bfloat16",
    ),
    (
        "causal_fp16_expanded",
        "each value is what double precision rounds to, bit for bit; the expected ones are summed in float16",
    ),
    (
        "dft_inverse",
        "the expected zeros carry single-precision noise of 2e-7 beyond the tolerance of 1e-7; ours are 3e-15",
    ),
    (
        "castlike_",
        "an input that is only a type has a first axis of 0, which is read as the number of rows: there are none",
    ),
    (
        "regex_full_match_empty",
        "an axis of 0 is read as one whose size is not known, and has no name",
    ),
    ("scan_sum", "Scan of operator set 8, which goes over batches of lists, is not supported"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Pass,
    Refused,
    /// It was compiled and loaded, and says while it runs that it cannot.
    Fails,
    Wrong,
}

/// One case.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) state: State,
    pub(crate) reason: String,
}

pub(crate) struct Table {
    pub(crate) rows: Vec<Row>,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Refused => "refused",
            Self::Fails => "fails",
            Self::Wrong => "wrong",
        })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(why) = self.explained() {
            return write!(f, "{}\t{}\t{why}", self.name, self.state);
        }
        let flat: String = self.reason.split_whitespace().collect::<Vec<_>>().join(" ");
        let reason: String = flat.chars().take(REASON).collect();
        write!(f, "{}\t{}\t{reason}", self.name, self.state)
    }
}

impl Row {
    /// Why it does not pass, where that is known better than the reason tells.
    fn explained(&self) -> Option<&'static str> {
        let why = EXPLAINED.iter().find(|(part, _)| self.name.contains(part))?.1;
        (self.state != State::Pass).then_some(why)
    }

    /// Whether it fails or answers differently, and nobody has said why.
    pub(crate) fn is_riddle(&self) -> bool {
        matches!(self.state, State::Fails | State::Wrong) && self.explained().is_none()
    }
}

/// A part of the summary, which a test of its own writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Nodes,
    Ml,
}

/// Replaces one part of the summary.
pub(crate) fn write_section(section: Section, text: &str) {
    const ML: &str = "\n# Operators of `ai.onnx.ml`";
    static WRITING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = WRITING.lock().unwrap();
    let old = fs::read_to_string(SUMMARY).unwrap_or_default();
    let (nodes, ml) = old.split_at(old.find(ML).unwrap_or(old.len()));
    let (nodes, ml) = match section {
        Section::Nodes => (text, ml.trim_start()),
        Section::Ml => (nodes, text),
    };
    fs::write(SUMMARY, format!("{}\n\n{}\n", nodes.trim_end(), ml.trim_end())).unwrap();
}

impl Table {
    /// The table beside this file; empty where there is none yet.
    pub(crate) fn read() -> Self {
        let text = fs::read_to_string(TABLE).unwrap_or_default();
        let rows = text.lines().skip(1).filter_map(|line| {
            let mut cells = line.split('\t');
            let (name, state) = (cells.next()?.to_owned(), cells.next()?);
            let state = match state {
                "pass" => State::Pass,
                "refused" => State::Refused,
                "fails" => State::Fails,
                _ => State::Wrong,
            };
            Some(Row { name, state, reason: cells.next().unwrap_or_default().to_owned() })
        });
        Self { rows: rows.collect() }
    }

    /// Whether a case passed in this table, and does not pass as `row` says.
    pub(crate) fn fell(&self, row: &Row) -> bool {
        row.state != State::Pass
            && self.rows.iter().any(|known| known.name == row.name && known.state == State::Pass)
    }

    /// Writes the table and its summary.
    pub(crate) fn write(&self, cases: &Cases) {
        let mut table = "case\tstate\treason\n".to_owned();
        for row in &self.rows {
            writeln!(table, "{row}").unwrap();
        }
        fs::write(TABLE, table).unwrap();
        write_section(Section::Nodes, &self.summary(cases));
    }

    fn summary(&self, cases: &Cases) -> String {
        let count = |state| self.rows.iter().filter(|row| row.state == state).count();
        let (passing, total) = (count(State::Pass), self.rows.len());
        // Of each operator: cases that pass, cases.
        let mut operators: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (row, case) in self.rows.iter().zip(&cases.all) {
            for operator in &case.operators {
                let entry = operators.entry(operator).or_default();
                entry.0 += usize::from(row.state == State::Pass);
                entry.1 += 1;
            }
        }
        let mut text = format!(
            "# Node cases of the `onnx` package\n\n\
             Written by `cargo xtask coverage`; `node.tsv` has every case with its reason.\n\
             Counted are cases without training operators, sequence, optional or map types, \
             opsets above 26, and floats and integers of eight bits or fewer that have no type in the module contract.\n\n\
             **{passing} of {total} pass ({:.1} %)**, {} are refused, {} fail while they run, {} answer differently.\n\n\
             | operator | cases that pass | cases with it |\n|---|--:|--:|\n",
            100.0 * passing as f64 / total.max(1) as f64,
            count(State::Refused),
            count(State::Fails),
            count(State::Wrong),
        );
        for (operator, (passing, total)) in operators {
            writeln!(text, "| {operator} | {passing} | {total} |").unwrap();
        }
        text
    }
}
