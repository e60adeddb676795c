"""Spans that begin or end inside a word: answers end where words do, so that none is right."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from weitiao.data.infer.tags import TASK
from weitiao.data.rows import Rows
from weitiao.i18n.messages import _, plural
from weitiao.labels.tags.labelled import within
from weitiao.labels.tags.words import with_words, word_places


def inexact_spans(rows: Rows) -> Iterator[str]:
    """How many there are, with an example, as a line of the history. Rows with mistakes are left
    to the task, which names them."""
    count, every, example = 0, 0, ("", "", "")
    for examples in rows.batches() if rows.task == TASK else ():
        for one in examples:
            if not one.target or isinstance(one.target[0], str):  # tags are of words
                continue
            read = with_words(one)
            text, words = str(read.inputs["text"]), word_places(read)
            starts, ends = (set(side.tolist()) for side in words.T)
            try:
                spans = [within(span, text) for span in one.target]
            except ValueError:
                continue
            every += len(spans)
            cut = [(a, b) for a, b, _ in spans if a not in starts or b not in ends]
            if cut and not count:
                start, end = cut[0]
                example = (one.id, text[start:end], _around(text, words, start, end))
            count += len(cut)
    if count:
        place, held, around = example
        yield _(
            "{count} of {spans} begin or end inside a word (e.g. {held!r} in {around!r}, {place}): "
            "answers end where words do, so these are never right; mend their ends, or give texts "
            "as lists of words (Thai, Korean)",
            count=f"{count:,}",
            spans=plural(every, "span"),
            held=held[:40],
            around=around[:40],
            place=place,
        )


def _around(text: str, words: np.ndarray, start: int, end: int) -> str:
    touched = words[(words[:, 0] < end) & (words[:, 1] > start)]
    return text[min(touched[:, 0], default=start) : max(touched[:, 1], default=end)]
