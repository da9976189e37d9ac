//! From a graph's nodes to calls: one list for each graph, in the order of the file.

use std::collections::HashMap;

use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};

use super::cost::Costs;
use super::image::Image;
use crate::error::CompileError;
use crate::import;

/// What a graph does, in order.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) steps: Vec<Step>,
    /// Where its outputs are described.
    pub(super) outputs: Vec<u32>,
}

/// One step; numbers are addresses of descriptors, nodes and states.
#[derive(Debug)]
pub(super) enum Step {
    Call {
        operator: String,
        node: u32,
        title: String,
        nanoseconds: f64,
    },
    If {
        condition: u32,
        branches: [(Block, Vec<(u32, u32)>); 2],
    },
    Loop {
        kind: LoopKind,
        node: u32,
        body_node: u32,
        state: u32,
        body: Block,
        title: String,
        /// As far as it can be told.
        turns: f64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoopKind {
    Loop,
    Scan,
}

/// Whether the compiler itself writes what a node does.
pub(super) fn is_control(domain: &str, name: &str) -> bool {
    matches!(domain, "" | "ai.onnx") && matches!(name, "If" | "Loop" | "Scan")
}

/// The name under which an operator is exported.
pub(super) fn export_name(domain: &str, name: &str) -> String {
    let domain = if domain.is_empty() { "ai.onnx" } else { domain };
    format!("{domain}.{name}")
}

/// Names and where they are described.
///
/// A graph within a graph sees what is around it. Nothing is copied for it: what it adds is taken away
/// again at its end, so that thousands of branches under thousands of names stay cheap.
#[derive(Default)]
pub(super) struct Names<'a> {
    known: HashMap<&'a str, u32>,
    /// What was overwritten since the outermost graph began.
    before: Vec<(&'a str, Option<u32>)>,
}

impl<'a> Names<'a> {
    pub(super) fn insert(&mut self, name: &'a str, address: u32) {
        self.before.push((name, self.known.insert(name, address)));
    }

    /// The address behind a name, 0 for none.
    fn get(&self, name: &str) -> u32 {
        self.known.get(name).copied().unwrap_or(0)
    }

    /// Forgets what was added since there were `count` additions.
    fn forget(&mut self, count: usize) {
        while self.before.len() > count {
            match self.before.pop() {
                Some((name, Some(address))) => drop(self.known.insert(name, address)),
                Some((name, None)) => drop(self.known.remove(name)),
                None => return,
            }
        }
    }
}

/// Turns graphs into blocks.
pub(super) struct Builder<'a> {
    pub(super) image: Image,
    proto: &'a ModelProto,
    pub(super) costs: Costs<'a>,
}

impl Block {
    /// What all steps together may take.
    pub(super) fn nanoseconds(&self) -> f64 {
        let steps = self.steps.iter().map(|step| match step {
            Step::Call { nanoseconds, .. } => *nanoseconds,
            Step::If { branches: [(yes, _), (no, _)], .. } => {
                yes.nanoseconds().max(no.nanoseconds())
            }
            Step::Loop { turns, body, .. } => turns * body.nanoseconds(),
        });
        steps.sum()
    }
}

impl<'a> Builder<'a> {
    pub(super) fn new(image: Image, proto: &'a ModelProto) -> Self {
        Self { image, proto, costs: Costs::default() }
    }

    /// The block of a graph whose inputs are described already.
    pub(super) fn block(
        &mut self,
        graph: &'a GraphProto,
        names: &mut Names<'a>,
    ) -> Result<Block, CompileError> {
        let outside = names.before.len();
        for tensor in &graph.initializer {
            let address = self.image.tensor(tensor)?;
            names.insert(&tensor.name, address);
            self.costs.constant(&tensor.name, tensor);
        }
        let mut block = Block::default();
        for (index, node) in graph.node.iter().enumerate() {
            let inputs: Vec<u32> = node.input.iter().map(|name| names.get(name)).collect();
            let mut outputs = Vec::with_capacity(node.output.len());
            for name in &node.output {
                outputs.push(if name.is_empty() { 0 } else { self.image.empty_tensor() });
            }
            let step = self.step(index, node, &inputs, &outputs, names)?;
            block.steps.push(step);
            for (name, address) in node.output.iter().zip(outputs) {
                if address != 0 {
                    names.insert(name, address);
                }
            }
        }
        // `screen` has seen that everything is defined.
        block.outputs = graph.output.iter().map(|output| names.get(&output.name)).collect();
        names.forget(outside);
        Ok(block)
    }

