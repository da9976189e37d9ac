"""Trains the fixtures that the tests, the benches and the demo use, and draws the rows they are evaluated on.

    python3 tests/models/train.py               writes the committed models beside this file
    python3 tests/models/train.py --large DIR   writes the models that are too large to commit
    python3 tests/models/train.py --rows DIR    writes the evaluation rows, `<data set>.f32`

Every model comes from data that ships with scikit-learn, every seed is fixed, and a second run writes the same
bytes. Classifiers are exported both as skl2onnx does by default (labels and a `ZipMap`) and with `zipmap: False`,
with integer and with string labels, so that each of the four forms is here for small and for larger models.

Evaluation rows are raw little-endian float32, row-major: 1,000 rows of the data set drawn with replacement, each
feature moved by normal noise of a tenth of its standard deviation; digits are their own 1,797 rows.
"""

import os
import sys

if os.environ.get("PYTHONHASHSEED") != "0":
    # skl2onnx walks sets of names: without a fixed hash it writes their attributes in another order each time. And
    # one thread sums in one order, so that the bytes do not depend on the number of cores.
    fixed = {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | fixed)

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn import datasets
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import digits_cnn
import light
import sequences

SEED = 20261120
HERE = Path(__file__).parent

IRIS = datasets.load_iris()
CANCER = datasets.load_breast_cancer()
DIABETES = datasets.load_diabetes()
WINE = datasets.load_wine()
DIGITS = datasets.load_digits()


def text_labels(data):
    """The data set's class names instead of their numbers."""
    return np.array([str(name) for name in data.target_names])[data.target]


def save(name, model, folder=HERE):
    checker.check_model(model)
    path = folder / f"{name}.onnx"
    path.write_bytes(model.SerializeToString(deterministic=True))
    print(f"{path.stat().st_size:>9,} bytes  {path.name}")


def export(name, estimator, data, folder=HERE, zipmap=None):
    """Converts a fitted estimator, with the metadata that names its columns and gives a real row."""
    options = None if zipmap is None else {"zipmap": zipmap}
    columns = data.data.shape[1]
    inputs = [("X", FloatTensorType([None, columns]))]
    model = to_onnx(estimator, initial_types=inputs, options=options, model_optim=True, naming=name)
    model.graph.name = name  # skl2onnx would write a random one
    names = [str(feature) for feature in data.feature_names]
    example = [float(f"{value:.6g}") for value in data.data[0]]
    helper.set_model_props(model, {"feature_names": json.dumps(names), "example": json.dumps(example)})
    save(name, model, folder)


def linear_models():
    numbers = LogisticRegression(max_iter=1000).fit(IRIS.data, IRIS.target)
    export("iris_logistic", numbers, IRIS)
    export("iris_logistic_tensor", numbers, IRIS, zipmap=False)
    words = LogisticRegression(max_iter=1000).fit(IRIS.data, text_labels(IRIS))
    export("iris_logistic_text", words, IRIS)
    export("iris_logistic_text_tensor", words, IRIS, zipmap=False)


def pipelines():
    svc = make_pipeline(StandardScaler(), SVC(probability=True, random_state=SEED)).fit(WINE.data, WINE.target)
    export("wine_svc", svc, WINE, zipmap=False)
    logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(WINE.data, text_labels(WINE))
    export("wine_logistic", logistic, WINE, zipmap=False)


def tree_ensembles():
    boosting = GradientBoostingClassifier(n_estimators=50, random_state=SEED)
    export("breast_cancer_gbdt", boosting.fit(CANCER.data, CANCER.target), CANCER)
    export("breast_cancer_gbdt_tensor", boosting, CANCER, zipmap=False)
    export("breast_cancer_gbdt_text", boosting.fit(CANCER.data, text_labels(CANCER)), CANCER, zipmap=False)
    several = GradientBoostingClassifier(n_estimators=20, random_state=SEED)
    export("wine_gbdt", several.fit(WINE.data, WINE.target), WINE, zipmap=False)
    forest = RandomForestClassifier(n_estimators=100, random_state=SEED)
    export("breast_cancer_forest", forest.fit(CANCER.data, CANCER.target), CANCER, zipmap=False)
    export("wine_forest", forest.fit(WINE.data, text_labels(WINE)), WINE)
    regression = GradientBoostingRegressor(n_estimators=50, random_state=SEED)
    export("diabetes_gbdt", regression.fit(DIABETES.data, DIABETES.target), DIABETES)


