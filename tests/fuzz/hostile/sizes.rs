//! A few bytes that ask for terabytes, or for ever.

use super::End::*;
use super::files::{graph, of, rows};
use super::{Hostile, hostile};
use crate::proto::{
    Attribute, FLOAT, Graph, INT64, Message, STRING, attribute, floats, ints, node, port, tensor,
};

/// An operator on the rows and a list of sizes.
fn shaped(operator: &str, sizes: &[i64]) -> Vec<u8> {
    let nodes = vec![node(operator, "", &["X", "s"], &["Y"], &[])];
    graph(nodes, vec![ints("s", &[sizes.len() as i64], sizes)]).model()
}

/// Something made of constants alone, added to the rows.
fn constant(
    operator: &str,
    inputs: &[&str],
    attributes: &[Message],
    tensors: Vec<Message>,
) -> Vec<u8> {
    let nodes = vec![
        node(operator, "", inputs, &["made"], attributes),
        node("Add", "", &["X", "made"], &["Y"], &[]),
    ];
    graph(nodes, tensors).model()
}

/// An operator on an image.
fn image(
    operator: &str,
    inputs: &[&str],
    attributes: &[Message],
    tensors: Vec<Message>,
) -> Vec<u8> {
    Graph {
        inputs: vec![port("X", FLOAT, &[None, Some(1), Some(4), Some(4)])],
        nodes: vec![node(operator, "", inputs, &["Y"], attributes)],
        tensors,
        outputs: vec![port("Y", FLOAT, &[None, None, None, None])],
    }
    .model()
}

pub(super) fn all() -> Vec<Hostile> {
    let mut all = shapes();
    all.extend(made());
    all.extend(chains());
    all.extend(windows());
    all
}

