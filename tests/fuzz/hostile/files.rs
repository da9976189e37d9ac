//! Bytes that are no model, and graphs that contradict themselves.

use super::End::*;
use super::{Hostile, hostile};
use crate::proto::{
    Attribute, FLOAT, Graph, INT64, Message, STRING, attribute, floats, ints, model, node, port,
    tensor,
};

pub(super) fn rows(columns: i64) -> Vec<Message> {
    vec![port("X", FLOAT, &[None, Some(columns)])]
}

/// Two columns in, two columns out.
pub(super) fn graph(nodes: Vec<Message>, tensors: Vec<Message>) -> Graph {
    let outputs = vec![port("Y", FLOAT, &[None, Some(2)])];
    Graph { nodes, tensors, inputs: rows(2), outputs }
}

pub(super) fn of(nodes: Vec<Message>) -> Vec<u8> {
    graph(nodes, Vec::new()).model()
}

fn identity() -> Message {
    node("Identity", "", &["X"], &["Y"], &[])
}

fn relu(from: &str, to: &str) -> Message {
    node("Relu", "", &[from], &[to], &[])
}

pub(super) fn all() -> Vec<Hostile> {
    let mut all = bytes();
    all.extend(structure());
    all.extend(names());
    all.extend(ports());
    all.extend(constants());
    all
}

fn bytes() -> Vec<Hostile> {
    let whole = of(vec![relu("X", "Y")]);
    let field = |tag: u8, body: &[u8]| [&[tag, body.len() as u8], body].concat();
    vec![
        hostile("nothing", Vec::new(), NotOnnx, "empty"),
        hostile("zeros", vec![0; 4096], NotOnnx, "no ONNX model"),
        hostile("ones", vec![0xff; 4096], NotOnnx, "no ONNX model"),
        hostile(
            "a length beyond the end",
            vec![0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f, 1],
            NotOnnx,
            "",
        ),
        hostile(
            "a length of 2^63",
            vec![0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1],
            NotOnnx,
            "cut short",
        ),
        hostile("a varint without end", vec![0x80; 64], NotOnnx, ""),
        hostile(
            "a varint of eleven bytes",
            [vec![0x08], vec![0xff; 10], vec![1]].concat(),
            NotOnnx,
            "",
        ),
        hostile("groups within groups", vec![0x3b; 100_000], NotOnnx, ""),
        hostile("a graph that is a number", vec![0x08, 10, 0x38, 7], NotOnnx, ""),
        hostile("a graph that is eight bytes", [&[0x39][..], &[7; 8]].concat(), NotOnnx, ""),
        hostile("nodes that are numbers", field(0x3a, &[0x08, 1, 0x08, 2]), NotOnnx, ""),
        hostile("a name that is not UTF-8", field(0x3a, &field(0x12, b"\xff\xfe")), NotOnnx, ""),
        hostile("field number 0", field(0x3a, &[0x02, 0]), NotOnnx, ""),
        hostile("a model that is cut short", whole[..whole.len() / 2].to_vec(), NotOnnx, ""),
        hostile("a model and then more", [&whole[..], &[0xff; 9]].concat(), NotOnnx, ""),
        hostile("a model twice", [&whole[..], &whole[..]].concat(), Invalid, "listed twice"),
        hostile("a zip archive", b"PK\x03\x04 and more".to_vec(), NotOnnx, "zip"),
        hostile("a pickle", b"\x80\x04\x95 and more".to_vec(), NotOnnx, "pickle"),
        hostile("HDF5", b"\x89HDF\r\n\x1a\n and more".to_vec(), NotOnnx, "HDF5"),
        hostile("JSON", b"{\"learner\": {}}".to_vec(), NotOnnx, "JSON"),
        hostile(
            "four million empty nodes",
            {
                let nodes = [0x0a, 0x00].repeat(4_000_000);
                Message::default().bytes(7, &nodes).0
            },
            Limit,
            "when it is decoded",
        ),
        hostile(
            "two million empty attributes",
            {
                let node = Message::default().bytes(1, &[0x2a, 0x00].repeat(2_000_000));
                Message::default().message(7, &node).0
            },
            Limit,
            "when it is decoded",
        ),
        hostile(
            "100,000 empty entries of metadata",
            {
                let mut bytes = whole.clone();
                bytes.extend([0x72, 0x00].repeat(100_000));
                bytes
            },
            Answers,
            "[3, 2]",
        ),
        hostile(
            "messages a hundred deep",
            {
                let mut inner = Message::default();
                for _ in 0..50 {
                    let inner_node = attribute("body", Attribute::Graph(inner));
                    inner =
                        Message::default().message(1, &Message::default().message(5, &inner_node));
                }
                model(&inner)
            },
            NotOnnx,
            "",
        ),
    ]
}

