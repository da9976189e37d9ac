//! The plan of a model: a straight line of kernel calls over statically placed buffers.
//!
//! Lowering writes a [`Plan`] through [`Planner`]; `emit` turns it into a function; `print` into
//! text. A buffer's size is an [`Extent`], so the batch stays symbolic: `prepare` places the
//! buffers for the rows of the next calls, `run` goes through the steps.
//!
//! # Invariants
//! - A step names everything that it reads and writes, so a buffer's lifetime can be seen.
//! - Every buffer but an input is written before it is read.
//! - Inputs and outputs have memory of their own; other buffers share it when they never live at
//!   the same time.
//! - A step that writes nothing that is read later is dropped.
//!
//! # Deliberately absent
//! - Shapes and ONNX: a plan knows bytes and counts.

mod extent;
mod place;
mod print;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use shared::{ElementType, Profile};

pub(crate) use self::extent::{Extent, product};
pub(crate) use self::place::{Placement, place};
pub(crate) use self::print::{duration, print};

/// What the names of the host's functions begin with.
pub(crate) const HOST: &str = "linalg.";

/// Index of a buffer in its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BufferId(pub(crate) usize);

/// Index of a constant in its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct WeightsId(pub(crate) usize);

/// Memory that holds one tensor for a while.
#[derive(Debug, Clone)]
pub(crate) struct Buffer {
    pub(crate) name: String,
    pub(crate) bytes: Extent,
}

/// Packed constants, in the layout that their kernel wants.
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    pub(crate) name: String,
    pub(crate) bytes: Arc<[u8]>,
}

/// A value of a symbol that `prepare` accepts.
#[derive(Debug, Clone)]
pub(crate) struct SymbolRange {
    pub(crate) name: String,
    pub(crate) min: u32,
    pub(crate) max: u32,
}

/// One argument of a kernel, in the order of its parameters.
#[derive(Debug, Clone)]
pub(crate) enum Arg {
    /// Address of a buffer that the kernel reads, plus bytes.
    Read(BufferId, Extent),
    /// Address of a buffer that the kernel writes, plus bytes.
    Write(BufferId, Extent),
    /// Address of a constant.
    Weights(WeightsId),
    /// Address of the UTF-8 bytes of string input `i`.
    InputText(usize),
    /// The first address behind everything that is placed or reserved, where the arena of text begins.
    FreeMemory,
    /// A count that is known when the call is prepared.
    Count(Extent),
    /// An `i32` setting.
    Int(i32),
    /// An `f32` setting.
    Float(f32),
}

impl Arg {
    pub(crate) fn read(buffer: BufferId) -> Self {
        Self::Read(buffer, Extent::Fixed(0))
    }

    pub(crate) fn write(buffer: BufferId) -> Self {
        Self::Write(buffer, Extent::Fixed(0))
    }

    pub(crate) fn count(count: impl Into<Extent>) -> Self {
        Self::Count(count.into())
    }
}

/// One kernel call.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Name of the exported kernel function; `linalg.` in front names one that the host supplies.
    pub(crate) kernel: &'static str,
    pub(crate) args: Vec<Arg>,
    /// What the step does, for people.
    pub(crate) title: String,
    /// The node of the typed graph that it is made of.
    pub(crate) node: Arc<str>,
    /// Estimated nanoseconds for one row.
    pub(crate) row_cost_ns: f64,
}

impl Step {
    pub(crate) fn reads(&self) -> impl Iterator<Item = BufferId> {
        self.args.iter().filter_map(|arg| match arg {
            Arg::Read(buffer, _) => Some(*buffer),
            _ => None,
        })
    }

    pub(crate) fn writes(&self) -> impl Iterator<Item = BufferId> {
        self.args.iter().filter_map(|arg| match arg {
            Arg::Write(buffer, _) => Some(*buffer),
            _ => None,
        })
    }
}

/// An input or an output of the module.
#[derive(Debug, Clone)]
pub(crate) struct Port {
    /// The tensor's data; for a string tensor, its offsets.
    pub(crate) buffer: BufferId,
    /// A string output's bytes.
    pub(crate) text: Option<PortText>,
    /// Whether it is a string tensor.
    pub(crate) is_text: bool,
}

/// Where the bytes of a string output are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PortText {
    /// In a buffer.
    Buffer(BufferId),
    /// At the address that a buffer holds after a run.
    Place(BufferId),
}

impl PortText {
    pub(crate) fn buffer(self) -> BufferId {
        match self {
            Self::Buffer(buffer) | Self::Place(buffer) => buffer,
        }
    }
}

/// Bytes of one text within a plan: an address and a length.
pub(crate) const SPAN_BYTES: usize = 8;

/// What a module does, in full.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) profile: Profile,
    pub(crate) symbols: Vec<SymbolRange>,
    pub(crate) buffers: Vec<Buffer>,
    pub(crate) weights: Vec<Weights>,
    pub(crate) steps: Vec<Step>,
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
}

impl Plan {
    /// Estimated nanoseconds of one row on one core.
    pub(crate) fn row_cost_ns(&self) -> u64 {
        self.steps.iter().map(|step| step.row_cost_ns).sum::<f64>().ceil().max(1.0) as u64
    }

