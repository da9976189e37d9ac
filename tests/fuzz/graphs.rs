//! Random graphs against ONNX Runtime: dense and element-wise operators, control flow, symbolic columns.
//!
//! What has control flow, or columns that only the rows tell, is compiled in the dynamic tier.

use arbitrary::{Result, Unstructured};
use engine::{Scorer, ScorerLimits, Tensor, TensorData, Trust};
use tests::reference::{Reference, Values};

use crate::proto::{
    self, Attribute, BOOL, FLOAT, Graph, INT64, Message, attribute, floats, ints, node, port,
    tensor,
};
use crate::{seeded, targets};

const ROWS: usize = 9;
const COLUMNS: usize = 5;
/// Of a Binarizer.
const THRESHOLD: f32 = 0.25;

/// A graph in the making: names of tensors with their columns.
struct Builder {
    graph: Graph,
    tensors: Vec<(String, usize)>,
    jumps: Vec<Jump>,
}

/// A node that turns a difference in the last bit of its input into one of 1.
struct Jump {
    input: String,
    columns: usize,
    output: fn(f32) -> f32,
}

/// A graph with what it is run on.
struct Case {
    graph: Graph,
    jumps: Vec<Jump>,
    rows: Vec<f32>,
}

impl Builder {
    fn add(
        &mut self,
        operator: &str,
        domain: &str,
        inputs: &[&str],
        attributes: &[Message],
        columns: usize,
    ) {
        let name = format!("t{}", self.graph.nodes.len());
        let output: Option<fn(f32) -> f32> = match operator {
            "Floor" => Some(f32::floor),
            "Binarizer" => Some(|x| f32::from(x > THRESHOLD)),
            _ => None,
        };
        if let Some(output) = output {
            self.jumps.push(Jump { input: inputs[0].to_owned(), columns, output });
        }
        self.graph.nodes.push(proto::node(operator, domain, inputs, &[&name], attributes));
        self.tensors.push((name, columns));
    }

