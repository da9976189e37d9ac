//! Every estimator that exporters know, compiled, scored in the sandbox and held against ONNX Runtime.
//!
//! `tests/models/estimators.py` fits and exports the models and writes what ONNX Runtime answers to some
//! hundred rows of each. Plain `cargo test` runs a selection; `COVERAGE=1` runs all of them and writes the
//! report, `estimators.tsv`, in which nothing that agreed may be missing afterwards.
//!
//! Values agree to 1e-5 + 1e-5·|b|, probabilities to 1e-5; labels are the same wherever the reference's two
//! best scores differ by more than 1e-5. Where single floats have lost digits, answers further apart agree
//! if ours are as near to scikit-learn's own in double precision as ONNX Runtime's are; the report says so.
//! Gaussian processes of doubles are held against their own formula in extended precision: there even doubles
//! lose digits.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics where it stands")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use compiler::{CompileError, Options, compile};
use engine::{Engine, EngineConfig, Scorer, ScorerLimits, Tensor, TensorData, Trust};
use serde::Deserialize;
use shared::{ElementType, Role, Signature};
use tests::fixtures;

const TOLERANCE: f64 = 1e-5;
const AGREES: &str = "agrees";
/// Where single floats have lost digits, ours are to be no worse than the reference's.
const NEARER: &str =
    "agrees (as near to scikit-learn in double precision as ONNX Runtime, or nearer)";

#[derive(Deserialize)]
struct Case {
    name: String,
    family: String,
    estimator: String,
    status: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    model: Option<(usize, usize)>,
    #[serde(default)]
    inputs: Vec<Stored>,
    #[serde(default)]
    outputs: Vec<Stored>,
}

#[derive(Deserialize)]
struct Stored {
    name: String,
    #[serde(rename = "type")]
    element_type: ElementType,
    shape: Vec<u64>,
    data: Data,
    /// What scikit-learn itself answers, in double precision.
    precise: Option<(usize, usize)>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Data {
    Place((usize, usize)),
    Texts(Vec<String>),
}

impl Stored {
    fn tensor(&self, blob: &[u8]) -> Tensor {
        let data = match &self.data {
            Data::Texts(texts) => TensorData::String(texts.clone()),
            Data::Place((offset, length)) => {
                TensorData::read_le(self.element_type, &blob[*offset..offset + length]).unwrap()
            }
        };
        Tensor::new(self.shape.clone(), data).unwrap()
    }

    fn precise(&self, blob: &[u8]) -> Option<Vec<f64>> {
        let (offset, length) = self.precise?;
        let bytes = &blob[offset..offset + length];
        TensorData::read_le(ElementType::Float64, bytes).and_then(|data| match data {
            TensorData::Float64(values) => Some(values),
            _ => None,
        })
    }
}

#[test]
fn estimators_agree_with_onnx_runtime() {
    let everything = env::var_os("COVERAGE").is_some();
    let folder = fixtures::estimators(everything);
    let cases: Vec<Case> =
        serde_json::from_slice(&fs::read(folder.join("cases.json")).unwrap()).unwrap();
    let blob = fs::read(folder.join("cases.bin")).unwrap();
    let engine = Engine::new(EngineConfig::default()).unwrap();
    let only = env::var("ONLY").ok();

    let mut verdicts: BTreeMap<String, (String, String, String)> = BTreeMap::new();
    for case in
        cases.iter().filter(|case| only.as_ref().is_none_or(|only| case.name.contains(only)))
    {
        let verdict = match case.status.as_str() {
            "exported" => judge(case, &blob, &engine).unwrap_or_else(|reason| reason),
            status => format!("{status}: {}", case.reason),
        };
        verdicts.insert(case.name.clone(), (case.family.clone(), case.estimator.clone(), verdict));
    }

    let lost: Vec<String> = agreed_before()
        .into_iter()
        .filter_map(|name| {
            let (_, _, verdict) = verdicts.get(&name)?;
            (!verdict.starts_with(AGREES)).then(|| format!("{name}: {verdict}"))
        })
        .collect();
    if everything && only.is_none() {
        fs::write(report_path(), report(&verdicts)).unwrap();
    } else if env::var_os("SHOW").is_some() {
        fs::write("/dev/stderr", report(&verdicts)).unwrap();
    }
    assert!(lost.is_empty(), "agreed before:\n{}", lost.join("\n"));
}

fn report_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("coverage/estimators.tsv")
}

