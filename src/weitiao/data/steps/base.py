"""Base class of resampling and augmentation steps: training rows in, training rows out."""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import ClassVar, Self

from weitiao.example import Example
from weitiao.parts import Part


class Step(Part):
    """Changes which rows are learned from; never used on validation, test or in use."""

    makes_rows: ClassVar[bool] = False  # copies or changed copies; else it only leaves out rows

    @abstractmethod
    def __call__(self, examples: Iterable[Example], rng: random.Random) -> Iterator[Example]:
        """The rows to learn from, one after another.

        `examples` may be walked more than once, e.g. to count first; it is never all in memory.
        """

    def for_task(self, task: str) -> Self:
        """The step for rows of a task, by its name; files of the user are read here. Raises
        PlanError where something is missing, DataError where the task has no use for it."""
        return self

    def notes(self) -> list[str]:
        """What the last walk did, as sentences for the user; nothing where the numbers of rows
        before and after say it all."""
        return []


def made_from(example: Example, step: str, number: int) -> Example:
    """An augmented copy of an example; its id says which row and step it comes from."""
    origin = example.meta.get("made_from", example.id)
    meta = {**example.meta, "made_by": step, "made_from": origin}
    return replace(example, id=f"{example.id}#{step}{number}", meta=meta)
