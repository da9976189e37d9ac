"""The light networks of the package `onnx`, with weights that a wrong kernel cannot survive.

The package ships the graphs of well-known networks whose weights are constants made by `ConstantOfShape`: with equal
weights a kernel that mixes up channels or offsets still answers right. Here each of them becomes an initializer of
seeded normal values with He's variance; what a batch normalisation divides by is positive.

    python3 light.py FOLDER     writes each of them as a case (see `sequences.py`), some 1.5 GB in all
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

NAMES = [
    "bvlc_alexnet",
    "densenet121",
    "inception_v1",
    "inception_v2",
    "resnet50",
    "shufflenet",
    "squeezenet",
    "vgg19",
    "zfnet512",
]


def with_drawn_weights(seed, name="squeezenet"):
    model = onnx.load(Path(onnx.__file__).parent / f"backend/test/data/light/light_{name}.onnx")
    graph = model.graph
    random = np.random.default_rng(seed)

    # What the inputs of a batch normalisation have to look like: scale, shift, mean and variance.
    statistics = {}
    for node in graph.node:
        if node.op_type == "BatchNormalization":
            statistics |= dict(zip(node.input[1:], ["scale", "shift", "shift", "scale"]))

    known = {tensor.name: tensor for tensor in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "ConstantOfShape"]:
        shape = numpy_helper.to_array(known[node.input[0]])
        match statistics.get(node.output[0]):
            case "scale":
                values = random.uniform(0.5, 1.5, shape)
            case "shift":
                values = random.normal(0, 0.1, shape)
            case _:
                fan_in = np.prod(shape[1:]) if len(shape) > 1 else 200
                values = random.normal(0, np.sqrt(2 / fan_in), shape)
        graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), node.output[0]))
        graph.initializer.remove(known[node.input[0]])
        graph.node.remove(node)

    made = {tensor.name for tensor in graph.initializer}
    read = {name for node in graph.node for name in node.input}
    images = [value for value in graph.input if value.name in read - made]
    del graph.input[:]
    graph.input.extend(images)
    model.ir_version = 4  # from which on an initializer need not be an input as well
    return model


if __name__ == "__main__":
    import sequences

    folder = Path(sys.argv[1])
    for name in NAMES:
        if not (folder / "cases" / name / "case.json").exists():
            model = with_drawn_weights(20, name)
            image = model.graph.input[0]
            shape = [dim.dim_value for dim in image.type.tensor_type.shape.dim]
            pixels = np.random.default_rng(20).uniform(0, 1, shape).astype(np.float32)
            # Sums of up to 25,088 products in another order, fifty layers deep, of outputs below 1.
            sequences.write(folder, name, model, {image.name: pixels}, 1e-4, 1e-5)
