//! Just enough of ONNX's encoding to write any model, also one that no library would write.

/// A message in the making.
#[derive(Default, Clone)]
pub(crate) struct Message(pub(crate) Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    pub(crate) fn int(mut self, field: u64, value: i64) -> Self {
        self.varint(field << 3);
        self.varint(value as u64);
        self
    }

    pub(crate) fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    pub(crate) fn message(self, field: u64, message: &Message) -> Self {
        self.bytes(field, &message.0)
    }

    fn float(mut self, field: u64, value: f32) -> Self {
        self.varint(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
        self
    }
}

pub(crate) const FLOAT: i64 = 1;
pub(crate) const INT64: i64 = 7;
pub(crate) const STRING: i64 = 8;
pub(crate) const BOOL: i64 = 9;
pub(crate) const DOUBLE: i64 = 11;

/// A value of an attribute.
pub(crate) enum Attribute<'a> {
    Int(i64),
    Float(f32),
    Text(&'a str),
    Ints(&'a [i64]),
    Floats(&'a [f32]),
    Texts(&'a [&'a str]),
    Tensor(Message),
    Graph(Message),
}

pub(crate) fn attribute(name: &str, value: Attribute<'_>) -> Message {
    let message = Message::default().text(1, name);
    match value {
        Attribute::Float(value) => message.float(2, value).int(20, 1),
        Attribute::Int(value) => message.int(3, value).int(20, 2),
        Attribute::Text(value) => message.text(4, value).int(20, 3),
        Attribute::Tensor(value) => message.message(5, &value).int(20, 4),
        Attribute::Graph(value) => message.message(6, &value).int(20, 5),
        Attribute::Floats(values) => {
            values.iter().fold(message, |message, value| message.float(7, *value)).int(20, 6)
        }
        Attribute::Ints(values) => {
            values.iter().fold(message, |message, value| message.int(8, *value)).int(20, 7)
        }
        Attribute::Texts(values) => {
            values.iter().fold(message, |message, value| message.text(9, value)).int(20, 8)
        }
    }
}

pub(crate) fn node(
    operator: &str,
    domain: &str,
    inputs: &[&str],
    outputs: &[&str],
    attributes: &[Message],
) -> Message {
    let mut node = Message::default();
    for input in inputs {
        node = node.text(1, input);
    }
    for output in outputs {
        node = node.text(2, output);
    }
    node = node.text(3, &format!("{operator} to {}", outputs.join(" "))).text(4, operator);
    for attribute in attributes {
        node = node.message(5, attribute);
    }
    node.text(7, domain)
}

/// A dimension: a number, or a name where it is `None`.
pub(crate) fn port(name: &str, element: i64, shape: &[Option<i64>]) -> Message {
    let mut dims = Message::default();
    for dim in shape {
        let dim = match dim {
            Some(value) => Message::default().int(1, *value),
            None => Message::default().text(2, "N"),
        };
        dims = dims.message(1, &dim);
    }
    let tensor = Message::default().int(1, element).message(2, &dims);
    Message::default().text(1, name).message(2, &Message::default().message(1, &tensor))
}

/// As [`port`], every dimension with a name of its own.
pub(crate) fn named_port(name: &str, element: i64, names: &[&str]) -> Message {
    let dims = names
        .iter()
        .fold(Message::default(), |dims, name| dims.message(1, &Message::default().text(2, name)));
    let tensor = Message::default().int(1, element).message(2, &dims);
    Message::default().text(1, name).message(2, &Message::default().message(1, &tensor))
}

pub(crate) fn floats(name: &str, dims: &[i64], values: &[f32]) -> Message {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, FLOAT, dims).bytes(9, &raw)
}

pub(crate) fn ints(name: &str, dims: &[i64], values: &[i64]) -> Message {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, INT64, dims).bytes(9, &raw)
}

/// A list of doubles without a name.
pub(crate) fn doubles(values: &[f64]) -> Message {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor("", DOUBLE, &[values.len() as i64]).bytes(9, &raw)
}

/// A tensor without elements.
pub(crate) fn tensor(name: &str, element: i64, dims: &[i64]) -> Message {
    let message = dims.iter().fold(Message::default(), |message, dim| message.int(1, *dim));
    message.int(2, element).text(8, name)
}

/// A graph's parts.
#[derive(Default, Clone)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Message>,
    pub(crate) tensors: Vec<Message>,
    pub(crate) inputs: Vec<Message>,
    pub(crate) outputs: Vec<Message>,
}

impl Graph {
    pub(crate) fn message(&self) -> Message {
        let mut graph = Message::default().text(2, "graph");
        for (field, messages) in
            [(1, &self.nodes), (5, &self.tensors), (11, &self.inputs), (12, &self.outputs)]
        {
            for message in messages {
                graph = graph.message(field, message);
            }
        }
        graph
    }

    pub(crate) fn model(&self) -> Vec<u8> {
        model(&self.message())
    }
}

/// The file of a graph, with opsets that know every operator used here.
pub(crate) fn model(graph: &Message) -> Vec<u8> {
    let opset = |domain: &str, version| Message::default().text(1, domain).int(2, version);
    Message::default()
        .int(1, 10)
        .message(8, &opset("", 20))
        .message(8, &opset("ai.onnx.ml", 3))
        .message(8, &opset("com.microsoft", 1))
        .message(7, graph)
        .0
}
