"""Cleaner of repeated characters: sooooo, 哈哈哈哈哈, !!!!!!."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from weitiao.core.alignment import Alignment, Edit, edited
from weitiao.data.cleaners.base import Cleaner

MOST_PASSES = 4  # shortening one repetition seldom makes another


class Repeats(Cleaner):
    """Shortens repetitions: sooooo becomes sooo, !!!!!! becomes !!!. Digits stay.

    When to use it: chats and reviews (哈哈哈哈哈 becomes 哈哈哈). Up to three stay, since sooo is
    more than so.
    """

    idempotent: ClassVar[bool] = True
    most: int = Field(3, ge=1, le=10, description="how often a character may stand in a row")
    syllables: bool = Field(True, description="also groups of two to four characters")

    def clean(self, text: str) -> tuple[str, Alignment]:
        alignment = Alignment.identity(len(text))
        for _pass in range(MOST_PASSES):
            changed, again = edited(text, self.edits(text))
            if changed == text:
                break
            text, alignment = changed, alignment.then(again)
        return text, alignment

    def edits(self, text: str) -> Iterator[Edit]:
        unit = "1,4" if self.syllables else "1"
        pattern = re.compile(rf"([^\s\d_]{{{unit}}}?)\1{{{self.most},}}")
        for run in pattern.finditer(text):
            yield Edit(run.start() + self.most * len(run[1]), run.end(), "")
