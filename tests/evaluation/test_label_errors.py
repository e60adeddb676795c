import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from conftest import toy_rows
from weitiao import parts
from weitiao.data.files.table import from_rows
from weitiao.data.rows import Rows, everything
from weitiao.errors import DataError
from weitiao.evaluation.label_errors import neighbours, scores
from weitiao.evaluation.label_errors.of_rows import Suspects, suspects_of
from weitiao.evaluation.label_errors.out_of_fold import folds_of, vector_view
from weitiao.evaluation.label_errors.suspicion import Suspicion, of_classes, of_numbers, of_sets


def drawn(rows, labels, seed):
    draw = np.random.default_rng(seed)
    raw = draw.dirichlet(np.ones(labels), rows)
    return raw, draw.integers(0, labels, rows)


@pytest.mark.parametrize("labels", [2, 3, 7])
def test_scores_and_joint_are_those_of_cleanlab(labels):
    rank = pytest.importorskip("cleanlab.rank")
    count = pytest.importorskip("cleanlab.count")
    probabilities, given_labels = drawn(400, labels, labels)
    for name, own in (
        ("self_confidence", scores.self_confidence),
        ("normalized_margin", scores.normalized_margin),
    ):
        theirs = rank.get_label_quality_scores(given_labels, probabilities, method=name)
        np.testing.assert_allclose(own(probabilities, given_labels), theirs, atol=1e-9)
    joint = count.compute_confident_joint(given_labels, probabilities, calibrate=True)
    np.testing.assert_allclose(scores.confident_joint(probabilities, given_labels), joint, atol=1.0)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 15)), min_size=2, max_size=60),
    st.integers(0, 5),
)
def test_equal_texts_share_a_fold_and_folds_are_even(rows, seed):
    labels, groups = (np.array(column) for column in zip(*rows, strict=True))
    fold = folds_of(labels, groups, seed)
    for group in np.unique(groups):
        assert len(set(fold[groups == group])) == 1
    units = [fold[groups == group][0] for group in np.unique(groups)]
    sizes = np.bincount(units, minlength=min(5, len(units)))
    assert sizes.max() - sizes.min() <= 1


def clusters(rows=400, labels=4, noise=0.1, seed=0):
    draw = np.random.default_rng(seed)
    gold = draw.integers(0, labels, rows)
    vectors = draw.normal(size=(labels, 12))[gold] * 1.5 + draw.normal(size=(rows, 12))
    wrong = draw.permutation(rows)[: round(noise * rows)]
    noisy = gold.copy()
    noisy[wrong] = (gold[wrong] + 1 + draw.integers(0, labels - 1, len(wrong))) % labels
    return vectors, gold, noisy


def test_planted_wrong_classes_come_first_and_are_counted():
    vectors, gold, noisy = clusters()
    found = of_classes([vector_view(vectors, False)], noisy, 4, np.arange(len(noisy)), 1)
    wrong = noisy != gold
    assert average_precision_score(wrong, found.values) > 0.85
    assert (found.suggested[wrong] == gold[wrong]).mean() > 0.9
    low, value, high = found.wrong
    assert low <= wrong.sum() <= high
    assert low <= value <= high


def test_clean_labels_are_estimated_as_clean():
    vectors, gold, _noisy = clusters(noise=0.0)
    found = of_classes([vector_view(vectors, False)], gold, 4, np.arange(len(gold)), 1)
    assert found.wrong[1] <= 0.02 * len(gold)


def test_a_label_of_one_text_is_not_judged():
    vectors, gold, _noisy = clusters(rows=60)
    labels = gold.copy()
    labels[7] = 4
    found = of_classes([vector_view(vectors, False)], labels, 5, np.arange(60), 1)
    assert np.isnan(found.values[7])
    assert 7 not in found.order
    assert len(found.order) == 59


def test_planted_wrong_numbers_and_flags_come_first():
    draw = np.random.default_rng(3)
    vectors = draw.normal(size=(300, 8))
    numbers = vectors[:, 0] * 2 + draw.normal(size=300) * 0.2
    wrong = draw.permutation(300)[:15]
    numbers[wrong] += 4
    found = of_numbers([vector_view(vectors, True)], numbers, np.arange(300), 1)
    assert set(wrong) == set(found.order[:15])
    flags = draw.integers(0, 2, (300, 3)).astype(float)
    vectors[:, :3] = 4 * flags - 2 + draw.normal(size=(300, 3)) * 0.5
    flags[wrong, 1] = 1 - flags[wrong, 1]
    found = of_sets([vector_view(vectors, False)], flags, np.arange(300), 1)
    assert len(set(wrong) & set(found.order[:15])) >= 13
    assert (found.suggested != flags).any(1).all()


