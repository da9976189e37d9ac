//! The pipeline: import, lower, describe, emit; and the dynamic tier for what that refuses.

use sha2::{Digest, Sha256};
use shared::{Check, Profile, Signature, UnsupportedOperator};
use tract_onnx::pb::ModelProto;

use crate::dynamic;
use crate::emit;
use crate::error::{CompileError, Stopped};
use crate::graph;
use crate::import::{self, Batch, Imported};
use crate::lower::{self, Refused};
use crate::operators;
use crate::plan::{self, Plan, Planner};
use crate::signature;
use crate::{Compiled, Options};

pub(crate) fn compile(onnx: &[u8], options: &Options) -> Result<Compiled, CompileError> {
    let proto = import::read(onnx, &options.limits)?;
    let compiled = match statically(proto, source_of(onnx), options) {
        Ok(compiled) => compiled,
        Err(Stopped { error: refusal, is_final: false }) => {
            // Read again rather than kept: most models have no use for a second copy of their weights.
            let proto = import::read(onnx, &options.limits)?;
            match dynamic::compile(proto, source_of(onnx), options) {
                Ok(compiled) => compiled,
                Err(second) => return Err(the_clearer(refusal, second)),
            }
        }
        Err(Stopped { error, .. }) => return Err(error),
    };
    if compiled.wasm.len() as u64 > options.limits.module_bytes {
        return Err(CompileError::LimitExceeded {
            what: "bytes of module",
            actual: compiled.wasm.len() as u64,
            limit: options.limits.module_bytes,
        });
    }
    Ok(compiled)
}

/// What the static tier says of sizes that only a run tells.
const KNOWN_LATE: &str = "known only at run time";

/// Of both tiers' refusals the one that tells more: what neither of them can do.
fn the_clearer(first: CompileError, second: CompileError) -> CompileError {
    match (first, second) {
        (CompileError::Unsupported(first), CompileError::Unsupported(second)) => {
            let lacking = |operator: &UnsupportedOperator| {
                first.iter().any(|o| o.operator == operator.operator && o.domain == operator.domain)
            };
            let neither: Vec<_> = second.iter().filter(|o| lacking(o)).cloned().collect();
            CompileError::Unsupported(if neither.is_empty() {
                torn(&first, second)
            } else {
                neither
            })
        }
        // Only sizes stand in the way of what the static tier knows.
        (CompileError::Invalid { reason }, CompileError::Unsupported(mut second))
            if reason.contains(KNOWN_LATE) =>
        {
            for operator in second.iter_mut().filter(|operator| operator.hint.is_none()) {
                operator.hint =
                    Some(format!("the static tier may have it, but a size here is {KNOWN_LATE}"));
            }
            CompileError::Unsupported(second)
        }
        // What contradicts itself is no better off with another operator.
        (CompileError::Unsupported(_), second @ CompileError::Invalid { .. })
        | (CompileError::Unsupported(_), second @ CompileError::LimitExceeded { .. }) => second,
        (first, _) => first,
    }
}

/// Where each tier has what the other lacks: what the dynamic tier lacks, and what keeps the model out of the static one.
fn torn(
    first: &[UnsupportedOperator],
    mut second: Vec<UnsupportedOperator>,
) -> Vec<UnsupportedOperator> {
    let others: Vec<String> = first
        .iter()
        .take(3)
        .map(|o| format!("{} ({})", o.operator, o.nodes.first().map_or("", String::as_str)))
        .collect();
    let hint = format!("only the static tier has it, and not {}", others.join(", "));
    for operator in second.iter_mut().filter(|operator| operator.hint.is_none()) {
        operator.hint = Some(hint.clone());
    }
    second
}

