"""Fits every estimator and transformer that skl2onnx can export, and boosters of other projects; writes what ONNX
Runtime answers, so that compiled models can be compared with it.

    python3 tests/models/estimators.py FOLDER [--gate]

`cases.json` is a list in the order of names: `{"name", "family", "estimator", "status", "reason", "model", "inputs",
"outputs"}`. `status` is `exported`, `not exported` (its converter refuses; `reason` says why) or `not run` (ONNX Runtime
refuses its own exporter's model). A tensor is `{"name", "type", "shape", "data"}`: little-endian, row-major, `data` is
`[offset, length]` in `cases.bin`, and for text a JSON list. What a `ZipMap` answers is written as the tensor it is made of.

All data ships with scikit-learn: tables with added noise, and the sentences of the data sets' descriptions as text.
Every seed is fixed. `--gate` makes the small selection that runs with every test.
"""

import argparse
import json
import os
import sys
import warnings
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
warnings.filterwarnings("ignore")

import numpy as np
import onnxruntime
import sklearn.datasets as data_sets
from onnx import helper
from skl2onnx import to_onnx
from skl2onnx.common import _container
from skl2onnx.common.data_types import (
    DictionaryType,
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)

SEED = 20260401
ROWS = 300
IRIS, CANCER, DIABETES, WINE = (
    data_sets.load_iris(),
    data_sets.load_breast_cancer(),
    data_sets.load_diabetes(),
    data_sets.load_wine(),
)
TYPES = {
    "float32": "float32",
    "float64": "float64",
    "int64": "int64",
    "int32": "int32",
    "bool": "bool",
    "int8": "int8",
    "uint8": "uint8",
}


def sample(data):
    """Rows of a data set, each number plus a tenth of its column's deviation."""
    random = np.random.default_rng(SEED)
    drawn = data.data[random.integers(0, len(data.data), ROWS)]
    return (drawn + random.normal(0, 0.1, drawn.shape) * data.data.std(axis=0)).astype(np.float32)


def sentences():
    """Lines of the descriptions of five data sets, and which one each is from."""
    texts, origins = [], []
    loaders = {"iris": IRIS, "cancer": CANCER, "diabetes": DIABETES, "wine": WINE, "digits": data_sets.load_digits()}
    for origin, data in loaders.items():
        for line in data.DESCR.splitlines():
            words = "".join(c if c.isascii() else " " for c in line).strip()
            if len(words.split()) >= 3:
                texts.append(words)
                origins.append(origin)
    return np.array(texts), np.array(origins)


TEXTS, ORIGINS = sentences()


def plainly(make_node):
    """Passes numpy's numbers on as Python's: this version of `onnx` takes no others, and skl2onnx still sends them."""

    def plain(value):
        value = value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
        value = int(value) if isinstance(value, bool) else value
        return [plain(item) for item in value] if isinstance(value, list) else value

    def made(*names, **attributes):
        return make_node(*names, **{name: plain(value) for name, value in attributes.items()})

    return made


_container.make_node = plainly(_container.make_node)


class Case:
    def __init__(self, name, family, model, x, y=None, **more):
        self.name, self.family, self.model, self.x, self.y, self.more = name, family, model, x, y, more


def names(data):
    return np.array([str(name) for name in data.target_names])[data.target]


def fit_data(kind):
    """Training rows, targets and evaluation rows."""
    if kind == "iris":
        return IRIS.data.astype(np.float32), IRIS.target, sample(IRIS)
    if kind == "iris text":
        return IRIS.data.astype(np.float32), names(IRIS), sample(IRIS)
    if kind == "cancer":
        scale = CANCER.data.std(axis=0)
        return (CANCER.data / scale).astype(np.float32), CANCER.target, (sample(CANCER) / scale).astype(np.float32)
    if kind == "cancer text":
        x, _, rows = fit_data("cancer")
        return x, names(CANCER), rows
    if kind == "diabetes":
        return DIABETES.data.astype(np.float32), DIABETES.target, sample(DIABETES)
    if kind == "diabetes 2":
        y = np.stack([DIABETES.target, DIABETES.data[:, 2] * 100 + DIABETES.target / 10], axis=1)
        return DIABETES.data.astype(np.float32), y, sample(DIABETES)
    if kind == "positive":
        x, y, rows = fit_data("iris")
        return x, y, np.abs(rows)
    if kind == "gamma":
        return DIABETES.data.astype(np.float32), DIABETES.target + 1, sample(DIABETES)
    if kind == "counts":
        x = np.rint(IRIS.data).astype(np.int64)
        return x, IRIS.target, x
    if kind == "missing":
        random = np.random.default_rng(SEED)
        x, y, rows = fit_data("iris")
        x, rows = x.copy(), rows.copy()
        x[random.random(x.shape) < 0.1] = np.nan
        rows[random.random(rows.shape) < 0.2] = np.nan
        return x, y, rows
    if kind == "missing diabetes":
        random = np.random.default_rng(SEED)
        x, y, rows = fit_data("diabetes")
        x, rows = x.copy(), rows.copy()
        x[random.random(x.shape) < 0.1] = np.nan
        rows[random.random(rows.shape) < 0.2] = np.nan
        return x, y, rows
    if kind == "categories":
        x = graded(WINE.data[:, :3])
        return x, WINE.target, graded(sample(WINE)[:, :3])
    if kind == "text":
        return TEXTS.reshape(-1, 1), ORIGINS, TEXTS.reshape(-1, 1)[:ROWS]
    raise KeyError(kind)