fn shapes() -> Vec<Hostile> {
    let slice = |starts: i64, ends: i64, steps: i64| {
        graph(
            vec![node("Slice", "", &["X", "b", "e", "a", "s"], &["Y"], &[])],
            vec![
                ints("b", &[1], &[starts]),
                ints("e", &[1], &[ends]),
                ints("a", &[1], &[1]),
                ints("s", &[1], &[steps]),
            ],
        )
        .model()
    };
    let pad = |sizes: &[i64]| {
        graph(
            vec![node("Pad", "", &["X", "p"], &["Y"], &[])],
            vec![ints("p", &[sizes.len() as i64], sizes)],
        )
        .model()
    };
    let gather = |index: i64| {
        let axis = attribute("axis", Attribute::Int(1));
        graph(
            vec![node("Gather", "", &["X", "i"], &["Y"], &[axis])],
            vec![ints("i", &[2], &[index, 0])],
        )
        .model()
    };
    let top = |k: i64| {
        graph(vec![node("TopK", "", &["X", "k"], &["Y", "i"], &[])], vec![ints("k", &[1], &[k])])
            .model()
    };
    let axis = |operator: &str, value: i64| {
        of(vec![node(operator, "", &["X"], &["Y"], &[attribute("axis", Attribute::Int(value))])])
    };
    vec![
        hostile(
            "an expansion to 2^41 elements",
            shaped("Expand", &[1 << 20, 1 << 20, 2]),
            BadInput,
            "",
        ),
        hostile(
            "an expansion that overflows",
            shaped("Expand", &[i64::MAX, i64::MAX, 2]),
            BadInput,
            "",
        ),
        hostile("an expansion to a negative size", shaped("Expand", &[-3, 2]), BadInput, ""),
        hostile(
            "a tile of 2^60",
            shaped("Tile", &[1 << 30, 1 << 30]),
            Limit,
            "bytes in one tensor",
        ),
        hostile("a tile of minus one", shaped("Tile", &[1, -1]), BadInput, ""),
        hostile("a reshape to a negative size", shaped("Reshape", &[-5, 2]), BadInput, ""),
        hostile("a reshape to two unknowns", shaped("Reshape", &[-1, -1]), BadInput, ""),
        hostile(
            "a reshape to what is not there",
            shaped("Reshape", &[0, 0, 0, 0, 7]),
            BadInput,
            "",
        ),
        hostile(
            "a reshape that overflows",
            shaped("Reshape", &[i64::MAX, i64::MAX, -1]),
            BadInput,
            "",
        ),
        hostile("a reshape to 65 axes", shaped("Reshape", &[1; 65]), Fails, "17"),
        hostile("padding by 2^40", pad(&[0, 1 << 40, 0, 1 << 40]), Invalid, "holds the size"),
        hostile(
            "padding by i64::MAX twice",
            pad(&[0, i64::MAX, 0, i64::MAX]),
            Invalid,
            "holds the size",
        ),
        hostile("padding by less than there is", pad(&[0, -9, 0, -9]), BadInput, ""),
        hostile("padding of too few axes", pad(&[1]), BadInput, ""),
        hostile("a slice in steps of 0", slice(0, 2, 0), BadInput, ""),
        hostile("a slice of the whole of i64", slice(i64::MIN, i64::MAX, 1), Answers, "[3, 2]"),
        hostile(
            "a slice backwards in steps of i64::MIN",
            slice(i64::MAX, i64::MIN, i64::MIN),
            Fails,
            "18",
        ),
        hostile("a gather of element 2^40", gather(1 << 40), BadInput, ""),
        hostile("a gather of element -2^63", gather(i64::MIN), BadInput, ""),
        hostile("the best 2^40 of two", top(1 << 40), BadInput, ""),
        hostile("the best minus one", top(-1), BadInput, ""),
        hostile("a softmax along axis 99", axis("Softmax", 99), BadInput, ""),
        hostile("a softmax along axis -2^63", axis("Softmax", i64::MIN), BadInput, ""),
        hostile("a flattening at axis 2^62", axis("Flatten", 1 << 62), BadInput, ""),
        hostile(
            "a transpose that names an axis twice",
            of(vec![node(
                "Transpose",
                "",
                &["X"],
                &["Y"],
                &[attribute("perm", Attribute::Ints(&[0, 0]))],
            )]),
            Invalid,
            "",
        ),
        hostile(
            "a transpose of too many axes",
            of(vec![node(
                "Transpose",
                "",
                &["X"],
                &["Y"],
                &[attribute("perm", Attribute::Ints(&[0, 1, 2, 3]))],
            )]),
            Answers,
            "",
        ),
        hostile(
            "a join along axis -99",
            of(vec![node(
                "Concat",
                "",
                &["X", "X"],
                &["Y"],
                &[attribute("axis", Attribute::Int(-99))],
            )]),
            BadInput,
            "",
        ),
        hostile(
            "a split into minus one",
            Graph {
                nodes: vec![node(
                    "Split",
                    "",
                    &["X", "s"],
                    &["Y", "Z"],
                    &[attribute("axis", Attribute::Int(1))],
                )],
                tensors: vec![ints("s", &[2], &[3, -1])],
                ..graph(Vec::new(), Vec::new())
            }
            .model(),
            BadInput,
            "",
        ),
        hostile(
            "a cast to type -1",
            of(vec![node("Cast", "", &["X"], &["Y"], &[attribute("to", Attribute::Int(-1))])]),
            Fails,
            "17",
        ),
        hostile(
            "a cast to type 2^40",
            of(vec![node("Cast", "", &["X"], &["Y"], &[attribute("to", Attribute::Int(1 << 40))])]),
            Fails,
            "17",
        ),
    ]
}