/// Compiles a model whose shapes are all known up to symbols.
fn statically(proto: ModelProto, source: String, options: &Options) -> Result<Compiled, Stopped> {
    let unsupported = operators::unsupported(&proto);
    if !unsupported.is_empty() {
        return Err(CompileError::Unsupported(unsupported).into());
    }
    let shown = proto.graph.as_ref().filter(|_| options.marks).map(graph::names);
    let (imported, mut plan) = plan_of(proto, options)?;
    if plan.profile == Profile::Linalg && !plan.calls_the_host() {
        // Nothing is worth a call out of the sandbox: the module runs anywhere.
        plan.profile = Profile::Relaxed;
    }
    let signature = signature::describe(&imported, &plan, source)?;
    // A size that is a formula of others is told by `output_dim`, which only the dynamic tier has.
    let is_formula = |dim: &shared::Dim| matches!(dim, shared::Dim::Named(name) if name == "?");
    if let Some(output) = signature.outputs.iter().find(|o| o.shape.iter().any(is_formula)) {
        let reason = format!("the size of output `{}` is a formula of other sizes", output.name);
        return Err(CompileError::invalid(reason).into());
    }
    let placement = plan::place(&plan);
    // `prepare` computes sizes in 64 bits without looking for overflow; here it is looked for.
    let largest: Vec<u32> = plan.symbols.iter().map(|symbol| symbol.max).collect();
    if placement.total_bytes(&largest, emit::ALIGNMENT).is_none() {
        return Err(
            CompileError::invalid("its tensors have more elements than can be counted").into()
        );
    }
    let text = plan::print(&plan, &placement);
    let wasm = emit::emit(&plan, &placement, &signature, &text, options.marks)?;
    let steps = match &shown {
        Some(shown) => {
            let named = || shown.iter().map(|(name, place)| (name.as_str(), *place));
            plan.steps.iter().map(|step| origin(named(), &step.node)).collect()
        }
        None => Vec::new(),
    };
    Ok(Compiled { wasm, signature, plan: text, steps })
}

pub(crate) fn check(onnx: &[u8], options: &Options) -> Result<Check, CompileError> {
    match compile(onnx, options) {
        Ok(compiled) => {
            Ok(Check { ok: true, signature: Some(compiled.signature), unsupported: Vec::new() })
        }
        Err(CompileError::Unsupported(unsupported)) => {
            Ok(Check { ok: false, signature: known_signature(onnx, options), unsupported })
        }
        Err(error) => Err(error),
    }
}

/// What a model that cannot be compiled takes and gives, if tract can tell.
fn known_signature(onnx: &[u8], options: &Options) -> Option<Signature> {
    let proto = import::read(onnx, &options.limits).ok()?;
    let imported = import::import(proto, Batch::AsExported).ok()?;
    let symbols = imported.symbols.iter().map(|symbol| symbol.range.clone()).collect();
    let plan = Planner::new(options.profile, symbols).finish();
    signature::describe(&imported, &plan, source_of(onnx)).ok()
}

fn source_of(onnx: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(onnx))
}

/// The typed graph and its plan.
///
/// A batch that was exported as 1 is made symbolic first; where the graph does not allow that, the
/// model is taken as it stands, and the host calls it once for each row.
fn plan_of(proto: ModelProto, options: &Options) -> Result<(Imported, Plan), Stopped> {
    let attempt = |proto: ModelProto, batch: Batch| -> Result<(Imported, Plan), Stopped> {
        let imported = import::import(proto, batch)?;
        let plan = lower::lower(&imported.typed, &imported.symbols, options.profile)
            .map_err(|refused| not_lowered(&imported.proto, refused))?;
        Ok((imported, plan))
    };
    if !import::has_batch_of_one(&proto) {
        return attempt(proto, Batch::AsExported);
    }
    match attempt(proto.clone(), Batch::Symbolic) {
        Ok((imported, plan)) if import::rows_stay_apart(&imported) => Ok((imported, plan)),
        _ => attempt(proto, Batch::AsExported),
    }
}

/// Which of the file's operators, given by their names, a node of the typed graph is made of.
///
/// tract names what it makes of a node after the node: `conv1`, `conv1.bias`.
fn origin<'a, T>(operators: impl Iterator<Item = (&'a str, T)>, node: &str) -> Option<T> {
    let named = operators.filter(|(name, _)| node.starts_with(name));
    named.max_by_key(|(name, _)| name.len()).map(|(_, operator)| operator)
}