    fn constant(&mut self, u: &mut Unstructured<'_>, dims: &[i64]) -> Result<String> {
        let count: i64 = dims.iter().product();
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(f32::from(u.arbitrary::<i8>()?) / 64.0);
        }
        let name = format!("c{}", self.graph.tensors.len());
        self.graph.tensors.push(floats(&name, dims, &values));
        Ok(name)
    }

    /// A few element-wise nodes from `from`, which end in `to`; they may read what is outside.
    fn chain(
        &mut self,
        u: &mut Unstructured<'_>,
        from: &str,
        to: &str,
        outside: &str,
    ) -> Result<Vec<Message>> {
        let (mut nodes, mut from) = (Vec::new(), from.to_owned());
        let length = u.int_in_range(1..=3)?;
        for index in 0..length {
            let next = if index + 1 == length { to.to_owned() } else { format!("{to}.{index}") };
            nodes.push(if u.arbitrary()? {
                node(u.choose(&["Relu", "Tanh", "Abs", "Neg"])?, "", &[&from], &[&next], &[])
            } else {
                let operator = *u.choose(&["Add", "Sub", "Mul", "Max"])?;
                node(operator, "", &[&from, outside], &[&next], &[])
            });
            from = next;
        }
        Ok(nodes)
    }

    /// A loop, a scan or a choice; the name of what is inside begins with `k<n>`.
    fn control(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (x, columns) = u.choose(&self.tensors)?.clone();
        let k = format!("k{}", self.graph.nodes.len());
        let name = |part: &str| format!("{k}.{part}");
        let bias = self.constant(u, &[columns as i64])?;
        let wide = Some(columns as i64);
        let float = |part: &str, dims: &[Option<i64>]| port(&name(part), FLOAT, dims);
        match u.int_in_range(0..=2)? {
            0 => {
                let mut nodes = vec![node("Identity", "", &[&name("on")], &[&name("still")], &[])];
                nodes.extend(self.chain(u, &name("state"), &name("next"), &bias)?);
                nodes.extend(self.chain(u, &name("next"), &name("kept"), &x)?);
                let body = Graph {
                    nodes,
                    inputs: vec![
                        port(&name("turn"), INT64, &[]),
                        port(&name("on"), BOOL, &[]),
                        float("state", &[None, wide]),
                    ],
                    outputs: vec![
                        port(&name("still"), BOOL, &[]),
                        float("next", &[None, wide]),
                        float("kept", &[None, wide]),
                    ],
                    ..Graph::default()
                };
                let turns = u.int_in_range(1..=6)?;
                self.graph.tensors.push(ints(&name("most"), &[], &[turns]));
                self.graph.tensors.push(tensor(&name("go"), BOOL, &[]).bytes(9, &[1]));
                self.graph.tensors.push(ints(&name("first"), &[1], &[0]));
                self.graph.nodes.push(node(
                    "Loop",
                    "",
                    &[&name("most"), &name("go"), &x],
                    &[&name("last"), &name("all")],
                    &[attribute("body", Attribute::Graph(body.message()))],
                ));
                self.tensors.push((name("last"), columns));
                let keepdims = attribute("keepdims", Attribute::Int(0));
                let operator = *u.choose(&["ReduceSum", "ReduceMax"])?;
                self.add(operator, "", &[&name("all"), &name("first")], &[keepdims], columns);
            }
            1 => {
                let mut nodes = self.chain(u, &name("slice"), &name("changed"), &bias)?;
                nodes.push(node(
                    "Add",
                    "",
                    &[&name("state"), &name("changed")],
                    &[&name("next")],
                    &[],
                ));
                nodes.push(node("Tanh", "", &[&name("next")], &[&name("kept")], &[]));
                let body = Graph {
                    nodes,
                    inputs: vec![float("state", &[wide]), float("slice", &[wide])],
                    outputs: vec![float("next", &[wide]), float("kept", &[wide])],
                    ..Graph::default()
                };
                let begin = self.constant(u, &[columns as i64])?;
                let backwards = u.int_in_range(0..=1)?;
                self.graph.nodes.push(node(
                    "Scan",
                    "",
                    &[&begin, &x],
                    &[&name("last"), &name("all")],
                    &[
                        attribute("body", Attribute::Graph(body.message())),
                        attribute("num_scan_inputs", Attribute::Int(1)),
                        attribute("scan_input_directions", Attribute::Ints(&[backwards])),
                    ],
                ));
                self.tensors.push((name("all"), columns));
                self.add("Mul", "", &[&name("all"), &name("last")], &[], columns);
            }
            _ => {
                let threshold = self.constant(u, &[])?;
                let keepdims = attribute("keepdims", Attribute::Int(0));
                self.graph.nodes.push(node("ReduceSum", "", &[&x], &[&name("sum")], &[keepdims]));
                self.graph.nodes.push(node(
                    "Greater",
                    "",
                    &[&name("sum"), &threshold],
                    &[&name("is")],
                    &[],
                ));
                let mut branches = Vec::new();
                for (attribute_name, part) in [("then_branch", "yes"), ("else_branch", "no")] {
                    let nodes = self.chain(u, &x, &name(part), &bias)?;
                    let graph = Graph {
                        nodes,
                        outputs: vec![float(part, &[None, wide])],
                        ..Graph::default()
                    };
                    branches.push(attribute(attribute_name, Attribute::Graph(graph.message())));
                }
                self.add("If", "", &[&name("is")], &branches, columns);
            }
        }
        Ok(())
    }

    /// One node; `is_plain` leaves out `ai.onnx.ml`, which takes no columns that only the rows tell.
    fn step(&mut self, u: &mut Unstructured<'_>, is_plain: bool) -> Result<()> {
        let (x, columns) = u.choose(&self.tensors)?.clone();
        let x = x.as_str();
        match u.int_in_range(0..=if is_plain { 7 } else { 9 })? {
            0 => {
                let operator = *u.choose(&[
                    "Relu", "Sigmoid", "Tanh", "Abs", "Neg", "Softplus", "Floor", "Erf", "Sin",
                    "Softsign", "Identity",
                ])?;
                self.add(operator, "", &[x], &[], columns);
            }
            1 | 2 => {
                let same: Vec<String> =
                    self.tensors.iter().filter(|t| t.1 == columns).map(|t| t.0.clone()).collect();
                let y = u.choose(&same)?.clone();
                self.add(
                    u.choose(&["Add", "Sub", "Mul", "Max", "Min"])?,
                    "",
                    &[x, &y],
                    &[],
                    columns,
                );
            }
            3 => {
                let bias = self.constant(u, &[columns as i64])?;
                self.add(u.choose(&["Add", "Mul", "Sub"])?, "", &[x, &bias], &[], columns);
            }
            4 | 5 => {
                let wide = u.int_in_range(1..=9)?;
                let weights = self.constant(u, &[columns as i64, wide])?;
                if u.arbitrary()? {
                    self.add("MatMul", "", &[x, &weights], &[], wide as usize);
                } else {
                    let bias = self.constant(u, &[wide])?;
                    self.add("Gemm", "", &[x, &weights, &bias], &[], wide as usize);
                }
            }
            6 => {
                let (y, more) = u.choose(&self.tensors)?.clone();
                let axis = attribute("axis", Attribute::Int(1));
                self.add("Concat", "", &[x, &y], &[axis], columns + more);
            }
            7 => {
                let axis = attribute("axis", Attribute::Int(1));
                self.add(u.choose(&["Softmax", "LogSoftmax"])?, "", &[x], &[axis], columns);
            }
            8 => {
                let numbers = |u: &mut Unstructured<'_>| -> Result<Vec<f32>> {
                    (0..columns).map(|_| Ok(f32::from(u.arbitrary::<i8>()?) / 32.0)).collect()
                };
                let (offset, scale) = (numbers(u)?, numbers(u)?);
                let attributes = [
                    attribute("offset", Attribute::Floats(&offset)),
                    attribute("scale", Attribute::Floats(&scale)),
                ];
                self.add("Scaler", "ai.onnx.ml", &[x], &attributes, columns);
            }
            _ => {
                let threshold = attribute("threshold", Attribute::Float(THRESHOLD));
                self.add("Binarizer", "ai.onnx.ml", &[x], &[threshold], columns);
            }
        }
        Ok(())
    }
}

