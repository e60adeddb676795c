"""Base class of text cleaners: the cleaned text, aligned with its source character by character."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Self

from weitiao.core.alignment import Alignment, Edit, edited
from weitiao.parts import Part


class Cleaner(Part):
    """Changes texts, in training and in use. It travels with the model.

    A cleaner defines `edits`, or `clean` where it knows the alignment itself.
    """

    idempotent: ClassVar[bool] = False  # whether cleaning twice is cleaning once
    private: ClassVar[bool] = False  # whether what it takes out must not be shown

    def learn(self, texts: Iterable[str]) -> Self:
        """The cleaner for these training texts; itself when there is nothing to learn. What stands
        in files of the user is read here, so that the saved model needs none."""
        return self

    def edits(self, text: str) -> Iterable[Edit]:
        """What is replaced, in order and apart."""
        raise NotImplementedError(f"{type(self).__name__} defines neither edits nor clean")

    def clean(self, text: str) -> tuple[str, Alignment | list[int]]:
        """The cleaned text with its alignment; or with the index of the character that each of its
        characters came from, which must not go back."""
        return edited(text, self.edits(text))

    def warning(self, task: str) -> str:
        """Why this cleaner is rarely wanted for a pre-trained network; empty where it does no harm.

        task: the name of the plan's; empty where texts come without a target.
        """
        return ""

    def missing(self) -> str:
        """The missing package, as an instruction; empty if there is none."""
        return ""


def clean_all(cleaners: Sequence[Cleaner], text: str) -> tuple[str, Alignment]:
    """Apply cleaners in order; the alignment is with `text`."""
    alignment = Alignment.identity(len(text))
    for cleaner in cleaners:
        before = text
        text, places = cleaner.clean(text)
        if text is not before:
            alignment = alignment.then(Alignment.of_origins(places, len(before)))
    return text, alignment


def clean_text(cleaners: Sequence[Cleaner], text: str) -> str:
    """Apply cleaners in order."""
    for cleaner in cleaners:
        text = cleaner.clean(text)[0]
    return text
