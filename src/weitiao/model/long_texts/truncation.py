"""Truncation of long texts: to their beginning, their end, or both."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from weitiao.model.long_texts.base import LongText, Side


class Head(LongText):
    """Truncation at the end: the first `max_length` tokens are read, which mostly suffice. The
    default."""

    def pieces(self, length: int, room: int) -> list[np.ndarray]:
        return [np.arange(room)]


class Tail(LongText):
    """Truncation at the beginning: the last `max_length` tokens are read, for texts that the end
    decides, as in dialogues and e-mails."""

    side: ClassVar[Side] = "left"

    def note(self, max_length: int) -> str:
        return f"Truncate texts on the left, to {max_length} tokens; the tokenizer is set so."

    def pieces(self, length: int, room: int) -> list[np.ndarray]:
        return [np.arange(length - room, length)]


class HeadTail(LongText):
    """Truncation in the middle: the first and the last tokens are read (Sun et al. 2019); costs
    what `head` does.

    When to use: long texts whose beginning says what they are about and whose end sums up.
    """

    plain: ClassVar[bool] = False
    head: float = Field(0.25, gt=0, lt=1, description="share of the tokens that are the first ones")

    def note(self, max_length: int) -> str:
        return (
            f"Of a row of more than {max_length} tokens keep the special tokens and, of the others "
            f"that fit, a share of {self.head:g} from the beginning and the rest from the end."
        )

    def pieces(self, length: int, room: int) -> list[np.ndarray]:
        first = min(max(1, round(room * self.head)), room - 1)
        return [np.concatenate([np.arange(first), np.arange(length - room + first, length)])]
