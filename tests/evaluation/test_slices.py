"""A planted weak slice is found first among 200; with nothing planted, next to nothing is."""

import numpy as np
import pytest

from conftest import toy_rows
from weitiao.data.files.table import from_rows
from weitiao.data.rows import Rows, everything
from weitiao.evaluation.slices import Candidate, candidates_of, holm, is_identifier, score_slices
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.numbers import Numbers


def judged_with(wrong, kind="single"):
    rows = len(wrong)
    targets = np.arange(rows) % 2
    if kind == "number":
        return Numbers(targets.astype(float), targets + wrong, targets + wrong)
    values = np.where(wrong, 1 - targets, targets)
    scores = np.eye(2)[values] * 0.8 + 0.1
    return Labels(targets, values, scores, ("a", "b"))


def candidates(rows, rng, count=200):
    """Ten columns of twenty values each: 200 slices that overlap."""
    found = []
    for column in range(count // 20):
        values = rng.integers(0, 20, rows)
        found += [
            Candidate("column", f"c{column}", str(value), np.flatnonzero(values == value))
            for value in range(20)
        ]
    return found


@pytest.mark.parametrize("kind", ["single", "number"])
def test_a_planted_slice_is_found_first_among_200(kind):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        looked = candidates(2000, rng)
        wrong = rng.random(2000) < 0.15
        bad = looked[57].rows
        wrong[bad] = ~wrong[bad]  # as when this source's labels were flipped
        losses = wrong if kind == "single" else rng.exponential(1, 2000) * (1 + 4 * wrong)
        found = score_slices(judged_with(losses, kind), looked)
        first = found[0]
        assert (first.name, first.value) == (looked[57].name, looked[57].value)
        assert first.weak
        assert len(found) == 200


@pytest.mark.parametrize("kind", ["single", "number"])
def test_with_nothing_planted_at_most_one_run_in_twenty_reports_something(kind):
    reported = 0
    for seed in range(200):
        rng = np.random.default_rng(1000 + seed)
        losses = rng.random(1000) < 0.2 if kind == "single" else rng.exponential(1, 1000)
        reported += any(one.weak for one in score_slices(judged_with(losses, kind),
                                                         candidates(1000, rng)))  # fmt: skip
    assert reported <= 10


def test_holm_by_hand():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx(
        [0.03, 0.06, 0.06, 0.02]
    )
    assert holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]


def test_figures_of_a_slice_are_those_of_its_rows():
    wrong = np.zeros(100, bool)
    wrong[:12] = True
    (found,) = score_slices(judged_with(wrong), [Candidate("column", "c", "x", np.arange(20))])
    assert (found.rows, found.score, found.rest) == (20, pytest.approx(0.4), 1.0)
    assert found.low < 0.4 < found.high


def test_too_small_or_too_large_parts_are_not_looked_at():
    wrong = np.zeros(50, bool)
    parts = [Candidate("column", "c", "x", np.arange(n)) for n in (9, 10, 40, 41)]
    assert {one.rows for one in score_slices(judged_with(wrong), parts)} == {10, 40}


def test_every_kind_of_candidate_is_made_from_rows():
    rng = np.random.default_rng(0)
    given = [
        {**row, "source": "AB"[i % 2], "year": 1900 + int(rng.integers(0, 100)), "id": f"r{i}",
         "note": f"a long text of its own {i}"}
        for i, row in enumerate(toy_rows("classification", 120))
    ]  # fmt: skip
    source = from_rows(given)
    roles = {"text": "text", "target": "label"}
    rows = Rows(source.table, everything(source.table), roles, "rows", "classification")
    labels = [row["label"] for row in given]
    targets = np.array([("bad", "good").index(label) for label in labels])
    judged = Labels(targets, targets, np.eye(2)[targets], ("bad", "good"))
    texts = [row["text"] for row in given]
    found = candidates_of(rows, judged, texts, np.arange(120) % 3)
    kinds = {one.kind for one in found}
    assert {"length", "label", "column", "texts"} <= kinds
    columns = {one.name for one in found if one.kind == "column"}
    assert columns == {"source", "year"}, "neither ids nor texts nor what the model reads"
    assert sorted(len(one.rows) for one in found if one.name == "source") == [60, 60]
    quarters = [one for one in found if one.kind == "length"]
    assert sum(len(one.rows) for one in quarters) == 120


@pytest.mark.parametrize("name", ["id", "row_id", "userId", "编号", "Unnamed: 0", "idx"])
def test_an_id_is_no_slice(name):
    numbers = np.random.default_rng(0).permutation(100).astype(float)
    assert is_identifier(name, numbers, np.arange(100))
    assert not is_identifier(name, numbers + 0.5, np.arange(100)), "measured"


def test_a_row_number_is_no_slice_whatever_it_is_called():
    positions = np.random.default_rng(0).permutation(1000)[:100]
    assert is_identifier("n", positions * 1.0 + 7, positions)
    assert not is_identifier(
        "price", np.random.default_rng(1).integers(0, 90, 100) * 1.0, positions
    )
    assert not is_identifier("paid", np.arange(100.0) ** 2, np.arange(100))