fn structure() -> Vec<Hostile> {
    vec![
        hostile("no graph", Message::default().int(1, 10).0, NotOnnx, ""),
        hostile("an empty graph", Graph::default().model(), Invalid, "no outputs"),
        hostile(
            "no outputs",
            Graph { inputs: rows(2), nodes: vec![identity()], ..Graph::default() }.model(),
            Invalid,
            "no outputs",
        ),
        hostile(
            "no inputs",
            Graph {
                nodes: vec![relu("c", "Y")],
                tensors: vec![floats("c", &[2], &[1.0, 2.0])],
                outputs: vec![port("Y", FLOAT, &[Some(2)])],
                ..Graph::default()
            }
            .model(),
            Invalid,
            "no inputs",
        ),
        hostile(
            "an output that nothing computes",
            of(Vec::new()),
            Invalid,
            "nothing computes output `Y`",
        ),
        hostile("a cycle of two", of(vec![relu("b", "Y"), relu("Y", "b")]), Invalid, "reads `b`"),
        hostile("a node that reads itself", of(vec![relu("Y", "Y")]), Invalid, "reads `Y`"),
        hostile(
            "a node without operator",
            of(vec![node("", "", &["X"], &["Y"], &[])]),
            Unsupported,
            "",
        ),
        hostile(
            "an operator nobody has",
            of(vec![node("Explode", "evil.example", &["X"], &["Y"], &[])]),
            Unsupported,
            "evil.example.Explode",
        ),
        hostile(
            "an operator with a name of a megabyte",
            of(vec![node(&"A".repeat(1 << 20), "", &["X"], &["Y"], &[])]),
            Unsupported,
            "AAAA",
        ),
        hostile("a node without inputs", of(vec![node("Relu", "", &[], &["Y"], &[])]), Fails, "17"),
        hostile(
            "a node without outputs",
            of(vec![identity(), node("Relu", "", &["X"], &[], &[])]),
            Answers,
            "[3, 2]",
        ),
        hostile(
            "a node with a thousand inputs",
            of(vec![node("Relu", "", &["X"; 1000], &["Y"], &[])]),
            Answers,
            "",
        ),
        hostile(
            "a node with a thousand outputs",
            {
                let names: Vec<String> = (0..1000)
                    .map(|i| if i == 0 { "Y".to_owned() } else { format!("n{i}") })
                    .collect();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                of(vec![node("Relu", "", &["X"], &names, &[])])
            },
            Answers,
            "",
        ),
        hostile(
            "100,001 nodes",
            {
                let nodes = (0..100_001).map(|i| relu("X", &format!("n{i}"))).collect();
                of(nodes)
            },
            Limit,
            "100001 nodes",
        )
        .within(260, 30),
        hostile(
            "opset 2^60",
            Message::default()
                .int(1, 10)
                .message(8, &Message::default().text(1, "").int(2, 1 << 60))
                .message(7, &graph(vec![relu("X", "Y")], Vec::new()).message())
                .0,
            Answers,
            "",
        ),
        hostile(
            "opset -1",
            Message::default()
                .int(1, 10)
                .message(8, &Message::default().text(1, "").int(2, -1))
                .message(7, &graph(vec![relu("X", "Y")], Vec::new()).message())
                .0,
            Answers,
            "",
        ),
        hostile(
            "a function that calls itself",
            {
                let function = Message::default()
                    .text(1, "F")
                    .text(4, "x")
                    .text(5, "y")
                    .message(7, &node("F", "own", &["x"], &["y"], &[]))
                    .text(10, "own");
                let mut bytes = of(vec![node("F", "own", &["X"], &["Y"], &[])]);
                bytes.extend(Message::default().message(25, &function).0);
                bytes
            },
            Limit,
            "nested functions",
        ),
    ]
}

