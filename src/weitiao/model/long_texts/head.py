"""Of a long text, its beginning."""

from __future__ import annotations

import numpy as np

from weitiao.model.long_texts.base import LongText


class Head(LongText):
    """The first `max_length` tokens: the beginning, which mostly tells. The default."""

    def pieces(self, length: int, room: int) -> list[np.ndarray]:
        return [np.arange(room)]
