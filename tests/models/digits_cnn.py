"""A small convolutional network for the digits, trained here in numpy and written as ONNX by hand.

Conv 3×3 (8) · batch normalisation · ReLU · max pool · Conv 3×3 (16) · batch normalisation · ReLU · average pool ·
Gemm · Softmax. Batch normalisation stays a node of its own in the file (exporters often fold it), so that a
compiler has to deal with it; its running averages are those of the training.
"""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

EPSILON = 1e-5
EPOCHS = 12
BATCH = 32
MOMENTUM = 0.9


class Conv:
    """3×3, padded, as one matrix product over the gathered patches."""

    def __init__(self, random, channels_in, channels_out):
        self.weight = random.normal(0, np.sqrt(2 / (9 * channels_in)), (channels_out, channels_in, 3, 3))
        self.bias = np.zeros(channels_out)
        self.parameters = ["weight", "bias"]

    def forward(self, x, training):
        n, c, h, w = x.shape
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
        self.patches = windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * h * w, c * 9)
        self.shape = x.shape
        out = self.patches @ self.weight.reshape(len(self.weight), -1).T + self.bias
        return out.reshape(n, h, w, -1).transpose(0, 3, 1, 2)

    def backward(self, gradient):
        n, c, h, w = self.shape
        flat = gradient.transpose(0, 2, 3, 1).reshape(n * h * w, -1)
        self.d_weight = (flat.T @ self.patches).reshape(self.weight.shape)
        self.d_bias = flat.sum(axis=0)
        spread = (flat @ self.weight.reshape(len(self.weight), -1)).reshape(n, h, w, c, 3, 3)
        padded = np.zeros((n, c, h + 2, w + 2))
        for row in range(3):
            for column in range(3):
                padded[:, :, row : row + h, column : column + w] += spread[..., row, column].transpose(0, 3, 1, 2)
        return padded[:, :, 1:-1, 1:-1]


class BatchNormalization:
    def __init__(self, channels):
        self.scale, self.shift = np.ones(channels), np.zeros(channels)
        self.mean, self.variance = np.zeros(channels), np.ones(channels)
        self.parameters = ["scale", "shift"]

    def forward(self, x, training):
        if training:
            mean, variance = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
            self.mean = MOMENTUM * self.mean + (1 - MOMENTUM) * mean
            self.variance = MOMENTUM * self.variance + (1 - MOMENTUM) * variance
        else:
            mean, variance = self.mean, self.variance
        self.inverse = 1 / np.sqrt(variance + EPSILON)
        self.normal = (x - mean[:, None, None]) * self.inverse[:, None, None]
        return self.scale[:, None, None] * self.normal + self.shift[:, None, None]

    def backward(self, gradient):
        axes = (0, 2, 3)
        self.d_scale = (gradient * self.normal).sum(axis=axes)
        self.d_shift = gradient.sum(axis=axes)
        count = gradient.size / len(self.scale)
        centred = gradient - (self.d_shift / count)[:, None, None] - self.normal * (self.d_scale / count)[:, None, None]
        return (self.scale * self.inverse)[:, None, None] * centred


class Relu:
    parameters = []

    def forward(self, x, training):
        self.kept = x > 0
        return x * self.kept

    def backward(self, gradient):
        return gradient * self.kept