fn names() -> Vec<Hostile> {
    vec![
        hostile(
            "a name defined twice",
            of(vec![identity(), identity()]),
            Invalid,
            "`Y` is defined twice",
        ),
        hostile(
            "an input that is overwritten",
            of(vec![relu("X", "X")]),
            Invalid,
            "`X` is defined twice",
        ),
        hostile(
            "two inputs of one name",
            Graph {
                inputs: [rows(2), rows(2)].concat(),
                ..graph(vec![relu("X", "Y")], Vec::new())
            }
            .model(),
            Invalid,
            "`X` is defined twice",
        ),
        hostile(
            "two constants of one name, one of them an input",
            Graph {
                inputs: vec![rows(2).remove(0), port("c", FLOAT, &[Some(2)])],
                ..graph(
                    vec![node("Add", "", &["X", "c"], &["Y"], &[])],
                    vec![floats("c", &[2], &[1.0; 2]), floats("c", &[2], &[2.0; 2])],
                )
            }
            .model(),
            Invalid,
            "`c` is defined twice",
        ),
        hostile(
            "two outputs of one name",
            Graph {
                outputs: vec![port("Y", FLOAT, &[None, Some(2)]); 2],
                ..graph(vec![relu("X", "Y")], Vec::new())
            }
            .model(),
            Invalid,
            "twice",
        ),
        hostile(
            "two nodes of one name",
            {
                let named = |from: &str, to: &str| {
                    Message::default().text(1, from).text(2, to).text(3, "n").text(4, "Relu")
                };
                of(vec![named("X", "a"), named("a", "Y")])
            },
            Answers,
            "[3, 2]",
        ),
        hostile(
            "names that look like paths and markup",
            {
                let hard = "../../<script>`\u{0}\u{202e}'; DROP TABLE models; --";
                of(vec![relu("X", hard), relu(hard, "Y")])
            },
            Answers,
            "[3, 2]",
        ),
        hostile(
            "an input with a name of a megabyte",
            {
                let long = "x".repeat(1 << 20);
                Graph {
                    inputs: vec![port(&long, FLOAT, &[None, Some(2)])],
                    ..graph(vec![relu(&long, "Y")], Vec::new())
                }
                .model()
            },
            Invalid,
            "longer than 1024 bytes",
        ),
    ]
}

fn ports() -> Vec<Hostile> {
    let input = |input: Message| {
        Graph { inputs: vec![input], ..graph(vec![identity()], Vec::new()) }.model()
    };
    let output = |output: Message| {
        Graph { outputs: vec![output], ..graph(vec![relu("X", "Y")], Vec::new()) }.model()
    };
    vec![
        hostile("an input of no type", input(Message::default().text(1, "X")), Invalid, "type"),
        hostile(
            "an input of an unknown type",
            input(port("X", 999, &[None, Some(2)])),
            Invalid,
            "type",
        ),
        hostile("an input of type -1", input(port("X", -1, &[None, Some(2)])), Invalid, "type"),
        hostile(
            "an input of complex numbers",
            input(port("X", 14, &[None, Some(2)])),
            Invalid,
            "type",
        ),
        hostile(
            "an input without a shape",
            input(
                Message::default()
                    .text(1, "X")
                    .message(2, &Message::default().message(1, &Message::default().int(1, FLOAT))),
            ),
            Invalid,
            "shape",
        ),
        hostile(
            "an input of negative size",
            input(port("X", FLOAT, &[None, Some(-7)])),
            Invalid,
            "",
        ),
        hostile(
            "an input of 2^31 columns, cubed",
            input(port("X", FLOAT, &[Some(1 << 31); 3])),
            Invalid,
            "has the dimension",
        ),
        hostile(
            "an input of 2^31 columns",
            input(port("X", FLOAT, &[None, Some(1 << 31)])),
            Invalid,
            "",
        ),
        hostile(
            "an input of 2^62 columns",
            input(port("X", FLOAT, &[None, Some(1 << 62)])),
            Invalid,
            "",
        ),
        hostile("an input of 65 axes", input(port("X", FLOAT, &[Some(1); 65])), Invalid, ""),
        hostile("an input of 60 named axes", input(port("X", FLOAT, &[None; 60])), Invalid, ""),
        hostile(
            "4,097 inputs",
            {
                let inputs = (0..4_097)
                    .map(|i| port(&format!("x{i}"), FLOAT, &[None, Some(2)]))
                    .chain(rows(2))
                    .collect();
                Graph { inputs, ..graph(vec![relu("X", "Y")], Vec::new()) }.model()
            },
            Limit,
            "4098 inputs",
        ),
        hostile(
            "200,000 outputs",
            {
                let outputs = (0..200_000).map(|_| port("Y", FLOAT, &[None, Some(2)])).collect();
                Graph { outputs, ..graph(vec![relu("X", "Y")], Vec::new()) }.model()
            },
            Limit,
            "200000 outputs",
        )
        .within(260, 30),
        hostile(
            "20,000 constants that are inputs too",
            {
                let names: Vec<String> = (0..20_000).map(|i| format!("c{i}")).collect();
                let inputs =
                    names.iter().map(|name| port(name, FLOAT, &[Some(1)])).chain(rows(2)).collect();
                let tensors = names.iter().map(|name| floats(name, &[1], &[1.0])).collect();
                Graph { inputs, tensors, ..graph(vec![relu("X", "Y")], Vec::new()) }.model()
            },
            Answers,
            "[3, 2]",
        )
        .within(600, 20),
        hostile(
            "an output of another type",
            output(port("Y", INT64, &[None, Some(2)])),
            Answers,
            "",
        ),
        hostile(
            "an output of text where there are numbers",
            output(port("Y", STRING, &[None, Some(2)])),
            Answers,
            "",
        ),
        hostile(
            "an output of another shape",
            output(port("Y", FLOAT, &[None, Some(7)])),
            Answers,
            "",
        ),
        hostile("an output of another rank", output(port("Y", FLOAT, &[None])), Answers, ""),
    ]
}

