"""Of a long text, its end."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weitiao.model.long_texts.base import LongText, Side


class Tail(LongText):
    """The last `max_length` tokens: where the end decides, as in dialogues and e-mails."""

    side: ClassVar[Side] = "left"

    def note(self, max_length: int) -> str:
        return f"Truncate texts on the left, to {max_length} tokens; the tokenizer is set so."

    def pieces(self, length: int, room: int) -> list[np.ndarray]:
        return [np.arange(length - room, length)]
