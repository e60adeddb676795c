"""Every answer class: what is written is read back, what is matched is the same, and the defaults
of the base class do for one plain value a row."""

import numpy as np
import pyarrow as pa
import pytest

from weitiao.core.ragged import Ragged
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.numbers import Numbers
from weitiao.tasks.answers.passages import Passages
from weitiao.tasks.answers.spans import Spans


class Plain(Answers):
    """As a package of somebody else's may have it."""

    kind = "plain"


def spans(*rows):
    return Ragged.of([np.array(row, np.int64).reshape(-1, 3) for row in rows])


def objects(*values):
    found = np.empty(len(values), object)
    for at, value in enumerate(values):
        found[at] = value
    return found


NAMES = ("a", "b")
RATES = np.array([[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]], np.float32)
EVERY = {
    "labels": Labels(np.array([0, 1, 1]), np.array([0, 0, 1]), RATES, NAMES),
    "label_sets": LabelSets(
        np.array([[1, 0], [0, 0], [1, 1]]), np.array([[1, 0], [1, 0], [0, 1]]), RATES, NAMES
    ),
    "numbers": Numbers(np.array([1.0, 2.5, -3.0]), np.array([1.0, 2.0, 4.0]), np.zeros(3)),
    "spans": Spans(
        spans([(0, 2, 0)], [], [(1, 3, 1)]), spans([(0, 2, 0)], [(4, 5, 1)], []),
        Ragged(np.array([0.5, 0.25], np.float32), np.array([0, 1, 2, 2])), NAMES,
        np.array([[3, 3], [2, 3], [1, 3]]),
    ),
    "passages": Passages(
        objects(("in May", "May"), (), ("Rome",)), objects("May", "Oslo", "Paris"),
        np.array([0.5, 0.25, 0.75], np.float32), counts=np.eye(3, 5),
    ),
    "texts": Plain(objects("x", "y", "y"), objects("x", "x", "y"), np.array([0.5, 0.25, 0.75])),
    "ranks": Plain(np.array([3, 1, 2]), np.array([3, 2, 2]), RATES),
}  # fmt: skip
RIGHT = {"spans": [True, False, False], "passages": [True, False, False],
         "label_sets": [True, False, False], "numbers": [True, False, False]}  # fmt: skip


def plainly(values):
    if isinstance(values, Ragged):
        return [values.row(at).tolist() for at in range(len(values))]
    return None if values is None else values.tolist()


def same(one, other):
    assert type(one) is type(other)
    assert one.labels == other.labels
    for name in ("targets", "values", "scores", "counts"):
        assert plainly(getattr(one, name)) == plainly(getattr(other, name)), name


@pytest.mark.parametrize("name", EVERY)
def test_what_is_written_is_read(name):
    judged = EVERY[name]
    if name == "numbers":
        judged = Numbers(judged.targets, judged.values, judged.values)
    table = pa.table(judged.columns())
    assert table.column_names[:4] == ["target", "answer", "score", "scores"]
    same(type(judged).from_arrow(table, judged.labels, ""), judged)


@pytest.mark.parametrize("name", EVERY)
def test_right_rows_mistakes_and_differences(name):
    judged = EVERY[name]
    right = RIGHT.get(name, [True, False, True])
    assert judged.right().tolist() == right
    assert sorted(judged.mistakes().tolist()) == [at for at in range(3) if not right[at]]
    assert not judged.differs(judged).any()
    assert (judged.losses() > 0).tolist() == [not one for one in right]
    constant = judged.constant()
    assert len(constant.values) == 3
    assert constant.right().sum() >= (0 if name == "numbers" else 1)
    assert not (judged.take(np.array([0, 2])).losses() - judged.losses()[[0, 2]]).any()


@pytest.mark.parametrize("name", EVERY)
def test_rows_are_matched_whatever_the_order_of_labels(name):
    judged = EVERY[name]
    rows = np.arange(3)
    found = judged.aligned(judged, rows, rows, judged.labels[::-1])
    assert found.right().tolist() == judged.right().tolist()
    assert not judged.gold_differs(rows, judged, rows).any()
    other = judged.gold_differs(np.array([0]), judged, np.array([2]))
    assert other.tolist() == [True]
    if judged.labels:
        assert found.labels == ("b", "a")
        assert not found.gold_differs(rows, judged, rows).any()
    weights = np.ones((1, 3))
    counts = judged.label_counts(weights)[2][0]
    assert len(counts) == len(judged.labels)


def test_cells_of_a_file_become_answers():
    labels = Labels.from_cells(["b", None, "c"], ["a", "b", "b"])
    assert labels.labels == ("a", "b", "c")
    assert (labels.values.tolist(), labels.targets.tolist()) == ([1, -1, 2], [0, 1, 1])
    assert labels.unlisted()
    sets = LabelSets.from_cells([["b"], None], None)
    assert (sets.targets, sets.values.tolist()) == (None, [[1], [0]])
    assert Numbers.from_cells([1, None], None).answered().tolist() == [True, False]
    assert Plain.from_cells([["x", "y"], ["z", "y"]], None).values[1] == ["z", "y"]
    assert Plain.from_cells([3, 4], [3, 5]).right().tolist() == [True, False]
