"""Spans that begin or end inside a word: answers end where words do, so that none is right."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from weitiao.data.rows import Rows
from weitiao.data.tagged import TASK
from weitiao.messages import counted, tell
from weitiao.tagging import spelled
from weitiao.tagging.labelled import labelled
from weitiao.tagging.names import are_plain, named


def inexact_spans(rows: Rows) -> Iterator[str]:
    """How many there are, with an example, as a line of the history. Rows with mistakes are left
    to the task, which names them."""
    if rows.task != TASK:
        return
    targets = [target for target in rows.targets() if target]
    plain = are_plain(targets)
    types = {kind: at for at, kind in enumerate(sorted(named(targets, plain)))}
    count, every, example = 0, 0, ("", "", "")
    for examples in [] if plain else rows.batches():
        for one in map(spelled.read, examples):
            text, words = str(one.inputs["text"]), spelled.words_of(one)
            try:
                spans = labelled(text, words, one.target, types, plain=False).spans
            except ValueError:
                continue
            every += len(spans)
            cut = ~(np.isin(spans[:, 0], words[:, 0]) & np.isin(spans[:, 1], words[:, 1]))
            if cut.any() and not count:
                start, end, _ = spans[cut][0].tolist()
                example = (one.id, text[start:end], _around(text, words, start, end))
            count += int(cut.sum())
    if count:
        place, held, around = example
        yield tell(
            "{count} of {spans} begin or end inside a word (e.g. {held!r} in {around!r}, {place}): "
            "answers end where words do, so these are never right; mend their ends, or give texts "
            "as lists of words (Thai, Korean)",
            count=f"{count:,}",
            spans=counted(every, "span"),
            held=held[:40],
            around=around[:40],
            place=place,
        )


def _around(text: str, words: np.ndarray, start: int, end: int) -> str:
    touched = words[(words[:, 0] < end) & (words[:, 1] > start)]
    return text[min(touched[:, 0], default=start) : max(touched[:, 1], default=end)]
