"""Character alignment of a changed text with its source: maps spans both ways, and composes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np


class Edit(NamedTuple):
    """A replacement: the characters from `start` to `end` (one behind the last) become `put`."""

    start: int
    end: int
    put: str


@dataclass(frozen=True, eq=False)
class Alignment:
    """For each character of a changed text, the characters of the source that it stands for.

    `starts` and `ends` (one behind the last) never go back. A character that was put in, with
    nothing of the source behind it, has an empty range where it stands.
    """

    starts: np.ndarray  # (characters of the changed text,) int64
    ends: np.ndarray
    length: int  # characters of the source

    def __len__(self) -> int:
        return len(self.starts)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Alignment)
            and self.length == other.length
            and np.array_equal(self.starts, other.starts)
            and np.array_equal(self.ends, other.ends)
        )

    @classmethod
    def identity(cls, length: int) -> Self:
        """Each character stands for the one at the same place."""
        places = np.arange(length + 1, dtype=np.int64)
        return cls(places[:-1], places[1:], length)

    @classmethod
    def of_origins(cls, origins: Sequence[int] | Alignment, length: int) -> Alignment:
        """From the index of the character that each one came from."""
        if isinstance(origins, Alignment):
            return origins
        places = np.asarray(origins, np.int64).reshape(-1)
        return cls(places, places + 1, length)

    def then(self, later: Alignment) -> Alignment:
        """Composition: this change, then a `later` one of its result."""
        # Edges of the text between: a range that begins behind its last character is at its end.
        starts = np.append(self.starts, self.length)
        ends = np.insert(self.ends, 0, 0)
        last = ends[later.ends]
        first = np.minimum(starts[later.starts], last)
        return Alignment(first, last, self.length)

    def to_source(self, start: int, end: int) -> tuple[int, int]:
        """The span of the source that a span of the changed text stands for."""
        if start >= end:
            place = int(self.starts[start]) if start < len(self) else self.length
            return place, place
        return int(self.starts[start]), int(self.ends[end - 1])

    def from_source(self, spans: np.ndarray) -> np.ndarray:
        """Spans (n, 2) of the changed text for spans of the source: the characters that stand for
        any part of them. One of which nothing is left is empty."""
        spans = np.asarray(spans, np.int64).reshape(-1, 2)
        first = np.searchsorted(self.ends, spans[:, 0], "right")
        last = np.searchsorted(self.starts, spans[:, 1], "left")
        return np.stack([first, np.maximum(first, last)], 1)


def edited(text: str, edits: Iterable[Edit]) -> tuple[str, Alignment]:
    """Apply edits, which must be in order and apart: the new text, and its alignment.

    >>> text, alignment = edited("a  b", [Edit(1, 3, " ")])
    >>> text, alignment.to_source(1, 2)
    ('a b', (1, 3))
    """
    pieces: list[str] = []
    starts: list[np.ndarray] = []
    ends: list[np.ndarray] = []
    done = 0
    for start, end, put in edits:
        assert done <= start <= end <= len(text), "edits must be in order and apart"
        _keep(text, done, start, pieces, starts, ends)
        if put:
            pieces.append(put)
            starts.append(np.full(len(put), start, np.int64))
            ends.append(np.full(len(put), end, np.int64))
        done = end
    if not (pieces or done):
        return text, Alignment.identity(len(text))
    _keep(text, done, len(text), pieces, starts, ends)
    none = np.zeros(0, np.int64)
    alignment = Alignment(np.concatenate([none, *starts]), np.concatenate([none, *ends]), len(text))
    return "".join(pieces), alignment


def _keep(
    text: str,
    start: int,
    end: int,
    pieces: list[str],
    starts: list[np.ndarray],
    ends: list[np.ndarray],
) -> None:
    if start < end:
        places = np.arange(start, end + 1, dtype=np.int64)
        pieces.append(text[start:end])
        starts.append(places[:-1])
        ends.append(places[1:])
