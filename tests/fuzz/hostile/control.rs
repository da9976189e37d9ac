//! Control flow: graphs within graphs, loops without end, and bodies that do not fit.

use super::End::*;
use super::files::{graph, of, rows};
use super::{Hostile, hostile};
use crate::proto::{
    Attribute, FLOAT, Graph, INT64, Message, attribute, floats, ints, model, node, port, tensor,
};

const BOOL: i64 = 9;

fn truth(name: &str, value: u8) -> Message {
    tensor(name, BOOL, &[]).bytes(9, &[value])
}

/// A loop over the rows, with a body of some nodes that carries `state`.
fn turning(most: Message, condition: Message, nodes: Vec<Message>) -> Vec<u8> {
    let body = Graph {
        inputs: vec![
            port("turn", INT64, &[]),
            port("on", BOOL, &[]),
            port("state", FLOAT, &[None, None]),
        ],
        nodes,
        outputs: vec![port("still", BOOL, &[]), port("next", FLOAT, &[None, None])],
        ..Graph::default()
    };
    let body = attribute("body", Attribute::Graph(body.message()));
    Graph {
        outputs: vec![port("Y", FLOAT, &[None, None])],
        ..graph(
            vec![node("Loop", "", &["most", "go", "X"], &["Y"], &[body])],
            vec![most, condition],
        )
    }
    .model()
}

fn keep_on() -> Message {
    node("Identity", "", &["on"], &["still"], &[])
}

/// A choice by a constant.
fn choosing(condition: Message, then: Vec<Message>, otherwise: Vec<Message>) -> Vec<u8> {
    let branch = |name: &str, nodes: Vec<Message>| {
        let graph =
            Graph { nodes, outputs: vec![port("b", FLOAT, &[None, None])], ..Graph::default() };
        attribute(name, Attribute::Graph(graph.message()))
    };
    let branches = [branch("then_branch", then), branch("else_branch", otherwise)];
    graph(vec![node("If", "", &["c"], &["Y"], &branches)], vec![condition]).model()
}

fn step(operator: &str) -> Vec<Message> {
    vec![node(operator, "", &["X"], &["b"], &[])]
}

/// Graphs within graphs, so many levels.
fn nested(levels: usize) -> Vec<u8> {
    let mut inner = graph(vec![node("Identity", "", &["X"], &["Y"], &[])], Vec::new()).message();
    for _ in 0..levels {
        let branch = attribute("body", Attribute::Graph(inner));
        inner = Message::default().message(1, &node("Loop", "", &[], &["Y"], &[branch]));
    }
    model(&inner)
}

pub(super) fn all() -> Vec<Hostile> {
    let mut all = loops();
    all.extend(branches());
    all
}

