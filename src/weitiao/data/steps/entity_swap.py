"""Entity swap: names in tagged texts replaced by others of the same type."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, PrivateAttr

from weitiao.core.alignment import Edit, edited
from weitiao.data.augmentation.rewriting import tagged_runs, with_tags
from weitiao.data.augmentation.step import Augmentation
from weitiao.data.targets import reader_of
from weitiao.errors import DataError
from weitiao.example import Example
from weitiao.i18n.messages import _
from weitiao.labels.tags.schemes import split_tag
from weitiao.labels.tags.words import listed, split_words

Named = tuple[tuple[str, ...], tuple[str, ...]]  # words and tags; of spans one text without tags


class EntitySwap(Augmentation):
    """Copies of tagged rows with names replaced by others of the same type, from the training rows
    (mention replacement, Dai & Adel 2020).

    When to use it: names in texts (token_classification), few rows.
    """

    mark: ClassVar[str] = "entity_swap"
    share: float = Field(0.5, gt=0, le=1, description="of a row's names that are replaced")
    _names: dict[str, list[Named]] = PrivateAttr(default_factory=dict)

    def prepare(self, task: str) -> None:
        if reader_of(task).head != "tokens":
            raise DataError(
                _(
                    "step entity_swap: rows of the task {task} have no tags or spans. Take the "
                    "step out of data.steps.",
                    task=task,
                )
            )

    def learn(self, examples: Iterable[Example]) -> None:
        names: dict[str, dict[Named, None]] = defaultdict(dict)  # each once, in order
        for example in examples:
            for kind, name in _names_in(example):
                names[kind][name] = None
        self._names = {kind: list(listed) for kind, listed in names.items()}

    def changed(self, example: Example, rng: random.Random) -> Example | None:
        target = example.target or []
        if not target:
            return None
        if isinstance(target[0], tuple):
            return self._with_spans(example, target, rng)
        words = _words_of(example)
        if len(words) != len(target):
            return None
        new_words, new_tags, done, changed = [], [], 0, False
        runs = tagged_runs(target)
        chosen = self._chosen(len(runs), rng)
        for at, (start, end) in enumerate(runs):
            name = (tuple(words[start:end]), tuple(target[start:end]))
            other = self._other(_type(target[start]), name, rng) if at in chosen else name
            new_words += [*words[done:start], *other[0]]
            new_tags += [*target[done:start], *other[1]]
            changed |= other != name
            done = end
        if not changed:
            return None
        return with_tags(example, [*new_words, *words[done:]], [*new_tags, *target[done:]])

    def _with_spans(
        self, example: Example, spans: Sequence[Any], rng: random.Random
    ) -> Example | None:
        text = str(example.inputs["text"])
        places = sorted(span[:2] for span in spans)
        if listed(text) is not None or any(
            first[1] > second[0] for first, second in pairwise(places)
        ):
            return None  # of a list of words; or one within another
        order = sorted(spans)
        chosen, edits = self._chosen(len(order), rng), []
        for at, (start, end, kind, *_text) in enumerate(order):
            name = ((text[start:end],), ())
            other = self._other(kind, name, rng) if at in chosen else name
            edits.append(Edit(start, end, other[0][0]))
        new, alignment = edited(text, edits)
        if new == text:
            return None
        moved = alignment.from_source(np.array([span[:2] for span in spans], np.int64)).tolist()
        target = [
            (start, end, span[2], *((new[start:end],) if len(span) == 4 else ()))
            for (start, end), span in zip(moved, spans, strict=True)
        ]
        return replace(example, inputs={**example.inputs, "text": new}, target=target)

    def _chosen(self, count: int, rng: random.Random) -> set[int]:
        return set(rng.sample(range(count), min(count, max(1, round(self.share * count)))))

    def _other(self, kind: str, name: Named, rng: random.Random) -> Named:
        others = [one for one in self._names.get(kind, []) if one[0] != name[0]]
        return rng.choice(others) if others else name


def _names_in(example: Example) -> list[tuple[str, Named]]:
    target = example.target or []
    if target and isinstance(target[0], tuple):
        text = str(example.inputs["text"])
        if listed(text) is not None:
            return []
        return [
            (span[2], ((text[span[0] : span[1]],), ()))
            for span in target
            if text[span[0] : span[1]].strip()
        ]
    words = _words_of(example)
    if len(words) != len(target):
        return []
    return [
        (_type(target[start]), (tuple(words[start:end]), tuple(target[start:end])))
        for start, end in tagged_runs(target)
    ]


def _words_of(example: Example) -> list[str]:
    cell = str(example.inputs["text"])
    words = listed(cell)
    return (
        [cell[start:end] for start, end in split_words(cell).tolist()] if words is None else words
    )


def _type(tag: str) -> str:
    kind = split_tag(tag)
    return kind[1] if kind else tag
