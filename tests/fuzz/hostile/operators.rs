//! Operators of `ai.onnx.ml` and of text whose attributes contradict each other or ask for too much.

use super::End::*;
use super::files::graph;
use super::{Hostile, hostile};
use crate::proto::{Attribute, FLOAT, Graph, Message, STRING, attribute, node, port};

/// A model of one node of `ai.onnx.ml`.
fn ml(operator: &str, attributes: &[Message]) -> Vec<u8> {
    graph(vec![node(operator, "ai.onnx.ml", &["X"], &["Y"], attributes)], Vec::new()).model()
}

fn tree(yes: &[i64], no: &[i64], threshold: f32, more: &[Message]) -> Vec<u8> {
    let count = yes.len();
    let leaves = |i: usize| yes[i] == 0 && no[i] == 0;
    let modes: Vec<&str> =
        (0..count).map(|i| if i > 0 && leaves(i) { "LEAF" } else { "BRANCH_LEQ" }).collect();
    let ids: Vec<i64> = (0..count as i64).collect();
    let mut attributes = vec![
        attribute("nodes_treeids", Attribute::Ints(&vec![0; count])),
        attribute("nodes_nodeids", Attribute::Ints(&ids)),
        attribute("nodes_featureids", Attribute::Ints(&vec![0; count])),
        attribute("nodes_values", Attribute::Floats(&vec![threshold; count])),
        attribute("nodes_modes", Attribute::Texts(&modes)),
        attribute("nodes_truenodeids", Attribute::Ints(yes)),
        attribute("nodes_falsenodeids", Attribute::Ints(no)),
    ];
    attributes.extend_from_slice(more);
    let outputs = vec![port("Y", FLOAT, &[None, None])];
    Graph {
        outputs,
        ..graph(
            vec![node("TreeEnsembleRegressor", "ai.onnx.ml", &["X"], &["Y"], &attributes)],
            Vec::new(),
        )
    }
    .model()
}

fn leaves(nodes: &[i64], targets: &[i64], weights: &[f32]) -> Vec<Message> {
    vec![
        attribute("target_treeids", Attribute::Ints(&vec![0; nodes.len()])),
        attribute("target_nodeids", Attribute::Ints(nodes)),
        attribute("target_ids", Attribute::Ints(targets)),
        attribute("target_weights", Attribute::Floats(weights)),
    ]
}

fn with(base: &[Message], more: Message) -> Vec<Message> {
    base.iter().cloned().chain([more]).collect()
}

pub(super) fn all() -> Vec<Hostile> {
    let mut all = trees();
    all.extend(others());
    all.extend(text());
    all
}