def networks():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # accurate enough long before it converges
        mlp = MLPClassifier((64, 32), max_iter=60, random_state=SEED).fit(DIGITS.data, DIGITS.target)
    export("digits_mlp", mlp, DIGITS, zipmap=False)
    save("digits_cnn", digits_cnn.train(DIGITS, SEED))


def large_perceptron():
    """784-512-256-10 with drawn weights: the size of network that the benches compare."""
    random, sizes = np.random.default_rng(SEED), [784, 512, 256, 10]
    nodes, tensors, x = [], [], "X"
    for index, (inputs, outputs) in enumerate(zip(sizes, sizes[1:])):
        weight = random.normal(0, np.sqrt(2 / inputs), (inputs, outputs)).astype(np.float32)
        tensors.append(numpy_helper.from_array(weight, f"weight{index}"))
        tensors.append(numpy_helper.from_array(random.normal(0, 0.1, outputs).astype(np.float32), f"bias{index}"))
        nodes.append(helper.make_node("Gemm", [x, f"weight{index}", f"bias{index}"], [f"sum{index}"]))
        last = outputs == sizes[-1]
        x = "probabilities" if last else f"hidden{index}"
        nodes.append(helper.make_node("Softmax" if last else "Relu", [f"sum{index}"], [x]))
    value = helper.make_tensor_value_info
    ends = value("X", TensorProto.FLOAT, ["batch", 784]), value(x, TensorProto.FLOAT, ["batch", 10])
    graph = helper.make_graph(nodes, "mlp_784", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def unsupported():
    """A model nobody can compile: two made-up operators, one of them in two nodes."""
    nodes = [
        helper.make_node("Sharpen", ["X"], ["a"], name="sharpen_first", domain="com.example"),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node("Sharpen", ["b"], ["c"], name="sharpen_again", domain="com.example"),
        helper.make_node("Blend", ["b", "c"], ["Y"], name="blend", domain="com.example"),
    ]
    rows = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 4]) for name in ("X", "Y")]
    graph = helper.make_graph(nodes, "unsupported", rows[:1], rows[1:])
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.example", 1)]
    save("unsupported", helper.make_model(graph, opset_imports=opsets, ir_version=10))


def evaluation_rows(folder):
    random = np.random.default_rng(SEED)
    for name, data in [("iris", IRIS), ("breast_cancer", CANCER), ("diabetes", DIABETES), ("wine", WINE)]:
        drawn = data.data[random.integers(0, len(data.data), 1000)]
        rows = drawn + random.normal(0, 0.1, drawn.shape) * data.data.std(axis=0)
        rows.astype("<f4").tofile(folder / f"{name}.f32")
    DIGITS.data.astype("<f4").tofile(folder / "digits.f32")
    random.normal(0, 1, (8, 3, 224, 224)).astype("<f4").tofile(folder / "squeezenet.f32")
    random.normal(0, 1, (1000, 784)).astype("<f4").tofile(folder / "mlp_784.f32")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--large", type=Path, metavar="DIR")
    arguments.add_argument("--rows", type=Path, metavar="DIR")
    chosen = arguments.parse_args()
    for folder in (chosen.large, chosen.rows):
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
    if chosen.large:
        save("squeezenet", light.with_drawn_weights(SEED, "squeezenet"), chosen.large)
        sequences.write_all(chosen.large, DIGITS.data)
        save("mlp_784", large_perceptron(), chosen.large)
    if chosen.rows:
        evaluation_rows(chosen.rows)
    if not chosen.large and not chosen.rows:
        linear_models()
        pipelines()
        tree_ensembles()
        networks()
        unsupported()


if __name__ == "__main__":
    main()