def graded(columns):
    """Numbers as words, by the thirds of the wine data."""
    cuts = np.quantile(WINE.data[:, :3], [1 / 3, 2 / 3], axis=0)
    grade = (columns > cuts[0]).astype(int) + (columns > cuts[1])
    return np.array(["low", "middle", "high"], dtype=object)[grade]


def estimators():
    """Every class that skl2onnx registers, with arguments where it needs some, and the data it is fitted on."""
    from skl2onnx import _supported_operators as registry

    table = registry.build_sklearn_operator_name_map()
    return sorted({cls for cls in table if cls.__module__.startswith(("sklearn", "skl2onnx"))}, key=lambda c: c.__name__)


def arguments():
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
    from sklearn.preprocessing import MinMaxScaler, StandardScaler
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    logistic = lambda: LogisticRegression(max_iter=1000)
    two = lambda: [("logistic", logistic()), ("tree", DecisionTreeClassifier(max_depth=3, random_state=0))]
    two_values = lambda: [("line", LinearRegression()), ("tree", DecisionTreeRegressor(max_depth=3, random_state=0))]
    few = {"n_estimators": 10}
    return {
        "AdaBoostClassifier": few,
        "AdaBoostRegressor": few,
        "BaggingClassifier": few,
        "BaggingRegressor": few,
        "ExtraTreesClassifier": few,
        "ExtraTreesRegressor": few,
        "GradientBoostingClassifier": few,
        "GradientBoostingRegressor": few,
        "HistGradientBoostingClassifier": {"max_iter": 10},
        "HistGradientBoostingRegressor": {"max_iter": 10},
        "IsolationForest": few,
        "RandomForestClassifier": few,
        "RandomForestRegressor": few,
        "RandomTreesEmbedding": {"n_estimators": 5, "max_depth": 3, "sparse_output": False},
        "CalibratedClassifierCV": {"estimator": logistic()},
        "OneVsRestClassifier": {"estimator": logistic()},
        "OneVsOneClassifier": {"estimator": logistic()},
        "VotingClassifier": {"estimators": two(), "voting": "soft", "flatten_transform": False},
        "VotingRegressor": {"estimators": two_values()},
        "StackingClassifier": {"estimators": two()},
        "StackingRegressor": {"estimators": two_values()},
        "MultiOutputClassifier": {"estimator": logistic()},
        "MultiOutputRegressor": {"estimator": Ridge()},
        "GridSearchCV": {"estimator": logistic(), "param_grid": {"C": [0.1, 1.0]}},
        "TunedThresholdClassifierCV": {"estimator": logistic()},
        "RFE": {"estimator": logistic(), "n_features_to_select": 2},
        "RFECV": {"estimator": logistic()},
        "SelectFromModel": {"estimator": logistic()},
        "SelectKBest": {"k": 2},
        "GenericUnivariateSelect": {"mode": "k_best", "param": 2},
        "SelectPercentile": {"percentile": 50},
        "FeatureUnion": {"transformer_list": [("a", StandardScaler()), ("b", MinMaxScaler())]},
        "Pipeline": {"steps": [("scale", StandardScaler()), ("logistic", logistic())]},
        "ColumnTransformer": {"transformers": [("a", StandardScaler(), [0, 1]), ("b", MinMaxScaler(), [2, 3])]},
        "FunctionTransformer": {},
        "GaussianMixture": {"n_components": 3, "random_state": 0},
        "BayesianGaussianMixture": {"n_components": 3, "random_state": 0},
        "KMeans": {"n_clusters": 3, "n_init": 2, "random_state": 0},
        "MiniBatchKMeans": {"n_clusters": 3, "n_init": 2, "random_state": 0},
        "KBinsDiscretizer": {"n_bins": 4, "encode": "onehot-dense", "quantile_method": "averaged_inverted_cdf"},
        "KernelPCA": {"n_components": 2, "kernel": "rbf"},
        "PCA": {"n_components": 2},
        "IncrementalPCA": {"n_components": 2},
        "TruncatedSVD": {"n_components": 2, "random_state": 0},
        "PLSRegression": {"n_components": 2},
        "GaussianRandomProjection": {"n_components": 2, "random_state": 0},
        "LocalOutlierFactor": {"novelty": True},
        "MLPClassifier": {"hidden_layer_sizes": (16,), "max_iter": 200, "random_state": 0},
        "MLPRegressor": {"hidden_layer_sizes": (16,), "max_iter": 200, "random_state": 0},
        "QuantileTransformer": {"n_quantiles": 20},
        "RadiusNeighborsClassifier": {"radius": 30.0, "weights": "distance"},
        "RadiusNeighborsRegressor": {"radius": 3.0},
        "RANSACRegressor": {"random_state": 0},
        "SVC": {"probability": True, "random_state": 0},
        "NuSVC": {"nu": 0.3, "probability": True, "random_state": 0},
        "SGDClassifier": {"loss": "log_loss", "random_state": 0},
        "OneHotEncoder": {"handle_unknown": "ignore"},
        "TfidfVectorizer": {"max_features": 200},
        "CountVectorizer": {"max_features": 200},
        "FeatureHasher": {"n_features": 8, "input_type": "string"},
        "TargetEncoder": {"target_type": "continuous", "random_state": 0},
        "CastTransformer": {"dtype": np.float64},
        "CategoricalNB": {"min_categories": 12},
        "NeighborhoodComponentsAnalysis": {"n_components": 2, "random_state": 0},
        "ReplaceTransformer": {"from_value": 0.0, "to_value": np.nan},
        "KNNImputer": {"n_neighbors": 3},
        "NearestNeighbors": {"n_neighbors": 5, "radius": None},
    }


