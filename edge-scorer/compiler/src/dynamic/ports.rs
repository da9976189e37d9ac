//! Inputs and outputs of a model in the dynamic tier: what the file declares.
//!
//! The first axis of an input is the symbol `rows` where the file leaves it open, other open axes
//! have the file's names or, without one, the input's and the axis'. An output's open dimensions
//! are `"?"`, but for a first axis that the file calls what it calls the inputs' rows.

use shared::{Dim, ElementType, Profile, Role, Signature, Symbol, TensorSpec};
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dimension;
use tract_onnx::pb::type_proto::Value;
use tract_onnx::pb::{ModelProto, ValueInfoProto};

use super::image::MAX_RANK;
use crate::error::CompileError;
use crate::import::{self, Zipped};
use crate::signature;

const ROWS: &str = "rows";
const UNKNOWN: &str = "?";
/// Largest value of a symbol.
const LARGEST: u32 = 4096;

pub(super) struct Ports {
    pub(super) symbols: Vec<Symbol>,
    pub(super) inputs: Vec<Port>,
    pub(super) outputs: Vec<Port>,
}

pub(super) struct Port {
    pub(super) name: String,
    /// ONNX' number of the element type.
    pub(super) kind: u32,
    pub(super) element: ElementType,
    pub(super) dims: Vec<PortDim>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PortDim {
    Fixed(u32),
    /// Index of a symbol.
    Symbol(usize),
    Unknown,
}

impl Ports {
    pub(super) fn of(proto: &ModelProto) -> Result<Self, CompileError> {
        let Some(graph) = &proto.graph else {
            return Err(CompileError::invalid("there is no graph"));
        };
        let given = import::given_inputs(graph);
        let mut ports = Self { symbols: Vec::new(), inputs: Vec::new(), outputs: Vec::new() };
        let mut row_names = Vec::new();
        for info in given {
            let port = ports.port(info, |ports, axis, dim| match dim {
                Some(Dimension::DimValue(value)) => fixed(info, *value),
                Some(Dimension::DimParam(name)) if axis == 0 => {
                    row_names.push(name.clone());
                    Ok(ports.symbol(ROWS.to_owned()))
                }
                None if axis == 0 => Ok(ports.symbol(ROWS.to_owned())),
                Some(Dimension::DimParam(name)) if !name.is_empty() && name != UNKNOWN => {
                    Ok(ports.symbol(name.clone()))
                }
                _ => Ok(ports.symbol(format!("{}.{axis}", info.name))),
            })?;
            ports.inputs.push(port);
        }
        for info in &graph.output {
            let port = ports.port(info, |ports, axis, dim| match dim {
                Some(Dimension::DimValue(value)) => fixed(info, *value),
                Some(Dimension::DimParam(name))
                    if axis == 0 && !name.is_empty() && row_names.contains(name) =>
                {
                    Ok(ports.symbol(ROWS.to_owned()))
                }
                _ => Ok(PortDim::Unknown),
            })?;
            ports.outputs.push(port);
        }
        if ports.inputs.is_empty() {
            return Err(CompileError::invalid("it has no inputs, so it always answers the same"));
        }
        Ok(ports)
    }

    fn symbol(&mut self, name: String) -> PortDim {
        let known = self.symbols.iter().position(|symbol| symbol.name == name);
        PortDim::Symbol(known.unwrap_or_else(|| {
            self.symbols.push(Symbol { name, min: 1, max: LARGEST });
            self.symbols.len() - 1
        }))
    }

    fn port(
        &mut self,
        info: &ValueInfoProto,
        mut dimension: impl FnMut(&mut Self, usize, Option<&Dimension>) -> Result<PortDim, CompileError>,
    ) -> Result<Port, CompileError> {
        let refuse = |what: &str| CompileError::invalid(format!("`{}` {what}", info.name));
        let Some(Value::TensorType(tensor)) = info.r#type.as_ref().and_then(|t| t.value.as_ref())
        else {
            return Err(refuse("is declared without a tensor type"));
        };
        let element = element(tensor.elem_type)
            .ok_or_else(|| refuse("has an element type that is not supported"))?;
        let Some(shape) = &tensor.shape else {
            return Err(refuse("is declared without a shape; export the model with one"));
        };
        if shape.dim.len() > MAX_RANK {
            return Err(refuse("has more than eight axes"));
        }
        let dims = shape.dim.iter().enumerate();
        let dims = dims
            .map(|(axis, dim)| dimension(self, axis, dim.value.as_ref()))
            .collect::<Result<_, _>>()?;
        Ok(Port { name: info.name.clone(), kind: tensor.elem_type as u32, element, dims })
    }