fn trees() -> Vec<Hostile> {
    let two = leaves(&[1, 2], &[0, 0], &[1.0, 2.0]);
    let stump = |more: Message| tree(&[1, 0, 0], &[2, 0, 0], 0.5, &with(&two, more));
    vec![
        hostile(
            "a tree whose root is its own child",
            tree(&[0, 0, 0], &[0, 0, 0], 0.5, &two),
            Invalid,
            "",
        ),
        hostile("a tree that goes round", tree(&[1, 0, 0], &[2, 2, 1], 0.5, &two), Invalid, ""),
        hostile("a tree that leads nowhere", tree(&[1, 0, 0], &[7, 0, 0], 0.5, &two), Invalid, ""),
        hostile("a tree that leads to -1", tree(&[1, 0, 0], &[-1, 0, 0], 0.5, &two), Invalid, ""),
        hostile(
            "a tree that compares with NaN",
            tree(&[1, 0, 0], &[2, 0, 0], f32::NAN, &two),
            Invalid,
            "",
        ),
        hostile(
            "a tree that compares with infinity",
            tree(&[1, 0, 0], &[2, 0, 0], f32::INFINITY, &two),
            Answers,
            "[3, 1]",
        ),
        hostile(
            "a leaf that weighs NaN",
            tree(
                &[1, 0, 0],
                &[2, 0, 0],
                0.5,
                &leaves(&[1, 2], &[0, 0], &[f32::NAN, f32::INFINITY]),
            ),
            Answers,
            "[3, 1]",
        ),
        hostile(
            "a leaf that gives to target 2^40",
            tree(&[1, 0, 0], &[2, 0, 0], 0.5, &leaves(&[1, 2], &[1 << 40, 0], &[1.0, 2.0])),
            Invalid,
            "",
        ),
        hostile(
            "a leaf that gives to target -1",
            tree(&[1, 0, 0], &[2, 0, 0], 0.5, &leaves(&[1, 2], &[-1, 0], &[1.0, 2.0])),
            Invalid,
            "",
        ),
        hostile(
            "lists of leaves of two lengths",
            tree(&[1, 0, 0], &[2, 0, 0], 0.5, &leaves(&[1, 2], &[0], &[1.0, 2.0])),
            Invalid,
            "",
        ),
        hostile(
            "2^40 targets",
            stump(attribute("n_targets", Attribute::Int(1 << 40))),
            Invalid,
            "",
        ),
        hostile("-1 targets", stump(attribute("n_targets", Attribute::Int(-1))), Invalid, ""),
        hostile(
            "a feature 2^40",
            {
                let mut attributes = vec![
                    attribute("nodes_treeids", Attribute::Ints(&[0, 0, 0])),
                    attribute("nodes_nodeids", Attribute::Ints(&[0, 1, 2])),
                    attribute("nodes_featureids", Attribute::Ints(&[1 << 40, 0, 0])),
                    attribute("nodes_values", Attribute::Floats(&[0.0; 3])),
                    attribute("nodes_modes", Attribute::Texts(&["BRANCH_LEQ", "LEAF", "LEAF"])),
                    attribute("nodes_truenodeids", Attribute::Ints(&[1, 0, 0])),
                    attribute("nodes_falsenodeids", Attribute::Ints(&[2, 0, 0])),
                ];
                attributes.extend(two.clone());
                ml("TreeEnsembleRegressor", &attributes)
            },
            Invalid,
            "",
        ),
        hostile(
            "an aggregate nobody knows",
            stump(attribute("aggregate_function", Attribute::Text("MEDIAN"))),
            Invalid,
            "",
        ),
        hostile(
            "a tree of a hundred thousand levels",
            {
                let deep = 100_000_i64;
                let count = 2 * deep + 1;
                let yes: Vec<i64> = (0..count).map(|i| if i < deep { i + 1 } else { 0 }).collect();
                let no: Vec<i64> =
                    (0..count).map(|i| if i < deep { deep + 1 + i } else { 0 }).collect();
                let ends: Vec<i64> = (deep..count).collect();
                tree(&yes, &no, 0.5, &leaves(&ends, &vec![0; ends.len()], &vec![1.0; ends.len()]))
            },
            Answers,
            "[3, 1]",
        )
        .within(300, 30),
        hostile("trees without nodes", ml("TreeEnsembleRegressor", &[]), Invalid, ""),
        hostile("TreeEnsemble without anything", ml("TreeEnsemble", &[]), Invalid, ""),
    ]
}

