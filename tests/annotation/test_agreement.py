"""Agreement and reliability against other implementations and known examples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.annotation.agreement import agreement, cohen
from weitiao.annotation.reliability import dawid_skene

pytest.importorskip("krippendorff", reason="pip install 'weitiao[annotate]'")


def test_krippendorff_is_that_of_the_paper():
    """Krippendorff (2011), "Computing Krippendorff's alpha-reliability": four observers."""
    said = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    votes = {
        unit: {f"o{at}": str(row[unit]) for at, row in enumerate(said) if row[unit] is not None}
        for unit in range(12)
    }
    found = agreement(votes, "label")
    assert found.alpha == pytest.approx(0.743, abs=5e-4)
    assert found.rows == 11
    numbers = {at: {who: float(v) for who, v in row.items()} for at, row in votes.items()}
    assert agreement(numbers, "number").alpha == pytest.approx(0.849, abs=5e-4)


def test_fleiss_is_that_of_the_paper():
    """Fleiss (1971) as Wikipedia shows it: 10 rows, 14 raters, 5 labels."""
    table = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    votes = {}
    for at, counts in enumerate(table):
        labels = [str(label) for label, count in enumerate(counts) for _ in range(count)]
        votes[at] = {f"r{rater}": label for rater, label in enumerate(labels)}
    assert agreement(votes, "label").fleiss == pytest.approx(0.210, abs=5e-4)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=30))
def test_cohen_is_that_of_scikit_learn(pairs):
    from sklearn.metrics import cohen_kappa_score

    found = cohen(pairs)
    if found is None:
        assert len({label for pair in pairs for label in pair}) == 1
    else:
        assert found == pytest.approx(cohen_kappa_score(*zip(*pairs, strict=True)))


def test_spans_and_label_sets():
    spans = {0: {"a": [[0, 2, "X"], [3, 4, "Y"]], "b": [[0, 2, "X"]]}, 1: {"a": [], "b": []}}
    assert agreement(spans, "spans").overlap == pytest.approx((2 / 3 + 1) / 2)
    sets = {at: {"a": ["x"] if at % 2 else [], "b": ["x"] if at % 2 else []} for at in range(8)}
    assert agreement(sets, "labels").alpha == 1.0
    assert agreement({}, "label").same is None
    assert agreement({0: {"a": "x"}}, "label").rows == 0


def test_reliability_is_recovered():
    rng = np.random.default_rng(0)
    gold = rng.integers(3, size=400)
    rates = {"good": 0.95, "fair": 0.75, "poor": 0.4}
    votes = [
        {who: int(label if rng.random() < rate else rng.integers(3)) for who, rate in rates.items()}
        for label in gold
    ]
    found = dawid_skene(votes, 3)
    for who, rate in rates.items():
        assert found.accuracy[who] == pytest.approx(rate + (1 - rate) / 3, abs=0.08)
    majority = np.mean([row["poor"] == label for row, label in zip(votes, gold, strict=True)])
    assert (found.posterior.argmax(1) == gold).mean() > max(majority, 0.93)