    /// The signature, with roles where the outputs are those of a classifier or of a regression.
    ///
    /// A label and its probabilities are one a row, whatever the file leaves open: a run that
    /// answers another number fails.
    pub(super) fn describe(
        &mut self,
        proto: &ModelProto,
        zipped: &Zipped,
        profile: Profile,
        source: String,
    ) -> Signature {
        let mut signature = self.signature(profile, source.clone());
        let names = self.outputs.iter().map(|output| &output.name);
        let classes = names
            .filter_map(|name| zipped.get(name).cloned())
            .next()
            .or_else(|| signature::classes_of(proto));
        signature::add_roles(classes.clone(), &mut signature.outputs);
        let rows = self.symbols.iter().position(|symbol| symbol.name == ROWS);
        if let Some(rows) = rows
            && signature.output_with(Role::Probabilities).is_some()
        {
            for (port, spec) in self.outputs.iter_mut().zip(&signature.outputs) {
                if spec.role.is_some() && port.dims.first() == Some(&PortDim::Unknown) {
                    port.dims[0] = PortDim::Symbol(rows);
                }
            }
            signature = self.signature(profile, source);
            signature::add_roles(classes, &mut signature.outputs);
        }
        signature::name_columns(proto, &mut signature.inputs);
        signature
    }

    fn signature(&self, profile: Profile, source: String) -> Signature {
        let specs = |ports: &[Port]| ports.iter().map(|port| self.spec(port)).collect();
        Signature {
            contract: 1,
            // Operators never call the host.
            profile: Some(if profile == Profile::Linalg { Profile::Relaxed } else { profile }),
            bounded: false,
            symbols: self.symbols.clone(),
            inputs: specs(&self.inputs),
            outputs: specs(&self.outputs),
            compiler: Some(env!("CARGO_PKG_VERSION").to_owned()),
            source: Some(source),
            row_cost_ns: None,
        }
    }

    fn spec(&self, port: &Port) -> TensorSpec {
        let dim = |dim: &PortDim| match dim {
            PortDim::Fixed(size) => Dim::Fixed(u64::from(*size)),
            PortDim::Symbol(index) => Dim::Named(self.symbols[*index].name.clone()),
            PortDim::Unknown => Dim::Named(UNKNOWN.to_owned()),
        };
        TensorSpec {
            name: port.name.clone(),
            element_type: port.element,
            shape: port.dims.iter().map(dim).collect(),
            columns: None,
            role: None,
            classes: None,
            example: None,
        }
    }
}

fn fixed(info: &ValueInfoProto, value: i64) -> Result<PortDim, CompileError> {
    let size = u32::try_from(value).ok().filter(|size| *size <= i32::MAX as u32);
    size.map(PortDim::Fixed)
        .ok_or_else(|| CompileError::invalid(format!("`{}` has the dimension {value}", info.name)))
}

fn element(kind: i32) -> Option<ElementType> {
    Some(match DataType::try_from(kind).ok()? {
        DataType::Bool => ElementType::Bool,
        DataType::Int8 => ElementType::Int8,
        DataType::Int16 => ElementType::Int16,
        DataType::Int32 => ElementType::Int32,
        DataType::Int64 => ElementType::Int64,
        DataType::Uint8 => ElementType::Uint8,
        DataType::Uint16 => ElementType::Uint16,
        DataType::Uint32 => ElementType::Uint32,
        DataType::Uint64 => ElementType::Uint64,
        DataType::Float16 => ElementType::Float16,
        DataType::Bfloat16 => ElementType::Bfloat16,
        DataType::Float => ElementType::Float32,
        DataType::Double => ElementType::Float64,
        DataType::String => ElementType::String,
        _ => return None,
    })
}
