//! `TreeEnsembleClassifier` and `TreeEnsembleRegressor`, versions 1 and 3; `TreeEnsemble`, version 5.
//!
//! `read` turns the parallel lists of attributes into trees and checks them; `pack` rewrites every
//! comparison as "at most" and lays the trees out as the tables of `kernels/src/trees.rs`.
//!
//! Where two classes have scores of their own, the label is the class of the larger score; ONNX
//! Runtime answers 1 or 0 there, whatever the classes are called.

mod joined;
mod pack;
mod read;

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, OutletId, TypedNode, tvec};

use self::pack::{Packed, Table};
use self::read::Ensemble;
use super::classes::{Classes, PostTransform, Tail, classifier_buffers, rows_of};
use super::{Fact, Fault, Operator, attributes, contradiction, matrix};
use crate::lower::{Lowering, Refusal, Value};
use crate::plan::{Arg, BufferId, Extent};

/// How the trees' values are joined; the numbers are the kernels'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

impl Aggregate {
    fn code(self) -> i32 {
        match self {
            Self::Sum | Self::Average => 0,
            Self::Min => 1,
            Self::Max => 2,
        }
    }

    /// What changes nothing that it is joined with.
    fn neutral(self) -> f32 {
        match self {
            Self::Sum | Self::Average => 0.0,
            Self::Min => f32::INFINITY,
            Self::Max => f32::NEG_INFINITY,
        }
    }
}

/// `ai.onnx.ml.TreeEnsembleClassifier`.
#[derive(Debug)]
pub(super) struct TreeClassifier {
    ensemble: Ensemble,
    classes: Classes,
    post: PostTransform,
    base: Vec<f32>,
}

impl Operator for TreeClassifier {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        let classes = Classes::parse(node, "classlabels_int64s")?;
        let ensemble = Ensemble::parse(node, "class", classes.len())?;
        let base = read::base_values(node)?;
        if classes.len() < 2 {
            return Err("it has fewer than two classes".into());
        }
        if !(base.is_empty()
            || base.len() == classes.len()
            || classes.len() == 2 && base.len() == 1)
        {
            return Err(contradiction!("{} base values for {} classes", base.len(), classes.len()));
        }
        Ok(Self { ensemble, classes, post: PostTransform::parse(node)?, base })
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        let (rows, columns) = matrix(inputs.first())?;
        self.ensemble.expect_columns(columns)?;
        Ok(self.classes.facts(rows, self.classes.len()))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let rows = rows_of(l, node)?;
        let targets = self.ensemble.targets_used();
        // With one score for two classes, the second one wins above this.
        let threshold = if self.ensemble.all_positive() { 0.5 } else { 0.0 };
        let two_from_one = self.classes.len() == 2 && targets.len() <= 1;

        let (indices, scores) = if two_from_one && targets != [1] && self.base.len() < 2 {
            let raw = lower_ensemble(l, node, &self.ensemble, 1, Aggregate::Sum)?;
            let (indices, scores) = classifier_buffers(l, node, &rows, 2);
            let args = vec![
                Arg::read(raw),
                Arg::Count(rows.clone()),
                Arg::Float(self.base.first().copied().unwrap_or(0.0)),
                Arg::Float(threshold),
                Arg::Int(i32::from(self.ensemble.all_positive())),
                self.post.arg(),
                Arg::write(scores),
                Arg::write(indices),
            ];
            let title = format!("two classes from one score, {:?}", self.post);
            l.planner.call("scores_binary", args, title, 2.0 * self.post.cost_ns());
            (indices, scores)
        } else {
            let count = self.classes.len();
            let raw = lower_ensemble(l, node, &self.ensemble, count, Aggregate::Sum)?;
            let mut base = self.base.clone();
            base.resize(count, 0.0);
            let pivot = two_from_one.then(|| {
                let class = targets.first().copied().unwrap_or(0);
                // Only the class that has trees gets a score.
                base[1 - class] = 0.0;
                (class, threshold)
            });
            Tail { classes: count, post: self.post, base, pivot }.lower(l, node, raw, &rows)
        };
        Ok(vec![self.classes.label(l, node, indices, rows), Value::Tensor(scores)])
    }

    fn classes(&self) -> Option<Vec<shared::Label>> {
        Some(self.classes.labels())
    }

    fn thresholds(&self) -> Vec<(usize, f32)> {
        self.ensemble.thresholds()
    }
}

/// `ai.onnx.ml.TreeEnsembleRegressor`.
#[derive(Debug)]
pub(super) struct TreeRegressor {
    ensemble: Ensemble,
    targets: usize,
    post: PostTransform,
    base: Vec<f32>,
    aggregate: Aggregate,
}

