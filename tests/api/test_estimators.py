"""TextClassifier and TextRegressor: scikit-learn's tools, and its own list of checks."""

import pickle

import numpy as np
import pandas
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

import weitiao
from conftest import WORDS, toy_rows
from weitiao.errors import ModelError, WeitiaoError

QUICK = {
    "train.epochs": 1, "train.evaluations": 1, "train.linear_start": False, "train.refit": "never",
    "train.precision": "fp32", "train.layout": "padded", "train.learning_rate": 1e-3,
    "model.max_length": 32, "model.head": "native", "evaluate.calibration": False,
}  # fmt: skip
VOCABULARY = [word for words in WORDS.values() for word in words]


def rows_of(task, count=60):
    rows = toy_rows(task, count)
    return [row["text"] for row in rows], [row["label"] for row in rows]


def test_a_classifier_of_labels_of_any_type(tiny_bert, tmp_path):
    texts, names = rows_of("classification")
    for kinds in (
        names,
        [name == "good" for name in names],
        [3 if n == "good" else 7 for n in names],
    ):
        estimator = weitiao.TextClassifier(tiny_bert, changes=QUICK)
        assert estimator.fit(pandas.Series(texts), np.array(kinds)) is estimator
        assert estimator.classes_.tolist() == sorted(set(kinds))
        predicted = estimator.predict(texts)
        assert predicted.dtype == estimator.classes_.dtype
        chances = estimator.predict_proba(texts)
        assert chances.shape == (60, 2)
        assert (estimator.classes_[chances.argmax(1)] == predicted).all()
        assert 0 <= estimator.score(texts, kinds) <= 1
        if kinds is names:
            continue
        estimator.save(tmp_path / "saved")
        again = weitiao.TextClassifier.load(tmp_path / "saved")
        assert again.get_params() == estimator.get_params()
        np.testing.assert_allclose(again.predict_proba(texts), chances, atol=1e-5)
        assert (again.predict(texts) == predicted).all()
    with pytest.raises(ModelError, match="no saved TextRegressor"):
        weitiao.TextRegressor.load(tmp_path / "saved")
    with pytest.raises(TypeError, match="save"):
        pickle.dumps(estimator)


def test_a_regressor(tiny_bert, tmp_path):
    texts, numbers = rows_of("regression")
    estimator = weitiao.TextRegressor(tiny_bert, changes=QUICK, out=tmp_path).fit(texts, numbers)
    assert estimator.predict(texts[:3]).dtype == np.float64
    assert np.isfinite(estimator.score(texts, numbers))
    assert estimator.run_.best.is_dir()


def test_parameters_are_cloned_and_set():
    estimator = weitiao.TextClassifier("minilm-l6", budget="5m", changes={"train.epochs": 2})
    copy = clone(estimator)
    assert copy.get_params() == estimator.get_params()
    assert copy.set_params(seed=7).seed == 7
    assert "TextClassifier(" in repr(copy)
    assert pickle.loads(pickle.dumps(estimator)).model == "minilm-l6"  # noqa: S301 - our own bytes
    with pytest.raises(NotFittedError):
        estimator.predict(["a"])
    with pytest.raises(NotFittedError):
        estimator.predict_proba(["a"])


@pytest.mark.parametrize(("rows", "targets"), [
    ("good", ["a"]), (["good", "bad"], None), (["good", "bad"], ["a"]), (["good", "bad"], ["a", None]),
    (["good", "bad"], ["a", "a"]), ([], []), ([1, 2], ["a", "b"]), ([["a"], ["b"]], ["a", "b"]),
    (["good", "bad"], [[1, 2], [2, 1]]), (None, ["a", "b"]),
])  # fmt: skip
def test_wrong_rows_and_targets_are_a_value_error_of_ours(rows, targets, tiny_bert):
    estimator = weitiao.TextClassifier(tiny_bert, changes=QUICK)
    with pytest.raises(ValueError, match=r".") as caught:
        estimator.fit(rows, targets)
    if targets != [[1, 2], [2, 1]]:  # scikit-learn's own message
        assert isinstance(caught.value, WeitiaoError)


