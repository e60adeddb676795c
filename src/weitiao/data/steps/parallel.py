"""Step for rows of translations: doubtful pairs are not learned from."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator

from pydantic import Field, PrivateAttr

from weitiao.data.steps.base import Step
from weitiao.errors import DataError
from weitiao.example import Example
from weitiao.i18n.messages import _, plural
from weitiao.labels.texts.parallel import FAR, Doubt, Usual, describe, doubt_of


class ParallelFilter(Step):
    """Leaves out pairs that are hardly translations: copies, lengths far from the usual ratio, text
    and target swapped, other numbers, other tags (as in OpusFilter, Aulamo et al. 2020).

    When to use it: rows that were aligned or collected by programs, such as those of OPUS.
    """

    copies: bool = Field(True, description="leave out targets that are a copy of the text")
    length_ratio: float = Field(
        FAR, ge=0, description="most times the usual ratio of lengths, above 1; 0: any"
    )
    swapped: bool = Field(True, description="leave out pairs that are swapped, by their writing")
    numbers: bool = Field(True, description="leave out targets with other numbers")
    tags: bool = Field(False, description="leave out targets with other tags (<b>)")
    _counts: Counter[Doubt] = PrivateAttr(default_factory=Counter)

    @property
    def wanted(self) -> set[Doubt]:
        """The doubts by which rows are left out."""
        switches = {
            Doubt.COPY: self.copies,
            Doubt.LENGTH: self.length_ratio > 1,
            Doubt.SWAPPED: self.swapped,
            Doubt.NUMBERS: self.numbers,
            Doubt.MARKUP: self.tags,
        }
        return {doubt for doubt, on in switches.items() if on}

    def __call__(self, examples: Iterable[Example], rng: random.Random) -> Iterator[Example]:
        usual = Usual.of(map(_pair, examples))
        self._counts.clear()
        for example in examples:
            doubt = doubt_of(*_pair(example), usual, self.wanted, self.length_ratio)
            if doubt is None:
                yield example
            else:
                self._counts[doubt] += 1

    def notes(self) -> list[str]:
        return [
            _("left out: {rows}", rows=describe(doubt, plural(self._counts[doubt], "row")))
            for doubt in Doubt
            if self._counts[doubt]
        ]


def _pair(example: Example) -> tuple[str, str]:
    source = example.inputs.get("text")
    if source is None or not isinstance(example.target, str):
        raise DataError(
            _(
                "step parallel_filter: {row} is no text with its translation. Take the step out "
                "of data.steps.",
                row=example.id,
            )
        )
    return str(source), example.target
