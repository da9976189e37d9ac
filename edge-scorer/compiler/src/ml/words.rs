//! Text and numbered words to counts: `TfIdfVectorizer`, alone or with the `Tokenizer` before it.
//!
//! A `Tokenizer` has as many columns as its longest text has words, which nobody but the vectorizer
//! reads. `import/rewrite` makes one node of the two, and so no column needs to be counted.

use std::collections::{BTreeMap, HashMap};

use shared::ElementType::{Float32, Int32};
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, TDim, TypedNode, tvec};

use super::automaton::Automaton;
use super::{Fact, Fault, Operator, attributes, contradiction};
use crate::lower::{Lowering, Refusal, Value, text_table};
use crate::plan::{Arg, Extent, product};

/// Words that a run may reach over; the kernels' number.
const WINDOW: usize = 64;
const NOT_COUNTED: u32 = u32::MAX;

/// Which runs of words are counted, and where.
#[derive(Debug)]
struct Runs {
    /// The words of all runs.
    pool: Pool,
    /// Parent, word, child, column; sorted.
    edges: Vec<[u32; 4]>,
    shortest: usize,
    longest: usize,
    skips: usize,
    /// The kernels' number: counts, weights, or both.
    mode: i32,
    weights: Vec<f32>,
}

/// Distinct words in ascending order.
#[derive(Debug)]
enum Pool {
    Ints(Vec<i64>),
    Texts(Vec<String>),
}

impl Runs {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        let size = |name: &str, least: usize| {
            let value = attributes::int(node, name).unwrap_or(least as i64);
            match usize::try_from(value) {
                Ok(size) if (least..=WINDOW).contains(&size) => Ok(size),
                Ok(size) if (least..1 << 31).contains(&size) => {
                    Err(Fault::from(format!("`{name}` is {value}")))
                }
                _ => Err(contradiction!("`{name}` is {value}")),
            }
        };
        let (shortest, longest) = (size("min_gram_length", 1)?, size("max_gram_length", 1)?);
        let skips = size("max_skip_count", 0)?;
        if shortest > longest || (longest - 1) * (skips + 1) >= WINDOW {
            return Err(format!("its runs reach over more than {WINDOW} words").into());
        }
        let mode = match attributes::string(node, "mode", "TF")?.as_str() {
            "TF" => 0,
            "IDF" => 1,
            "TFIDF" => 2,
            other => return Err(contradiction!("the mode `{other}` is unknown")),
        };
        let texts = attributes::strings(node, "pool_strings")?;
        let ints = attributes::ints(node, "pool_int64s");
        let (pool, numbers) = match (texts.is_empty(), ints.is_empty()) {
            (false, true) => numbered(&texts, Pool::Texts),
            (true, false) => numbered(ints, Pool::Ints),
            _ => return Err(contradiction!("it has no one pool of words")),
        };

        let columns: Vec<usize> = attributes::ints(node, "ngram_indexes")
            .iter()
            .map(|index| usize::try_from(*index).ok().filter(|index| *index < 1 << 24))
            .collect::<Option<_>>()
            .ok_or_else(|| contradiction!("`ngram_indexes` are out of range"))?;
        let width = columns.iter().max().map_or(0, |last| last + 1);
        if width == 0 {
            return Err(contradiction!("`ngram_indexes` is empty"));
        }
        let given = attributes::floats(node, "weights");
        if !given.is_empty() && given.len() != columns.len() {
            return Err(contradiction!("{} weights for {} runs", given.len(), columns.len()));
        }
        // The i-th weight is that of the i-th run.
        let mut weights = vec![1.0; width];
        for (column, weight) in columns.iter().zip(given) {
            weights[*column] = *weight;
        }
        let edges = edges(node, &numbers, &columns)?;
        Ok(Self { pool, edges, shortest, longest, skips, mode, weights })
    }

    /// The arguments that both kernels end with.
    fn args(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Vec<Arg> {
        let edges: Vec<u32> = self.edges.iter().flatten().copied().collect();
        let weights = l.planner.weights_f32(format!("{} (weights)", node.name), &self.weights);
        vec![
            Arg::Weights(l.planner.weights_u32(format!("{} (runs)", node.name), &edges)),
            Arg::count(self.edges.len()),
            Arg::count(self.shortest),
            Arg::count(self.longest),
            Arg::count(self.skips),
            Arg::Int(self.mode),
            Arg::Weights(weights),
            Arg::count(self.weights.len()),
        ]
    }
}

/// Sorts words and drops what is there twice; answers of each word its number.
fn numbered<T: Clone + Ord>(words: &[T], pool: fn(Vec<T>) -> Pool) -> (Pool, Vec<u32>) {
    let mut sorted = words.to_vec();
    sorted.sort();
    sorted.dedup();
    let number = |word| sorted.binary_search(word).map_or(u32::MAX, |place| place as u32);
    let numbers = words.iter().map(number).collect();
    (pool(sorted), numbers)
}