DATA = {
    "CategoricalNB": "counts",
    "MultinomialNB": "positive",
    "ComplementNB": "positive",
    "TfidfTransformer": "positive",
    "GammaRegressor": "gamma",
    "PoissonRegressor": "gamma",
    "TweedieRegressor": "gamma",
    "MultiTaskElasticNet": "diabetes 2",
    "MultiTaskElasticNetCV": "diabetes 2",
    "MultiTaskLasso": "diabetes 2",
    "MultiTaskLassoCV": "diabetes 2",
    "MultiOutputRegressor": "diabetes 2",
    "SimpleImputer": "missing",
    "KNNImputer": "missing",
    "HistGradientBoostingClassifier": "missing",
    "HistGradientBoostingRegressor": "missing diabetes",
    "OneHotEncoder": "categories",
    "OrdinalEncoder": "categories",
    "TargetEncoder": "categories",
    "TfidfVectorizer": "text",
    "CountVectorizer": "text",
    "TunedThresholdClassifierCV": "cancer",
    "RadiusNeighborsClassifier": "iris",
}
# Two classes as well: exporters treat them apart.
BINARY_TOO = True


def scikit_learn():
    from sklearn.base import ClassifierMixin, RegressorMixin

    settings = arguments()
    for cls in estimators():
        name = cls.__name__
        if name in ("_ConstantPredictor", "CastRegressor"):
            continue
        if name == "LabelEncoder" or name == "LabelBinarizer":
            yield Case(name, "scikit-learn", cls(), None, None, labels=True)
            continue
        if name == "DictVectorizer":
            yield Case(name, "scikit-learn", cls(sparse=False), None, None, dictionaries=True)
            continue
        if name == "FeatureHasher":
            yield Case(name, "scikit-learn", cls(**settings[name]), "categories", None, hasher=True)
            continue
        if name == "KernelCenterer":
            yield Case(name, "scikit-learn", cls(), None, None, kernel=True)
            continue
        make = lambda cls=cls, name=name: cls(**settings.get(name, {}))
        is_regressor = issubclass(cls, RegressorMixin)
        kind = DATA.get(name) or ("diabetes" if is_regressor else "iris")
        yield Case(name, "scikit-learn", make, kind)
        if issubclass(cls, ClassifierMixin) and BINARY_TOO and kind == "iris":
            yield Case(f"{name}, two classes", "scikit-learn", make, "cancer")
            yield Case(f"{name}, text and maps", "scikit-learn", make, "iris text", zipmap=True)


