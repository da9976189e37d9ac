//! The one description of a model: what goes in, what comes out.
//!
//! The compiler writes it into the module's custom section `edge-scorer`, the engine reads and
//! enforces it, the API turns it into swagger and the console into a form.

use serde::{Deserialize, Serialize};

use crate::wire_enum::wire_enum;

/// A model's inputs and outputs, and how its module was made.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signature {
    /// Version of the module contract; 1.
    pub contract: u32,
    /// How the module was compiled; absent for hand-written modules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// Whether every loop's trip count is a constant or a symbol.
    #[serde(default)]
    pub bounded: bool,
    /// The symbolic dimensions, in the order of `prepare`'s parameters.
    #[serde(default)]
    pub symbols: Vec<Symbol>,
    /// Inputs, in the order of `input(i)`.
    pub inputs: Vec<TensorSpec>,
    /// Outputs, in the order of `output(i)`.
    pub outputs: Vec<TensorSpec>,
    /// Version of the compiler that wrote the module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiler: Option<String>,
    /// `sha256:<hex>` of the ONNX file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Estimated nanoseconds of one row on one core; only a compiled module has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_cost_ns: Option<u64>,
}

/// A dimension known only when a call is prepared.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Symbol {
    /// What shapes call it; the batch is `rows`.
    pub name: String,
    /// Smallest value `prepare` accepts.
    pub min: u32,
    /// Largest value `prepare` accepts.
    pub max: u32,
}

/// One input or output.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TensorSpec {
    /// Name in the model's graph.
    pub name: String,
    /// Type of one element.
    #[serde(rename = "type")]
    pub element_type: ElementType,
    /// Outermost dimension first.
    pub shape: Vec<Dim>,
    /// Names of the columns of a `[rows, n]` or `[rows, 1]` input, where the model knows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// What an output means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The labels that the last axis of a `probabilities` output stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<Label>>,
    /// One row of a plausible input, flat, for forms and documentation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<Vec<serde_json::Value>>,
}

/// One dimension of a shape.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Dim {
    /// Known when the module was made.
    Fixed(u64),
    /// The name of a [`Symbol`], or `"?"`: known only after `run`.
    Named(String),
}

/// A class label.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Label {
    /// `classlabels_int64s` and alike.
    Int(i64),
    /// `classlabels_strings` and alike.
    Text(String),
}

wire_enum! {
    /// Type of a tensor's elements.
    ElementType {
        /// One byte, 0 or 1.
        Bool = "bool",
        /// Signed, 8 bits.
        Int8 = "int8",
        /// Signed, 16 bits.
        Int16 = "int16",
        /// Signed, 32 bits.
        Int32 = "int32",
        /// Signed, 64 bits.
        Int64 = "int64",
        /// Unsigned, 8 bits.
        Uint8 = "uint8",
        /// Unsigned, 16 bits.
        Uint16 = "uint16",
        /// Unsigned, 32 bits.
        Uint32 = "uint32",
        /// Unsigned, 64 bits.
        Uint64 = "uint64",
        /// IEEE 754 half precision.
        Float16 = "float16",
        /// The upper half of a `float32`.
        Bfloat16 = "bfloat16",
        /// IEEE 754 single precision.
        Float32 = "float32",
        /// IEEE 754 double precision.
        Float64 = "float64",
        /// UTF-8 text.
        String = "string",
    }
}

wire_enum! {
    /// What an output means to a caller.
    Role {
        /// The predicted class.
        Label = "label",
        /// One probability per class.
        Probabilities = "probabilities",
        /// A regression's number.
        Value = "value",
    }
}

wire_enum! {
    /// What a module may use of its host.
    Profile {
        /// simd128 only; runs in any engine, browsers too.
        Portable = "portable",
        /// Relaxed-SIMD fused multiply-add; the default on a server.
        Relaxed = "relaxed",
        /// Bit-identical results everywhere.
        Deterministic = "deterministic",
        /// Dense products imported from the host.
        Linalg = "linalg",
    }
}

/// An operator that cannot be compiled, with every node that uses it.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsupportedOperator {
    /// `ai.onnx`, `ai.onnx.ml` or another domain.
    pub domain: String,
    /// Operator type, such as `TfIdfVectorizer`.
    pub operator: String,
    /// Names of the nodes that use it.
    pub nodes: Vec<String>,
    /// The export option that avoids it, where one is known.
    pub hint: Option<String>,
}

/// Whether a model can be compiled, and if not, why.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// True when nothing is unsupported.
    pub ok: bool,
    /// What the model takes and gives, as far as it could be told.
    pub signature: Option<Signature>,
    /// Every operator that stands in the way.
    pub unsupported: Vec<UnsupportedOperator>,
}

impl ElementType {
    /// Bytes of one element in memory; `None` for strings.
    pub fn byte_width(self) -> Option<usize> {
        Some(match self {
            Self::Bool | Self::Int8 | Self::Uint8 => 1,
            Self::Int16 | Self::Uint16 | Self::Float16 | Self::Bfloat16 => 2,
            Self::Int32 | Self::Uint32 | Self::Float32 => 4,
            Self::Int64 | Self::Uint64 | Self::Float64 => 8,
            Self::String => return None,
        })
    }
}

impl Signature {
    /// The symbol of the batch, where the model has one.
    pub fn rows(&self) -> Option<&Symbol> {
        self.symbols.iter().find(|symbol| symbol.name == "rows")
    }

    /// The output that plays `role`.
    pub fn output_with(&self, role: Role) -> Option<(usize, &TensorSpec)> {
        self.outputs.iter().enumerate().find(|(_, output)| output.role == Some(role))
    }
}

impl TensorSpec {
    /// Elements of one row: the product of all dimensions but the first, where they are fixed.
    pub fn row_len(&self) -> Option<u64> {
        self.shape.iter().skip(1).try_fold(1_u64, |product, dim| match dim {
            Dim::Fixed(n) => product.checked_mul(*n),
            Dim::Named(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_section_is_read_and_written_back_unchanged() {
        let text = r#"{"contract":1,"profile":"relaxed","bounded":true,
            "symbols":[{"name":"rows","min":1,"max":4096}],
            "inputs":[{"name":"X","type":"float32","shape":["rows",30],"columns":["mean radius"]}],
            "outputs":[{"name":"label","type":"int64","shape":["rows"],"role":"label"},
                {"name":"probabilities","type":"float32","shape":["rows",2],"role":"probabilities","classes":[0,1]}],
            "compiler":"0.1.0","source":"sha256:00"}"#;

        let signature: Signature = serde_json::from_str(text).unwrap();

        let written = serde_json::to_value(&signature).unwrap();
        assert_eq!(written, serde_json::from_str::<serde_json::Value>(text).unwrap());
        assert_eq!(signature.rows().unwrap().max, 4096);
    }
}