/// Nodes of the typed graph, reported as the operators of the file that they come from.
fn not_lowered(proto: &ModelProto, refused: Vec<Refused>) -> CompileError {
    let nodes = proto.graph.as_ref().map_or(&[][..], |graph| &graph.node);
    let mut unsupported: Vec<UnsupportedOperator> = Vec::new();
    for Refused { node, operator, reason } in refused {
        let named = nodes.iter().map(|node| (node.name.as_str(), node));
        let (domain, operator, node) = match origin(named, &node) {
            Some(origin) => {
                let domain = if origin.domain.is_empty() { "ai.onnx" } else { &origin.domain };
                (domain.to_owned(), origin.op_type.clone(), origin.name.clone())
            }
            None => ("ai.onnx".to_owned(), operator, node),
        };
        let same = |known: &&mut UnsupportedOperator| {
            known.domain == domain && known.operator == operator && known.hint == reason
        };
        match unsupported.iter_mut().find(same) {
            Some(known) if known.nodes.contains(&node) => {}
            Some(known) => known.nodes.push(node),
            None => unsupported.push(UnsupportedOperator {
                domain,
                operator,
                nodes: vec![node],
                hint: reason,
            }),
        }
    }
    CompileError::Unsupported(unsupported)
}

#[cfg(test)]
mod tests {
    use shared::{Dim, Label, Role};

    use super::*;
    use crate::plan_text;