fn loops() -> Vec<Hostile> {
    let most = |turns: i64| ints("most", &[], &[turns]);
    let double = |axis: i64| {
        node(
            "Concat",
            "",
            &["state", "state"],
            &["next"],
            &[attribute("axis", Attribute::Int(axis))],
        )
    };
    let body_of = |inputs: Vec<Message>, nodes: Vec<Message>, outputs: Vec<Message>| {
        attribute(
            "body",
            Attribute::Graph(Graph { inputs, nodes, outputs, ..Graph::default() }.message()),
        )
    };
    let in_loop = |body: Message| {
        graph(
            vec![node("Loop", "", &["most", "go", "X"], &["Y"], &[body])],
            vec![most(3), truth("go", 1)],
        )
        .model()
    };
    let scan = |attributes: &[Message]| {
        let body = body_of(
            vec![port("x", FLOAT, &[Some(2)])],
            vec![node("Relu", "", &["x"], &["y"], &[])],
            vec![port("y", FLOAT, &[Some(2)])],
        );
        let attributes: Vec<Message> = attributes.iter().cloned().chain([body]).collect();
        of(vec![node("Scan", "", &["X"], &["Y"], &attributes)])
    };
    vec![
        hostile("65 graphs within graphs", nested(65), NotOnnx, ""),
        hostile("a thousand graphs within graphs", nested(1000), NotOnnx, ""),
        hostile("thirty graphs within graphs", nested(30), Invalid, ""),
        hostile(
            "a loop without end",
            turning(
                most(i64::MAX),
                truth("go", 1),
                vec![keep_on(), node("Relu", "", &["state"], &["next"], &[])],
            ),
            OutOfTime,
            "",
        ),
        hostile(
            "a loop of minus one turn",
            turning(
                most(-1),
                truth("go", 1),
                vec![keep_on(), node("Relu", "", &["state"], &["next"], &[])],
            ),
            Answers,
            "[3, 2]",
        ),
        hostile(
            "a loop that doubles without end",
            turning(most(i64::MAX), truth("go", 1), vec![keep_on(), double(1)]),
            Fails,
            "16",
        ),
        hostile(
            "a loop whose condition is a number",
            turning(
                most(3),
                floats("go", &[], &[1.0]),
                vec![keep_on(), node("Relu", "", &["state"], &["next"], &[])],
            ),
            Invalid,
            "",
        ),
        hostile(
            "a loop whose condition is empty",
            turning(
                most(3),
                tensor("go", BOOL, &[0]),
                vec![keep_on(), node("Relu", "", &["state"], &["next"], &[])],
            ),
            Answers,
            "",
        ),
        hostile(
            "a loop whose turns are text",
            turning(
                tensor("most", 8, &[]).text(6, "many"),
                truth("go", 1),
                vec![keep_on(), node("Relu", "", &["state"], &["next"], &[])],
            ),
            Invalid,
            "",
        ),
        hostile(
            "a loop that reads what it makes",
            {
                let body = body_of(
                    vec![
                        port("turn", INT64, &[]),
                        port("on", BOOL, &[]),
                        port("state", FLOAT, &[None, None]),
                    ],
                    vec![keep_on(), node("Add", "", &["state", "Y"], &["next"], &[])],
                    vec![port("still", BOOL, &[]), port("next", FLOAT, &[None, None])],
                );
                in_loop(body)
            },
            Invalid,
            "reads `Y`",
        ),
        hostile(
            "a loop without a body",
            graph(
                vec![node("Loop", "", &["most", "go", "X"], &["Y"], &[])],
                vec![most(3), truth("go", 1)],
            )
            .model(),
            Invalid,
            "has no `body`",
        ),
        hostile(
            "a loop whose body takes nothing",
            in_loop(body_of(Vec::new(), Vec::new(), Vec::new())),
            Invalid,
            "does not take and give",
        ),
        hostile(
            "a loop whose body gives too little",
            in_loop(body_of(
                vec![
                    port("turn", INT64, &[]),
                    port("on", BOOL, &[]),
                    port("state", FLOAT, &[None, None]),
                ],
                vec![keep_on()],
                vec![port("still", BOOL, &[])],
            )),
            Invalid,
            "does not take and give",
        ),
        hostile(
            "a loop whose body lists its state as a condition",
            in_loop(body_of(
                vec![
                    port("turn", INT64, &[]),
                    port("on", BOOL, &[]),
                    port("state", FLOAT, &[None, None]),
                ],
                vec![node("Relu", "", &["state"], &["next"], &[])],
                vec![port("next", FLOAT, &[]), port("on", FLOAT, &[None, None])],
            )),
            Invalid,
            "",
        ),
        hostile(
            "loops within loops within loops",
            {
                let takes = |level: usize| {
                    vec![
                        port(&format!("turn{level}"), INT64, &[]),
                        port(&format!("on{level}"), BOOL, &[]),
                        port(&format!("state{level}"), FLOAT, &[None, None]),
                    ]
                };
                let gives = |level: usize| {
                    vec![
                        port(&format!("still{level}"), BOOL, &[]),
                        port(&format!("next{level}"), FLOAT, &[None, None]),
                    ]
                };
                let still = |level: usize| {
                    node("Identity", "", &[&format!("on{level}")], &[&format!("still{level}")], &[])
                };
                let mut nodes = vec![still(0), node("Relu", "", &["state0"], &["next0"], &[])];
                for level in 1..8 {
                    let body = body_of(takes(level - 1), nodes, gives(level - 1));
                    nodes = vec![
                        still(level),
                        node(
                            "Loop",
                            "",
                            &["most", "go", &format!("state{level}")],
                            &[&format!("next{level}")],
                            &[body],
                        ),
                    ];
                }
                let body = body_of(takes(7), nodes, gives(7));
                graph(
                    vec![node("Loop", "", &["most", "go", "X"], &["Y"], &[body])],
                    vec![most(1 << 40), truth("go", 1)],
                )
                .model()
            },
            OutOfTime,
            "",
        ),
        hostile(
            "a scan of minus one input",
            scan(&[attribute("num_scan_inputs", Attribute::Int(-1))]),
            Invalid,
            "does not take and give",
        ),
        hostile(
            "a scan of 2^40 inputs",
            scan(&[attribute("num_scan_inputs", Attribute::Int(1 << 40))]),
            Invalid,
            "does not take and give",
        ),
        hostile(
            "a scan along axis 99",
            scan(&[
                attribute("num_scan_inputs", Attribute::Int(1)),
                attribute("scan_input_axes", Attribute::Ints(&[99])),
            ]),
            BadInput,
            "",
        ),
    ]
}