/// The names that the report says agree.
fn agreed_before() -> BTreeSet<String> {
    let report = fs::read_to_string(report_path()).unwrap_or_default();
    report
        .lines()
        .filter_map(|line| {
            let mut cells = line.split('\t').skip(1);
            let (name, verdict) = (cells.next()?, cells.next()?);
            verdict.starts_with(AGREES).then(|| name.to_owned())
        })
        .collect()
}

/// The report: how many, by family and by estimator, then every model.
fn report(verdicts: &BTreeMap<String, (String, String, String)>) -> String {
    let mut families: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut estimators: BTreeMap<&str, bool> = BTreeMap::new();
    for (family, estimator, verdict) in verdicts.values() {
        if verdict.starts_with("not ") {
            continue;
        }
        let (agree, all) = families.entry(family).or_default();
        *all += 1;
        *agree += usize::from(verdict.starts_with(AGREES));
        if family == "scikit-learn" {
            *estimators.entry(estimator).or_insert(true) &= verdict.starts_with(AGREES);
        }
    }
    let (agree, all) = families.values().fold((0, 0), |(a, b), (agree, all)| (a + agree, b + all));
    let mut text = format!("# models that agree with ONNX Runtime: {agree} of {all}\n");
    for (family, (agree, all)) in families {
        let _ = writeln!(text, "# {family}: {agree} of {all}");
    }
    let whole = estimators.values().filter(|agrees| **agrees).count();
    let _ = writeln!(
        text,
        "# scikit-learn's estimators, in every form of export: {whole} of {}",
        estimators.len()
    );
    for (name, (family, _, verdict)) in verdicts {
        let _ = writeln!(text, "{family}\t{name}\t{verdict}");
    }
    text
}

/// How a case agrees, or why it does not.
fn judge(case: &Case, blob: &[u8], engine: &Engine) -> Result<String, String> {
    let (offset, length) = case.model.unwrap();
    let compiled = compile(&blob[offset..offset + length], &Options::default()).map_err(refusal)?;
    let module =
        engine.load(&compiled.wasm, Trust::Compiled).map_err(|e| format!("not loaded: {e}"))?;
    let scorer = Scorer::new(module, ScorerLimits::default());
    let signature = &compiled.signature;
    let inputs: Vec<Tensor> = signature
        .inputs
        .iter()
        .map(|spec| {
            let stored = case.inputs.iter().find(|input| input.name == spec.name);
            stored
                .map(|input| input.tensor(blob))
                .ok_or_else(|| format!("differs: input {}", spec.name))
        })
        .collect::<Result<_, _>>()?;
    let scored = scorer.score_rows(&inputs).map_err(|error| format!("not scored: {error}"))?;
    if scored.len() != case.outputs.len() {
        return Err(format!("differs: {} outputs, not {}", scored.len(), case.outputs.len()));
    }
    let expected: Vec<Tensor> = case.outputs.iter().map(|output| output.tensor(blob)).collect();
    let mut verdict = AGREES;
    for (index, (ours, theirs)) in scored.iter().zip(&expected).enumerate() {
        let Err(reason) = compare(signature, index, ours, theirs, &expected) else { continue };
        let stored = &case.outputs[index];
        let precise = stored.precise(blob);
        if !precise.is_some_and(|precise| is_no_worse(ours, theirs, &precise)) {
            return Err(format!("differs: `{}` {reason}", stored.name));
        }
        verdict = NEARER;
    }
    Ok(verdict.to_owned())
}

