"""Comparing recipes: verdicts, labels, and what must not matter."""

import time

import numpy as np
import pytest

from weitiao import parts
from weitiao.evaluation.compare import compare, differing
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.numbers import Numbers

SINGLE = {name: parts.build("metrics", name) for name in ("accuracy", "macro_f1", "mcc")}
NUMBER = {name: parts.build("metrics", name) for name in ("pearson", "spearman", "mae", "rmse")}


def answers(rows: int, right: float, seed: int, labels: int = 3) -> Answers:
    generator = np.random.default_rng(seed)
    truth = np.random.default_rng(7).integers(0, labels, rows)
    wrong = generator.random(rows) > right
    given = np.where(wrong, (truth + 1) % labels, truth)
    return Labels(truth, given, np.zeros((rows, 0)), tuple(f"l{i}" for i in range(labels)))


def numbers(rows: int, noise: float, seed: int) -> Answers:
    truth = np.random.default_rng(7).normal(size=rows)
    given = truth + noise * np.random.default_rng(seed).normal(size=rows)
    return Numbers(truth, given, given)


def test_clear_ones_are_called_and_close_ones_are_not() -> None:
    base = [answers(1000, 0.8, 1)]
    assert compare(base, [answers(1000, 0.9, 2)], SINGLE).word == "better"
    assert compare(base, [answers(1000, 0.7, 3)], SINGLE).word == "worse"
    close = compare(base, [answers(1000, 0.805, 4)], SINGLE)
    assert close.word == "open"
    assert close.gaps[0].change.rows_needed is None or close.gaps[0].change.rows_needed > 1000
    assert compare(base, base, SINGLE).word == "same"


def test_recipes_of_several_seeds() -> None:
    first = [answers(800, 0.8, seed) for seed in range(4)]
    second = [answers(800, 0.86, seed) for seed in range(10, 14)]
    found = compare(first, second, SINGLE)
    assert found.word == "better"
    assert found.mcnemar is None
    assert found.gaps[0].means == pytest.approx((0.8, 0.86), abs=0.02)
    assert len(found.gaps[0].first) == 4


def test_every_interval_holds_its_difference_and_positive_is_better() -> None:
    for base, other, metrics in (
        ([answers(400, 0.7, 1)], [answers(400, 0.8, 2)], SINGLE),
        ([numbers(400, 1.0, 1)], [numbers(400, 0.8, 2)], NUMBER),
    ):
        found = compare(base, other, metrics)
        for gap in found.gaps:
            assert gap.change.low < gap.change.value < gap.change.high
            assert gap.change.value > 0, gap.name
        assert found.word == "better"


def test_swapping_turns_every_difference() -> None:
    one, other = [answers(300, 0.7, s) for s in (1, 2)], [answers(300, 0.75, s) for s in (3, 4)]
    there, back = compare(one, other, SINGLE), compare(other, one, SINGLE)
    for a, b in zip(there.gaps, back.gaps, strict=True):
        assert a.change.value == pytest.approx(-b.change.value)
        assert a.change.low == pytest.approx(-b.change.high, abs=0.004)


def test_the_order_of_the_rows_does_not_matter() -> None:
    one, other = answers(300, 0.7, 1), answers(300, 0.8, 2)
    order = np.random.default_rng(0).permutation(300)

    def mixed(judged: Answers) -> Answers:
        return Labels(judged.targets[order], judged.values[order], judged.scores,
                      judged.labels)  # fmt: skip

    straight = compare([one], [other], SINGLE)
    assert compare([mixed(one)], [mixed(other)], SINGLE).summary() == straight.summary()


def test_a_bootstrap_over_rows_agrees_with_the_formula() -> None:
    """macro F1 of balanced labels is nearly accuracy: its resampled spread must be so too."""
    found = compare([answers(2000, 0.8, 1)], [answers(2000, 0.82, 2)], SINGLE)
    shares, f1 = (gap.change.high - gap.change.low for gap in found.gaps[:2])
    assert f1 == pytest.approx(shares, rel=0.06)


def test_few_rows_that_differ_tell_no_more_than_the_exact_test() -> None:
    truth = np.zeros(200, int)
    first, second = truth.copy(), truth.copy()
    first[:6] = 1  # only the second is right on six rows, never the other way round
    none = np.zeros((200, 0))
    sets = [Labels(truth, one, none, ("a", "b")) for one in (first, second)]
    found = compare(sets[:1], sets[1:], SINGLE)
    assert found.mcnemar.p_value == pytest.approx(2 / 2**6)
    assert found.word == "better"
    first[5] = 0
    found = compare(sets[:1], sets[1:], SINGLE)
    assert found.mcnemar.p_value == pytest.approx(2 / 2**5)
    assert found.word == "open"


def test_a_label_that_changed_is_found_among_others() -> None:
    base = answers(3000, 0.9, 1, labels=8)
    worse = np.where((base.targets == 5) & (np.arange(3000) % 3 > 0), 6, base.values)
    other = Labels(base.targets, worse, base.scores, base.labels)
    found = compare([base], [other], SINGLE)
    signs = {gap.name: gap.change.sign for gap in found.labels}
    assert signs["l5"] == -1
    assert signs["l6"] == -1
    assert [name for name, sign in signs.items() if sign] == ["l5", "l6"]


@pytest.mark.slow
def test_looking_at_many_labels_finds_nothing_where_there_is_nothing() -> None:
    called = 0
    for seed in range(40):
        first, second = (answers(600, 0.8, 100 + 2 * seed + one, labels=12) for one in (0, 1))
        called += any(gap.change.sign for gap in compare([first], [second], SINGLE).labels)
    assert called <= 6


def test_rows_that_differ() -> None:
    one, other = answers(100, 0.8, 1), answers(100, 0.8, 2)
    assert differing([one], [other]).sum() == (one.values != other.values).sum()
    assert not differing([one, other], [one, other]).any()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["runs of 77 labels", "recipes", "numbers"])
def test_a_hundred_thousand_rows_take_less_than_ten_seconds(kind: str) -> None:
    rows = 100_000
    sides = {
        "runs of 77 labels": ([answers(rows, 0.8, 1, 77)], [answers(rows, 0.81, 2, 77)]),
        "recipes": tuple([answers(rows, right, s) for s in range(5)] for right in (0.8, 0.81)),
        "numbers": ([numbers(rows, 1.0, 1)], [numbers(rows, 0.99, 2)]),
    }
    begun = time.process_time()
    compare(*sides[kind], NUMBER if kind == "numbers" else SINGLE)
    assert time.process_time() - begun < 10


def test_a_large_difference_on_few_rows_says_how_many_rows_would_tell() -> None:
    """Of 23 rows 7 were right only before and 1 only now: that was called too small for any number
    of rows, since the normal interval left 0 and only the exact one held it."""
    gold = np.zeros(23, int)
    before, now = gold.copy(), gold.copy()
    before[:1], now[1:8] = 1, 1
    first, second = (Labels(gold, given, np.zeros((23, 0)), ("a", "b")) for given in (before, now))
    comparison = compare([first], [second], {"accuracy": SINGLE["accuracy"]})
    change = comparison.gaps[0].change
    assert (comparison.word, round(change.value, 3)) == ("open", -0.261)
    assert change.low < 0 < change.high
    assert change.rows_needed is not None
    assert 23 < change.rows_needed < 60
