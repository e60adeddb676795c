"""Base class of text cleaners: the cleaned text and, for every character, its original offset."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Self

from weitiao.parts import Part


class Cleaner(Part):
    """Changes texts, in training and in use. It travels with the model."""

    def learn(self, texts: Iterable[str]) -> Self:
        """The cleaner for these training texts; itself when there is nothing to learn."""
        return self

    @abstractmethod
    def clean(self, text: str) -> tuple[str, list[int]]:
        """The cleaned text, and for each of its characters the index of the one it came from.

        The indices never go back, so that a span of the cleaned text is a span of the source.
        """


def clean_all(cleaners: Sequence[Cleaner], text: str) -> tuple[str, list[int]]:
    """Apply cleaners in order; the character offsets returned refer to `text`."""
    origins = list(range(len(text)))
    for cleaner in cleaners:
        text, places = cleaner.clean(text)
        origins = [origins[place] for place in places]
    return text, origins