def test_neighbours_leave_out_equal_texts():
    vectors = np.array([[1.0, 0], [1, 0], [0.9, 0.1], [0, 1], [0, 0.9]])
    places = neighbours.nearest(vectors, np.array([0, 0, 1, 2, 3]), 2)
    assert 1 not in places[0]
    assert places[3][0] == 4
    shares = neighbours.shares(places, np.array([0, 0, 0, 1, 1]), 2)
    np.testing.assert_allclose(shares.sum(1), 1)


def rows_of(task, count=60, made=None):
    source = from_rows(made or toy_rows(task, count))
    texts = {"nli": ("premise", "hypothesis"), "similarity": ("text", "text_pair")}.get(
        task, ("text",)
    )
    roles = {name: name for name in texts} | {"target": "label"}
    return Rows(source.table, everything(source.table), roles, source.name, task)


@pytest.mark.parametrize(
    "task",
    ["classification", "nli", "multilabel", "regression", "similarity", "token_classification"],
)
def test_every_task_with_labels_is_judged(task, tiny_bert):
    rows = rows_of(task)
    found = suspects_of(rows, tiny_bert)
    values = found.suspicion.values
    assert values.shape == (len(rows),)
    assert ((values >= 0) & (values <= 1) | np.isnan(values)).all()
    assert len(found.suggested) == len(rows)
    for at in found.suspicion.order[:5].tolist():
        assert found.reason(at)
    again = suspects_of(rows, tiny_bert)
    np.testing.assert_array_equal(values, again.suspicion.values)


@pytest.mark.parametrize("labels", ["aaabbb", "abcdefabcdef"])
def test_a_few_rows_are_judged_without_warnings(labels, tiny_bert):
    made = [{"text": f"text {i} {label}", "label": label} for i, label in enumerate(labels)]
    assert len(suspects_of(rows_of("classification", made=made), tiny_bert).suspicion.order) == len(
        labels
    )


def test_what_cannot_be_judged_is_said(tiny_bert):
    one = [{"text": f"text {i}", "label": "a"} for i in range(8)]
    with pytest.raises(DataError, match="at least two labels"):
        suspects_of(rows_of("classification", made=one), tiny_bert)
    with pytest.raises(DataError, match="too few to judge"):
        suspects_of(rows_of("classification", made=one[:3]), tiny_bert)
    with pytest.raises(DataError, match="are texts or passages"):
        suspects_of(rows_of("translation"), tiny_bert)


def test_the_finder_of_look_names_the_rows(tiny_bert):
    from weitiao.data.quality.finding import Inspected
    from weitiao.evaluation.label_errors.finding import wrong_labels

    made = [
        {"text": f"{'good' if i % 2 else 'bad'} thing {i}", "label": "ab"[i % 2]}
        for i in range(100)
    ]
    for at in (11, 42, 73):
        made[at]["label"] = "ab"[1 - at % 2]
    made[20]["label"] = ""
    rows = rows_of("classification", made=made)
    inspected = Inspected(rows, rows.targets(), np.full(100, ""), "en")
    (finding,) = wrong_labels(inspected, tiny_bert)
    assert {11, 42, 73} <= set(finding.rows.tolist())
    assert 20 not in finding.rows
    assert finding.figures["wrong"][0] <= 3 <= finding.figures["wrong"][2]
    assert finding.cases[0].rows[0].id in {"rows:11", "rows:42", "rows:73"}
    assert len(list(finding.table.rows())) == finding.figures["listed"]
    few = rows.take(np.arange(3))
    assert list(wrong_labels(Inspected(few, few.targets(), np.full(3, ""), "en"), tiny_bert)) == []


def test_a_tag_that_models_would_give_too_is_not_called_unlikely():
    details = {"worst": [("New", "B-LOC", "B-LOC"), ("New", "O", "B-LOC")]}
    values = Suspicion(np.zeros(2), np.zeros((2, 1)), np.zeros(0), None, details)
    task = parts.build("tasks", "token_classification", {})
    some = Suspects(None, task, values, [None, None])
    assert "likelier" not in some.reason(0)
    assert "likelier B-LOC" in some.reason(1)
