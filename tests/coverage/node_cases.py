"""Writes the node cases of the `onnx` package to a folder, in a form that needs no Python to be read.

    python3 tests/coverage/node_cases.py FOLDER

`cases.json` is a list in the order of names: `{"name", "operators", "rtol", "atol", "model", "sets"}`, where `model` is
`[offset, length]` in `cases.bin` and a set is `{"inputs", "outputs"}` of `{"type", "shape", "data"}`; data is
little-endian, row-major, and for text a JSON list instead of `[offset, length]`.

Counted are the cases that a scorer of tensors can be asked to pass: without training operators, sequence, optional and
map types, opsets above 26, and element types of eight bits or fewer that are not integers or truth values.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx.backend.test.loader import load_model_tests

NEWEST_OPSET = 26
TYPES = {
    onnx.TensorProto.BOOL: "bool",
    onnx.TensorProto.INT8: "int8",
    onnx.TensorProto.INT16: "int16",
    onnx.TensorProto.INT32: "int32",
    onnx.TensorProto.INT64: "int64",
    onnx.TensorProto.UINT8: "uint8",
    onnx.TensorProto.UINT16: "uint16",
    onnx.TensorProto.UINT32: "uint32",
    onnx.TensorProto.UINT64: "uint64",
    onnx.TensorProto.FLOAT16: "float16",
    onnx.TensorProto.BFLOAT16: "bfloat16",
    onnx.TensorProto.FLOAT: "float32",
    onnx.TensorProto.DOUBLE: "float64",
    onnx.TensorProto.STRING: "string",
}
TRAINING = "ai.onnx.preview.training"


def graphs(graph):
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs]:
                if inner.ByteSize():
                    yield from graphs(inner)


def is_counted(model):
    if any(opset.domain == TRAINING for opset in model.opset_import):
        return False
    if any(opset.domain in ("", "ai.onnx") and opset.version > NEWEST_OPSET for opset in model.opset_import):
        return False
    for graph in graphs(model.graph):
        for value in [*graph.input, *graph.output, *graph.value_info]:
            kind = value.type.WhichOneof("value")
            if kind is not None and (kind != "tensor_type" or value.type.tensor_type.elem_type not in TYPES):
                # A branch of a control-flow node need not say its types.
                if not (kind == "tensor_type" and value.type.tensor_type.elem_type == 0):
                    return False
        tensors = [*graph.initializer, *(a.t for node in graph.node for a in node.attribute if a.HasField("t"))]
        if any(tensor.data_type not in TYPES for tensor in tensors):
            return False
        for node in graph.node:
            to = [a.i for a in node.attribute if a.name == "to" and node.op_type == "Cast"]
            if any(kind not in TYPES for kind in to):
                return False
    return True


def operators(graph):
    return sorted({node.op_type for inner in graphs(graph) for node in inner.node})


class Blob:
    def __init__(self):
        self.parts, self.length = [], 0

    def add(self, data):
        self.parts.append(data)
        self.length += len(data)
        return [self.length - len(data), len(data)]


def tensor(value, info, blob):
    kind = TYPES[info.type.tensor_type.elem_type]
    if isinstance(value, onnx.TensorProto):
        value = onnx.numpy_helper.to_array(value)
    array = np.asarray(value)
    if kind == "string":
        data = [item.decode() if isinstance(item, bytes) else str(item) for item in array.reshape(-1)]
    else:
        data = blob.add(np.ascontiguousarray(array).tobytes())
    return {"type": kind, "shape": list(array.shape), "data": data}


def main():
    folder = Path(sys.argv[1])
    warnings.filterwarnings("ignore")
    blob, cases = Blob(), []
    for case in sorted(load_model_tests(kind="node"), key=lambda case: case.name):
        model = case.model if case.model is not None else onnx.load(Path(case.model_dir) / "model.onnx")
        if not is_counted(model):
            continue
        constants = {tensor.name for tensor in model.graph.initializer}
        infos = [info for info in model.graph.input if info.name not in constants]
        sets = []
        for inputs, outputs in case.data_sets:
            sets.append(
                {
                    "inputs": [tensor(value, info, blob) for value, info in zip(inputs, infos)],
                    "outputs": [tensor(value, info, blob) for value, info in zip(outputs, model.graph.output)],
                }
            )
        cases.append(
            {
                "name": case.name,
                "operators": operators(model.graph),
                "rtol": case.rtol,
                "atol": case.atol,
                "model": blob.add(model.SerializeToString(deterministic=True)),
                "sets": sets,
            }
        )
    (folder / "cases.bin").write_bytes(b"".join(blob.parts))
    (folder / "cases.json").write_text(json.dumps(cases, separators=(",", ":")))
    print(f"{len(cases)} cases, {blob.length} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
