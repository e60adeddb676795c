"""Base class of augmentation steps: new rows made of training rows, marked, counted, none twice."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Self

from pydantic import Field, PrivateAttr

from weitiao.core import fingerprint
from weitiao.core.alignment import Edit
from weitiao.data.augmentation.rewriting import rewritten
from weitiao.data.augmentation.words import Range, WordsOf
from weitiao.data.steps.base import Step, made_from
from weitiao.data.targets import reader_of
from weitiao.example import Example
from weitiao.i18n.messages import _, plural

DRAWS = 3  # for one new row, until its text is one that no row has
MOST_TIMES = 100


class Augmentation(Step):
    """Adds changed copies of rows behind them. Rows that another step made are passed on.

    A step defines `edits`, or `changed` where more than words change. A new row whose texts are
    those of any training row, whatever its target, is drawn again and then left out.
    """

    makes_rows: ClassVar[bool] = True
    moves_words: ClassVar[bool] = False  # within a text
    mark: ClassVar[str]  # the step's name, in ids of new rows
    times: int = Field(1, ge=1, le=MOST_TIMES, description="new rows for each row, at most")
    _head: str = PrivateAttr("sequence")
    _repeated: int = PrivateAttr(0)
    _unchanged: int = PrivateAttr(0)

    def for_task(self, task: str) -> Self:
        step = self.model_copy()
        step._head = reader_of(task).head
        step.prepare(task)
        return step

    def prepare(self, task: str) -> None:
        """Read what the step needs: tables, files. Raises PlanError or DataError."""

    def learn(self, examples: Iterable[Example]) -> None:
        """Learn from the training rows, before any is changed."""

    def edits(self, words: WordsOf, rng: random.Random) -> Sequence[Edit]:
        """What changes in a text: replacements in order and apart; none where nothing can."""
        raise NotImplementedError(f"{type(self).__name__} defines neither edits nor changed")

    def changed(self, example: Example, rng: random.Random) -> Example | None:
        """A changed copy; None where nothing can be changed."""

        def edits(text: str, fixed: Sequence[Range]) -> Sequence[Edit]:
            words = WordsOf.find(text, fixed)
            return self.edits(words, rng) if words.words else ()

        return rewritten(example, self._head, edits, rng, moves_words=self.moves_words)

    def __call__(self, examples: Iterable[Example], rng: random.Random) -> Iterator[Example]:
        self._repeated = self._unchanged = 0
        self.learn(examples)
        seen = {_key(example) for example in examples}
        for example in examples:
            yield example
            if "made_by" not in example.meta:
                yield from self._copies(example, rng, seen)

    def _copies(self, example: Example, rng: random.Random, seen: set[bytes]) -> Iterator[Example]:
        for number in range(1, self.times + 1):
            new = None
            for _draw in range(DRAWS):
                new = self.changed(example, rng)
                if new is None or _key(new) not in seen:
                    break
            if new is None:
                self._unchanged += number == 1
                continue
            if _key(new) in seen:
                self._repeated += 1
                continue
            seen.add(_key(new))
            yield made_from(new, self.mark, number)

    def notes(self) -> list[str]:
        lines = []
        if self._repeated:
            lines.append(
                _(
                    "{step}: {rows} left out whose texts other rows have",
                    step=self.mark,
                    rows=plural(self._repeated, "new row"),
                )
            )
        if self._unchanged:
            lines.append(
                _(
                    "{step}: nothing to change in {rows}",
                    step=self.mark,
                    rows=plural(self._unchanged, "row"),
                )
            )
        return lines


def _key(example: Example) -> bytes:
    texts = [str(text) for text in example.inputs.values()]
    return hashlib.blake2b(fingerprint.framed(texts), digest_size=16).digest()
