"""The rows that two contenders predict differently: newly right, newly wrong, further off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from weitiao.evaluation.compare import proportion_right
from weitiao.i18n.messages import _, plural
from weitiao.reporting.highlights import (
    excerpt,
    shown_text,
    spans_in_words,
    text_of_cell,
    value_in_words,
)
from weitiao.reporting.render import Row, RowList, Section, Words
from weitiao.results.comparison import Compared
from weitiao.results.format import number
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.passages import Passages
from weitiao.tasks.answers.spans import Spans

MAX_ROWS = 40  # rows in each list
OPEN_ROWS = 8  # of them open at once
FLIP_PROPORTION = 0.5  # of the seeds must be right where they were not, or the other way round

Sides = tuple[Sequence[Answers], Sequence[Answers]]


def changed_rows(compared: Compared, at: int, unmasked: bool) -> Section:
    """The rows that changed sides from the first contender to number `at`."""
    first, second = compared.aligned.answers[0], compared.aligned.answers[at]
    names = compared.names[0], compared.names[at]
    blocks: list[Any] = list(_about_texts(compared, unmasked))
    head = _("true"), *names
    if first[0].numeric:
        lists = _number_lists((first, second), compared, unmasked)
    else:
        lists = _flip_lists((first, second), compared, unmasked)
    for caption, count, items in lists:
        message = _("{shown} of {all} shown.", shown=len(items), all=plural(count, "row"))
        if items:
            blocks.append(_list(caption, head, items))
            blocks += [Words(message, "note")] if count > len(items) else []
    if not any(isinstance(block, RowList) for block in blocks):
        blocks.append(Words(_("No row changed sides.")))
    title = _("Rows that changed: {first} → {second}", first=names[0], second=names[1])
    return Section(f"rows-{at}", title, blocks)


def flips(first: Sequence[Answers], second: Sequence[Answers]) -> tuple[np.ndarray, np.ndarray]:
    """The rows that the second gets right and the first wrong, and the other way round; of
    several seeds by their shares, those that changed most first."""
    change = proportion_right(second) - proportion_right(first)
    order = np.argsort(-np.abs(change), kind="stable")
    return order[change[order] >= FLIP_PROPORTION], order[change[order] <= -FLIP_PROPORTION]


def _flip_lists(
    sides: Sides, compared: Compared, unmasked: bool
) -> list[tuple[str, int, list[Row]]]:
    result = flips(*sides)
    captions = _("Now right"), _("Now wrong")
    if max(map(len, sides)) > 1:
        captions = _("Right more often"), _("Right less often")
    right = [proportion_right(side) for side in sides]
    lists = []
    for caption, picked in zip(captions, result, strict=True):
        rows = _changed(sides, picked[:MAX_ROWS], compared, unmasked)
        items = [
            Row(
                row.id,
                row.texts,
                row.truth,
                row.answer,
                row.confidence,
                bool(right[0][at] > FLIP_PROPORTION),
                other=bool(right[1][at] > FLIP_PROPORTION),
            )
            for row, at in zip(rows, picked, strict=False)
        ]
        lists.append(
            (
                _("{caption}: {rows}", caption=caption, rows=plural(len(picked), "row")),
                len(picked),
                items,
            )
        )
    return lists


def _number_lists(
    sides: Sides, compared: Compared, unmasked: bool
) -> list[tuple[str, int, list[Row]]]:
    truth = sides[0][0].targets
    off = [np.abs(np.mean([one.values for one in side], axis=0) - truth) for side in sides]
    change = off[1] - off[0]
    order = np.argsort(change, kind="stable")
    nearer, further = order[change[order] < 0], order[::-1][change[order[::-1]] > 0]
    return [
        (_("Most improved"), len(nearer), _changed(sides, nearer[:MAX_ROWS], compared, unmasked)),
        (_("Most worsened"), len(further), _changed(sides, further[:MAX_ROWS], compared, unmasked)),
    ]


def _changed(sides: Sides, picked: np.ndarray, compared: Compared, unmasked: bool) -> list[Row]:
    texts, answers = compared.aligned.texts(picked), sides[0][0]
    result = []
    for place, at in enumerate(picked):
        own = [] if texts is None else texts[place]
        own = excerpt(answers, int(at), own) if isinstance(answers, Passages) else own
        text = None
        if isinstance(answers, Spans) and own:
            text = text_of_cell(own[0][1])
            own = [(own[0][0], text)]
        message = [(n, shown_text(t, unmasked)) for n, t in own]
        result.append(
            Row(
                compared.aligned.ids[at],
                message if len(message) != 1 else [("", message[0][1])],
                _value(answers, answers.targets, int(at), text, unmasked),
                _answers(sides[0], int(at), text, unmasked),
                _answers(sides[1], int(at), text, unmasked),
            )
        )
    return result


def _answers(side: Sequence[Answers], row: int, text: str | None, unmasked: bool) -> str:
    """The answer; of several seeds the most frequent one, and how many are right."""
    if side[0].numeric:
        return number(float(np.mean([one.values[row] for one in side])))
    predicted = Counter(_value(one, one.values, row, text, unmasked) for one in side)
    answer = predicted.most_common(1)[0][0]
    if len(side) == 1:
        return answer
    right = predicted[_value(side[0], side[0].targets, row, text, unmasked)]
    return _("{answer} ({right} of {all} right)", answer=answer, right=right, all=len(side))


def _value(answers: Answers, values: Any, row: int, text: str | None, unmasked: bool) -> str:
    """The value of a row as people write it. text: of spans, what they lie in."""
    if isinstance(answers, Spans):
        return spans_in_words(answers, values.row(row), text, unmasked)
    return value_in_words(answers, values[row], unmasked)


def _about_texts(compared: Compared, unmasked: bool) -> list[Words]:
    if compared.aligned.base.texts() is None:
        message = _("The file with the rows is gone or was changed: only ids are shown.")
        return [Words(message, "warning")]
    if unmasked:
        return []
    message = _(
        "Mail addresses, phone numbers, id cards, bank cards and queries of links are masked; "
        "names are not. `weitiao compare ... --unmasked` shows all."
    )
    return [Words(message, "note")]


def _list(caption: str, head: tuple[str, str, str], items: list[Row]) -> RowList:
    shown = OPEN_ROWS if len(items) > OPEN_ROWS + 3 else len(items)
    more = _("{count} more", count=len(items) - shown) if len(items) > shown else ""
    return RowList(caption, head, items, shown, more)
