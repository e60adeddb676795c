"""The rows that two contenders answer differently: newly right, newly wrong, further off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from weitiao.core.redact import masked
from weitiao.core.sanitize import shortened
from weitiao.evaluation.compare import proportion_right
from weitiao.i18n.messages import _, plural
from weitiao.reporting import spans
from weitiao.reporting.blocks import Row, RowList, Section, Words
from weitiao.reporting.error_examples import value_of
from weitiao.reporting.passages import excerpted
from weitiao.results.format import number
from weitiao.results.result import Compared
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.passages import Passages
from weitiao.tasks.answers.spans import Spans

MOST = 40  # rows in each list
OPEN = 8  # of them open at once
READ = 4000  # characters of a text that are looked at; far more than are shown
FLIPS = 0.5  # of the seeds must be right where they were not, or the other way round

Sides = tuple[Sequence[Answers], Sequence[Answers]]


def section(compared: Compared, at: int, unmasked: bool) -> Section:
    """The rows that changed sides from the first contender to number `at`."""
    first, second = compared.aligned.judged[0], compared.aligned.judged[at]
    names = compared.names[0], compared.names[at]
    blocks: list[Any] = list(_about_texts(compared, unmasked))
    head = _("truth"), *names
    if first[0].numeric:
        lists = _numbers((first, second), compared, unmasked)
    else:
        lists = _flips((first, second), compared, unmasked)
    for caption, count, items in lists:
        told = _("{shown} of {all} shown.", shown=len(items), all=plural(count, "row"))
        if items:
            blocks.append(_list(caption, head, items))
            blocks += [Words(told, "note")] if count > len(items) else []
    if not any(isinstance(block, RowList) for block in blocks):
        blocks.append(Words(_("No row changed sides.")))
    title = _("Rows that changed: {first} → {second}", first=names[0], second=names[1])
    return Section(f"rows-{at}", title, blocks)


def flips(first: Sequence[Answers], second: Sequence[Answers]) -> tuple[np.ndarray, np.ndarray]:
    """The rows that the second gets right and the first wrong, and the other way round; of
    several seeds by their shares, those that changed most first."""
    change = proportion_right(second) - proportion_right(first)
    order = np.argsort(-np.abs(change), kind="stable")
    return order[change[order] >= FLIPS], order[change[order] <= -FLIPS]


def _flips(sides: Sides, compared: Compared, unmasked: bool) -> list[tuple[str, int, list[Row]]]:
    found = flips(*sides)
    captions = _("Now right"), _("Now wrong")
    if max(map(len, sides)) > 1:
        captions = _("Right more often"), _("Right less often")
    right = [proportion_right(side) for side in sides]
    lists = []
    for caption, picked in zip(captions, found, strict=True):
        rows = _rows(sides, picked[:MOST], compared, unmasked)
        items = [
            Row(row.id, row.texts, row.truth, row.answer, row.sure,
                bool(right[0][at] > FLIPS), other=bool(right[1][at] > FLIPS))
            for row, at in zip(rows, picked, strict=False)
        ]  # fmt: skip
        lists.append((_("{caption}: {rows}", caption=caption,
                           rows=plural(len(picked), "row")), len(picked), items))  # fmt: skip
    return lists


def _numbers(sides: Sides, compared: Compared, unmasked: bool) -> list[tuple[str, int, list[Row]]]:
    truth = sides[0][0].targets
    off = [np.abs(np.mean([one.values for one in side], axis=0) - truth) for side in sides]
    change = off[1] - off[0]
    order = np.argsort(change, kind="stable")
    nearer, further = order[change[order] < 0], order[::-1][change[order[::-1]] > 0]
    return [
        (_("Now nearer, the most first"), len(nearer),
         _rows(sides, nearer[:MOST], compared, unmasked)),
        (_("Now further off, the most first"), len(further),
         _rows(sides, further[:MOST], compared, unmasked)),
    ]  # fmt: skip


def _rows(sides: Sides, picked: np.ndarray, compared: Compared, unmasked: bool) -> list[Row]:
    texts, judged = compared.aligned.texts(picked), sides[0][0]
    found = []
    for place, at in enumerate(picked):
        own = [] if texts is None else texts[place]
        own = excerpted(judged, int(at), own) if isinstance(judged, Passages) else own
        text = None
        if isinstance(judged, Spans) and own:
            text = spans.text_of(own[0][1])
            own = [(own[0][0], text)]
        told = [(n, _shown(t, unmasked)) for n, t in own]
        found.append(
            Row(
                compared.aligned.ids[at],
                told if len(told) != 1 else [("", told[0][1])],
                _value(judged, judged.targets, int(at), text, unmasked),
                _answers(sides[0], int(at), text, unmasked),
                _answers(sides[1], int(at), text, unmasked),
            )
        )
    return found


def _answers(side: Sequence[Answers], row: int, text: str | None, unmasked: bool) -> str:
    """The answer; of several seeds the most frequent one, and how many are right."""
    if side[0].numeric:
        return number(float(np.mean([one.values[row] for one in side])))
    given = Counter(_value(one, one.values, row, text, unmasked) for one in side)
    answer = given.most_common(1)[0][0]
    if len(side) == 1:
        return answer
    right = given[_value(side[0], side[0].targets, row, text, unmasked)]
    return _("{answer} ({right} of {all} right)", answer=answer, right=right, all=len(side))


def _value(judged: Answers, values: Any, row: int, text: str | None, unmasked: bool) -> str:
    """The value of a row as people write it. text: of spans, what they lie in."""
    if isinstance(judged, Spans):
        return spans.told(judged, values.row(row), text, unmasked)
    return value_of(judged, values[row], unmasked)


def _about_texts(compared: Compared, unmasked: bool) -> list[Words]:
    if compared.aligned.base.texts() is None:
        told = _("The file with the rows is gone or was changed: only ids are shown.")
        return [Words(told, "warning")]
    if unmasked:
        return []
    told = _(
        "Mail addresses, phone numbers, id cards, bank cards and queries of links are masked; "
        "names are not. `weitiao compare ... --unmasked` shows all."
    )
    return [Words(told, "note")]


def _list(caption: str, head: tuple[str, str, str], items: list[Row]) -> RowList:
    shown = OPEN if len(items) > OPEN + 3 else len(items)
    more = _("{count} more", count=len(items) - shown) if len(items) > shown else ""
    return RowList(caption, head, items, shown, more)


def _shown(text: str, unmasked: bool) -> str:
    head = text[:READ]
    return shortened(head if unmasked else masked(head)) + (" …" if len(text) > READ else "")
