"""Baselines of tagging: the commonest tag everywhere, and the tag that a word mostly had."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from weitiao.core.ragged import Ragged
from weitiao.evaluation.baselines import Baseline
from weitiao.evaluation.metrics.tagging import EntityF1
from weitiao.labels.tags.words import with_words, word_places
from weitiao.tasks.base import Labelled, Task

ROWS = 20_000  # rows that are learned from; more say little more
EDGE = ""  # what stands before the first word and behind the last
Table = dict[tuple[str, ...], Counter[int]]


def fit_lookup(task: Task, train: Any, validation: Any) -> dict[str, Baseline]:
    """ "majority" and "lookup". The second gives each word the tag it mostly had in the training
    rows: between the same neighbours where it was seen so, else alone, else the commonest tag; or
    by words alone, whichever is better in validation. A network that does not beat it has learned
    words by heart."""
    train = train.take(slice(0, ROWS))
    tags = task.truth(train).tags
    always = np.bincount(tags.values, minlength=task.outputs)
    tables: dict[int, Table] = {1: defaultdict(Counter), 3: defaultdict(Counter)}
    for row, words in enumerate(_words(train)):
        for at, tag in enumerate(tags.row(row).tolist()):
            for width, table in tables.items():
                table[_around(words, at, width)][tag] += 1
    scores = {
        name: partial(_score, widths, tables, always)
        for name, widths in (("words", (1,)), ("words and neighbours", (3, 1)))
    }
    wide = task.widened(validation.targets())
    truth, tried = wide.truth(validation), {}
    for name, score in scores.items():
        found = score(validation)
        more = np.pad(found.values, ((0, 0), (0, wide.outputs - task.outputs)))
        tried[name] = EntityF1().value(wide.judge(truth, Ragged(more, found.offsets)))
    best = max(tried, key=lambda name: tried[name])
    detail = {"metric": "EntityF1", "validation": tried[best], "candidates": tried,
              "train_rows": len(train)}  # fmt: skip
    constant = {"always": (always / max(always.sum(), 1)).tolist()}
    return {
        "majority": Baseline("majority", constant, partial(_score, (), tables, always), True),
        "lookup": Baseline("lookup", detail, scores[best], True),
    }


def _score(
    widths: Sequence[int], tables: dict[int, Table], always: np.ndarray, rows: Labelled
) -> Any:
    """The tags of the rows' words as certainties, (words, outputs) a row."""
    commonest, found = int(always.argmax()), []
    for words in _words(rows):
        given = np.zeros((len(words), len(always)), np.float32)
        for at in range(len(words)):
            seen = (tables[width].get(_around(words, at, width)) for width in widths)
            counts = next((one for one in seen if one), None)
            given[at, counts.most_common(1)[0][0] if counts else commonest] = 1
        found.append(given)
    return Ragged.of(found)


def _around(words: Sequence[str], at: int, width: int) -> tuple[str, ...]:
    if width == 1:
        return (words[at],)
    before = words[at - 1] if at else EDGE
    return before, words[at], words[at + 1] if at + 1 < len(words) else EDGE


def _words(rows: Labelled) -> Iterator[list[str]]:
    """The words of each row, in small letters."""
    for examples in rows.batches():
        for example in map(with_words, examples):
            text = str(example.inputs["text"])
            yield [text[start:end].lower() for start, end in word_places(example).tolist()]