impl Operator for TreeRegressor {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        let targets = usize::try_from(attributes::int(node, "n_targets").unwrap_or(1))
            .ok()
            .filter(|targets| (1..=1_000_000).contains(targets))
            .ok_or_else(|| contradiction!("`n_targets` is out of range"))?;
        let base = read::base_values(node)?;
        if !(base.is_empty() || base.len() == targets) {
            return Err(contradiction!("{} base values for {targets} targets", base.len()));
        }
        let aggregate = match attributes::string(node, "aggregate_function", "SUM")?.as_str() {
            "SUM" => Aggregate::Sum,
            "AVERAGE" => Aggregate::Average,
            "MIN" => Aggregate::Min,
            "MAX" => Aggregate::Max,
            other => return Err(contradiction!("the aggregate function `{other}` is unknown")),
        };
        let ensemble = Ensemble::parse(node, "target", targets)?;
        Ok(Self { ensemble, targets, post: PostTransform::parse(node)?, base, aggregate })
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        let (rows, columns) = matrix(inputs.first())?;
        self.ensemble.expect_columns(columns)?;
        let shape = tvec![rows, (self.targets as i64).into()];
        Ok(vec![Fact { datum_type: DatumType::F32, shape }])
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        self.joined(l, node).map(|values| vec![Value::Tensor(values)])
    }

    fn thresholds(&self) -> Vec<(usize, f32)> {
        self.ensemble.thresholds()
    }
}

impl TreeRegressor {
    /// The values of all targets.
    fn joined(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<BufferId, Refusal> {
        let raw = lower_ensemble(l, node, &self.ensemble, self.targets, self.aggregate)?;
        let scale = match self.aggregate {
            Aggregate::Average => 1.0 / self.ensemble.trees.len() as f32,
            _ => 1.0,
        };
        let plain = self.base.iter().all(|base| *base == 0.0) && scale == 1.0;
        // Of the post transforms, one target knows only probit: there is nothing to compare with.
        let post = match self.post {
            PostTransform::Probit => PostTransform::Probit,
            post if self.targets > 1 => post,
            _ => PostTransform::None,
        };
        if plain && post == PostTransform::None {
            return Ok(raw);
        }
        let mut base = self.base.clone();
        base.resize(self.targets, 0.0);
        let base = l.planner.weights_f32(format!("{} (base)", node.name), &base);
        let rows = rows_of(l, node)?;
        let count = rows.clone().times(Extent::from(self.targets));
        let y = l.planner.buffer(node.name.clone(), shared::ElementType::Float32, count);
        let args = vec![
            Arg::read(raw),
            Arg::Count(rows),
            Arg::count(self.targets),
            Arg::Float(scale),
            Arg::Weights(base),
            post.arg(),
            Arg::write(y),
        ];
        let cost = self.targets as f64 * post.cost_ns();
        l.planner.call("scores_regression", args, "add the base values", cost);
        Ok(y)
    }
}

/// `ai.onnx.ml.TreeEnsemble`: what the two above are, with settings as numbers.
///
/// Sums are in `f32`, as ONNX Runtime's are for `float` models; a `double` model's are widened at the end.
#[derive(Debug)]
pub(super) struct TreeEnsemble(TreeRegressor);

impl Operator for TreeEnsemble {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        let targets = usize::try_from(attributes::int(node, "n_targets").unwrap_or(1))
            .ok()
            .filter(|targets| (1..=1_000_000).contains(targets))
            .ok_or_else(|| contradiction!("`n_targets` is out of range"))?;
        let aggregate = match attributes::int(node, "aggregate_function").unwrap_or(1) {
            0 => Aggregate::Average,
            1 => Aggregate::Sum,
            2 => Aggregate::Min,
            3 => Aggregate::Max,
            other => return Err(contradiction!("the aggregate function {other} is unknown")),
        };
        let post = match attributes::int(node, "post_transform").unwrap_or(0) {
            0 => PostTransform::None,
            1 => PostTransform::Softmax,
            2 => PostTransform::Logistic,
            3 => PostTransform::SoftmaxZero,
            4 => PostTransform::Probit,
            other => return Err(contradiction!("the post transform {other} is unknown")),
        };
        let ensemble = Ensemble::parse_joined(node, targets)?;
        Ok(Self(TreeRegressor { ensemble, targets, post, base: Vec::new(), aggregate }))
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        let mut outputs = self.0.outputs(inputs)?;
        outputs[0].datum_type = inputs[0].datum_type;
        Ok(outputs)
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        use shared::ElementType::Float32;

