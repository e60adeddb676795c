"""Rows whose texts are too short or too long are left out of training."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

from pydantic import Field

from weitiao.data.steps.base import Step
from weitiao.example import Example


class LengthFilter(Step):
    """Keeps rows all of whose texts have between `shortest` and `longest` characters.

    When to use it: fragments or whole documents among sentences.
    """

    shortest: int = Field(1, ge=0, description="characters a text must have")
    longest: int = Field(100_000, gt=0, description="characters a text may have")

    def __call__(self, examples: Iterable[Example], rng: random.Random) -> Iterator[Example]:
        for example in examples:
            lengths = [len(str(text)) for text in example.inputs.values()]
            if self.shortest <= min(lengths) and max(lengths) <= self.longest:
                yield example
