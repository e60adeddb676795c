"""Targets that are passages: the right answers of each question with their places."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from weitiao.data.files import take
from weitiao.errors import DataError, placed
from weitiao.i18n.messages import _
from weitiao.labels.passages.golds import Golds, parse_answers
from weitiao.labels.passages.golds import placed as places_of

TASK = "question_answering"
SPAN = 4096
Locate = Callable[[int], str]  # position -> "questions.csv:17"


def read_answers(
    table: Any,
    roles: Mapping[str, Any],
    positions: np.ndarray,
    locate: Locate,
    wrong: dict[int, str] | None = None,
) -> list[Golds | None]:
    """The gold answers for each position; None where the cell is empty, () where it says [].

    One whose place is not known goes to `wrong` (position -> the reason); without that, DataError
    is raised, naming the row.
    """
    columns = [str(roles[role]) for role in ("target", "context")]
    start = roles.get("start")
    found: list[Golds | None] = []
    for span in take.spans(positions, SPAN):
        cells, contexts = (take.texts(table.column(column), span) for column in columns)
        starts = take.texts(table.column(str(start)), span) if start else [""] * len(span)
        for position, cell, context, at in zip(span, cells, contexts, starts, strict=True):
            try:
                answers = _spelled(cell, at)
                found.append(None if answers is None else places_of(answers, context))
            except ValueError as error:
                if wrong is None:
                    raise DataError(placed(locate(int(position)), str(error))) from None
                wrong[int(position)] = str(error)
                found.append(None)
    return found


def _spelled(cell: str, start: str) -> Any:
    try:
        return parse_answers(cell, start)
    except (ValueError, OverflowError):
        raise ValueError(
            _("where the answer starts is {start!r}, no number.", start=start[:40])
        ) from None


def nowhere(targets: list[Any]) -> int:
    """How many rows have answers of which none stands in its passage."""
    return sum(bool(golds) and all(at < 0 for at, _ in golds) for golds in targets)