fn made() -> Vec<Hostile> {
    let ranged = |from: Message, to: Message, by: Message| {
        constant("Range", &["a", "b", "c"], &[], vec![from, to, by])
    };
    let value = |name: &str, value: f32| floats(name, &[], &[value]);
    let whole = |name: &str, value: i64| ints(name, &[], &[value]);
    let shape = |sizes: &[i64]| vec![ints("s", &[sizes.len() as i64], sizes)];
    let fill = |sizes: &[i64]| constant("ConstantOfShape", &["s"], &[], shape(sizes));
    let random = |sizes: &[i64]| {
        constant("RandomNormal", &[], &[attribute("shape", Attribute::Ints(sizes))], Vec::new())
    };
    vec![
        hostile("a constant of 2^40 zeros", fill(&[1 << 20, 1 << 20]), Limit, "in one tensor"),
        hostile("a constant of 16 GiB of zeros", fill(&[1 << 16, 1 << 16]), Limit, "in one tensor"),
        hostile("a constant of 1 GiB of zeros", fill(&[1 << 14, 1 << 14]), Limit, "in one tensor"),
        hostile("a constant of zeros that overflows", fill(&[i64::MAX, i64::MAX]), BadInput, ""),
        hostile("a constant of a negative shape", fill(&[-1, 2]), BadInput, ""),
        hostile(
            "a constant of texts, 2^40 of them",
            constant(
                "ConstantOfShape",
                &["s"],
                &[attribute(
                    "value",
                    Attribute::Tensor(
                        tensor("v", STRING, &[1]).text(6, "long enough to be somewhere"),
                    ),
                )],
                shape(&[1 << 40]),
            ),
            Invalid,
            "",
        ),
        hostile(
            "an expansion of a constant to 2^40",
            constant(
                "Expand",
                &["c", "s"],
                &[],
                [vec![value("c", 1.0)], shape(&[1 << 20, 1 << 20])].concat(),
            ),
            Limit,
            "in one tensor",
        ),
        hostile(
            "a tile of a constant to 2^60",
            constant(
                "Tile",
                &["c", "s"],
                &[],
                [vec![floats("c", &[1, 1], &[1.0])], shape(&[1 << 30, 1 << 30])].concat(),
            ),
            Limit,
            "in one tensor",
        ),
        hostile(
            "a product of constants of 2^40",
            {
                let long = |name: &str, dims: &[i64]| floats(name, dims, &vec![1.0; 1 << 15]);
                constant(
                    "MatMul",
                    &["a", "b"],
                    &[],
                    vec![long("a", &[1 << 15, 1]), long("b", &[1, 1 << 15])],
                )
            },
            Limit,
            "in one tensor",
        ),
        hostile(
            "a sum of constants that broadcast to 2^32",
            {
                let long = |name: &str, dims: &[i64]| floats(name, dims, &vec![1.0; 1 << 16]);
                constant(
                    "Add",
                    &["a", "b"],
                    &[],
                    vec![long("a", &[1 << 16, 1]), long("b", &[1, 1 << 16])],
                )
            },
            Limit,
            "in one tensor",
        ),
        hostile(
            "a range without end",
            ranged(value("a", 0.0), value("b", f32::INFINITY), value("c", 1e-9)),
            BadInput,
            "",
        ),
        hostile(
            "a range of NaN",
            ranged(value("a", f32::NAN), value("b", 1.0), value("c", 1.0)),
            BadInput,
            "",
        ),
        hostile(
            "a range that does not move",
            ranged(whole("a", 0), whole("b", 9), whole("c", 0)),
            BadInput,
            "",
        ),
        hostile(
            "a range of 2^62",
            ranged(whole("a", 0), whole("b", 1 << 62), whole("c", 1)),
            BadInput,
            "",
        ),
        hostile(
            "a range of 2^32",
            ranged(whole("a", 0), whole("b", 1 << 32), whole("c", 1)),
            BadInput,
            "",
        ),
        hostile(
            "a range that overflows",
            ranged(whole("a", i64::MIN), whole("b", i64::MAX), whole("c", 1)),
            BadInput,
            "",
        ),
        hostile(
            "a range backwards by i64::MIN",
            ranged(whole("a", 1), whole("b", i64::MIN), whole("c", i64::MIN)),
            Fails,
            "17",
        ),
        hostile("noise of 2^40", random(&[1 << 20, 1 << 20]), Unsupported, ""),
        hostile(
            "a window of 2^40",
            constant("HannWindow", &["n"], &[], vec![whole("n", 1 << 40)]),
            Invalid,
            "",
        ),
        hostile(
            "one hot among 2^40",
            constant(
                "OneHot",
                &["i", "d", "v"],
                &[],
                vec![ints("i", &[1], &[0]), whole("d", 1 << 40), floats("v", &[2], &[0.0, 1.0])],
            ),
            BadInput,
            "",
        ),
        hostile(
            "a square of ones of 2^40",
            constant("EyeLike", &["e"], &[], vec![floats("e", &[0, 1 << 40], &[])]),
            Invalid,
            "",
        ),
        hostile(
            "a Mel matrix of 2^40",
            constant(
                "MelWeightMatrix",
                &["a", "b", "c", "d", "e"],
                &[],
                vec![
                    whole("a", 1 << 20),
                    whole("b", 1 << 20),
                    whole("c", 16_000),
                    value("d", 0.0),
                    value("e", 8_000.0),
                ],
            ),
            Fails,
            "16",
        ),
        hostile(
            "a sum along 2^40 that follow from a shape",
            {
                let nodes = vec![
                    node("Mul", "", &["a", "a"], &["aa"], &[]),
                    node("ConstantOfShape", "", &["aa"], &["big"], &[]),
                    node(
                        "ReduceSum",
                        "",
                        &["big"],
                        &["sum"],
                        &[attribute("keepdims", Attribute::Int(0))],
                    ),
                    node("Add", "", &["X", "sum"], &["Y"], &[]),
                ];
                graph(nodes, vec![ints("a", &[1], &[1 << 20])]).model()
            },
            BadInput,
            "",
        ),
        hostile(
            "an expansion by what callers send",
            Graph {
                inputs: vec![rows(2).remove(0), port("s", INT64, &[Some(3)])],
                outputs: vec![port("Y", FLOAT, &[None, None, None])],
                ..graph(
                    vec![
                        node("Add", "", &["s", "big"], &["t"], &[]),
                        node("Expand", "", &["X", "t"], &["Y"], &[]),
                    ],
                    vec![ints("big", &[3], &[1 << 20, 3, 2])],
                )
            }
            .model(),
            Fails,
            "18",
        ),
    ]
}