fn case(bytes: &[u8]) -> Result<Case> {
    let u = &mut Unstructured::new(bytes);
    let mut builder = Builder {
        graph: Graph::default(),
        tensors: vec![("X".to_owned(), COLUMNS)],
        jumps: Vec::new(),
    };
    let (has_control, is_symbolic) = (u.ratio(1, 3)?, u.ratio(1, 4)?);
    builder.graph.inputs.push(match is_symbolic {
        false => port("X", FLOAT, &[None, Some(COLUMNS as i64)]),
        true => proto::named_port("X", FLOAT, &["N", "M"]),
    });
    for _ in 0..u.int_in_range(1..=12)? {
        if has_control && u.ratio(1, 3)? {
            builder.control(u)?;
        } else {
            builder.step(u, has_control || is_symbolic)?;
        }
        // Wide tensors only make the case slow.
        if builder.tensors.last().is_some_and(|tensor| tensor.1 > 64) {
            break;
        }
    }
    let mut rows = Vec::with_capacity(ROWS * COLUMNS);
    for _ in 0..ROWS * COLUMNS {
        rows.push(f32::from(u.arbitrary::<i8>()?) / 40.0);
    }
    let (last, columns) = builder.tensors.last().unwrap().clone();
    builder.graph.outputs.push(port(&last, FLOAT, &[None, Some(columns as i64)]));
    Ok(Case { graph: builder.graph, jumps: builder.jumps, rows })
}

fn agrees(bytes: &[u8]) {
    if let Ok(case) = case(bytes) {
        same(&case);
    }
}

/// Holds the answer to the rows against ONNX Runtime's.
///
/// `FUZZ_KEEP` names a file that the model is written to, for who looks at one seed.
fn same(case: &Case) {
    let onnx = case.graph.model();
    if let Some(path) = std::env::var_os("FUZZ_KEEP") {
        std::fs::write(path, &onnx).unwrap();
    }
    let (ours, theirs) = answers(&onnx, &case.rows);
    // A chain of products multiplies a difference in the last bit. Beyond one such element in a hundred
    // it is a mistake, unless a jump was taken on one side only.
    let wrong = ours.iter().zip(&theirs).filter(|(a, b)| differ(**a, **b)).count();
    assert!(
        wrong * 100 <= ours.len() || is_on_the_edge(case),
        "{wrong} of {} differ: {ours:?} {theirs:?}",
        ours.len()
    );
}

fn differ(a: f32, b: f32) -> bool {
    (a - b).abs() > 1e-4 + 1e-4 * b.abs() && !(a.is_nan() && b.is_nan()) && a != b
}

/// Whether some jump reads what both agree on up to rounding, and yet is taken by one of them only.
fn is_on_the_edge(case: &Case) -> bool {
    case.jumps.iter().filter(|jump| jump.input != "X").any(|jump| {
        let shape = [None, Some(jump.columns as i64)];
        let outputs = vec![port(&jump.input, FLOAT, &shape)];
        let cut = Graph { outputs, ..case.graph.clone() };
        let (ours, theirs) = answers(&cut.model(), &case.rows);
        let mut pairs = ours.into_iter().zip(theirs);
        pairs.any(|(a, b)| !differ(a, b) && differ((jump.output)(a), (jump.output)(b)))
    })
}

/// Our answer and ONNX Runtime's.
fn answers(onnx: &[u8], rows: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let compiled = targets::compiler(onnx).unwrap();
    let module = targets::engine().load(&compiled.wasm, Trust::Compiled).unwrap();
    let input =
        Tensor::new(vec![ROWS as u64, COLUMNS as u64], TensorData::Float32(rows.to_vec())).unwrap();
    let ours = Scorer::new(module, ScorerLimits::default()).score_rows(&[input]).unwrap();
    let mut theirs = Reference::new(onnx).run(rows, &[ROWS, COLUMNS]);
    let (ours, Values::Floats(theirs)) = (ours[0].as_f32().unwrap(), theirs.remove(0).values)
    else {
        panic!("no floats");
    };
    assert_eq!(ours.len(), theirs.len());
    (ours.to_vec(), theirs)
}

#[test]
fn random_graphs_agree_with_onnx_runtime() {
    seeded(4_000, agrees);
}

#[test]
fn a_logarithm_of_softmax_tells_how_unlikely_it_is_however_unlikely() {
    // Powers of what is more than 103 below the largest are 0, and have no logarithm.
    let axis = || attribute("axis", Attribute::Int(1));
    let graph = Graph {
        nodes: vec![node("LogSoftmax", "", &["X"], &["Y"], &[axis()])],
        inputs: vec![port("X", FLOAT, &[None, Some(COLUMNS as i64)])],
        outputs: vec![port("Y", FLOAT, &[None, Some(COLUMNS as i64)])],
        ..Graph::default()
    };
    let rows: Vec<f32> = (0..ROWS * COLUMNS).map(|at| (at * at * 7 % 1_009) as f32).collect();

    same(&Case { graph, jumps: Vec::new(), rows });
}
