"""Mixed rows: parts of two training rows, as a row."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import PrivateAttr

from weitiao.core.script import has_han
from weitiao.data.augmentation.rewriting import with_tags
from weitiao.data.augmentation.step import Augmentation
from weitiao.data.augmentation.words import word_offsets
from weitiao.data.targets import comparable, reader_of
from weitiao.errors import DataError
from weitiao.example import Example
from weitiao.i18n.messages import _
from weitiao.labels.tags.words import listed

MOST_OTHERS = 10_000  # rows that are kept as the other half


class MixedRows(Augmentation):
    """Rows of two rows: the first half of one text and the second half of another with the same
    labels; of tagged texts both as a whole, one behind the other, with the spans or tags of both.

    When to use it: few rows of several sentences, or few names (token_classification).
    """

    mark: ClassVar[str] = "mixed_rows"
    _tagged: bool = PrivateAttr(False)
    _label_sets: bool = PrivateAttr(False)
    _others: dict[str, list[Example]] = PrivateAttr(default_factory=dict)

    def prepare(self, task: str) -> None:
        reader = reader_of(task)
        self._tagged, self._label_sets = reader.head == "tokens", reader.label_sets
        if reader.numeric or reader.head not in ("sequence", "tokens"):
            raise DataError(
                _(
                    "step mixed_rows: halves of two rows have no target of their own (task "
                    "{task}). Take the step out of data.steps.",
                    task=task,
                )
            )

    def learn(self, examples: Iterable[Example]) -> None:
        others: dict[str, list[Example]] = defaultdict(list)
        for count, example in enumerate(examples):
            if list(example.inputs) != ["text"]:
                raise DataError(
                    _(
                        "step mixed_rows: rows of several texts ({roles}) cannot be mixed. Take "
                        "the step out of data.steps.",
                        roles=", ".join(example.inputs),
                    )
                )
            if count < MOST_OTHERS:
                others[self._kind(example)].append(example)
        self._others = dict(others)

    def _kind(self, example: Example) -> str:
        """Rows of one kind may be mixed: of one target; of tagged texts, in one form."""
        if not self._tagged:
            return repr(comparable([example.target], self._label_sets)[0])
        target = example.target or []
        spans = bool(target) and isinstance(target[0], tuple)
        words = listed(str(example.inputs["text"])) is not None
        return "" if spans and words else "spans" if spans else "tags" if words else ""

    def changed(self, example: Example, rng: random.Random) -> Example | None:
        kind = self._kind(example)
        others = self._others.get(kind, [])
        if not kind or len(others) < 2:
            return None
        other = rng.choice(others)
        if other.id == example.id:
            return None
        if kind == "tags":
            return _tags_of_both(example, other)
        if self._tagged:
            return _spans_of_both(example, other)
        first, second = str(example.inputs["text"]), str(other.inputs["text"])
        text = _beside(first[: _middle(first)].rstrip(), second[_middle(second) :].lstrip())
        return replace(example, inputs={"text": text}) if text.strip() else None


def _middle(text: str) -> int:
    """The start of the word in the middle; of one word, its start."""
    words = word_offsets(text)
    return words[len(words) // 2][0] if words else 0


def _beside(first: str, second: str) -> str:
    space = "" if not first or has_han(first[-1:]) or has_han(second[:1]) else " "
    return first + space + second


def _tags_of_both(one: Example, other: Example) -> Example | None:
    pieces = [(listed(str(each.inputs["text"])) or [], each.target or []) for each in (one, other)]
    if any(len(words) != len(tags) for words, tags in pieces):
        return None
    return with_tags(one, pieces[0][0] + pieces[1][0], [*pieces[0][1], *pieces[1][1]])


def _spans_of_both(one: Example, other: Example) -> Example:
    first, second = str(one.inputs["text"]), str(other.inputs["text"])
    text = _beside(first, second)
    shift = len(text) - len(second)
    moved: list[Any] = [
        (start + shift, end + shift, *rest) for start, end, *rest in other.target or []
    ]
    return replace(one, inputs={"text": text}, target=[*(one.target or []), *moved])