/// Each step is small.
fn chains() -> Vec<Hostile> {
    let doubling = |seed: &str, turns: usize, axis: i64| {
        let mut nodes = Vec::new();
        let mut from = seed.to_owned();
        for turn in 0..turns {
            let to = format!("d{turn}");
            nodes.push(node(
                "Concat",
                "",
                &[&from, &from],
                &[&to],
                &[attribute("axis", Attribute::Int(axis))],
            ));
            from = to;
        }
        (nodes, from)
    };
    let filled = |count: usize| {
        // Each of 4 MiB, which tract keeps.
        let mut nodes: Vec<Message> = (0..count)
            .map(|i| node("ConstantOfShape", "", &["s"], &[&format!("z{i}")], &[]))
            .collect();
        let names: Vec<String> = (0..count).map(|i| format!("z{i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        nodes.push(node("Sum", "", &names, &["all"], &[]));
        nodes.push(node(
            "ReduceSum",
            "",
            &["all"],
            &["sum"],
            &[attribute("keepdims", Attribute::Int(0))],
        ));
        nodes.push(node("Add", "", &["X", "sum"], &["Y"], &[]));
        graph(nodes, vec![ints("s", &[2], &[1024, 1023])]).model()
    };
    vec![
        hostile(
            "a constant that doubles sixty times",
            {
                let (mut nodes, last) = doubling("c", 60, 0);
                nodes.push(node(
                    "ReduceSum",
                    "",
                    &[&last],
                    &["sum"],
                    &[attribute("keepdims", Attribute::Int(0))],
                ));
                nodes.push(node("Add", "", &["X", "sum"], &["Y"], &[]));
                graph(nodes, vec![floats("c", &[1], &[1.0])]).model()
            },
            Limit,
            "in one tensor",
        )
        .within(1_100, 10),
        hostile(
            "rows that double sixty times",
            {
                let (mut nodes, last) = doubling("X", 60, 1);
                nodes.push(node("ReduceSum", "", &[&last], &["Y"], &[]));
                of(nodes)
            },
            Limit,
            "bytes in one tensor",
        ),
        hostile("a thousand constants of 4 MiB", filled(1000), Limit, "constants that follow")
            .within(2_600, 10),
        hostile(
            "2,000 nodes in a row",
            {
                let mut from = "X".to_owned();
                let nodes = (0..2_000)
                    .map(|i| {
                        let to = if i == 1_999 { "Y".to_owned() } else { format!("n{i}") };
                        let step = node("Relu", "", &[&from], &[&to], &[]);
                        from = to;
                        step
                    })
                    .collect();
                of(nodes)
            },
            Answers,
            "[3, 2]",
        )
        .within(400, 20),
        hostile(
            "2,000 nodes side by side that cannot be lowered",
            {
                let mut nodes: Vec<Message> =
                    (0..2_000).map(|i| node("Det", "", &["X"], &[&format!("n{i}")], &[])).collect();
                nodes.push(node("Relu", "", &["X"], &["Y"], &[]));
                of(nodes)
            },
            BadInput,
            "",
        )
        .within(400, 20),
        hostile(
            "an Einstein sum over fifty letters",
            of(vec![node(
                "Einsum",
                "",
                &["X", "X"],
                &["Y"],
                &[attribute(
                    "equation",
                    Attribute::Text("abcdefghijklmnopqrstuvwxyz,ABCDEFGHIJKLMNOPQRSTUVWXYZ->aA"),
                )],
            )]),
            Fails,
            "17",
        ),
        hostile(
            "an Einstein sum of ten thousand operands",
            {
                let equation = ["ab"; 10_000].join(",");
                of(vec![node(
                    "Einsum",
                    "",
                    &["X"; 10_000],
                    &["Y"],
                    &[attribute("equation", Attribute::Text(&equation))],
                )])
            },
            Limit,
            "operands",
        ),
        hostile(
            "an attribute of two million numbers",
            of(vec![node(
                "Relu",
                "",
                &["X"],
                &["Y"],
                &[attribute("numbers", Attribute::Ints(&vec![1 << 62; 2_000_000]))],
            )]),
            Answers,
            "[3, 2]",
        ),
        hostile(
            "2,000 attributes",
            {
                let attributes: Vec<Message> =
                    (0..2_000).map(|i| attribute(&format!("a{i}"), Attribute::Int(1))).collect();
                of(vec![node("Relu", "", &["X"], &["Y"], &attributes)])
            },
            Answers,
            "[3, 2]",
        ),
        hostile(
            "the same attribute twice",
            of(vec![node(
                "Softmax",
                "",
                &["X"],
                &["Y"],
                &[attribute("axis", Attribute::Int(1)), attribute("axis", Attribute::Int(77))],
            )]),
            Answers,
            "",
        ),
        hostile(
            "an attribute that lies about its type",
            of(vec![node(
                "Softmax",
                "",
                &["X"],
                &["Y"],
                &[Message::default().text(1, "axis").text(4, "1").int(20, 2)],
            )]),
            Answers,
            "",
        ),
    ]
}

fn windows() -> Vec<Hostile> {
    let conv = |attributes: &[Message]| {
        image("Conv", &["X", "w"], attributes, vec![floats("w", &[1, 1, 1, 1], &[1.0])])
    };
    let pool = |attributes: &[Message]| image("MaxPool", &["X"], attributes, Vec::new());
    let resize =
        |scales: &[f32]| image("Resize", &["X", "", "s"], &[], vec![floats("s", &[4], scales)]);
    let pairs = |name: &str, value: i64| attribute(name, Attribute::Ints(&[value, value]));
    let kernel = || attribute("kernel_shape", Attribute::Ints(&[2, 2]));
    vec![
        hostile("a convolution in steps of 0", conv(&[pairs("strides", 0)]), BadInput, ""),
        hostile("a convolution in steps of -1", conv(&[pairs("strides", -1)]), BadInput, ""),
        hostile(
            "a convolution with holes of 2^40",
            conv(&[pairs("dilations", 1 << 40)]),
            Invalid,
            "holds the size",
        ),
        hostile("a convolution with holes of 0", conv(&[pairs("dilations", 0)]), Answers, ""),
        hostile(
            "a convolution padded by 2^40",
            conv(&[attribute("pads", Attribute::Ints(&[1 << 40; 4]))]),
            Invalid,
            "holds the size",
        ),
        hostile(
            "a convolution padded by i64::MAX",
            conv(&[attribute("pads", Attribute::Ints(&[i64::MAX; 4]))]),
            Invalid,
            "holds the size",
        ),
        hostile(
            "a convolution padded by -3",
            conv(&[attribute("pads", Attribute::Ints(&[-3; 4]))]),
            BadInput,
            "",
        ),
        hostile(
            "a convolution of minus one group",
            conv(&[attribute("group", Attribute::Int(-1))]),
            BadInput,
            "",
        ),
        hostile(
            "a convolution of 2^40 groups",
            conv(&[attribute("group", Attribute::Int(1 << 40))]),
            BadInput,
            "",
        ),
        hostile(
            "a convolution that claims another kernel",
            conv(&[pairs("kernel_shape", 9)]),
            Answers,
            "",
        ),
        hostile(
            "a convolution without weights",
            image("Conv", &["X"], &[], Vec::new()),
            Fails,
            "17",
        ),
        hostile(
            "a convolution with empty weights",
            image("Conv", &["X", "w"], &[], vec![floats("w", &[1, 1, 0, 0], &[])]),
            BadInput,
            "",
        ),
        hostile(
            "a transposed convolution in steps of 2^40",
            image(
                "ConvTranspose",
                &["X", "w"],
                &[pairs("strides", 1 << 40)],
                vec![floats("w", &[1, 1, 1, 1], &[1.0])],
            ),
            Invalid,
            "",
        ),
        hostile("a pool without a window", pool(&[]), Fails, "17"),
        hostile("a pool of a window of 0", pool(&[pairs("kernel_shape", 0)]), BadInput, ""),
        hostile(
            "a pool of a window of 2^40",
            pool(&[pairs("kernel_shape", 1 << 40)]),
            Invalid,
            "holds the size",
        ),
        hostile("a pool in steps of 0", pool(&[kernel(), pairs("strides", 0)]), BadInput, ""),
        hostile(
            "a pool padded by 2^40",
            pool(&[kernel(), attribute("pads", Attribute::Ints(&[1 << 40; 4]))]),
            Invalid,
            "holds the size",
        ),
        hostile(
            "a pool padded in a way nobody knows",
            pool(&[kernel(), attribute("auto_pad", Attribute::Text("SOMEHOW"))]),
            Invalid,
            "",
        ),
        hostile("a resize by 1e30", resize(&[1.0, 1.0, 1e30, 1e30]), Invalid, ""),
        hostile("a resize by infinity", resize(&[1.0, 1.0, f32::INFINITY, 1.0]), Invalid, ""),
        hostile("a resize by NaN", resize(&[1.0, 1.0, f32::NAN, 1.0]), Invalid, ""),
        hostile("a resize by 0", resize(&[1.0, 1.0, 0.0, 0.0]), Invalid, ""),
        hostile("a resize by -1", resize(&[1.0, 1.0, -1.0, -1.0]), Invalid, ""),
        hostile(
            "a resize to 2^40",
            image(
                "Resize",
                &["X", "", "", "s"],
                &[],
                vec![ints("s", &[4], &[3, 1, 1 << 20, 1 << 20])],
            ),
            Limit,
            "bytes in one tensor",
        ),
        hostile(
            "a shuffle in blocks of 0",
            image("SpaceToDepth", &["X"], &[attribute("blocksize", Attribute::Int(0))], Vec::new()),
            Invalid,
            "",
        ),
        hostile(
            "a shuffle in blocks of 2^40",
            image(
                "DepthToSpace",
                &["X"],
                &[attribute("blocksize", Attribute::Int(1 << 40))],
                Vec::new(),
            ),
            Invalid,
            "",
        ),
        hostile(
            "a norm over 2^40 channels",
            image("LRN", &["X"], &[attribute("size", Attribute::Int(1 << 40))], Vec::new()),
            Answers,
            "",
        ),
        hostile(
            "an LSTM of 2^40 cells",
            Graph {
                inputs: vec![port("X", FLOAT, &[Some(2), Some(1), Some(2)])],
                nodes: vec![node(
                    "LSTM",
                    "",
                    &["X", "w", "r"],
                    &["Y"],
                    &[attribute("hidden_size", Attribute::Int(1 << 40))],
                )],
                tensors: vec![
                    floats("w", &[1, 4, 2], &[0.0; 8]),
                    floats("r", &[1, 4, 1], &[0.0; 4]),
                ],
                outputs: vec![port("Y", FLOAT, &[None, None, None, None])],
            }
            .model(),
            Invalid,
            "",
        ),
    ]
}