def variants():
    """Settings that exporters write in other ways."""
    from sklearn.ensemble import (
        GradientBoostingClassifier,
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
        RandomForestClassifier,
        VotingClassifier,
    )
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, DotProduct, ExpSineSquared, RationalQuadratic
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
    from sklearn.preprocessing import KBinsDiscretizer, Normalizer, OneHotEncoder, OrdinalEncoder, PolynomialFeatures
    from sklearn.svm import SVC, SVR, LinearSVC

    def of(name, make, kind, **more):
        return Case(name, "variants", make, kind, **more)

    for kernel in ["linear", "poly", "sigmoid"]:
        yield of(f"SVC {kernel}", lambda kernel=kernel: SVC(kernel=kernel, probability=True, random_state=0), "iris")
        yield of(f"SVR {kernel}", lambda kernel=kernel: SVR(kernel=kernel), "diabetes")
    yield of("SVC, decisions", lambda: SVC(), "iris")
    yield of("SVC, decisions of two classes", lambda: SVC(), "cancer")
    yield of("SVC one against one", lambda: SVC(decision_function_shape="ovo"), "iris")
    yield of("LogisticRegression one against the rest", lambda: LogisticRegression(solver="liblinear"), "cancer")
    yield of("LogisticRegression, maps", lambda: LogisticRegression(max_iter=1000), "iris", zipmap=True)
    yield of("LogisticRegression, raw scores", lambda: LogisticRegression(max_iter=1000), "iris", raw_scores=True)
    yield of("GradientBoosting, raw scores", lambda: GradientBoostingClassifier(n_estimators=10), "cancer", raw_scores=True)
    yield of("SGDClassifier hinge", lambda: SGDClassifier(random_state=0), "iris")
    yield of("LinearSVC, text", lambda: LinearSVC(), "cancer text")
    yield of("RandomForest deep", lambda: RandomForestClassifier(n_estimators=30, random_state=0), "cancer text", zipmap=True)
    yield of("HistGradientBoosting, two classes", lambda: HistGradientBoostingClassifier(max_iter=20), "cancer")
    yield of("HistGradientBoosting, poisson", lambda: HistGradientBoostingRegressor(loss="poisson", max_iter=10), "gamma")
    for weights in ["uniform", "distance"]:
        for metric in ["euclidean", "manhattan"]:
            yield of(f"KNeighborsClassifier {weights} {metric}", lambda weights=weights, metric=metric: KNeighborsClassifier(weights=weights, metric=metric), "iris")
        yield of(f"KNeighborsRegressor {weights}", lambda weights=weights: KNeighborsRegressor(weights=weights), "diabetes")
    for norm in ["l1", "l2", "max"]:
        yield of(f"Normalizer {norm}", lambda norm=norm: Normalizer(norm=norm), "iris")
    yield of("SimpleImputer median", lambda: SimpleImputer(strategy="median"), "missing")
    yield of("SimpleImputer constant", lambda: SimpleImputer(strategy="constant", fill_value=7), "missing")
    yield of("OneHotEncoder drop", lambda: OneHotEncoder(drop="first"), "categories")
    yield of("OneHotEncoder, numbers", lambda: OneHotEncoder(handle_unknown="ignore"), "counts")
    yield of("OrdinalEncoder, numbers", lambda: OrdinalEncoder(), "counts")
    yield of("KBinsDiscretizer ordinal", lambda: KBinsDiscretizer(4, encode="ordinal", quantile_method="averaged_inverted_cdf"), "iris")
    yield of("PolynomialFeatures 3", lambda: PolynomialFeatures(3, interaction_only=True), "iris")
    tree = lambda: [("f", RandomForestClassifier(5, random_state=0)), ("l", LogisticRegression(max_iter=1000))]
    yield of("VotingClassifier hard", lambda: VotingClassifier(tree(), voting="hard", flatten_transform=False), "iris")
    for label, kernel in {"RBF": RBF(), "DotProduct": DotProduct(), "ExpSineSquared": ExpSineSquared(), "RationalQuadratic": RationalQuadratic()}.items():
        yield of(f"GaussianProcessRegressor {label}", lambda kernel=kernel: GaussianProcessRegressor(kernel, alpha=1.0, random_state=0), "diabetes")
    # What skl2onnx recommends for Gaussian processes: single floats lose all digits of an ill-conditioned kernel.
    yield of("GaussianProcessRegressor, double", lambda: GaussianProcessRegressor(random_state=0), "diabetes", double=True)
    yield of("GaussianProcessRegressor DotProduct, double", lambda: GaussianProcessRegressor(DotProduct(), alpha=1.0, random_state=0), "diabetes", double=True)