fn others() -> Vec<Hostile> {
    let floats = |name: &str, values: &[f32]| attribute(name, Attribute::Floats(values));
    let ints = |name: &str, values: &[i64]| attribute(name, Attribute::Ints(values));
    let int = |name: &str, value: i64| attribute(name, Attribute::Int(value));
    vec![
        hostile(
            "a scaler of other columns",
            ml("Scaler", &[floats("offset", &[0.0; 7]), floats("scale", &[1.0; 7])]),
            Invalid,
            "",
        ),
        hostile(
            "a scaler by NaN and infinity",
            ml(
                "Scaler",
                &[floats("offset", &[f32::NAN, 0.0]), floats("scale", &[1.0, f32::INFINITY])],
            ),
            Answers,
            "[3, 2]",
        ),
        hostile(
            "a linear model of other columns",
            ml(
                "LinearRegressor",
                &[floats("coefficients", &[1.0; 7]), floats("intercepts", &[0.0])],
            ),
            Invalid,
            "",
        ),
        hostile(
            "a linear model of -1 targets",
            ml("LinearRegressor", &[floats("coefficients", &[1.0; 2]), int("targets", -1)]),
            Invalid,
            "",
        ),
        hostile(
            "a linear model of 2^40 targets",
            ml("LinearRegressor", &[floats("coefficients", &[1.0; 2]), int("targets", 1 << 40)]),
            Invalid,
            "",
        ),
        hostile(
            "a classifier without classes",
            ml("LinearClassifier", &[floats("coefficients", &[1.0; 2])]),
            Invalid,
            "",
        ),
        hostile(
            "vectors that are not there",
            ml(
                "SVMClassifier",
                &[
                    ints("classlabels_ints", &[0, 1]),
                    ints("vectors_per_class", &[1 << 30, 1 << 30]),
                    floats("rho", &[0.0]),
                ],
            ),
            Invalid,
            "",
        ),
        hostile(
            "numbers of vectors that overflow",
            ml(
                "SVMClassifier",
                &[
                    ints("classlabels_ints", &[0, 1]),
                    ints("vectors_per_class", &[i64::MAX, i64::MAX]),
                    floats("rho", &[0.0]),
                ],
            ),
            Invalid,
            "",
        ),
        hostile(
            "a negative number of vectors",
            ml("SVMRegressor", &[int("n_supports", -5), floats("rho", &[0.0])]),
            Invalid,
            "",
        ),
        hostile("an imputer without values", ml("Imputer", &[]), Invalid, ""),
        hostile(
            "an imputer of too many values",
            ml("Imputer", &[floats("imputed_value_floats", &[1.0; 9])]),
            Invalid,
            "",
        ),
        hostile(
            "an encoder of fewer values than keys",
            ml(
                "LabelEncoder",
                &[floats("keys_floats", &[1.0, 2.0]), floats("values_floats", &[1.0])],
            ),
            Invalid,
            "",
        ),
        hostile(
            "an encoder of one key twice",
            ml(
                "LabelEncoder",
                &[
                    floats("keys_floats", &[1.0, 1.0, f32::NAN, f32::NAN]),
                    floats("values_floats", &[1.0, 2.0, 3.0, 4.0]),
                ],
            ),
            Answers,
            "[3, 2]",
        ),
        hostile(
            "a norm nobody has",
            ml("Normalizer", &[attribute("norm", Attribute::Text("L∞"))]),
            Invalid,
            "",
        ),
        hostile(
            "columns that are not there",
            ml("FeatureVectorizer", &[ints("inputdimensions", &[1 << 40])]),
            Answers,
            "",
        ),
        hostile(
            "a category for every number",
            ml("OneHotEncoder", &[ints("cats_int64s", &(0..200_000).collect::<Vec<i64>>())]),
            Answers,
            "",
        )
        .within(300, 5),
        hostile(
            "a map of 2^40 keys",
            graph(
                vec![node(
                    "CastMap",
                    "ai.onnx.ml",
                    &["X"],
                    &["Y"],
                    &[attribute("map_form", Attribute::Text("SPARSE")), int("max_map", 1 << 40)],
                )],
                Vec::new(),
            )
            .model(),
            Invalid,
            "",
        ),
        hostile(
            "20,000 maps of a million keys",
            {
                let cast = |i: usize| {
                    node(
                        "CastMap",
                        "ai.onnx.ml",
                        &["X"],
                        &[&format!("n{i}")],
                        &[
                            attribute("map_form", Attribute::Text("SPARSE")),
                            int("max_map", 1 << 20),
                        ],
                    )
                };
                graph(
                    (0..20_000).map(cast).chain([node("Relu", "", &["X"], &["Y"], &[])]).collect(),
                    Vec::new(),
                )
                .model()
            },
            Invalid,
            "keys",
        )
        .within(400, 10),
        hostile(
            "clipping from NaN",
            graph(
                vec![node("Clip", "", &["X", "c"], &["Y"], &[])],
                vec![crate::proto::floats("c", &[], &[f32::NAN])],
            )
            .model(),
            Answers,
            "[3, 2]",
        ),
        hostile(
            "leaking by infinity",
            graph(
                vec![node(
                    "LeakyRelu",
                    "",
                    &["X"],
                    &["Y"],
                    &[attribute("alpha", Attribute::Float(f32::INFINITY))],
                )],
                Vec::new(),
            )
            .model(),
            Answers,
            "[3, 2]",
        ),
    ]
}

