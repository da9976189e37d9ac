//! `RNN`, `GRU` and `LSTM`.

use shared::ElementType::Float32;
use tract_onnx::prelude::{TDim, ToDim};

use super::table::bits;
use super::wiring::{fact, values, weight};
use super::{Fault, Inferred, Inputs, Layer, Source, Wired};
use crate::lower::{Lowering, Refusal, Value};
use crate::plan::{Arg, Extent};

/// The functions, in the order of the kernel's codes, with the settings that they have by default.
const FUNCTIONS: &[(&str, f32, f32)] = &[
    ("relu", 0.0, 0.0),
    ("tanh", 0.0, 0.0),
    ("sigmoid", 0.0, 0.0),
    ("affine", 1.0, 0.0),
    ("leakyrelu", 0.01, 0.0),
    ("thresholdedrelu", 1.0, 0.0),
    ("scaledtanh", 1.0, 1.0),
    ("hardsigmoid", 0.2, 0.5),
    ("elu", 1.0, 0.0),
    ("softsign", 0.0, 0.0),
    ("softplus", 0.0, 0.0),
];

/// Of those, how many take `alpha` and how many `beta` from the attributes.
fn settings_of(code: usize) -> [bool; 2] {
    [matches!(code, 3..=8), matches!(code, 3 | 6 | 7)]
}

/// A recurrent layer.
#[derive(Debug)]
pub(super) struct Recurrent {
    gates: usize,
    hidden: usize,
    /// 0: forward, 1: backward, 2: both.
    direction: usize,
    batch_first: bool,
    variant: bool,
    clip: f32,
    /// Three for each direction.
    functions: [(usize, f32, f32); 6],
}

impl Recurrent {
    fn directions(&self) -> usize {
        if self.direction == 2 { 2 } else { 1 }
    }
}