    fn fixture(name: &str) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/models");
        std::fs::read(format!("{folder}/{name}.onnx")).unwrap()
    }

    fn compiled(name: &str) -> Compiled {
        compile(&fixture(name), &Options::default()).unwrap()
    }

    #[test]
    fn a_classifier_says_what_it_takes_and_gives() {
        let signature = compiled("breast_cancer_gbdt").signature;

        assert_eq!(signature.rows().map(|rows| (rows.min, rows.max)), Some((1, 4096)));
        let [input] = signature.inputs.as_slice() else { panic!("{:?}", signature.inputs) };
        assert_eq!(input.shape, [Dim::Named("rows".to_owned()), Dim::Fixed(30)]);
        assert_eq!(input.example.as_ref().map(Vec::len), Some(30));
        assert!(signature.output_with(Role::Label).is_some());
        let (_, probabilities) = signature.output_with(Role::Probabilities).unwrap();
        assert_eq!(probabilities.classes, Some(vec![Label::Int(0), Label::Int(1)]));
        assert!(signature.bounded);
    }

    #[test]
    fn what_only_one_tier_has_beside_what_only_the_other_has_is_named_with_its_nodes() {
        let lacks = |operator: &str, node: &str| {
            CompileError::Unsupported(vec![UnsupportedOperator {
                domain: "ai.onnx".to_owned(),
                operator: operator.to_owned(),
                nodes: vec![node.to_owned()],
                hint: None,
            }])
        };

        let error = the_clearer(lacks("NonZero", "find"), lacks("LSTM", "remember"));

        let CompileError::Unsupported(found) = error else { panic!("{error}") };
        let [lstm] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            (lstm.operator.as_str(), lstm.nodes.as_slice()),
            ("LSTM", &["remember".to_owned()][..])
        );
        let hint = lstm.hint.as_deref().unwrap();
        assert_eq!(hint, "only the static tier has it, and not NonZero (find)");

        let late =
            CompileError::invalid("its shape depends on a value that is known only at run time");
        let error = the_clearer(late, lacks("GridSample", "sample"));

        let CompileError::Unsupported(found) = error else { panic!("{error}") };
        assert_eq!((found[0].operator.as_str(), found[0].nodes.len()), ("GridSample", 1));
        assert!(found[0].hint.as_deref().is_some_and(|hint| hint.contains("only at run time")));
    }

    #[test]
    fn what_adds_up_to_one_already_is_not_normalized() {
        for name in ["iris_logistic", "iris_logistic_text"] {
            let plan = compiled(name).plan;

            assert!(plan.contains("Softmax") && !plan.contains("normalize_rows"), "{plan}");
        }
    }

    #[test]
    fn text_labels_stay_text() {
        let signature = compiled("iris_logistic_text").signature;

        let (_, label) = signature.output_with(Role::Label).unwrap();
        assert_eq!(label.element_type, shared::ElementType::String);
        let (_, probabilities) = signature.output_with(Role::Probabilities).unwrap();
        assert!(matches!(probabilities.classes.as_deref(), Some([Label::Text(_), ..])));
    }

    #[test]
    fn a_network_without_a_zip_map_still_names_its_classes() {
        let signature = compiled("digits_mlp").signature;

        let (_, probabilities) = signature.output_with(Role::Probabilities).unwrap();
        assert_eq!(probabilities.classes, Some((0..10).map(Label::Int).collect()));
        assert!(signature.output_with(Role::Label).is_some());
    }

    #[test]
    fn a_module_imports_nothing_and_exports_what_the_contract_names() {
        let module = walrus::Module::from_buffer(&compiled("breast_cancer_gbdt").wasm).unwrap();

        assert_eq!(module.imports.iter().count(), 0);
        let mut exports: Vec<&str> = module.exports.iter().map(|e| e.name.as_str()).collect();
        exports.sort_unstable();
        assert_eq!(exports, ["input", "memory", "output", "prepare", "run"]);
    }

    #[test]
    fn a_module_with_native_products_imports_what_its_plan_calls_and_nothing_else() {
        let options = Options { profile: Profile::Linalg, ..Options::default() };
        let imports = |name: &str| -> Vec<String> {
            let wasm = compile(&fixture(name), &options).unwrap().wasm;
            let module = walrus::Module::from_buffer(&wasm).unwrap();
            module.imports.iter().map(|i| format!("{}.{}", i.module, i.name)).collect()
        };

        assert_eq!(imports("digits_mlp"), ["linalg.dense_panels"]);
        assert_eq!(imports("iris_logistic"), Vec::<String>::new());
    }

    #[test]
    fn a_module_is_at_most_64_kib_larger_than_its_file() {
        for name in ["breast_cancer_gbdt", "breast_cancer_forest", "iris_logistic", "wine_svc"] {
            let onnx = fixture(name);

            let compiled = compile(&onnx, &Options::default()).unwrap();

            let size = compiled.wasm.len() - compiled.plan.len();
            assert!(size <= onnx.len() + 65_536, "{name}: {size} bytes from {}", onnx.len());
        }
    }

    #[test]
    fn the_same_file_gives_the_same_module_and_its_plan_can_be_read_back() {
        let (first, second) = (compiled("wine_svc"), compiled("wine_svc"));

        assert_eq!(first.wasm, second.wasm);
        assert_eq!(plan_text(&first.wasm).as_ref(), Some(&first.plan));
        assert!(first.plan.contains("walk") || first.plan.contains("vectors"), "{}", first.plan);
    }

    #[test]
    fn a_file_cut_short_within_its_graph_is_refused_wherever_it_is_cut() {
        let onnx = fixture("iris_logistic");

        // The graph takes more than half of the file; what follows it may be missing.
        for length in 0..onnx.len() / 2 {
            assert!(compile(&onnx[..length], &Options::default()).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn every_unsupported_operator_is_named_with_its_nodes() {
        let check = check(&fixture("unsupported"), &Options::default()).unwrap();

        assert!(!check.ok);
        let found: Vec<(&str, &str, usize)> = check
            .unsupported
            .iter()
            .map(|found| (found.domain.as_str(), found.operator.as_str(), found.nodes.len()))
            .collect();
        assert!(found.contains(&("com.example", "Blend", 1)), "{found:?}");
        assert!(found.contains(&("com.example", "Sharpen", 2)), "{found:?}");
    }

    #[test]
    fn a_portable_module_holds_no_relaxed_instruction() {
        let options = Options { profile: Profile::Portable, ..Options::default() };

        let plan = compile(&fixture("wine_svc"), &options).unwrap().plan;

        assert!(!plan.contains("_relaxed"), "{plan}");
        assert!(compiled("wine_svc").plan.contains("_relaxed"));
    }
}