fn text() -> Vec<Hostile> {
    let one = |operator: &str, domain: &str, attributes: &[Message], to: i64, rank: usize| {
        let shape = [None, Some(1)];
        Graph {
            inputs: vec![port("X", STRING, &shape)],
            nodes: vec![node(operator, domain, &["X"], &["Y"], attributes)],
            outputs: vec![port("Y", to, &vec![None; rank])],
            ..Graph::default()
        }
        .model()
    };
    let words = |attributes: &[Message]| one("TfIdfVectorizer", "", attributes, FLOAT, 2);
    let pool = |counts: &[i64], indexes: &[i64], longest: i64, skip: i64| {
        words(&[
            attribute("mode", Attribute::Text("TF")),
            attribute("min_gram_length", Attribute::Int(1)),
            attribute("max_gram_length", Attribute::Int(longest)),
            attribute("max_skip_count", Attribute::Int(skip)),
            attribute("pool_strings", Attribute::Texts(&["a", "b"])),
            attribute("ngram_counts", Attribute::Ints(counts)),
            attribute("ngram_indexes", Attribute::Ints(indexes)),
        ])
    };
    let matching = |pattern: &str| {
        one("RegexFullMatch", "", &[attribute("pattern", Attribute::Text(pattern))], 9, 2)
    };
    let normalising = |more: Message| one("StringNormalizer", "", &[more], STRING, 2);
    vec![
        hostile("words counted in column 2^40", pool(&[0], &[1 << 40, 0], 1, 0), Invalid, ""),
        hostile("words counted in column -1", pool(&[0], &[-1, 0], 1, 0), Invalid, ""),
        hostile(
            "words counted in column 2^31 - 1",
            pool(&[0], &[(1 << 31) - 1, 0], 1, 0),
            Invalid,
            "",
        ),
        hostile("a pool cut outside of itself", pool(&[0, 99], &[0, 1], 2, 0), Invalid, ""),
        hostile("a pool cut backwards", pool(&[2, 0], &[0, 1], 2, 0), Invalid, ""),
        hostile("runs of 2^40 words", pool(&[0], &[0, 1], 1 << 40, 0), Invalid, ""),
        hostile("2^40 words skipped", pool(&[0], &[0, 1], 1, 1 << 40), Invalid, ""),
        hostile("no pool", words(&[]), Invalid, ""),
        hostile(
            "a pattern that explodes",
            matching("(?:a{1000}){1000}"),
            Invalid,
            "cannot be compiled",
        ),
        hostile(
            "a pattern whose automaton explodes",
            matching("[01]*1[01]{30}"),
            Invalid,
            "cannot be compiled",
        ),
        hostile(
            "a pattern of all of Unicode, often",
            matching(r"(?:\pL\pN\pP){200}"),
            Invalid,
            "cannot be compiled",
        ),
        hostile("a pattern that is none", matching("(((("), Invalid, "cannot be compiled"),
        hostile(
            "a pattern of ten thousand brackets",
            matching(&"(".repeat(10_000)),
            Invalid,
            "cannot be compiled",
        ),
        hostile(
            "a pattern of a megabyte",
            matching(&"ab?".repeat(350_000)),
            Invalid,
            "cannot be compiled",
        )
        .within(300, 30),
        hostile("a pattern that looks back", matching(r"(a)\1"), Invalid, "cannot be compiled"),
        hostile(
            "a pattern that would backtrack for ever",
            matching("(a*)*(a*)*b"),
            Answers,
            "[3, 1]",
        ),
        hostile("no pattern", one("RegexFullMatch", "", &[], 9, 2), Invalid, ""),
        hostile(
            "a case nobody knows",
            normalising(attribute("case_change_action", Attribute::Text("SPONGEBOB"))),
            Invalid,
            "",
        ),
        hostile(
            "a language nobody speaks",
            normalising(attribute("locale", Attribute::Text("xx_XX.UTF-99"))),
            Answers,
            "",
        ),
        hostile(
            "a million words to leave out",
            {
                let words: Vec<String> = (0..1_000_000).map(|i| format!("w{i}")).collect();
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                normalising(attribute("stopwords", Attribute::Texts(&words)))
            },
            BadInput,
            "",
        )
        .within(400, 10),
        hostile(
            "words cut by a pattern that matches nothing",
            one("StringSplit", "", &[attribute("delimiter", Attribute::Text(""))], STRING, 3),
            Answers,
            "",
        ),
    ]
}
