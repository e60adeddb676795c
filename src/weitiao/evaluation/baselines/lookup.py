"""Lookup of tags: the most frequent tag of a word in training, by tables of counts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from weitiao.core.ragged import Ragged
from weitiao.evaluation.baselines.base import Baseline
from weitiao.evaluation.metrics.tagging import EntityF1
from weitiao.labels.tags.words import with_words, word_places
from weitiao.tasks.base import Labelled, Task

NAME = "lookup"
TRAIN_ROWS = 20_000  # more rows change the table little
EDGE = ""  # the neighbour of the first and of the last word
Context = tuple[str, ...]  # a word, or a word with its neighbours


@dataclass(frozen=True, eq=False)
class Lookup:
    """Rows to one-hot scores of their words' tags, Ragged (words, outputs).

    tables: width of the context (1: the word, 3: with its neighbours) -> context -> tag, the wider
    first; commonest: the tag where no table has the word.
    """

    tables: Mapping[int, Mapping[Context, int]]
    commonest: int
    outputs: int

    def __call__(self, rows: Labelled) -> Any:
        scores = []
        for words in _words(rows):
            one_hot = np.zeros((len(words), self.outputs), np.float32)
            for at in range(len(words)):
                # Back off from the wider context to the narrower one, then to the commonest tag.
                tags = (table.get(_context(words, at, width)) for width, table in self._ordered())
                one_hot[at, next((tag for tag in tags if tag is not None), self.commonest)] = 1
            scores.append(one_hot)
        return Ragged.of(scores)

    def _ordered(self) -> list[tuple[int, Mapping[Context, int]]]:
        return sorted(self.tables.items(), reverse=True)


def fit_lookup(task: Task, train: Any, validation: Any) -> dict[str, Baseline]:
    """The most-frequent-tag baselines of tagging: "majority" and "lookup".

    lookup: the most frequent tag of a word in training, between the same neighbours where these
    were seen, else of the word alone, else overall (back-off); or by words alone, whichever has the
    better F1 on validation. A network that does not beat it has memorized words.
    """
    all_rows = len(train)
    train = train.take(slice(0, TRAIN_ROWS))
    tags = task.gold(train).tags
    priors = np.bincount(tags.values, minlength=task.outputs)  # how often each tag occurs
    counts: dict[int, dict[Context, Counter[int]]] = {
        1: defaultdict(Counter),
        3: defaultdict(Counter),
    }
    for row, words in enumerate(_words(train)):
        for at, tag in enumerate(tags.row(row).tolist()):
            for width, table in counts.items():
                table[_context(words, at, width)][tag] += 1
    tables = {
        width: {context: one.most_common(1)[0][0] for context, one in table.items()}
        for width, table in counts.items()
    }
    commonest, outputs = int(priors.argmax()), len(priors)
    candidates = {
        "words": Lookup({1: tables[1]}, commonest, outputs),
        "words and neighbours": Lookup(tables, commonest, outputs),
    }
    wide = task.widened(validation.targets())
    gold, f1 = wide.gold(validation), {}
    for name, lookup in candidates.items():
        tag_scores = lookup(validation)
        padded = np.pad(tag_scores.values, ((0, 0), (0, wide.outputs - task.outputs)))
        f1[name] = EntityF1().value(wide.to_answers(gold, Ragged(padded, tag_scores.offsets)))
    best = max(f1, key=lambda name: f1[name])
    detail = {
        "metric": "EntityF1",
        "validation": f1[best],
        "candidates": f1,
        "train_rows": len(train),
        "all_rows": all_rows,
    }
    constant = {"always": (priors / max(priors.sum(), 1)).tolist()}
    return {
        "majority": Baseline("majority", constant, Lookup({}, commonest, outputs), True),
        NAME: Baseline(NAME, detail, candidates[best], True),
    }


def _context(words: Sequence[str], at: int, width: int) -> Context:
    if width == 1:
        return (words[at],)
    before = words[at - 1] if at else EDGE
    return before, words[at], words[at + 1] if at + 1 < len(words) else EDGE


def _words(rows: Labelled) -> Iterator[list[str]]:
    """The words of each row, in lower case."""
    for examples in rows.batches():
        for example in map(with_words, examples):
            text = str(example.inputs["text"])
            yield [text[start:end].lower() for start, end in word_places(example).tolist()]