def pipelines():
    from sklearn.compose import ColumnTransformer
    from sklearn.decomposition import TruncatedSVD
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    def of(name, make, kind, **more):
        return Case(name, "pipelines", make, kind, **more)

    yield of("text: tf-idf, logistic", lambda: make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000)), "text", text=True)
    yield of("text: counts, naive Bayes", lambda: make_pipeline(CountVectorizer(), MultinomialNB()), "text", text=True, zipmap=True)
    yield of("text: pairs of words", lambda: make_pipeline(CountVectorizer(ngram_range=(1, 2), max_features=300), MultinomialNB()), "text", text=True)
    yield of("text: binary, no lower case", lambda: CountVectorizer(binary=True, lowercase=False), "text", text=True)
    yield of("text: sublinear tf-idf", lambda: TfidfVectorizer(sublinear_tf=True, norm="l1"), "text", text=True)
    yield of("text: characters", lambda: TfidfVectorizer(analyzer="char", max_features=50), "text", text=True)
    yield of("text: own pattern", lambda: TfidfVectorizer(token_pattern="[a-z]{3,}"), "text", text=True)
    yield of("text: semantic analysis, forest", lambda: make_pipeline(TfidfVectorizer(), TruncatedSVD(8, random_state=0), RandomForestClassifier(10, random_state=0)), "text", text=True)
    mixed = lambda encoder: ColumnTransformer([
        ("text", TfidfVectorizer(max_features=100), 0),
        ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), [1, 2]),
        ("categories", encoder, [3, 4]),
    ])
    logistic = lambda: LogisticRegression(max_iter=1000)
    yield of("text, numbers and categories: logistic", lambda: make_pipeline(mixed(OneHotEncoder(handle_unknown="ignore")), logistic()), "mixed", zipmap=True)
    yield of("text, numbers and categories: forest", lambda: make_pipeline(mixed(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)), RandomForestClassifier(10, random_state=0)), "mixed")
    categories = lambda: make_pipeline(OneHotEncoder(handle_unknown="ignore"), logistic())
    yield of("categories: one-hot, logistic", categories, "categories")
    yield of("categories: ordinal, forest", lambda: make_pipeline(OrdinalEncoder(), RandomForestClassifier(10, random_state=0)), "categories")


MIXED = {"text": StringTensorType, "alcohol": FloatTensorType, "ash": FloatTensorType, "colour": StringTensorType, "grade": StringTensorType}


def mixed_table():
    """Text, numbers and categories of each sample of wine: the columns of `MIXED`."""
    random = np.random.default_rng(SEED)
    origins = [TEXTS[ORIGINS == origin] for origin in ("iris", "wine", "cancer")]
    text = [origins[target][random.integers(len(origins[target]))] for target in WINE.target]
    numbers = WINE.data[:, [0, 2]].astype(np.float32)
    numbers[random.random(numbers.shape) < 0.1] = np.nan
    colour = ["red" if value > 5 else "pale" for value in WINE.data[:, 9]]
    columns = [text, *numbers.T, colour, graded(WINE.data[:, :3])[:, 1]]
    table = np.empty((len(text), len(columns)), dtype=object)
    for index, column in enumerate(columns):
        table[:, index] = column
    return table