        let values = self.0.joined(l, node)?;
        let wanted = l.element(node.inputs[0])?;
        if wanted == Float32 {
            return Ok(vec![Value::Tensor(values)]);
        }
        let kernel = crate::lower::cast_kernel(Float32, wanted)?;
        let count = l.count(OutletId::new(node.id, 0))?;
        let y = l.output(node, 0)?;
        let args = vec![Arg::read(values), Arg::Count(count), Arg::write(y)];
        l.planner.call(kernel, args, format!("cast float32 to {wanted}"), 5.0);
        Ok(vec![Value::Tensor(y)])
    }

    fn thresholds(&self) -> Vec<(usize, f32)> {
        self.0.ensemble.thresholds()
    }
}

/// Walks the trees; answers a buffer of `[rows, width]` joined values.
fn lower_ensemble(
    l: &mut Lowering<'_>,
    node: &TypedNode,
    ensemble: &Ensemble,
    width: usize,
    aggregate: Aggregate,
) -> Result<BufferId, Refusal> {
    use shared::ElementType::{Float32, Float64};

    let input = node.inputs[0];
    let double = l.element(input)? == Float64;
    let columns = ensemble.columns_of(&l.shape(input)?)?;
    let packed = pack::pack(ensemble, columns, width, double, aggregate).map_err(Refusal)?;
    let rows = rows_of(l, node)?;

    let mirrored = Arg::Int(i32::from(packed.mirrored));
    let row_width = 1 + columns * if packed.mirrored { 2 } else { 1 };
    let element = if packed.wide { Float64 } else { Float32 };
    let prepared = l.planner.buffer(
        format!("{} (rows)", node.name),
        element,
        rows.clone().times(Extent::from(row_width)),
    );
    let (kernel, x) = match (packed.wide, double) {
        (true, true) => ("trees_rows_double", l.read(input)?),
        (true, false) => ("trees_rows_wide", l.read_f32(input)?),
        (false, _) => ("trees_rows", l.read_f32(input)?),
    };
    let args =
        vec![x, Arg::Count(rows.clone()), Arg::count(columns), mirrored, Arg::write(prepared)];
    l.planner.call(kernel, args, "prepare rows for the trees", 4.0 + 0.2 * row_width as f64);

    let raw = l.planner.buffer(
        format!("{} (raw)", node.name),
        Float32,
        rows.clone().times(Extent::from(width)),
    );
    lower_tables(l, node, &packed, aggregate, &rows, row_width, prepared, raw, width);
    let neutral = aggregate.neutral();
    if neutral != 0.0 && !ensemble.gives_to_all(width) {
        if ensemble.gives(neutral) {
            return Err(Refusal::because(
                "it has an infinite leaf, and targets that no leaf may give to",
            ));
        }
        let args =
            vec![Arg::write(raw), Arg::Count(rows.times(Extent::from(width))), Arg::Float(neutral)];
        l.planner.call(
            "trees_not_given",
            args,
            "a target that no leaf gives to is 0",
            width as f64 * 0.5,
        );
    }
    Ok(raw)
}

#[expect(clippy::too_many_arguments, reason = "it is the second half of the function above")]
fn lower_tables(
    l: &mut Lowering<'_>,
    node: &TypedNode,
    packed: &Packed,
    aggregate: Aggregate,
    rows: &Extent,
    row_width: usize,
    prepared: BufferId,
    raw: BufferId,
    width: usize,
) {
    for table in &packed.tables {
        let Table { nodes, groups, group_count, visits, trees, values, target } = table;
        let name = |what: &str| match target {
            Some(target) if width > 1 => format!("{} ({what}, {target})", node.name),
            _ => format!("{} ({what})", node.name),
        };
        let nodes = l.planner.weights(name("nodes"), nodes.clone());
        let groups = l.planner.weights(name("roots"), groups.clone());
        let mut args = vec![
            Arg::read(prepared),
            Arg::Count(rows.clone()),
            Arg::count(row_width),
            Arg::Weights(nodes),
            Arg::Weights(groups),
            Arg::count(*group_count),
            Arg::Int(if *trees == 0 { Aggregate::Sum.code() } else { aggregate.code() }),
        ];
        let title = format!("walk {trees} trees, {visits} steps");
        let cost = *visits as f64 * if packed.wide { 2.0 } else { 1.3 };
        match target {
            Some(target) => {
                let offset = Extent::from(target * size_of::<f32>());
                args.extend([Arg::Write(raw, offset), Arg::count(width)]);
                let kernel = if packed.wide { "trees_single_wide" } else { "trees_single" };
                l.planner.call(kernel, args, title, cost);
            }
            None => {
                let values = l.planner.weights_f32(name("leaves"), values);
                args.extend([Arg::Weights(values), Arg::count(width), Arg::write(raw)]);
                let kernel = if packed.wide { "trees_several_wide" } else { "trees_several" };
                l.planner.call(kernel, args, title, cost + (trees * width) as f64 * 0.5);
            }
        }
    }
}