@pytest.mark.slow
def test_pipelines_cross_validation_and_search(tiny_bert):
    texts, labels = rows_of("classification")
    estimator = weitiao.TextClassifier(tiny_bert, changes=QUICK)
    lower = FunctionTransformer(lambda rows: [text.lower() for text in rows])
    line = Pipeline([("lower", lower), ("classify", estimator)]).fit(texts, labels)
    assert line.predict(texts[:2]).shape == (2,)
    assert len(cross_val_score(estimator, texts, labels, cv=2, error_score="raise")) == 2
    grid = {"changes": [QUICK, {**QUICK, "train.learning_rate": 1e-2}]}
    search = GridSearchCV(estimator, grid, cv=2, error_score="raise").fit(texts, labels)
    assert search.best_params_["changes"] in grid["changes"]
    pairs = [(text, text) for text in texts]
    assert len(cross_val_score(estimator, pairs, labels, cv=2, error_score="raise")) == 2


# --- scikit-learn's own checks: they feed arrays of numbers, which are spelled as words here


class OfNumbers:
    """Texts for rows of numbers: a word of the toy vocabulary for each cell."""

    def fit(self, X, y):
        return super().fit(self.spelled(X), y)

    def predict(self, X):
        return super().predict(self.spelled(X))

    def spelled(self, X):
        cells = np.floor(np.asarray(X, dtype=float) * 4).astype(int)
        return [" ".join(VOCABULARY[(cell + 7 * at) % len(VOCABULARY)] for at, cell in enumerate(row))
                for row in cells]  # fmt: skip

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.one_d_array = True, False
        return tags


class NumberClassifier(OfNumbers, weitiao.TextClassifier):
    def predict_proba(self, X):
        return super().predict_proba(self.spelled(X))


class NumberRegressor(OfNumbers, weitiao.TextRegressor):
    pass


NO_ARRAY = "about arrays of numbers: a text has no missing, infinite or sparse cells"
NO_FEATURES = "a text has no features to count"
TOO_FEW = "fewer than 10 labelled rows are refused"
TINY = "a random network after one epoch on numbers spelled as words"
NO_PICKLE = "a fitted estimator is saved as a folder"
NOT_FOR_TEXTS = {
    "check_complex_data": NO_ARRAY,
    "check_estimators_nan_inf": NO_ARRAY,
    "check_estimator_sparse_tag": NO_ARRAY,
    "check_estimator_sparse_array": NO_ARRAY,
    "check_estimator_sparse_matrix": NO_ARRAY,
    "check_estimators_empty_data_messages": NO_FEATURES,
    "check_n_features_in_after_fitting": NO_FEATURES,
    "check_n_features_in": NO_FEATURES,
    "check_fit1d": NO_FEATURES,
    "check_fit2d_predict1d": NO_FEATURES,
    "check_fit2d_1feature": TOO_FEW,
    "check_estimators_pickle": NO_PICKLE,
}
OF_CLASSIFIERS = {"check_classifiers_classes": TOO_FEW, "check_classifiers_train": TINY}
OF_REGRESSORS = {"check_fit2d_1sample": TOO_FEW, "check_regressors_train": TINY}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "reasons"),
    [
        (NumberClassifier, {**NOT_FOR_TEXTS, **OF_CLASSIFIERS}),
        (NumberRegressor, {**NOT_FOR_TEXTS, **OF_REGRESSORS}),
    ],
)
@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_the_checks_of_scikit_learn(kind, reasons, tiny_bert):
    """Every check runs; each that cannot pass on texts is named above, with the reason."""
    estimator = kind(tiny_bert, changes=QUICK, threads=1)
    results = check_estimator(estimator, expected_failed_checks=reasons, on_fail=None, on_skip=None)
    wrong = [(one["check_name"], one["exception"]) for one in results if one["status"] == "failed"]
    assert wrong == []
    assert {one["check_name"] for one in results if one["status"] == "xfail"} == {*reasons}
    assert sum(one["status"] == "passed" for one in results) > 25