/// The tree of runs: those of one word first, then those of two, as `ngram_counts` cuts the pool.
fn edges(node: &NodeProto, words: &[u32], columns: &[usize]) -> Result<Vec<[u32; 4]>, Fault> {
    let counts = attributes::ints(node, "ngram_counts");
    let mut tree: BTreeMap<(u32, u32), (u32, u32)> = BTreeMap::new();
    let mut nodes = 0_u32;
    let mut columns = columns.iter();
    for (index, start) in counts.iter().enumerate() {
        let end = counts.get(index + 1).copied().unwrap_or(words.len() as i64);
        let part = usize::try_from(*start)
            .ok()
            .zip(usize::try_from(end).ok())
            .and_then(|(start, end)| words.get(start..end))
            .filter(|part| part.len().is_multiple_of(index + 1))
            .ok_or_else(|| contradiction!("`ngram_counts` does not cut the pool into runs"))?;
        for run in part.chunks(index + 1) {
            let column = *columns
                .next()
                .ok_or_else(|| contradiction!("there are more runs than `ngram_indexes`"))?;
            let mut parent = 0;
            for (place, word) in run.iter().enumerate() {
                let (child, counted) = tree.entry((parent, *word)).or_insert_with(|| {
                    nodes += 1;
                    (nodes, NOT_COUNTED)
                });
                if place + 1 == run.len() {
                    *counted = column as u32;
                }
                parent = *child;
            }
        }
    }
    if columns.next().is_some() {
        return Err(contradiction!("there are fewer runs than `ngram_indexes`"));
    }
    let edge = |((parent, word), (child, column))| [parent, word, child, column];
    Ok(tree.into_iter().map(edge).collect())
}

/// `TfIdfVectorizer` over words that are elements of a tensor.
#[derive(Debug)]
pub(super) struct TfIdfVectorizer {
    runs: Runs,
}

impl Operator for TfIdfVectorizer {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        Ok(Self { runs: Runs::parse(node)? })
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        let input = inputs.first().ok_or("it has no input")?;
        let fits = match self.runs.pool {
            Pool::Texts(_) => input.datum_type == DatumType::String,
            Pool::Ints(_) => matches!(input.datum_type, DatumType::I64 | DatumType::I32),
        };
        if !fits {
            return Err("its words are not of its input's type".into());
        }
        let width: TDim = (self.runs.weights.len() as i64).into();
        let shape = match input.shape.as_slice() {
            [_] => tvec![width],
            [rows, _] => tvec![rows.clone(), width],
            other => return Err(format!("its input has {} dimensions", other.len()).into()),
        };
        Ok(vec![Fact { datum_type: DatumType::F32, shape }])
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let input = node.inputs[0];
        let shape = l.shape(input)?;
        let (last, rows) = shape.split_last().ok_or_else(|| Refusal::because("it has no words"))?;
        let count = l.count(input)?;
        let index = l.planner.buffer(format!("{} (words)", node.name), Int32, count.clone());
        find_words(l, node, &self.runs.pool, index, count)?;
        let y = l.output(node, 0)?;
        let mut args = vec![Arg::read(index), Arg::Count(product(rows)), Arg::Count(last.clone())];
        args.extend(self.runs.args(l, node));
        args.push(Arg::write(y));
        let title = format!("count {} runs of words", self.runs.weights.len());
        l.planner.call("count_runs", args, title, 100.0 + self.runs.weights.len() as f64);
        Ok(vec![Value::Tensor(y)])
    }
}

/// Numbers the words of the first input, -1 for those that are not in the pool.
fn find_words(
    l: &mut Lowering<'_>,
    node: &TypedNode,
    pool: &Pool,
    index: crate::plan::BufferId,
    count: Extent,
) -> Result<(), Refusal> {
    let input = node.inputs[0];
    let name = format!("{} (pool)", node.name);
    let (kernel, mut args, length) = match pool {
        Pool::Ints(words) => {
            let words_at = Arg::Weights(l.planner.weights_i64(name, words));
            let x = l.read_as(input, shared::ElementType::Int64)?;
            ("find_i64", vec![x, Arg::Count(count.clone()), words_at], words.len())
        }
        Pool::Texts(words) => {
            let (starts, letters) = text_table(words);
            let starts = Arg::Weights(l.planner.weights_u32(name.clone(), &starts));
            let letters = Arg::Weights(l.planner.weights(name, letters));
            let spans = Arg::read(l.spans(input)?);
            ("find_text", vec![spans, Arg::Count(count.clone()), starts, letters], words.len())
        }
    };
    // An unknown word is numbered behind the last, which no run has.
    args.extend([Arg::count(length), Arg::write(index)]);
    l.planner.call(kernel, args, format!("find one of {length} words"), 50.0);
    Ok(())
}

/// A `Tokenizer` and the `TfIdfVectorizer` that reads its words.
#[derive(Debug)]
pub(super) struct CountWords {
    runs: Runs,
    automaton: Automaton,
    /// Whether the automaton finds what is between words.
    is_between: bool,
    least: usize,
}

