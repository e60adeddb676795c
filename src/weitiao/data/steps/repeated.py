"""Steps for rows that repeat others: one of each group is learned from, or none of a conflict."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator
from typing import Self

import numpy as np
from pydantic import Field, PrivateAttr

from weitiao.core import fingerprint
from weitiao.data.quality.near_duplicates import LEAST_SIMILARITY, ListedTexts, likeness
from weitiao.data.quality.shingles import normal_form
from weitiao.data.steps.base import Step
from weitiao.data.targets import comparable, reader_of
from weitiao.example import Example
from weitiao.i18n.messages import _, plural


class _Comparing(Step):
    """A step that compares targets: those of a task with sets of labels in any order."""

    _label_sets: bool = PrivateAttr(False)

    def for_task(self, task: str) -> Self:
        step = self.model_copy()
        step._label_sets = reader_of(task).label_sets
        return step

    def _target(self, example: Example) -> str:
        (target,) = comparable([example.target], self._label_sets)
        return repr(target)


class Deduplicate(_Comparing):
    """Keeps the first of rows whose texts are the same but for case, width, blanks and punctuation,
    and whose target is the same; with a `similarity` below 1 also of near duplicates.

    When to use it: rows collected from the web, where a text stands in several versions. Instead
    of: `data.deduplicate`, which leaves out exact repetitions before the split.
    """

    similarity: float = Field(
        1.0,
        ge=LEAST_SIMILARITY,
        le=1,
        description="least Jaccard similarity of shingles; 1: the same letters",
    )
    _left_out: int = PrivateAttr(0)

    def __call__(self, examples: Iterable[Example], rng: random.Random) -> Iterator[Example]:
        kept = None if self.similarity == 1 else iter(self._first_of_near(examples))
        seen = set[bytes]()
        self._left_out = 0
        for example in examples:
            fresh = bool(next(kept)) if kept is not None else self._is_fresh(example, seen)
            if fresh:
                yield example
            else:
                self._left_out += 1

    def notes(self) -> list[str]:
        return [_("{rows} left out that repeat others", rows=plural(self._left_out, "row"))]

    def _is_fresh(self, example: Example, seen: set[bytes]) -> bool:
        key = _key(example, self._target(example))
        if key in seen:
            return False
        seen.add(key)
        return True

    def _first_of_near(self, examples: Iterable[Example]) -> np.ndarray:
        """(rows,) bool: the first row of each cluster and target."""
        texts, targets = [], []
        for example in examples:  # candidates are compared by their texts: all are in memory
            texts.append(tuple(str(text) for text in example.inputs.values()))
            targets.append(self._target(example))
        near = likeness(ListedTexts(texts), self.similarity).near
        codes = np.unique(np.array(targets), return_inverse=True)[1]
        pairs = np.stack([near, codes], 1)
        first = np.zeros(len(texts), bool)
        first[np.unique(pairs, axis=0, return_index=True)[1]] = True
        return first | (near < 0)


class DropConflicts(_Comparing):
    """Leaves out rows whose text, but for case, width, blanks and punctuation, stands with several
    targets.

    When to use it: the targets contradict each other, and nobody has the time to decide.
    """

    _left_out: int = PrivateAttr(0)

    def __call__(self, examples: Iterable[Example], rng: random.Random) -> Iterator[Example]:
        targets: dict[bytes, str] = {}
        conflicting = set[bytes]()
        for example in examples:
            key, target = _key(example), self._target(example)
            if targets.setdefault(key, target) != target:
                conflicting.add(key)
        self._left_out = 0
        for example in examples:
            if _key(example) in conflicting:
                self._left_out += 1
            else:
                yield example

    def notes(self) -> list[str]:
        return [_("{rows} left out with conflicting targets", rows=plural(self._left_out, "row"))]


def _key(example: Example, *more: str) -> bytes:
    texts = [normal_form(str(text)) for text in example.inputs.values()]
    return hashlib.blake2b(fingerprint.framed([*texts, *more]), digest_size=16).digest()