    fn step(
        &mut self,
        index: usize,
        node: &'a NodeProto,
        inputs: &[u32],
        outputs: &[u32],
        names: &mut Names<'a>,
    ) -> Result<Step, CompileError> {
        let title = match node.name.as_str() {
            "" => import::node_name(node, index),
            name => format!("{name} ({})", node.op_type),
        };
        let opset = self.opset(&node.domain);
        if !is_control(&node.domain, &node.op_type) {
            let operator = export_name(&node.domain, &node.op_type);
            let nanoseconds = self.costs.node(node);
            let node = self.image.node(inputs, outputs, &node.attribute, opset)?;
            return Ok(Step::Call { operator, node, title, nanoseconds });
        }
        let subgraph = |name: &str| {
            let attribute = node.attribute.iter().find(|attribute| attribute.name == name);
            attribute
                .and_then(|attribute| attribute.g.as_ref())
                .ok_or_else(|| CompileError::invalid(format!("`{title}` has no `{name}`")))
        };
        if node.op_type == "If" {
            let mut branch = |name: &str| -> Result<(Block, Vec<(u32, u32)>), CompileError> {
                let graph = subgraph(name)?;
                let block = self.block(graph, names)?;
                self.costs.leave(node, graph, 1.0);
                if block.outputs.len() != outputs.len() {
                    return Err(CompileError::invalid(format!(
                        "the branches of `{title}` have another number of outputs than it"
                    )));
                }
                let moves = block.outputs.iter().copied().zip(outputs.iter().copied());
                let moves = moves.filter(|(_, to)| *to != 0).collect();
                Ok((block, moves))
            };
            let condition = inputs.first().copied().filter(|condition| *condition != 0);
            let condition = condition
                .ok_or_else(|| CompileError::invalid(format!("`{title}` has no condition")))?;
            return Ok(Step::If {
                condition,
                branches: [branch("then_branch")?, branch("else_branch")?],
            });
        }
        let kind = if node.op_type == "Loop" { LoopKind::Loop } else { LoopKind::Scan };
        let graph = subgraph("body")?;
        let (outside, mut taken) = (names.before.len(), Vec::new());
        for input in &graph.input {
            let address = self.image.empty_tensor();
            names.insert(&input.name, address);
            taken.push(address);
        }
        let turns = self.costs.turns(node);
        self.costs.enter(node, graph);
        let body = self.block(graph, names)?;
        self.costs.leave(node, graph, turns);
        names.forget(outside);
        let carried = node.input.len().saturating_sub(2);
        let fits = match kind {
            LoopKind::Loop => {
                taken.len() == carried + 2
                    && body.outputs.len() > carried
                    && outputs.len() < body.outputs.len()
            }
            LoopKind::Scan => {
                let scanned = node.attribute.iter().find(|a| a.name == "num_scan_inputs");
                let scanned = scanned.map_or(0, |attribute| attribute.i);
                taken.len() == inputs.len()
                    && outputs.len() <= body.outputs.len()
                    && usize::try_from(scanned).is_ok_and(|count| count <= inputs.len())
            }
        };
        if !fits {
            return Err(CompileError::invalid(format!(
                "the body of `{title}` does not take and give what it needs"
            )));
        }
        let body_node = self.image.node(&body.outputs, &taken, &[], opset)?;
        let state = self.image.loop_state();
        let node = self.image.node(inputs, outputs, &node.attribute, opset)?;
        Ok(Step::Loop { kind, node, body_node, state, body, title, turns })
    }

    /// Version of the operator set of a domain.
    fn opset(&self, domain: &str) -> i64 {
        let same = |other: &str| {
            let main = |name: &str| matches!(name, "" | "ai.onnx");
            other == domain || (main(other) && main(domain))
        };
        let found = self.proto.opset_import.iter().find(|opset| same(&opset.domain));
        found.map_or(1, |opset| opset.version)
    }
}