impl Operator for CountWords {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        let runs = Runs::parse(node)?;
        if attributes::int(node, "mark").unwrap_or(0) != 0 {
            return Err("it marks the begin and the end of its words".into());
        }
        let separators = attributes::strings(node, "separators")?;
        let pattern = attributes::string(node, "tokenexp", "")?;
        let (pattern, is_between) = match (pattern.is_empty(), separators.is_empty()) {
            (false, true) => (pattern, false),
            (true, false) if separators.iter().all(|separator| separator.is_empty()) => {
                (".".to_owned(), false)
            }
            (true, false) => {
                let each: Vec<String> = separators.iter().map(|s| format!("(?:{s})")).collect();
                (each.join("|"), true)
            }
            _ => return Err("it has no one way to find words".into()),
        };
        let least = usize::try_from(attributes::int(node, "mincharnum").unwrap_or(1))
            .map_err(|_| "`mincharnum` is negative")?;
        Ok(Self { runs, automaton: Automaton::of(&pattern)?, is_between, least })
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        let input = inputs.first().ok_or("it has no input")?;
        if input.datum_type != DatumType::String {
            return Err("its input is no text".into());
        }
        if input.shape.iter().skip(1).any(|dim| *dim != TDim::from(1)) {
            return Err("it has several texts a row".into());
        }
        let rows = input.shape.first().cloned().unwrap_or_else(|| TDim::from(1));
        let width = (self.runs.weights.len() as i64).into();
        Ok(vec![Fact { datum_type: DatumType::F32, shape: tvec![rows, width] }])
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let Pool::Texts(words) = &self.runs.pool else {
            return Err(Refusal::because("its words are numbers"));
        };
        let spans = Arg::read(l.spans(node.inputs[0])?);
        let count = l.count(node.inputs[0])?;
        let mut args = vec![spans, Arg::Count(count.clone())];
        args.extend(automaton_args(l, node, &self.automaton));
        args.extend([Arg::Int(i32::from(self.is_between)), Arg::count(self.least)]);
        let (starts, letters) = text_table(words);
        let name = format!("{} (pool)", node.name);
        args.push(Arg::Weights(l.planner.weights_u32(name.clone(), &starts)));
        args.push(Arg::Weights(l.planner.weights(name, letters)));
        args.push(Arg::count(words.len()));
        args.extend(self.runs.args(l, node));
        let width = Extent::from(self.runs.weights.len());
        let y = l.planner.buffer(node.name.clone(), Float32, count.times(width));
        args.push(Arg::write(y));
        let title = format!("count runs of {} words", words.len());
        l.planner.call("count_words", args, title, 2_000.0 + self.runs.weights.len() as f64);
        Ok(vec![Value::Tensor(y)])
    }
}

/// The tables of an automaton, as the kernels take them.
pub(super) fn automaton_args(
    l: &mut Lowering<'_>,
    node: &TypedNode,
    automaton: &Automaton,
) -> [Arg; 4] {
    let name = |what: &str| format!("{} ({what})", node.name);
    [
        Arg::Weights(l.planner.weights(name("classes of bytes"), automaton.classes.clone())),
        Arg::Weights(l.planner.weights_u32(name("pattern"), &automaton.next)),
        Arg::count(automaton.width),
        Arg::Weights(l.planner.weights_u32(name("begins"), &automaton.starts)),
    ]
}

/// Makes one node of every `Tokenizer` and the `TfIdfVectorizer` that alone reads its words.
pub(crate) fn join_tokenizers(nodes: &mut Vec<NodeProto>, outputs: &[String]) {
    const BETWEEN: &[&str] = &["Flatten", "Reshape", "Identity", "Squeeze", "Unsqueeze"];
    let mut readers: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        for input in &node.input {
            readers.entry(input.clone()).or_default().push(index);
        }
    }
    let only_reader = |node: &NodeProto| -> Option<usize> {
        let output = node.output.first().filter(|output| !outputs.contains(*output))?;
        match readers.get(output)?.as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    };
    let mut gone = vec![false; nodes.len()];
    for index in 0..nodes.len() {
        if nodes[index].op_type != "Tokenizer" {
            continue;
        }
        let mut path = vec![index];
        let mut next = only_reader(&nodes[index]);
        while let Some(at) = next.filter(|at| BETWEEN.contains(&nodes[*at].op_type.as_str())) {
            path.push(at);
            next = only_reader(&nodes[at]);
        }
        let Some(vectorizer) = next.filter(|at| nodes[*at].op_type == "TfIdfVectorizer") else {
            continue;
        };
        path.iter().for_each(|at| gone[*at] = true);
        let tokenizer = nodes[index].clone();
        let node = &mut nodes[vectorizer];
        node.op_type = "CountWords".to_owned();
        node.domain = "ai.onnx.ml".to_owned();
        node.input = tokenizer.input;
        node.attribute.extend(tokenizer.attribute);
    }
    let mut gone = gone.into_iter();
    nodes.retain(|_| !gone.next().unwrap_or(false));
}
