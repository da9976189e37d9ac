"""Networks over sequences, and quantised ones: each with inputs and what ONNX Runtime answers to them.

A case is a folder `cases/NAME` with `model.onnx`, the tensors `in0`, `in1`, … and `out0`, … as raw little-endian
bytes, and `case.json`: `{"rtol", "atol", "inputs": [{"name", "type", "shape"}], "outputs": […]}`.

Tolerances: 1e-4 for networks of `float32`, whose sums run in another order; quantised ones may round a number to the
neighbouring step, so theirs is a few steps of their output. Networks of half precision are computed here in single
precision between their operators and there in half precision, of which one step is 1e-3 of a number: theirs is some ten
steps. Half weights in a network that computes in single precision are numbers like any other: 1e-4.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16

HERE = Path(__file__).resolve().parent
SEED = 20


class Graph:
    """Nodes and drawn weights in the making."""

    def __init__(self):
        self.random = np.random.default_rng(SEED)
        self.nodes, self.tensors = [], []

    def node(self, operator, inputs, **attributes):
        output = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def constant(self, values, dtype=np.float32):
        name = f"constant_{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def weights(self, *shape):
        return self.constant(self.random.normal(0, 1 / np.sqrt(shape[0]), shape))

    def dense(self, x, width_in, width_out):
        product = self.node("MatMul", [x, self.weights(width_in, width_out)])
        return self.node("Add", [product, self.constant(self.random.normal(0, 0.1, width_out))])

    def normalise(self, x, width):
        scale = self.constant(self.random.uniform(0.5, 1.5, width))
        shift = self.constant(self.random.normal(0, 0.1, width))
        return self.node("LayerNormalization", [x, scale, shift], axis=-1)

    def model(self, inputs, outputs):
        graph = helper.make_graph(self.nodes, "network", inputs, outputs, self.tensors)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.checker.check_model(model)
        return model


def encoder(layers=2, width=64, heads=4, vocabulary=100):
    """A transformer encoder as PyTorch exports it: batch and length are symbolic, padding is masked."""
    g = Graph()
    g.tensors.append(numpy_helper.from_array(g.random.normal(0, 1, (vocabulary, width)).astype(np.float32), "table"))
    split, join = g.constant([0, 0, heads, width // heads], np.int64), g.constant([0, 0, width], np.int64)
    one, half = g.constant(1.0), g.constant(0.5)
    x = g.node("Gather", ["table", "ids"])
    kept = g.node("Unsqueeze", [g.node("Cast", ["mask"], to=TensorProto.FLOAT), g.constant([1, 2], np.int64)])
    bias = g.node("Mul", [g.node("Sub", [one, kept]), g.constant(-10000.0)])
    for _ in range(layers):
        parts = []
        for order in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]):
            rows = g.node("Reshape", [g.dense(x, width, width), split])
            parts.append(g.node("Transpose", [rows], perm=order))
        query, key, value = parts
        scores = g.node("Mul", [g.node("MatMul", [query, key]), g.constant((width // heads) ** -0.5)])
        weights = g.node("Softmax", [g.node("Add", [scores, bias])], axis=-1)
        context = g.node("Transpose", [g.node("MatMul", [weights, value])], perm=[0, 2, 1, 3])
        attended = g.dense(g.node("Reshape", [context, join]), width, width)
        x = g.normalise(g.node("Add", [attended, x]), width)
        inner = g.dense(x, width, 2 * width)
        erf = g.node("Erf", [g.node("Div", [inner, g.constant(np.sqrt(2))])])
        gelu = g.node("Mul", [g.node("Mul", [inner, g.node("Add", [erf, one])]), half])
        x = g.normalise(g.node("Add", [g.dense(gelu, 2 * width, width), x]), width)
    sides = ["batch", "sequence"]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, sides) for name in ("ids", "mask")]
    return g.model(inputs, [helper.make_tensor_value_info(x, TensorProto.FLOAT, [*sides, width])])


def lstm(width=16, hidden=32):
    """Sequences read from both ends, and classified by the two last states."""
    g = Graph()
    steps_first = g.node("Transpose", ["x"], perm=[1, 0, 2])
    drawn = [g.constant(g.random.normal(0, 0.2, shape)) for shape in
             [(2, 4 * hidden, width), (2, 4 * hidden, hidden), (2, 8 * hidden)]]
    g.nodes.append(helper.make_node("LSTM", [steps_first, *drawn], ["", "last"], hidden_size=hidden,
                                    direction="bidirectional"))
    rows = g.node("Reshape", [g.node("Transpose", ["last"], perm=[1, 0, 2]), g.constant([-1, 2 * hidden], np.int64)])
    y = g.dense(rows, 2 * hidden, 5)
    value = helper.make_tensor_value_info
    return g.model([value("x", TensorProto.FLOAT, ["batch", "steps", width])], [value(y, TensorProto.FLOAT, ["batch", 5])])


class Calibration(CalibrationDataReader):
    def __init__(self, name, rows):
        self.batches = iter([{name: rows[at : at + 8]} for at in range(0, len(rows), 8)])

    def get_next(self):
        return next(self.batches, None)


def quantised(model, how):
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.onnx", Path(folder) / "out.onnx"
        onnx.save(model, source)
        how(source, target)
        return onnx.load(target)


def half_weights(model):
    """The model with its weights in half precision, each cast to single precision where it is read."""
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            single, tensor_name = numpy_helper.to_array(tensor), tensor.name
            tensor.CopyFrom(numpy_helper.from_array(single.astype(np.float16), f"{tensor_name}_half"))
            casts.append(helper.make_node("Cast", [tensor.name], [tensor_name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def write(folder, name, model, inputs, rtol, atol):
    folder = folder / "cases" / name
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "model.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    outputs = dict(zip([output.name for output in session.get_outputs()], session.run(None, inputs)))

    def tensors(prefix, values):
        described = []
        for index, (name, value) in enumerate(values.items()):
            np.ascontiguousarray(value).tofile(folder / f"{prefix}{index}")
            described.append({"name": name, "type": str(value.dtype), "shape": value.shape})
        return described

    case = {"rtol": rtol, "atol": atol, "inputs": tensors("in", inputs), "outputs": tensors("out", outputs)}
    (folder / "case.json").write_text(json.dumps(case, indent=1))


def write_all(folder, digits):
    random = np.random.default_rng(SEED)
    text = {
        "ids": random.integers(0, 100, (3, 11)),
        "mask": (np.arange(11)[None] < np.array([[11], [7], [3]])).astype(np.int64),
    }
    write(folder, "encoder", encoder(), text, 1e-4, 1e-4)
    write(folder, "lstm", lstm(), {"x": random.normal(0, 1, (4, 9, 16)).astype(np.float32)}, 1e-4, 1e-5)

    dynamic = lambda source, target: quantize_dynamic(source, target, weight_type=QuantType.QInt8)
    write(folder, "encoder_int8", quantised(encoder(), dynamic), text, 1e-3, 3e-2)
    perceptron = onnx.load(HERE / "digits_mlp.onnx")
    rows = digits.astype(np.float32)[:64]
    name = perceptron.graph.input[0].name
    write(folder, "digits_mlp_int8", quantised(perceptron, dynamic), {name: rows}, 1e-3, 1e-3)

    network = onnx.load(HERE / "digits_cnn.onnx")
    name, images = network.graph.input[0].name, rows.reshape(-1, 1, 8, 8)
    for case, form, per_channel in [
        ("digits_cnn_qdq", QuantFormat.QDQ, False),
        ("digits_cnn_qdq_per_channel", QuantFormat.QDQ, True),
        ("digits_cnn_qoperator", QuantFormat.QOperator, False),
    ]:
        static = lambda source, target: quantize_static(
            source, target, Calibration(name, images), quant_format=form, per_channel=per_channel,
            weight_type=QuantType.QInt8, activation_type=QuantType.QUInt8)
        write(folder, case, quantised(network, static), {name: images}, 1e-2, 3e-2)

    write(folder, "encoder_fp16", convert_float_to_float16(encoder(), keep_io_types=True), text, 1e-2, 1e-2)
    half = convert_float_to_float16(onnx.load(HERE / "digits_cnn.onnx"), keep_io_types=True)
    write(folder, "digits_cnn_fp16", half, {name: images}, 1e-2, 1e-2)
    half = convert_float_to_float16(onnx.load(HERE / "digits_mlp.onnx"), keep_io_types=True)
    write(folder, "digits_mlp_fp16", half, {half.graph.input[0].name: rows}, 1e-2, 1e-2)
    stored = half_weights(encoder())
    write(folder, "encoder_fp16_weights", stored, text, 1e-4, 1e-4)
    stored = half_weights(onnx.load(HERE / "digits_cnn.onnx"))
    write(folder, "digits_cnn_fp16_weights", stored, {name: images}, 1e-4, 1e-4)
