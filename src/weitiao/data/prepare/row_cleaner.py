"""Cleaning of rows cell by cell: what each cleaner changed, with samples before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from weitiao.core.alignment import Alignment
from weitiao.data.cleaners.base import Cleaner, clean_all

SAMPLES = 3  # of each cleaner
AROUND = 24  # characters of a sample before its first change
SHOWN = 96  # characters of a sample
MEMORY = 32  # passages whose cleaned text is remembered: several questions ask about each
LONGEST_REMEMBERED = 50_000  # characters


@dataclass(frozen=True)
class Sample:
    """A text before and after a cleaner, around the first change, and the row it is of."""

    row: str
    before: str
    after: str


@dataclass
class Tally:
    """What a cleaner did: texts that it changed, characters it took out or put in, samples."""

    name: str
    texts: int = 0
    shorter: int = 0  # characters less, in all
    samples: list[Sample] = field(default_factory=list)


@dataclass(frozen=True)
class _Step:
    name: str
    before: str
    after: str


class RowCleaner:
    """Cleans texts by a chain of cleaners and counts what each of them changes."""

    def __init__(self, cleaners: Mapping[str, Cleaner]) -> None:
        self.cleaners = dict(cleaners)
        self.tallies = {name: Tally(name) for name in cleaners}
        self._memory: dict[str, tuple[str, Alignment, tuple[_Step, ...]]] = {}

    def clean(self, text: str, row: str) -> tuple[str, Alignment]:
        """The cleaned text and its alignment. row: its id, for samples."""
        known = self._memory.get(text)
        if known is None:
            known = self._cleaned(text)
            if len(self._memory) >= MEMORY:
                self._memory.clear()
            if len(text) <= LONGEST_REMEMBERED:
                self._memory[text] = known
        cleaned, alignment, steps = known
        for step in steps:
            self._count(step, row)
        return cleaned, alignment

    def _cleaned(self, text: str) -> tuple[str, Alignment, tuple[_Step, ...]]:
        alignment, steps = Alignment.identity(len(text)), []
        for name, cleaner in self.cleaners.items():
            before = text
            text, again = clean_all([cleaner], before)
            if text != before:
                alignment = alignment.then(again)
                steps.append(_Step(name, before, text))
        return text, alignment, tuple(steps)

    def _count(self, step: _Step, row: str) -> None:
        tally = self.tallies[step.name]
        tally.texts += 1
        tally.shorter += len(step.before) - len(step.after)
        if len(tally.samples) < SAMPLES:
            before, after = changed_part(step.before, step.after)
            if self.cleaners[step.name].private:
                before = _covered(before, after)
            sample = Sample(row, before, after)
            if (before, after) not in [(one.before, one.after) for one in tally.samples]:
                tally.samples.append(sample)


def changed_part(before: str, after: str) -> tuple[str, str]:
    """Both texts around their first difference, shortened with an ellipsis.

    >>> changed_part("a" * 40 + "<b>x</b>", "a" * 40 + "x")[1]
    '…aaaaaaaaaaaaaaaaaaaaaaaax'
    """
    at = 0
    while at < min(len(before), len(after)) and before[at] == after[at]:
        at += 1
    start = max(0, at - AROUND)
    start = 0 if start <= 1 else start
    pieces = []
    for text in (before, after):
        end = start + SHOWN
        pieces.append(("…" if start else "") + text[start:end] + ("…" if end < len(text) else ""))
    return pieces[0], pieces[1]


def _covered(before: str, after: str) -> str:
    """A text whose letters and digits that the cleaned one lacks are dots but for two."""
    head = 0
    while head < min(len(before), len(after)) and before[head] == after[head]:
        head += 1
    rest = "".join("•" if character.isalnum() else character for character in before[head + 2 :])
    return before[: head + 2] + rest