fn branches() -> Vec<Hostile> {
    vec![
        hostile(
            "a choice by a number",
            choosing(floats("c", &[], &[1.0]), step("Relu"), step("Abs")),
            Invalid,
            "",
        ),
        hostile(
            "a choice by nothing",
            choosing(tensor("c", BOOL, &[0]), step("Relu"), step("Abs")),
            Fails,
            "18",
        ),
        hostile(
            "a choice without branches",
            of(vec![node("If", "", &["X"], &["Y"], &[])]),
            Invalid,
            "",
        ),
        hostile(
            "a choice between nothing and something",
            choosing(truth("c", 1), Vec::new(), step("Abs")),
            Invalid,
            "",
        ),
        hostile(
            "a branch that reads the other",
            choosing(
                truth("c", 1),
                step("Relu"),
                vec![node("Abs", "", &["then_only"], &["b"], &[])],
            ),
            Invalid,
            "reads `then_only`",
        ),
        hostile(
            "30,000 choices",
            {
                let branch = |name: &str| {
                    let inside = Graph {
                        nodes: step("Relu"),
                        outputs: vec![port("b", FLOAT, &[None, None])],
                        ..Graph::default()
                    };
                    attribute(name, Attribute::Graph(inside.message()))
                };
                let mut nodes: Vec<Message> = (0..30_000)
                    .map(|i| {
                        node(
                            "If",
                            "",
                            &["c"],
                            &[&format!("n{i}")],
                            &[branch("then_branch"), branch("else_branch")],
                        )
                    })
                    .collect();
                nodes.push(node("Relu", "", &["X"], &["Y"], &[]));
                Graph { inputs: rows(2), ..graph(nodes, vec![truth("c", 1)]) }.model()
            },
            Answers,
            "[3, 2]",
        )
        .within(1_000, 30),
        hostile(
            "60,000 choices and their branches",
            {
                let branch = |name: &str| {
                    let inside = Graph {
                        nodes: step("Relu"),
                        outputs: vec![port("b", FLOAT, &[None, None])],
                        ..Graph::default()
                    };
                    attribute(name, Attribute::Graph(inside.message()))
                };
                let nodes = (0..60_000)
                    .map(|i| {
                        node(
                            "If",
                            "",
                            &["c"],
                            &[&format!("n{i}")],
                            &[branch("then_branch"), branch("else_branch")],
                        )
                    })
                    .collect();
                graph(nodes, vec![truth("c", 1)]).model()
            },
            Limit,
            "nodes",
        )
        .within(500, 30),
    ]
}
