"""The graph of SqueezeNet with weights that a wrong kernel cannot survive.

The package `onnx` ships `light_squeezenet.onnx`, whose weights are constants made by `ConstantOfShape`: with equal
weights a kernel that mixes up channels or offsets still answers right. Here each of them becomes an initializer of
seeded normal values with He's variance.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper


def with_drawn_weights(seed):
    model = onnx.load(Path(onnx.__file__).parent / "backend/test/data/light/light_squeezenet.onnx")
    graph = model.graph
    random = np.random.default_rng(seed)

    known = {tensor.name: tensor for tensor in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "ConstantOfShape"]:
        shape = numpy_helper.to_array(known[node.input[0]])
        fan_in = np.prod(shape[1:]) if len(shape) > 1 else 200
        values = random.normal(0, np.sqrt(2 / fan_in), shape).astype(np.float32)
        graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
        graph.initializer.remove(known[node.input[0]])
        graph.node.remove(node)

    image = next(value for value in graph.input if value.name == "data_0")
    del graph.input[:]
    graph.input.append(image)
    model.ir_version = 4  # from which on an initializer need not be an input as well
    return model