def boosters():
    import catboost
    import lightgbm
    import xgboost

    quiet = {"n_estimators": 20, "verbose": -1, "n_jobs": 1, "random_state": 0}
    def light(name, make, kind, **more):
        return Case(f"LightGBM: {name}", "LightGBM", make, kind, **more)
    yield light("two classes", lambda: lightgbm.LGBMClassifier(**quiet), "cancer")
    yield light("three classes", lambda: lightgbm.LGBMClassifier(**quiet), "iris")
    yield light("three classes, maps", lambda: lightgbm.LGBMClassifier(**quiet), "iris", zipmap=True)
    yield light("regression", lambda: lightgbm.LGBMRegressor(**quiet), "diabetes")
    yield light("missing values", lambda: lightgbm.LGBMClassifier(**quiet), "missing")
    yield light("missing values, regression", lambda: lightgbm.LGBMRegressor(**quiet), "missing diabetes")
    yield light("zero as missing", lambda: lightgbm.LGBMRegressor(zero_as_missing=True, **quiet), "missing diabetes")
    yield light("categorical splits", lambda: lightgbm.LGBMClassifier(min_data_per_group=1, cat_smooth=1, **quiet), "counts", fit={"categorical_feature": [0, 1, 2, 3]}, floats=True)
    yield light("random forest", lambda: lightgbm.LGBMClassifier(boosting_type="rf", bagging_freq=1, bagging_fraction=0.7, **quiet), "cancer")
    yield light("dart", lambda: lightgbm.LGBMRegressor(boosting_type="dart", **quiet), "diabetes")
    yield light("poisson", lambda: lightgbm.LGBMRegressor(objective="poisson", **quiet), "gamma")
    yield light("one against all", lambda: lightgbm.LGBMClassifier(objective="multiclassova", **quiet), "iris")

    few = {"n_estimators": 20, "n_jobs": 1, "random_state": 0}
    def extreme(name, make, kind, **more):
        return Case(f"XGBoost: {name}", "XGBoost", make, kind, **more)
    yield extreme("two classes", lambda: xgboost.XGBClassifier(**few), "cancer")
    yield extreme("three classes", lambda: xgboost.XGBClassifier(**few), "iris")
    yield extreme("regression", lambda: xgboost.XGBRegressor(**few), "diabetes")
    yield extreme("missing values", lambda: xgboost.XGBClassifier(**few), "missing")
    yield extreme("missing values, regression", lambda: xgboost.XGBRegressor(**few), "missing diabetes")
    yield extreme("random forest", lambda: xgboost.XGBRFClassifier(**few), "cancer")
    yield extreme("random forest, regression", lambda: xgboost.XGBRFRegressor(**few), "diabetes")
    yield extreme("poisson", lambda: xgboost.XGBRegressor(objective="count:poisson", **few), "gamma")
    yield extreme("logistic regression", lambda: xgboost.XGBRegressor(objective="reg:logistic", **few), "fractions")
    yield extreme("linear booster", lambda: xgboost.XGBRegressor(booster="gblinear", **few), "diabetes")

    cat = {"iterations": 20, "verbose": False, "thread_count": 1, "random_seed": 0, "allow_writing_files": False}
    def cats(name, make, kind, **more):
        return Case(f"CatBoost: {name}", "CatBoost", make, kind, **more)
    yield cats("two classes", lambda: catboost.CatBoostClassifier(**cat), "cancer")
    yield cats("three classes", lambda: catboost.CatBoostClassifier(**cat), "iris")
    yield cats("three classes, text", lambda: catboost.CatBoostClassifier(**cat), "iris text")
    yield cats("regression", lambda: catboost.CatBoostRegressor(**cat), "diabetes")
    yield cats("missing values", lambda: catboost.CatBoostClassifier(**cat), "missing")
    yield cats("missing values, regression", lambda: catboost.CatBoostRegressor(nan_mode="Max", **cat), "missing diabetes")
    yield cats("lossguide", lambda: catboost.CatBoostRegressor(grow_policy="Lossguide", **cat), "diabetes")


def onnx_of(case):
    """The model's ONNX, and the inputs it is evaluated with."""
    more = case.more
    if more.get("labels"):
        model = case.model.fit(names(IRIS))
        rows = names(IRIS)[:ROWS].reshape(-1, 1)
        return to_onnx(model, initial_types=[("X", StringTensorType([None, 1]))]), {"X": rows}
    if more.get("dictionaries"):
        rows = [dict(zip("abcd", map(float, row))) for row in IRIS.data]
        model = case.model.fit(rows)
        onnx = to_onnx(model, initial_types=[("X", DictionaryType(StringTensorType([1]), FloatTensorType([1])))])
        return onnx, {"X": [{k: np.float32(v) for k, v in row.items() if v > 1} for row in rows]}
    if more.get("hasher"):
        x = graded(WINE.data[:, :3])
        model = case.model.fit(x)
        return to_onnx(model, initial_types=[("X", StringTensorType([None, 3]))]), {"X": x}
    if more.get("kernel"):
        x, _, rows = fit_data("iris")
        model = case.model.fit(x @ x.T)
        kernel = (rows @ x.T).astype(np.float32)
        case.fitted = model
        return to_onnx(model, kernel[:1]), {"X": kernel}

    if case.x == "mixed":
        table = mixed_table()
        model = case.model().fit(table, names(WINE))
        types = [(column, kind([None, 1])) for column, kind in MIXED.items()]
        rows = {
            column: table[:, [index]].astype(np.float32 if kind is FloatTensorType else object)
            for index, (column, kind) in enumerate(MIXED.items())
        }
        return exported(model, case, types), rows
    if case.x == "fractions":
        x, y, rows = fit_data("diabetes")
        y = (y - y.min()) / (y.max() - y.min())
    else:
        x, y, rows = fit_data(case.x)
    if case.family in ("LightGBM", "XGBoost", "CatBoost"):
        return booster_onnx(case, x, y, rows)
    model = case.model()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        name = type(model).__name__
        if name == "MultiOutputClassifier":
            y = np.stack([y, np.unique(y, return_inverse=True)[1] % 2], axis=1)
        if case.x == "text":
            fitted = model.fit(x[:, 0], y)
            return exported(fitted, case, [("X", StringTensorType([None, 1]))]), {"X": rows}
        fitted = model.fit(x, y) if name not in ("CastTransformer", "ReplaceTransformer") else model.fit(x)
        kind = StringTensorType if case.x == "categories" else Int64TensorType if case.x == "counts" else FloatTensorType
        if more.get("double"):
            kind, rows = DoubleTensorType, rows.astype(np.float64)
        case.fitted = fitted
        onnx = exported(fitted, case, [("X", kind([None, x.shape[1]]))])
    return onnx, {"X": rows}


