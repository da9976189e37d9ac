"""Writes models of one `ai.onnx.ml` operator each, at every version of the domain, with what a reference answers.

    python3 tests/coverage/ml_cases.py FOLDER

The files are those of `node_cases.py`; a case has besides `version`, that of the domain, and `reference`: ONNX Runtime,
or the evaluator of the `onnx` package for types that ONNX Runtime has no kernel for. A map that goes in is a table with a
column for each key, and a map that comes out is the values of its keys, as a module has them.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
from node_cases import Blob, TYPES
from onnx import TensorProto as T
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

RANDOM = np.random.default_rng(7)
ROWS = 9
FLOAT = RANDOM.normal(0, 2, (ROWS, 3)).astype(np.float32)
TEXT = RANDOM.choice(["a", "b", "ü", "other"], (ROWS, 1)).astype(object)
WHOLE = RANDOM.integers(-3, 4, (ROWS, 3))
ALL = {"float": FLOAT, "double": FLOAT.astype(np.float64), "int64": WHOLE, "int32": WHOLE.astype(np.int32)}
KINDS = {"f": T.FLOAT, "d": T.DOUBLE, "l": T.INT64, "q": T.INT64, "i": T.INT32, "O": T.STRING}
VERSIONS = range(1, 6)
DEPRECATED = ("TreeEnsembleClassifier", "TreeEnsembleRegressor")
# What ONNX Runtime has kernels for, of operators that take every number.
TAKES = {"LinearRegressor": "f", "TreeEnsembleRegressor": "fd"}


def kind_of(array):
    return KINDS[array.dtype.char]


class Case:
    """One node: its inputs as arrays, the types and ranks of its outputs, its attributes."""

    def __init__(self, operator, name, inputs, outputs, attributes, versions=VERSIONS, maps=None, zipped=None):
        self.operator, self.name, self.inputs, self.outputs = operator, name, inputs, outputs
        self.attributes, self.versions, self.maps, self.zipped = attributes, versions, maps, zipped

    def model(self, version):
        names = [f"x{i}" for i in range(len(self.inputs))]
        outs = [f"y{i}" for i in range(len(self.outputs) or 1)]
        node = helper.make_node(self.operator, names, outs, domain="ai.onnx.ml", **self.attributes)
        inputs = [
            helper.make_tensor_value_info(n, kind_of(x), [None, *x.shape[1:]] if x.ndim > 1 else list(x.shape))
            for n, x in zip(names, self.inputs)
        ]
        if self.maps:
            key, value, _ = self.maps
            inputs = [helper.make_value_info("x0", helper.make_map_type_proto(key, helper.make_tensor_type_proto(value, [])))]
        outputs = [helper.make_tensor_value_info(n, kind, [None] * rank) for n, (kind, rank) in zip(outs, self.outputs)]
        if self.zipped:
            of = helper.make_map_type_proto(self.zipped, helper.make_tensor_type_proto(T.FLOAT, []))
            outputs = [helper.make_value_info("y0", helper.make_sequence_type_proto(of))]
        graph = helper.make_graph([node], "one", inputs, outputs)
        opsets = [helper.make_opsetid("ai.onnx.ml", version), helper.make_opsetid("", 17)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)

    def answers(self, model):
        """What comes out, and who said so."""
        version = model.opset_import[0].version
        if self.operator in DEPRECATED and version >= 5:
            # ONNX Runtime refuses what version 5 calls out of use, and means the same by it before.
            answers, _ = self.answers(self.model(4))
            return answers, "ONNX Runtime at version 4"
        if "keys_floats" in self.attributes and version in (2, 3):
            # NaN is a key like any other, says the specification; ONNX Runtime finds it from version 4 on.
            answers, _ = self.answers(self.model(4))
            return answers, "ONNX Runtime at version 4"
        if self.operator in TAKES and self.inputs[0].dtype.char not in TAKES[self.operator]:
            # They answer floats, says the specification. ONNX Runtime takes nothing else, and the evaluator rounds
            # coefficients to the type of their input and answers in it.
            of_floats = [x.astype(np.float32) for x in self.inputs]
            same = Case(self.operator, self.name, of_floats, self.outputs, self.attributes)
            answers, _ = same.answers(same.model(version))
            return answers, "ONNX Runtime, of the numbers as floats"
        try:
            run = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run
            return self.run(run), "ONNX Runtime"
        except Exception as refused:
            if self.maps or self.zipped:
                raise
            try:
                return self.run(ReferenceEvaluator(model).run), "the evaluator of `onnx`"
            except Exception:
                raise refused from None

    def run(self, run):
        if self.maps:
            _, _, rows = self.maps
            return [np.concatenate(parts) for parts in zip(*(run(None, {"x0": row}) for row in rows))]
        outputs = run(None, {f"x{i}": x for i, x in enumerate(self.inputs)})
        if self.zipped:
            return [np.array([list(row.values()) for row in outputs[0]], dtype=np.float32)]
        return outputs


def columns():
    for kind, x in ALL.items():
        yield Case("ArrayFeatureExtractor", kind, [x, np.array([2, 0])], [(kind_of(x), 2)], {})
        yield Case("Binarizer", kind, [x], [(kind_of(x), 2)], {"threshold": 0.5})
        yield Case("Scaler", kind, [x], [(T.FLOAT, 2)], {"offset": [0.5, 1.0, -2.0], "scale": [2.0, 0.25, 1.5]})
        yield Case("Scaler", f"{kind}, one for all", [x], [(T.FLOAT, 2)], {"offset": [0.5], "scale": [2.0]})
        for norm in ("MAX", "L1", "L2"):
            yield Case("Normalizer", f"{kind}, {norm}", [x], [(T.FLOAT, 2)], {"norm": norm})
        yield Case("FeatureVectorizer", kind, [x, x[:, :2]], [(T.FLOAT, 2)], {"inputdimensions": [3, 2]})
        yield Case("LinearRegressor", kind, [x], [(T.FLOAT, 2)], {"coefficients": [0.5, -1.0, 2.0], "intercepts": [0.25]})
    yield Case("ArrayFeatureExtractor", "text", [np.tile(TEXT, 3), np.array([1])], [(T.STRING, 2)], {})
    holes = np.where(RANDOM.random(FLOAT.shape) < 0.3, np.nan, FLOAT).astype(np.float32)
    fill = {"imputed_value_floats": [1.0, 2.0, 3.0], "replaced_value_float": float("nan")}
    yield Case("Imputer", "NaN", [holes], [(T.FLOAT, 2)], fill)
    yield Case("Imputer", "one for all", [holes], [(T.FLOAT, 2)], {**fill, "imputed_value_floats": [9.0]})
    yield Case("Imputer", "int64", [WHOLE], [(T.INT64, 2)], {"imputed_value_int64s": [7, 8, 9], "replaced_value_int64": 1})


def labels():
    words, numbers = ["a", "b", "ü"], [3, 1, 2]
    category = {"cats_strings": words, "cats_int64s": numbers, "default_string": "none", "default_int64": -5}
    yield Case("CategoryMapper", "text to number", [TEXT], [(T.INT64, 2)], category)
    yield Case("CategoryMapper", "number to text", [WHOLE], [(T.STRING, 2)], category)
    first = {"classes_strings": words, "default_string": "none", "default_int64": -5}
    yield Case("LabelEncoder", "text to number", [TEXT], [(T.INT64, 2)], first, [1])
    yield Case("LabelEncoder", "number to text", [WHOLE], [(T.STRING, 2)], first, [1])
    keys = {"strings": words, "int64s": numbers, "floats": [0.5, -1.5, float("nan")]}
    values = {"strings": ["x", "y", "z"], "int64s": [10, 20, 30], "floats": [0.1, 0.2, 0.3]}
    given = {
        "strings": TEXT,
        "int64s": WHOLE,
        "floats": RANDOM.choice(np.array([0.5, -1.5, np.nan, 7], np.float32), (ROWS, 2)),
    }
    default = {"strings": ("default_string", "none"), "int64s": ("default_int64", -5), "floats": ("default_float", 0.75)}
    element = {"strings": T.STRING, "int64s": T.INT64, "floats": T.FLOAT}
    for key in keys:
        for value in values:
            name, other = default[value]
            lists = {f"keys_{key}": keys[key], f"values_{value}": values[value], name: other}
            yield Case("LabelEncoder", f"{key} to {value}", [given[key]], [(element[value], 2)], lists, range(2, 6))
    for kind in (np.int16, np.int32, np.float64):
        tensors = {
            "keys_tensor": numpy_helper.from_array(np.array(words, object), "keys"),
            "values_tensor": numpy_helper.from_array(np.array([4, 5, 6], kind), "values"),
            "default_tensor": numpy_helper.from_array(np.array([-1], kind), "default"),
        }
        to = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        yield Case("LabelEncoder", f"text to {np.dtype(kind)}", [TEXT], [(to, 2)], tensors, [4, 5])
    doubles = {
        "keys_tensor": numpy_helper.from_array(np.array([0.5, -1.5]), "keys"),
        "values_tensor": numpy_helper.from_array(np.array([1.5, 2.5]), "values"),
        "default_tensor": numpy_helper.from_array(np.array([9.0]), "default"),
    }
    yield Case("LabelEncoder", "double to double", [given["floats"].astype(np.float64)], [(T.DOUBLE, 2)], doubles, [4, 5])
    yield Case("OneHotEncoder", "text", [TEXT], [(T.FLOAT, 3)], {"cats_strings": words, "zeros": 1})
    yield Case("OneHotEncoder", "numbers", [WHOLE], [(T.FLOAT, 3)], {"cats_int64s": numbers, "zeros": 1})
    one = RANDOM.integers(1, 4, (ROWS, 2)).astype(np.float32)
    yield Case("OneHotEncoder", "floats, all known", [one], [(T.FLOAT, 3)], {"cats_int64s": numbers, "zeros": 0})


def linear():
    weights = {"coefficients": list(map(float, RANDOM.normal(0, 1, 9))), "intercepts": [0.5, -0.5, 0.0]}
    for post in ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"):
        for labels, kind in (("strings", T.STRING), ("ints", T.INT64)):
            names = ["a", "b", "ü"] if labels == "strings" else [7, -1, 4]
            of = {**weights, "post_transform": post, f"classlabels_{labels}": names}
            yield Case("LinearClassifier", f"{post}, {labels}", [FLOAT], [(kind, 1), (T.FLOAT, 2)], of)
        yield Case("LinearRegressor", f"three targets, {post}", [FLOAT], [(T.FLOAT, 2)], {**weights, "targets": 3, "post_transform": post})
    two = {"coefficients": [1.0, -1.0, 0.5], "intercepts": [0.1], "post_transform": "LOGISTIC", "classlabels_ints": [0, 1]}
    yield Case("LinearClassifier", "two classes from one function", [FLOAT], [(T.INT64, 1), (T.FLOAT, 2)], two)
    for kind in ("double", "int64", "int32"):
        yield Case("LinearClassifier", kind, [ALL[kind]], [(T.INT64, 1), (T.FLOAT, 2)], {**weights, "classlabels_ints": [7, -1, 4]})


def vectors():
    support = RANDOM.normal(0, 1, (6, 3))
    for kernel in ("LINEAR", "POLY", "RBF", "SIGMOID"):
        shared = {
            "kernel_type": kernel,
            "kernel_params": [0.3, 0.1, 2.0],
            "support_vectors": list(map(float, support.reshape(-1))),
        }
        regressor = {**shared, "coefficients": [0.5, -1.0, 0.25, 1.0, -0.5, 0.75], "rho": [0.2], "n_supports": 6}
        yield Case("SVMRegressor", kernel, [FLOAT], [(T.FLOAT, 2)], regressor)
        yield Case("SVMRegressor", f"{kernel}, one class", [FLOAT], [(T.FLOAT, 2)], {**regressor, "one_class": 1})
        several = {
            **shared,
            "coefficients": list(map(float, RANDOM.normal(0, 1, 12))),
            "rho": [0.1, -0.2, 0.3],
            "vectors_per_class": [2, 2, 2],
        }
        chances = {"prob_a": [-1.0, -1.5, -0.5], "prob_b": [0.1, 0.0, -0.1]}
        yield Case("SVMClassifier", kernel, [FLOAT], [(T.INT64, 1), (T.FLOAT, 2)], {**several, "classlabels_ints": [5, 2, 9]})
        text = {**several, **chances, "classlabels_strings": ["a", "b", "ü"]}
        yield Case("SVMClassifier", f"{kernel}, probabilities, text", [FLOAT], [(T.STRING, 1), (T.FLOAT, 2)], text)
        two = {**shared, "coefficients": several["coefficients"][:6], "rho": [0.1], "vectors_per_class": [3, 3]}
        two |= {"classlabels_ints": [0, 1], "prob_a": [-1.0], "prob_b": [0.1]}
        yield Case("SVMClassifier", f"{kernel}, two classes", [FLOAT], [(T.INT64, 1), (T.FLOAT, 2)], two)
    # ONNX Runtime demands the kernel, which has a default, though a linear function a class needs none.
    flat = {"kernel_type": "LINEAR", "kernel_params": [0.0, 0.0, 0.0], "rho": [0.5]}
    for labels in ([4, 2, 3], [4, 2]):
        of = {**flat, "classlabels_ints": labels, "coefficients": list(map(float, support.reshape(-1)[: 3 * len(labels)]))}
        name = f"without vectors, {len(labels)} classes"
        yield Case("SVMClassifier", name, [FLOAT], [(T.INT64, 1), (T.FLOAT, 2)], of)
    for kind in ("double", "int64", "int32"):
        yield Case("SVMClassifier", kind, [ALL[kind]], [(T.INT64, 1), (T.FLOAT, 2)], {**several, "classlabels_ints": [5, 2, 9]})


def nodes(prefix, targets, double, trees=5, depth=3):
    """Full trees, missing values to either side, every mode of comparison."""
    lists = {name: [] for name in ("treeids", "nodeids", "featureids", "modes", "truenodeids", "falsenodeids", "missing_value_tracks_true")}
    values, leaves = [], {name: [] for name in ("treeids", "nodeids", "ids")}
    weights, inner = [], 2**depth - 1
    for tree in range(trees):
        for node in range(2 * inner + 1):
            is_leaf = node >= inner
            modes = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]
            row = [tree, node, int(RANDOM.integers(3)), "LEAF" if is_leaf else modes[(tree + node) % 6]]
            row += [0, 0, 0] if is_leaf else [2 * node + 1, 2 * node + 2, int(RANDOM.integers(2))]
            for name, value in zip(lists, row):
                lists[name].append(value)
            values.append(0.0 if is_leaf else float(np.float32(RANDOM.normal())))
            for target in range(targets if is_leaf else 0):
                for name, value in zip(leaves, (tree, node, target)):
                    leaves[name].append(value)
                weights.append(float(np.float32(RANDOM.normal())))
    attributes = {f"nodes_{name}": value for name, value in lists.items()}
    attributes |= {f"{prefix}_{name}": value for name, value in leaves.items()}
    for name, numbers in (("nodes_values", values), (f"{prefix}_weights", weights)):
        attributes[name + "_as_tensor" * double] = numpy_helper.from_array(np.array(numbers), name) if double else numbers
    return attributes


def trees():
    holes = np.where(RANDOM.random(FLOAT.shape) < 0.2, np.nan, FLOAT).astype(np.float32)
    for aggregate in ("SUM", "AVERAGE", "MIN", "MAX"):
        for targets in (1, 3):
            of = {**nodes("target", targets, False), "n_targets": targets, "aggregate_function": aggregate}
            yield Case("TreeEnsembleRegressor", f"{aggregate}, {targets} targets", [holes], [(T.FLOAT, 2)], of)
    of = {**nodes("target", 2, False), "n_targets": 2, "base_values": [0.5, -0.5]}
    for kind in ("double", "int64", "int32"):
        yield Case("TreeEnsembleRegressor", kind, [ALL[kind]], [(T.FLOAT, 2)], of)
    of = {**nodes("target", 2, True), "n_targets": 2}
    yield Case("TreeEnsembleRegressor", "thresholds of type double", [holes.astype(np.float64)], [(T.FLOAT, 2)], of, [3, 4, 5])
    for post in ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"):
        for labels, kind in (("strings", T.STRING), ("int64s", T.INT64)):
            names = ["a", "b", "ü"] if labels == "strings" else [7, -1, 4]
            of = {**nodes("class", 3, False), "post_transform": post, f"classlabels_{labels}": names}
            yield Case("TreeEnsembleClassifier", f"{post}, {labels}", [holes], [(kind, 1), (T.FLOAT, 2)], of)
        of = {**nodes("class", 1, False), "post_transform": post, "classlabels_int64s": [0, 1]}
        yield Case("TreeEnsembleClassifier", f"{post}, two classes", [holes], [(T.INT64, 1), (T.FLOAT, 2)], of)
    of = {**nodes("class", 3, True), "classlabels_int64s": [7, -1, 4]}
    doubles = [holes.astype(np.float64)], [(T.INT64, 1), (T.FLOAT, 2)]
    yield Case("TreeEnsembleClassifier", "thresholds of type double", *doubles, of, [3, 4, 5])
    for kind in (np.float32, np.float64):
        whole = holes.astype(kind)
        whole[:, 2] = np.round(whole[:, 2])
        for aggregate in range(4):
            yield joined(whole, aggregate, "members that are whole")
        # ONNX Runtime knows no others; and the evaluator's least of nothing is the largest number, not 0.
        for aggregate in (0, 1):
            yield joined(holes.astype(kind), aggregate, "any members")


def joined(x, aggregate, members):
    """`TreeEnsemble`: two trees of three comparisons, one of which looks for a member of a set. To some
    targets of some rows no leaf gives anything."""
    tensor = lambda name, values: numpy_helper.from_array(np.array(values, x.dtype), name)
    attributes = {
        "n_targets": 2,
        "aggregate_function": aggregate,
        "tree_roots": [0, 3],
        "nodes_featureids": [0, 1, 2, 1, 0, 2],
        "nodes_splits": tensor("splits", [0.1, -0.5, 0.0, 0.3, 1.0, -1.0]),
        "nodes_modes": numpy_helper.from_array(np.array([0, 1, 6, 2, 3, 5], np.uint8), "modes"),
        "nodes_truenodeids": [1, 0, 2, 4, 4, 6],
        "nodes_falsenodeids": [2, 1, 3, 5, 5, 7],
        "nodes_trueleafs": [0, 1, 1, 0, 1, 1],
        "nodes_falseleafs": [0, 1, 1, 0, 1, 1],
        "nodes_missing_value_tracks_true": [1, 0, 0, 0, 1, 0],
        "membership_values": tensor("members", [*map(float, x[~np.isnan(x[:, 2]), 2][:2]), float("nan")]),
        "leaf_targetids": [0, 1, 0, 1, 0, 1, 0, 1],
        "leaf_weights": tensor("weights", [0.5, -1.0, 2.0, 0.25, -0.5, 1.0, 4.0, -2.0]),
    }
    name = f"{x.dtype}, {['AVERAGE', 'SUM', 'MIN', 'MAX'][aggregate]}, {members}"
    return Case("TreeEnsemble", name, [x], [(kind_of(x), 2)], attributes, [5])


def maps():
    numbers = np.where(RANDOM.random((ROWS, 3)) < 0.4, 0, FLOAT).astype(np.float32)
    def rows(keys, cast):
        return [{key: cast(value) for key, value in zip(keys, row) if value} or {keys[0]: cast(0)} for row in numbers]

    words = ["a", "b", "ü"]
    yield Case("DictVectorizer", "text", [numbers], [(T.FLOAT, 2)], {"string_vocabulary": words}, maps=(T.STRING, T.FLOAT, rows(words, np.float32)))
    keys = [5, 1, 9]
    yield Case("DictVectorizer", "numbers", [numbers], [(T.FLOAT, 2)], {"int64_vocabulary": keys}, maps=(T.INT64, T.FLOAT, rows(keys, np.float32)))
    for to, kind in (("TO_FLOAT", T.FLOAT), ("TO_INT64", T.INT64)):
        of = {"map_form": "SPARSE", "max_map": 3, "cast_to": to}
        yield Case("CastMap", f"sparse, {to}", [numbers], [(kind, 2)], of, maps=(T.INT64, T.FLOAT, rows([0, 1, 2], np.float32)))
    yield Case("ZipMap", "text", [FLOAT], [], {"classlabels_strings": words}, zipped=T.STRING)
    yield Case("ZipMap", "numbers", [FLOAT], [], {"classlabels_int64s": [2, 5, 7]}, zipped=T.INT64)


def stored(array, blob):
    array = np.asarray(array)
    if array.dtype.char in "OU":
        return {"type": "string", "shape": list(array.shape), "data": [str(item) for item in array.reshape(-1)]}
    kind = TYPES[helper.np_dtype_to_tensor_dtype(array.dtype)]
    return {"type": kind, "shape": list(array.shape), "data": blob.add(np.ascontiguousarray(array).tobytes())}


def main():
    folder, blob, found = Path(sys.argv[1]), Blob(), []
    warnings.filterwarnings("ignore")
    onnxruntime.set_default_logger_severity(4)
    for family in (columns, labels, linear, vectors, trees, maps):
        for case in family():
            for version in case.versions:
                model = case.model(version)
                try:
                    outputs, reference = case.answers(model)
                except Exception as refused:
                    print(f"{case.operator} {version}, {case.name}: no reference: {refused}", file=sys.stderr)
                    continue
                found.append(
                    {
                        "name": case.name,
                        "operators": [case.operator],
                        "version": version,
                        "reference": reference,
                        "rtol": 1e-5,
                        "atol": 1e-5,
                        "model": blob.add(model.SerializeToString(deterministic=True)),
                        "sets": [
                            {
                                "inputs": [stored(x, blob) for x in case.inputs],
                                "outputs": [stored(y, blob) for y in outputs],
                            }
                        ],
                    }
                )
    (folder / "cases.bin").write_bytes(b"".join(blob.parts))
    (folder / "cases.json").write_text(json.dumps(found, separators=(",", ":")))
    print(f"{len(found)} cases, {blob.length} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
