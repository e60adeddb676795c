"""Resampling steps: oversampling of rare labels, filter by text length."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from math import ceil
from typing import ClassVar

from pydantic import Field

from weitiao.data.steps.base import Step, made_from
from weitiao.errors import DataError
from weitiao.example import Example
from weitiao.i18n.messages import _
from weitiao.labels.tags.words import text_of


class Oversample(Step):
    """Repeats the rows of small labels until each has a share of the largest one's rows.

    When to use it: a rare label matters as much as a frequent one. Instead of: a loss that weighs
    labels.
    """

    makes_rows: ClassVar[bool] = True
    share: float = Field(0.5, gt=0, le=1, description="of the rows of the largest label")

    def __call__(self, examples: Iterable[Example], rng: random.Random) -> Iterator[Example]:
        counts: Counter[str] = Counter()
        for example in examples:
            if not isinstance(example.target, str):
                raise DataError(
                    _(
                        "step oversample: {row} has the target {target!r}; only rows with one "
                        "label each can be balanced. Take the step out of data.steps.",
                        row=example.id,
                        target=example.target,
                    )
                )
            counts[example.target] += 1
        wanted = ceil(self.share * max(counts.values(), default=0))
        extra = {label: max(0, wanted - count) for label, count in counts.items()}
        # Every row gets the same number of copies; who gets one more is drawn.
        lucky = {
            label: set(rng.sample(range(counts[label]), copies % counts[label]))
            for label, copies in extra.items()
        }
        seen: Counter[str] = Counter()
        for example in examples:
            label = example.target
            copies = extra[label] // counts[label] + (seen[label] in lucky[label])
            seen[label] += 1
            yield example
            for number in range(1, copies + 1):
                yield made_from(example, "oversample", number)


class LengthFilter(Step):
    """Keeps rows all of whose texts have between `shortest` and `longest` characters.

    When to use it: fragments or whole documents among sentences.
    """

    shortest: int = Field(1, ge=0, description="characters a text must have")
    longest: int = Field(100_000, gt=0, description="characters a text may have")

    def __call__(self, examples: Iterable[Example], rng: random.Random) -> Iterator[Example]:
        for example in examples:
            lengths = [len(text_of(str(text))) for text in example.inputs.values()]
            if self.shortest <= min(lengths) and max(lengths) <= self.longest:
                yield example
