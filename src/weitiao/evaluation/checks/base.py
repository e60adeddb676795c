"""What a check is: a text in, the text as somebody else might have written it out."""

from __future__ import annotations

import random
from abc import abstractmethod
from typing import ClassVar, Literal

from weitiao.parts import Part


class Check(Part):
    """One way to write a text differently. A new one is one file.

    expected: "same" when the meaning stays, so that every other answer is a fault; "open" when it
    may change, and the figure is for people to judge.
    """

    expected: ClassVar[Literal["same", "open"]] = "same"

    @abstractmethod
    def changed(self, text: str, rng: random.Random) -> str | None:
        """The changed text; None when there is nothing in it that this check changes."""

    def missing(self) -> str:
        """What has to be installed first; empty when nothing."""
        return ""
