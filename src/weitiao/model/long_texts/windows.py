"""Sliding windows over long texts, with pooled logits."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from weitiao.model.long_texts.base import LongText


class Windows(LongText):
    """Sliding windows of `max_length` tokens, evenly spread from the first token to the last. Their
    logits are pooled into those of the row, in training too: the loss is on the pooled logits. Time
    and memory of a long row grow with the number of its windows.

    When to use: what decides may stand anywhere. `max` for a label that one passage justifies.
    """

    windowed: ClassVar[bool] = True
    plain: ClassVar[bool] = False
    overlap: int = Field(32, ge=0, description="tokens that neighbours share at least")
    pooling: Literal["mean", "max"] = Field("mean", description="what becomes of their logits")
    most: int = Field(8, ge=2, description="windows of one text; longer ones are read with gaps")

    def note(self, max_length: int) -> str:
        return (
            f"Cut a row of more than {max_length} tokens into windows of {max_length} (special "
            f"tokens included), evenly spread from its first token to its last, with at least "
            f"{self.overlap} tokens shared by neighbours, but no more than {self.most} windows; "
            f"the {self.pooling} of their logits is the row's."
        )

    def pieces(self, length: int, room: int) -> list[np.ndarray]:
        # Starts are at even distances and not at a fixed stride: a last window of a few tokens
        # would weigh as much in the mean as the others.
        starts = np.linspace(0, length - room, self.count(length, room)).round().astype(np.int64)
        return [np.arange(start, start + room) for start in starts]

    def count(self, length: int, room: int) -> int:
        """How many windows of `room` tokens a text of `length` has."""
        overlap = min(self.overlap, room // 2)
        return min(self.most, max(1, math.ceil((length - overlap) / (room - overlap))))

    @property
    def pool(self) -> Literal["mean", "max"]:
        return self.pooling

    def reads(self, tokens: np.ndarray, max_length: int) -> np.ndarray:
        counts = [self.count(length, max_length) for length in tokens.tolist()]
        return np.minimum(tokens, max_length) * np.array(counts, np.int64)