def exported(model, case, types):
    """The model's ONNX; without the option `zipmap` where its converter does not know it."""
    opset = {"": 18, "ai.onnx.ml": 3} if type(model).__name__ == "IsolationForest" else None
    try:
        return to_onnx(model, initial_types=types, options=zipmap(model, case), target_opset=opset)
    except NameError:
        return to_onnx(model, initial_types=types, target_opset=opset)


def zipmap(model, case):
    options = {}
    if case.more.get("raw_scores"):
        options["raw_scores"] = True
    try:
        is_classifier = model._estimator_type == "classifier"
    except AttributeError:
        from sklearn.base import is_classifier as classifies

        is_classifier = classifies(model)
    if is_classifier:
        options["zipmap"] = bool(case.more.get("zipmap"))
    return {id(model): options} if options else None


def booster_onnx(case, x, y, rows):
    from onnxmltools import convert_lightgbm, convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType as Floats

    x, rows = x.astype(np.float32), rows.astype(np.float32)
    model = case.model().fit(x, y, **case.more.get("fit", {}))
    types = [("X", Floats([None, x.shape[1]]))]
    if case.family == "LightGBM":
        return convert_lightgbm(model, initial_types=types, zipmap=bool(case.more.get("zipmap")), target_opset=15), {"X": rows}
    if case.family == "XGBoost":
        return convert_xgboost(model, initial_types=types, target_opset=15), {"X": rows}
    import onnx
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        model.save_model(str(path), format="onnx")
        return onnx.load(path), {"features": rows}


def answers(model, rows):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feeds = {}
    for node in session.get_inputs():
        value = rows[node.name] if node.name in rows else next(iter(rows.values()))
        feeds[node.name] = value
    outputs = [output.name for output in session.get_outputs()]
    if any(isinstance(value, list) for value in feeds.values()):
        (name, dictionaries), = feeds.items()
        each = [session.run(None, {name: row}) for row in dictionaries]
        return list(feeds), outputs, [np.concatenate(parts) for parts in zip(*each)], feeds
    return list(feeds), outputs, session.run(None, feeds), feeds


def exact(process, rows):
    """What a Gaussian process of doubles answers, in extended precision.

    Its weights are of the size of 1e13 and cancel: three programs that sum in double precision differ by 1e-3, and
    scikit-learn is no nearer to the truth than the others.
    """
    x, trained = (np.asarray(array, dtype=np.longdouble) for array in (rows, process.X_train_))
    if "sigma_0" in process.kernel_.get_params():
        kernel = x @ trained.T + np.longdouble(process.kernel_.sigma_0) ** 2
    else:
        # The default is the radial kernel of length 1.
        kernel = np.exp(-((x[:, None] - trained[None]) ** 2).sum(-1) / 2)
    mean = kernel @ process.alpha_.astype(np.longdouble)
    return (mean * process._y_train_std + process._y_train_mean).astype(np.float64).reshape(-1)


def precise(case, rows, values):
    """Of each output what scikit-learn itself answers in double precision, where that is known: an array or None.

    What belongs to an output is what has its size and comes nearest to it.
    """
    if case.more.get("double"):
        return [exact(case.fitted, rows["X"])]
    fitted, rows = getattr(case, "fitted", None), rows.get("X")
    candidates = []
    if fitted is not None and isinstance(rows, np.ndarray) and rows.dtype.kind == "f":
        rows = rows.astype(np.float64)
        for method in ("predict_proba", "decision_function", "score_samples", "transform", "predict"):
            try:
                answer = getattr(fitted, method)(rows)
                answer = answer.toarray() if hasattr(answer, "toarray") else answer
                candidates.append(np.asarray(answer, dtype=np.float64).reshape(-1))
            except Exception:
                continue
    found = []
    for value in values:
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = [[row[key] for key in row] for row in value]
        try:
            array = np.asarray(value)
        except ValueError:
            # A sequence of tensors of different shapes.
            array = np.empty(0, dtype=object)
        best = None
        if array.dtype.kind == "f":
            flat = array.astype(np.float64).reshape(-1)
            off = [(np.median(np.abs(c - flat) / (1 + np.abs(flat))), i) for i, c in enumerate(candidates) if c.size == flat.size]
            # A Gaussian process of single floats may be wrong by orders of magnitude.
            if off and (min(off)[0] < 1e-3 or "GaussianProcess" in case.name):
                best = candidates[min(off)[1]]
        found.append(best)
    return found


