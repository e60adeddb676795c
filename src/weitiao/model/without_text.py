"""Rows without a text: they keep their place among the predictions, and have no answer."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

from weitiao.example import Example, Prediction
from weitiao.i18n.messages import _, name_list, plural

NO_TEXT = "no text"
MAX_NAMED_ROWS = 3


def is_blank(example: Example) -> bool:
    """Whether one of the texts of a row is empty or blanks only."""
    return any(not str(text).strip() for text in example.inputs.values())


def no_answer() -> Prediction:
    """The prediction of a row without a text."""
    return Prediction(None, math.nan, reason=NO_TEXT)


class WithoutText:
    """Counts rows without a text while predictions are streamed."""

    def __init__(self) -> None:
        self.seen = 0
        self.rows: list[int] = []

    def texts(self, examples: Sequence[Example]) -> list[Example]:
        """The examples with a text; the others are remembered by their place."""
        blank = [is_blank(example) for example in examples]
        self.rows += [self.seen + at for at, one in enumerate(blank) if one]
        self.seen += len(examples)
        return [one for one, without in zip(examples, blank, strict=True) if not without]

    def warn(self) -> None:
        """Say how many rows had no text."""
        if self.rows:
            named = name_list([_("row {number}", number=at) for at in self.rows], MAX_NAMED_ROWS)
            missing = plural(len(self.rows), "row")
            message = _("{rows} without a text ({named}): no answer", rows=missing, named=named)
            warnings.warn(message, stacklevel=4)
