"""The rows that all contenders have: known again by their truth and their texts."""

import numpy as np
import pytest

from weitiao.core.ragged import Ragged
from weitiao.errors import DataError
from weitiao.results.comparison import aligned
from weitiao.results.contenders import Answered, Contender
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.passages import Passages
from weitiao.tasks.answers.spans import Spans

IDS = [f"val.conll:{line}" for line in range(3)]


def answered(kind, truth, labels, texts=None, **more):
    """A run that is right on every row."""
    answers = kind(truth, truth, labels=labels, **more)
    return Answered(answers, IDS, lambda: texts, lambda column: None)


def together(*every):
    return aligned([Contender(str(at), "run", (one,)) for at, one in enumerate(every)])


def tags(rows, labels=("person", "place"), texts=None):
    spans = Ragged.of([np.array(row, int).reshape(-1, 3) for row in rows])
    return answered(Spans, spans, labels, texts, counts=np.ones((3, 2)))


def sets(rows, labels, texts=None):
    return answered(LabelSets, np.array(rows), labels, texts)


def golds(*rows):
    truth = np.empty(len(rows), object)
    truth[:] = list(rows)
    return answered(Passages, truth, (), counts=np.ones((3, 5)))


TAGS = [[(0, 4, 0), (6, 9, 1)], [], [(1, 2, 0)]]


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        (tags(TAGS), tags([[(6, 9, 0), (0, 4, 1)], [], [(1, 2, 1)]], ("place", "person")),
         tags([[(0, 4, 0), (6, 9, 1)], [(0, 1, 0)], [(1, 2, 0)]])),
        (sets([[1, 0], [1, 1], [0, 0]], ("a", "b")), sets([[0, 1], [1, 1], [0, 0]], ("b", "a")),
         sets([[1, 0], [1, 1], [0, 1]], ("a", "b"))),
        (golds(("in May", "May"), ("Rome",), ()), golds(("May", "in May"), ("Rome",), ()),
         golds(("in May",), ("Oslo",), ())),
    ],
    ids=["tags", "multilabel", "spans"],
)  # fmt: skip
def test_rows_of_one_name_with_another_truth_are_other_rows(one, same, other):
    """Two files of one name lay in two folders, and were said to be the same."""
    assert together(one, same).ids == IDS
    with pytest.raises(DataError, match="has another truth in the two"):
        together(one, other)


@pytest.mark.parametrize("make", [
    lambda texts: tags([[], [], []], texts=texts),
    lambda texts: sets([[0], [0], [0]], ("a",), texts),
], ids=["tags", "multilabel"])  # fmt: skip
def test_where_the_truth_is_empty_the_texts_tell_other_rows(make):
    one, other = ([(f"row {at} of {name}",) for at in range(3)] for name in ("a", "b"))
    assert together(make(one), make(one)).ids == IDS
    assert together(make(one), make(None)).ids == IDS, "texts that are gone say nothing"
    with pytest.raises(DataError, match=r"val.conll:0 has another text in the two: 3 rows differ"):
        together(make(one), make(other))