class Pool:
    """2×2, the largest or the mean."""

    parameters = []

    def __init__(self, largest):
        self.largest = largest

    def forward(self, x, training):
        n, c, h, w = x.shape
        blocks = x.reshape(n, c, h // 2, 2, w // 2, 2)
        if not self.largest:
            return blocks.mean(axis=(3, 5))
        out = blocks.max(axis=(3, 5))
        self.kept = blocks == out[:, :, :, None, :, None]
        return out

    def backward(self, gradient):
        spread = gradient[:, :, :, None, :, None]
        n, c, h, w = gradient.shape
        share = self.kept if self.largest else np.full((n, c, h, 2, w, 2), 0.25)
        return (spread * share).reshape(n, c, h * 2, w * 2)


class Dense:
    def __init__(self, random, inputs, outputs):
        self.weight = random.normal(0, np.sqrt(1 / inputs), (outputs, inputs))
        self.bias = np.zeros(outputs)
        self.parameters = ["weight", "bias"]

    def forward(self, x, training):
        self.shape, self.x = x.shape, x.reshape(len(x), -1)
        return self.x @ self.weight.T + self.bias

    def backward(self, gradient):
        self.d_weight, self.d_bias = gradient.T @ self.x, gradient.sum(axis=0)
        return (gradient @ self.weight).reshape(self.shape)


def train(digits, seed):
    random = np.random.default_rng(seed)
    images, labels = digits.data.reshape(-1, 1, 8, 8), digits.target
    layers = [
        Conv(random, 1, 8), BatchNormalization(8), Relu(), Pool(largest=True),
        Conv(random, 8, 16), BatchNormalization(16), Relu(), Pool(largest=False),
        Dense(random, 64, 10),
    ]  # fmt: skip
    held_out = len(images) // 5
    order = random.permutation(len(images))
    test, rest = order[:held_out], order[held_out:]

    speeds = {}
    for epoch in range(EPOCHS):
        random.shuffle(rest)
        for start in range(0, len(rest), BATCH):
            chosen = rest[start : start + BATCH]
            descend(layers, images[chosen], labels[chosen], 0.05 * (1 - epoch / EPOCHS), speeds)

    accuracy = (predict(layers, images[test]).argmax(axis=1) == labels[test]).mean()
    print(f"digits_cnn: {accuracy:.1%} of {held_out} digits it has not seen")
    assert accuracy > 0.95, "the network did not learn"
    return as_onnx(layers)


def predict(layers, x, training=False):
    for layer in layers:
        x = layer.forward(x, training)
    return x


def descend(layers, x, labels, rate, speeds):
    """One step of gradient descent with momentum on the cross-entropy."""
    scores = predict(layers, x, training=True)
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    gradient = odds / odds.sum(axis=1, keepdims=True)
    gradient[np.arange(len(labels)), labels] -= 1
    gradient /= len(labels)
    for layer in reversed(layers):
        gradient = layer.backward(gradient)
    for index, layer in enumerate(layers):
        for name in layer.parameters:
            speed = MOMENTUM * speeds.get((index, name), 0) - rate * getattr(layer, f"d_{name}")
            speeds[index, name] = speed
            setattr(layer, name, getattr(layer, name) + speed)


def as_onnx(layers):
    conv1, norm1, _, _, conv2, norm2, _, _, dense = layers
    tensors, nodes = [], []

    def constants(prefix, **values):
        for name, value in values.items():
            tensors.append(numpy_helper.from_array(value.astype(np.float32), f"{prefix}.{name}"))
        return [f"{prefix}.{name}" for name in values]

    def node(operator, name, inputs, **attributes):
        nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def normalized(prefix, norm, x):
        inputs = constants(prefix, scale=norm.scale, shift=norm.shift, mean=norm.mean, variance=norm.variance)
        return node("BatchNormalization", prefix, [x, *inputs], epsilon=EPSILON)

    def convolved(prefix, conv, x):
        inputs = constants(prefix, weight=conv.weight, bias=conv.bias)
        return node("Conv", prefix, [x, *inputs], kernel_shape=[3, 3], pads=[1, 1, 1, 1])

    x = node("Relu", "relu1", [normalized("norm1", norm1, convolved("conv1", conv1, "image"))])
    x = node("MaxPool", "pool1", [x], kernel_shape=[2, 2], strides=[2, 2])
    x = node("Relu", "relu2", [normalized("norm2", norm2, convolved("conv2", conv2, x))])
    x = node("AveragePool", "pool2", [x], kernel_shape=[2, 2], strides=[2, 2])
    x = node("Flatten", "flat", [x])
    x = node("Gemm", "scores", [x, *constants("dense", weight=dense.weight, bias=dense.bias)], transB=1)
    node("Softmax", "probabilities", [x], axis=1)

    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8])
    answer = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])
    graph = helper.make_graph(nodes, "digits_cnn", [image], [answer], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