/// Whether our answers are as near to the precise ones as the reference's are: in the worst place
/// and in the middle.
fn is_no_worse(ours: &Tensor, theirs: &Tensor, precise: &[f64]) -> bool {
    let errors = |tensor: &Tensor| -> Option<Vec<f64>> {
        let values = floats(tensor).filter(|values| values.len() == precise.len())?;
        let mut errors: Vec<f64> =
            values.iter().zip(precise).map(|(value, precise)| (value - precise).abs()).collect();
        errors.sort_by(f64::total_cmp);
        Some(errors)
    };
    let (Some(ours), Some(theirs)) = (errors(ours), errors(theirs)) else { return false };
    let (Some(our_worst), Some(their_worst)) = (ours.last(), theirs.last()) else { return true };
    let middle = ours.len() / 2;
    *our_worst <= their_worst.max(TOLERANCE) && ours[middle] <= theirs[middle].max(TOLERANCE)
}

fn refusal(error: CompileError) -> String {
    match error {
        CompileError::Unsupported(found) => {
            let each: Vec<String> = found
                .iter()
                .map(|found| match &found.hint {
                    Some(hint) => format!("{} ({hint})", found.operator),
                    None => found.operator.clone(),
                })
                .collect();
            format!("refused: {}", each.join(", "))
        }
        error => format!("refused: {error}"),
    }
}

fn compare(
    signature: &Signature,
    index: usize,
    ours: &Tensor,
    theirs: &Tensor,
    all: &[Tensor],
) -> Result<(), String> {
    // A column vector and a vector are the same to callers who read rows.
    if ours.data().len() != theirs.data().len() {
        return Err(format!("has shape {:?}, not {:?}", ours.shape(), theirs.shape()));
    }
    let is_probability = signature.outputs[index].role == Some(Role::Probabilities);
    if let (Some(a), Some(b)) = (floats(ours), floats(theirs)) {
        for (place, (a, b)) in a.iter().zip(&b).enumerate() {
            // What an exporter calls probabilities may be decisions beyond 1.
            let is_fraction = is_probability && b.abs() <= 1.0;
            let allowed = TOLERANCE + if is_fraction { 0.0 } else { TOLERANCE * b.abs() };
            let same = a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= allowed;
            if !same {
                return Err(format!("value {place} is {a}, not {b}"));
            }
        }
        return Ok(());
    }
    let differing: Vec<usize> = match (ours.data(), theirs.data()) {
        (TensorData::String(a), TensorData::String(b)) => differences(a, b),
        (a, b) => match (integers(a), integers(b)) {
            (Some(a), Some(b)) => differences(&a, &b),
            _ => return Err(format!("is {}, not {}", ours.element_type(), theirs.element_type())),
        },
    };
    for row in differing {
        if margin(all, ours.data().len(), row) > TOLERANCE {
            return Err(format!("element {row} is another label"));
        }
    }
    Ok(())
}

fn differences<T: PartialEq>(a: &[T], b: &[T]) -> Vec<usize> {
    (0..a.len()).filter(|index| a[*index] != b[*index]).collect()
}

/// How far apart the reference's two best scores of a row are; infinitely where there are no scores.
fn margin(all: &[Tensor], rows: usize, row: usize) -> f64 {
    let scores = all.iter().filter_map(floats).find(|scores| scores.len() > rows);
    let Some(scores) = scores else { return f64::INFINITY };
    let width = scores.len() / rows;
    let mut row: Vec<f64> = scores[row * width..(row + 1) * width].to_vec();
    row.sort_by(|a, b| b.total_cmp(a));
    row[0] - row[1]
}

fn floats(tensor: &Tensor) -> Option<Vec<f64>> {
    match tensor.data() {
        TensorData::Float32(values) => Some(values.iter().map(|value| f64::from(*value)).collect()),
        TensorData::Float64(values) => Some(values.clone()),
        _ => None,
    }
}

fn integers(data: &TensorData) -> Option<Vec<i64>> {
    match data {
        TensorData::Int64(values) => Some(values.clone()),
        TensorData::Int32(values) => Some(values.iter().map(|value| i64::from(*value)).collect()),
        TensorData::Bool(values) => Some(values.iter().map(|value| i64::from(*value)).collect()),
        _ => None,
    }
}
