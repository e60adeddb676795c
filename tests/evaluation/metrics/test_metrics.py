"""The metrics give scikit-learn's and scipy's values, and weights mean repeated rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as oracle

from weitiao import parts
from weitiao.evaluation.metrics.base import Metric
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.numbers import Numbers

ALL = {name: parts.build("metrics", name) for name in parts.names("metrics")}
# Spans, tags, passages and paths have tests of their own.
KINDS = (Labels, LabelSets, Numbers)
CASES = [
    (name, kind)
    for name, metric in ALL.items()
    for kind in metric.answers
    if kind in KINDS and name != "hierarchical_f1"
]


@st.composite
def rows(draw: st.DrawFn, kind: type[Answers]) -> Answers:
    """Random answers, coarse enough that ties, absent labels and constants happen."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, labels = draw(st.integers(1, 30)), draw(st.integers(2, 5))
    names = tuple("abcde"[:labels])
    if kind is Numbers:
        targets, values = generator.integers(-3, 4, (2, n)) / draw(st.sampled_from([1, 3, 7]))
        return Numbers(targets, values, values)
    if kind is Labels:
        scores = generator.integers(0, 4, (n, labels)) + 0.5
        scores /= scores.sum(1, keepdims=True)
        return Labels(generator.integers(0, labels, n), scores.argmax(1), scores, names)
    scores = generator.integers(0, 5, (n, labels)) / 4
    targets = generator.integers(0, 2, (n, labels)).astype(float)
    return LabelSets(targets, (scores > 0.5).astype(float), scores, names)


def taken(judged: Answers, index: np.ndarray) -> Answers:
    arrays = (judged.targets[index], judged.values[index], judged.scores[index])
    return type(judged)(*arrays, judged.labels)


def expected(name: str, judged: Answers) -> float:
    """What the reference libraries say, where they say anything."""
    truth, given_ = judged.targets, judged.values
    if name == "accuracy":
        return float(oracle.accuracy_score(truth, given_))
    if name.endswith("f1"):
        return _expected_f1(name.removesuffix("_f1"), judged)
    if name == "mcc":
        if len(np.union1d(truth, given_)) == 1:
            return 0.0  # what scikit-learn says too, with a warning
        return float(oracle.matthews_corrcoef(truth, given_))
    if name == "roc_auc":
        return _expected_auc(judged)
    if name == "mae":
        return float(oracle.mean_absolute_error(truth, given_))
    if name == "rmse":
        return float(oracle.root_mean_squared_error(truth, given_))
    if np.ptp(truth) == 0 or np.ptp(given_) == 0:
        return 0.0
    if len(truth) == 2 and name == "pearson":
        return float(np.corrcoef(truth, given_)[0, 1])
    correlate = stats.pearsonr if name == "pearson" else stats.spearmanr
    return float(correlate(truth, given_).statistic)


def _expected_f1(average: str, judged: Answers) -> float:
    if isinstance(judged, Labels):
        present = np.union1d(judged.targets, judged.values)
    else:
        present = np.flatnonzero((judged.targets + judged.values).any(0))
    if not len(present):
        return 0.0
    return float(
        oracle.f1_score(
            judged.targets, judged.values, labels=present, average=average, zero_division=0
        )
    )


def _expected_auc(judged: Answers) -> float:
    labels = judged.scores.shape[1]
    truth = np.eye(labels)[judged.targets] if isinstance(judged, Labels) else judged.targets
    columns = [1] if isinstance(judged, Labels) and labels == 2 else range(labels)
    areas = [
        oracle.roc_auc_score(truth[:, c], judged.scores[:, c])
        for c in columns
        if 0 < truth[:, c].sum() < len(truth)
    ]
    return float(np.mean(areas)) if areas else np.nan


@pytest.mark.parametrize(("name", "kind"), CASES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_value_is_the_reference_value_and_within_bounds(
    name: str, kind: str, data: st.DataObject
) -> None:
    judged = data.draw(rows(kind))
    value = ALL[name].value(judged)
    assert value == pytest.approx(expected(name, judged), abs=1e-9, nan_ok=True)
    low, high = ALL[name].bounds
    assert np.isnan(value) or low <= value <= high


@pytest.mark.parametrize(("name", "kind"), CASES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_weights_are_repeated_rows_and_order_does_not_matter(
    name: str, kind: str, data: st.DataObject
) -> None:
    judged, metric = data.draw(rows(kind)), ALL[name]
    n = len(judged.targets)
    generator = np.random.default_rng(data.draw(st.integers(0, 999)))
    weights = generator.integers(0, 4, (5, n))
    weights[:, generator.integers(n)] += 1  # at least one row is there
    many = metric.values(judged, weights.astype(float))
    assert many.shape == (5,)
    for sample, found in zip(weights, many, strict=True):
        repeated = taken(judged, generator.permutation(np.repeat(np.arange(n), sample)))
        assert found == pytest.approx(metric.value(repeated), abs=1e-9, nan_ok=True)
        assert found == pytest.approx(metric.value(judged, sample), abs=1e-9, nan_ok=True)
        by_loop = Metric.values(metric, judged, sample[None])
        assert found == pytest.approx(by_loop[0], abs=1e-9, nan_ok=True)


def numbers(targets: list[float], values: list[float]) -> Answers:
    return Numbers(np.array(targets), np.array(values), np.array(values))


def test_multiclass_auc_is_that_of_scikit_learn_itself() -> None:
    generator = np.random.default_rng(1)
    scores = generator.dirichlet(np.ones(4), 200)
    truth = generator.integers(0, 4, 200)
    judged = Labels(truth, scores.argmax(1), scores, tuple("abcd"))
    ours = ALL["roc_auc"].value(judged)
    assert ours == pytest.approx(oracle.roc_auc_score(truth, scores, multi_class="ovr"))


def test_one_class_has_no_auc() -> None:
    judged = Labels(np.ones(3, int), np.ones(3, int), np.full((3, 2), 0.5), ("a", "b"))
    assert np.isnan(ALL["roc_auc"].value(judged))


@pytest.mark.parametrize("name", ["pearson", "spearman"])
def test_a_constant_correlates_with_nothing(name: str) -> None:
    assert ALL[name].value(numbers([1, 2, 3], [0.1, 0.1, 0.1])) == 0
    assert ALL[name].value(numbers([0.7] * 7, list(range(7)))) == 0


def test_pearson_sees_small_spreads_round_a_large_mean() -> None:
    judged = numbers([1e6 + 1e-3 * i for i in range(9)], list(range(9)))
    assert ALL["pearson"].value(judged) == pytest.approx(1)


def test_always_giving_the_frequent_label_has_no_mcc() -> None:
    truth = np.array([0] * 97 + [1, 1, 2])
    judged = Labels(truth, np.zeros(100, int), np.zeros((100, 3)), tuple("abc"))
    assert ALL["mcc"].value(judged) == 0


def test_more_labels_than_rows_is_fine() -> None:
    judged = Labels(np.array([76]), np.array([3]), np.full((1, 77), 1 / 77))
    assert ALL["macro_f1"].value(judged) == 0


def test_errors_are_better_when_lower() -> None:
    assert {n for n, m in ALL.items() if not m.higher_is_better} == {"mae", "rmse"}