impl Layer for Recurrent {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let gates = match node.operator() {
            "RNN" => 1,
            "GRU" => 3,
            _ => 4,
        };
        let hidden = usize::try_from(node.int("hidden_size").unwrap_or(0))
            .ok()
            .filter(|hidden| (1..1 << 20).contains(hidden))
            .ok_or("its `hidden_size` is missing or impossible")?;
        let direction = node.choice("direction", &["forward", "reverse", "bidirectional"])?;
        let per_direction = match gates {
            1 => 1,
            3 => 2,
            _ => 3,
        };
        let default: &[usize] = match gates {
            1 => &[1],
            3 => &[2, 1],
            _ => &[2, 1, 1],
        };
        let names = node.strings("activations")?;
        let directions = if direction == 2 { 2 } else { 1 };
        if !names.is_empty() && names.len() != directions * per_direction {
            return Err(
                format!("it has {} activations for {directions} directions", names.len()).into()
            );
        }
        let mut alphas = node.floats("activation_alpha").iter();
        let mut betas = node.floats("activation_beta").iter();
        let mut functions = [(1, 0.0, 0.0); 6];
        for (slot, function) in functions.iter_mut().enumerate() {
            let (side, place) = (slot / 3, slot % 3);
            if side >= directions || place >= per_direction {
                continue;
            }
            let code = match names.get(side * per_direction + place) {
                Some(name) => FUNCTIONS
                    .iter()
                    .position(|(known, ..)| known.eq_ignore_ascii_case(name))
                    .ok_or_else(|| format!("its activation `{name}` is not supported"))?,
                None => default[place],
            };
            let (_, alpha, beta) = FUNCTIONS[code];
            let [has_alpha, has_beta] = settings_of(code);
            let next = |list: &mut std::slice::Iter<'_, f32>, has: bool, other: f32| {
                if has { list.next().copied().unwrap_or(other) } else { other }
            };
            *function =
                (code, next(&mut alphas, has_alpha, alpha), next(&mut betas, has_beta, beta));
        }
        let variant = match gates {
            3 => node.flag("linear_before_reset"),
            4 => node.flag("input_forget"),
            _ => false,
        };
        Ok(Self {
            gates,
            hidden,
            direction,
            batch_first: node.flag("layout"),
            variant,
            clip: node.float("clip").unwrap_or(0.0),
            functions,
        })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let x = inputs.fact(0)?;
        let [first, second, input] = x.shape.as_slice() else {
            return Err("its input does not have three axes".into());
        };
        let (steps, batch) = if self.batch_first { (second, first) } else { (first, second) };
        let (directions, rows) = (self.directions().to_dim(), (self.gates * self.hidden).to_dim());
        let hidden: TDim = self.hidden.to_dim();
        let expected = [
            (1, vec![directions.clone(), rows.clone(), input.clone()]),
            (2, vec![directions.clone(), rows.clone(), hidden.clone()]),
            (3, vec![directions.clone(), rows * 2]),
            (7, vec![directions.clone(), hidden.clone() * 3]),
        ];
        for (index, shape) in expected {
            if let Some(known) = inputs.get(index)
                && known.fact.shape.as_slice() != shape
            {
                return Err(format!(
                    "its input {index} has the shape {:?}, not {shape:?}",
                    known.fact.shape
                )
                .into());
            }
        }
        let state: [TDim; 3] = match self.batch_first {
            true => [batch.clone(), directions.clone(), hidden.clone()],
            false => [directions.clone(), batch.clone(), hidden.clone()],
        };
        let all: [TDim; 4] = match self.batch_first {
            true => [batch.clone(), steps.clone(), directions, hidden],
            false => [steps.clone(), directions, batch.clone(), hidden],
        };
        let datum_type = x.datum_type;
        Ok(Some(vec![
            fact(datum_type, all),
            fact(datum_type, state.clone()),
            fact(datum_type, state),
        ]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let shape = l.shape(node.input(0)?)?;
        let (steps, batch) = match self.batch_first {
            true => (shape[1].clone(), shape[0].clone()),
            false => (shape[0].clone(), shape[1].clone()),
        };
        if l.element(node.input(0)?)? != Float32 {
            return Err(Refusal::because("it takes another type than float32"));
        }
        let mut numbers: Vec<Extent> = vec![
            Extent::from(self.gates),
            steps.clone(),
            batch.clone(),
            shape[2].clone(),
            Extent::from(self.hidden),
            Extent::from(self.direction),
            Extent::from(usize::from(self.batch_first)),
            Extent::from(usize::from(self.variant)),
        ];
        numbers.extend(self.functions.iter().map(|(code, ..)| Extent::from(*code)));
        numbers.extend(self.functions.iter().map(|(_, alpha, _)| bits(*alpha)));
        numbers.extend(self.functions.iter().map(|(.., beta)| bits(*beta)));
        numbers.push(bits(self.clip));
        let table = l.table(node.name(), &numbers);

        let mut args = Vec::new();
        for index in 0..3 {
            args.push(l.read(node.input(index)?)?);
        }
        for index in 3..8 {
            args.push(node.read_or_none(l, index)?);
        }
        let mut outputs = Vec::new();
        for index in 0..3 {
            let (buffer, arg) = node.optional_output(l, index)?;
            outputs.push(buffer);
            args.push(arg);
        }
        let count = batch.clone().times(Extent::from(self.hidden * (2 * self.gates + 2)));
        let scratch = node.scratch(l, "scratch", Float32, count);
        args.extend([Arg::write(scratch), table]);
        let products = weight([&steps, &batch])
            * (self.gates * self.hidden * self.directions()) as f64
            * (weight([&shape[2]]) + self.hidden as f64);
        let title = format!("recurrent, {} gates, {} units", self.gates, self.hidden);
        let cost = products * 0.1 + 100.0;
        l.call_profiled("recurrent_f32", "recurrent_f32_relaxed", args, title, cost);
        let Some(first) = outputs.iter().flatten().next().copied() else {
            return Err(Refusal::because("it has no output"));
        };
        let all = values(Value::Tensor(first), outputs);
        Ok(all.into_iter().skip(1).collect())
    }
}