class Blob:
    def __init__(self):
        self.parts, self.length = [], 0

    def add(self, data):
        self.parts.append(data)
        self.length += len(data)
        return [self.length - len(data), len(data)]


def tensor(name, value, blob):
    if isinstance(value, list) and value and isinstance(value[0], dict):
        keys = list(value[0])
        value = np.array([[row[key] for key in keys] for row in value], dtype=np.float32)
    array = np.asarray(value)
    if array.dtype.kind in "OUS":
        return {"name": name, "type": "string", "shape": list(array.shape), "data": [str(v) for v in array.reshape(-1)]}
    kind = TYPES[array.dtype.name]
    return {"name": name, "type": kind, "shape": list(array.shape), "data": blob.add(np.ascontiguousarray(array).tobytes())}


def reason(error):
    """An error on one line, its middle left out: exporters print whole nodes."""
    line = " ".join(f"{type(error).__name__}: {error}".split())
    return line if len(line) < 300 else f"{line[:120]} … {line[-170:]}"


GATE = {
    "LogisticRegression, text and maps",
    "HistGradientBoostingClassifier",
    "RandomForestClassifier, two classes",
    "KNeighborsClassifier",
    "OneHotEncoder",
    "OrdinalEncoder",
    "SimpleImputer",
    "StandardScaler",
    "SVC",
    "GaussianNB",
    "KMeans",
    "PCA",
    "text: tf-idf, logistic",
    "text: pairs of words",
    "text, numbers and categories: logistic",
    "text, numbers and categories: forest",
    "categories: one-hot, logistic",
    "DictVectorizer",
    "FeatureHasher",
    "LabelEncoder",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gate", action="store_true")
    parser.add_argument("--only")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    cases = [*scikit_learn(), *variants(), *pipelines()]
    if not chosen.gate:
        cases += boosters()
    blob, written = Blob(), []
    for case in sorted(cases, key=lambda case: case.name):
        if chosen.gate and case.name not in GATE or chosen.only and chosen.only not in case.name:
            continue
        record = {"name": case.name, "family": case.family, "estimator": case.name.split(",")[0], "status": "exported"}
        written.append(record)
        try:
            np.random.seed(SEED)
            onnx, rows = onnx_of(case)
            for node in onnx.graph.node:
                if node.op_type == "StringNormalizer" and not any(a.name == "locale" for a in node.attribute):
                    # The default, en_US, is not installed everywhere; ONNX Runtime refuses the model where it is not.
                    node.attribute.append(helper.make_attribute("locale", "C.UTF-8"))
            model = onnx.SerializeToString()
        except Exception as error:
            record |= {"status": "not exported", "reason": reason(error.__cause__ or error)}
            continue
        record["operators"] = sorted({node.op_type for node in onnx.graph.node})
        record["model"] = blob.add(model)
        try:
            inputs, outputs, values, feeds = answers(model, rows)
        except Exception as error:
            record |= {"status": "not run", "reason": reason(error)}
            continue
        record["inputs"] = []
        for name in inputs:
            if isinstance(feeds[name], list):
                keys = sorted({key for row in feeds[name] for key in row})
                table = np.array([[row.get(key, 0) for key in keys] for row in feeds[name]], dtype=np.float32)
                record["inputs"].append(tensor(name, table, blob))
            else:
                record["inputs"].append(tensor(name, feeds[name], blob))
        record["outputs"] = []
        exact = precise(case, feeds, values)
        for name, value, known in zip(outputs, values, exact):
            # A sequence of tensors is written as so many tensors.
            is_sequence = isinstance(value, list) and value and not isinstance(value[0], (dict, str, bytes))
            parts = [(f"{name}[{i}]", part) for i, part in enumerate(value)] if is_sequence else [(name, value)]
            record["outputs"] += [tensor(name, part, blob) for name, part in parts]
            if known is not None and not is_sequence:
                record["outputs"][-1]["precise"] = blob.add(known.tobytes())
        print(case.name, file=sys.stderr)
    (chosen.folder / "cases.bin").write_bytes(b"".join(blob.parts))
    (chosen.folder / "cases.json").write_text(json.dumps(written))
    counts = {status: sum(r["status"] == status for r in written) for status in ("exported", "not exported", "not run")}
    print(counts, file=sys.stderr)


if __name__ == "__main__":
    main()