    /// Whether some step is a function that the host supplies.
    pub(crate) fn calls_the_host(&self) -> bool {
        self.steps.iter().any(|step| step.kernel.starts_with(HOST))
    }

    /// Drops the steps whose results nobody reads.
    fn drop_unread_steps(&mut self) {
        let mut read: Vec<bool> = vec![false; self.buffers.len()];
        for port in &self.outputs {
            for buffer in [Some(port.buffer), port.text.map(PortText::buffer)].into_iter().flatten()
            {
                read[buffer.0] = true;
            }
        }
        let mut kept = Vec::with_capacity(self.steps.len());
        for step in self.steps.drain(..).rev() {
            if step.writes().any(|buffer| read[buffer.0]) {
                step.reads().for_each(|buffer| read[buffer.0] = true);
                kept.push(step);
            }
        }
        kept.reverse();
        self.steps = kept;
    }
}

/// Writes a plan.
#[derive(Debug)]
pub(crate) struct Planner {
    plan: Plan,
    /// The node whose steps are written.
    node: Arc<str>,
    known_weights: HashMap<Arc<[u8]>, WeightsId>,
    inputs: BTreeMap<usize, Port>,
}

impl Planner {
    pub(crate) fn new(profile: Profile, symbols: Vec<SymbolRange>) -> Self {
        let plan = Plan {
            profile,
            symbols,
            buffers: Vec::new(),
            weights: Vec::new(),
            steps: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
        };
        Self { plan, node: Arc::from(""), known_weights: HashMap::new(), inputs: BTreeMap::new() }
    }

    pub(crate) fn profile(&self) -> Profile {
        self.plan.profile
    }

    /// Of a kernel's two builds, the one that the profile allows.
    pub(crate) fn variant(&self, portable: &'static str, relaxed: &'static str) -> &'static str {
        match self.profile() {
            Profile::Relaxed | Profile::Linalg => relaxed,
            Profile::Portable | Profile::Deterministic => portable,
        }
    }

    /// Adds a buffer of `count` elements; text lies there as spans.
    pub(crate) fn buffer(
        &mut self,
        name: impl Into<String>,
        element: ElementType,
        count: Extent,
    ) -> BufferId {
        let width = element.byte_width().unwrap_or(SPAN_BYTES);
        self.bytes(name, count.times(Extent::from(width)))
    }

    /// Adds a buffer of `bytes` bytes.
    pub(crate) fn bytes(&mut self, name: impl Into<String>, bytes: Extent) -> BufferId {
        self.plan.buffers.push(Buffer { name: name.into(), bytes });
        BufferId(self.plan.buffers.len() - 1)
    }

    /// Adds constants; equal ones are kept once.
    pub(crate) fn weights(&mut self, name: impl Into<String>, bytes: Vec<u8>) -> WeightsId {
        let bytes: Arc<[u8]> = bytes.into();
        if let Some(known) = self.known_weights.get(&bytes) {
            return *known;
        }
        let id = WeightsId(self.plan.weights.len());
        self.known_weights.insert(Arc::clone(&bytes), id);
        self.plan.weights.push(Weights { name: name.into(), bytes });
        id
    }

    /// Adds constants of type `f32`.
    pub(crate) fn weights_f32(&mut self, name: impl Into<String>, values: &[f32]) -> WeightsId {
        self.weights(name, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    /// Adds constants of type `i64`.
    pub(crate) fn weights_i64(&mut self, name: impl Into<String>, values: &[i64]) -> WeightsId {
        self.weights(name, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    /// Adds constants of type `u32`.
    pub(crate) fn weights_u32(&mut self, name: impl Into<String>, values: &[u32]) -> WeightsId {
        self.weights(name, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    /// What is called from now on belongs to the node of this name.
    pub(crate) fn work_on(&mut self, node: &str) {
        self.node = Arc::from(node);
    }

    /// Adds a kernel call to the end of the plan.
    ///
    /// `args` are the kernel's parameters, in order; `title` says what the step does;
    /// `row_cost_ns` is an estimate for one row.
    pub(crate) fn call(
        &mut self,
        kernel: &'static str,
        args: Vec<Arg>,
        title: impl Into<String>,
        row_cost_ns: f64,
    ) {
        let node = Arc::clone(&self.node);
        self.plan.steps.push(Step { kernel, args, title: title.into(), node, row_cost_ns });
    }

    /// Makes `port` the module's input `index`.
    pub(crate) fn input(&mut self, index: usize, port: Port) {
        self.inputs.insert(index, port);
    }

    /// The buffers of all inputs.
    pub(crate) fn input_buffers(&self) -> Vec<BufferId> {
        self.inputs.values().map(|port| port.buffer).collect()
    }

    /// Adds the module's next output.
    pub(crate) fn output(&mut self, port: Port) {
        self.plan.outputs.push(port);
    }

    pub(crate) fn finish(mut self) -> Plan {
        self.plan.inputs = self.inputs.into_values().collect();
        self.plan.drop_unread_steps();
        self.plan
    }
}