fn constants() -> Vec<Hostile> {
    let add = |tensor: Message| {
        graph(vec![node("Add", "", &["X", "c"], &["Y"], &[])], vec![tensor]).model()
    };
    let elsewhere = |location: &str, more: &[(&str, &str)]| {
        let entry = |key: &str, value: &str| Message::default().text(1, key).text(2, value);
        let mut held =
            tensor("c", FLOAT, &[2]).int(14, 1).message(13, &entry("location", location));
        for (key, value) in more {
            held = held.message(13, &entry(key, value));
        }
        add(held)
    };
    vec![
        hostile(
            "a constant in another file",
            elsewhere("/etc/passwd", &[]),
            Invalid,
            "another file",
        ),
        hostile(
            "a constant in a parent folder",
            elsewhere("../../secret", &[]),
            Invalid,
            "another file",
        ),
        hostile(
            "a constant in a device",
            elsewhere("/dev/zero", &[("offset", "-1"), ("length", "18446744073709551615")]),
            Invalid,
            "another file",
        ),
        hostile(
            "a constant that claims 2^62 elements",
            add(tensor("c", FLOAT, &[1 << 31, 1 << 31])),
            Invalid,
            "holds 0",
        ),
        hostile(
            "a constant whose size overflows",
            add(tensor("c", FLOAT, &[1 << 62, 1 << 62])),
            Invalid,
            "impossible shape",
        ),
        hostile(
            "a constant of nothing times 2^62",
            add(tensor("c", FLOAT, &[0, 1 << 62])),
            Invalid,
            "",
        ),
        hostile(
            "a constant of negative size",
            add(tensor("c", FLOAT, &[-2]).bytes(9, &[0; 8])),
            Invalid,
            "impossible shape",
        ),
        hostile(
            "a constant that ends within a number",
            add(tensor("c", FLOAT, &[2]).bytes(9, &[0; 7])),
            Invalid,
            "within an element",
        ),
        hostile(
            "a constant with more than it claims",
            add(floats("c", &[1], &[1.0, 2.0])),
            Invalid,
            "holds 2",
        ),
        hostile(
            "a constant in two fields",
            add(floats("c", &[2], &[1.0, 2.0]).bytes(4, &[0; 12])),
            Answers,
            "",
        ),
        hostile(
            "a constant of an unknown type",
            add(tensor("c", 77, &[2]).bytes(9, &[0; 8])),
            Invalid,
            "unknown element type",
        ),
        hostile(
            "a constant of complex numbers",
            add(tensor("c", 14, &[2]).bytes(4, &[0; 16])),
            Invalid,
            "",
        ),
        hostile(
            "a constant of text where numbers belong",
            add(tensor("c", STRING, &[2]).text(6, "a").text(6, "b")),
            Invalid,
            "",
        ),
        hostile(
            "a constant of text that is not UTF-8",
            graph(
                vec![node("StringConcat", "", &["T", "c"], &["Y"], &[])],
                vec![tensor("c", STRING, &[1]).bytes(6, b"\xff\xfe")],
            )
            .model()
            .into_iter()
            .collect(),
            Invalid,
            "",
        ),
        hostile(
            "a constant of 65 axes",
            add(floats("c", &[1; 65], &[1.0])),
            Invalid,
            "impossible shape",
        ),
        hostile("a constant of nine axes", add(floats("c", &[1; 9], &[1.0])), Answers, ""),
        hostile("a constant that does not fit", add(floats("c", &[3], &[1.0; 3])), BadInput, ""),
        hostile(
            "a constant without a name",
            add(tensor("", FLOAT, &[1]).bytes(9, &[0; 4])),
            Invalid,
            "reads `c`",
        ),
        hostile(
            "truth values of 7",
            Graph {
                nodes: vec![node("Where", "", &["c", "X", "X"], &["Y"], &[])],
                tensors: vec![tensor("c", 9, &[2]).bytes(9, &[7, 7])],
                ..graph(Vec::new(), Vec::new())
            }
            .model(),
            Answers,
            "",
        ),
        hostile(
            "a sparse constant",
            {
                let sparse = Message::default()
                    .message(1, &floats("c", &[1], &[1.0]))
                    .message(2, &ints("i", &[1], &[1 << 40]))
                    .int(3, 1 << 41);
                let inner = graph(vec![identity()], Vec::new()).message().message(15, &sparse);
                model(&inner)
            },
            Invalid,
            "sparse",
        ),
        hostile(
            "a constant in pieces",
            add(floats("c", &[2], &[1.0; 2])
                .message(3, &Message::default().int(1, 0).int(2, 1 << 40))),
            Answers,
            "",
        ),
    ]
}
