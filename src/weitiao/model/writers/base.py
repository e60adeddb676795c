"""Base class of writers: texts written anew, or a word for a place in a text."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import ClassVar

from weitiao.parts import Part


class Writer(Part):
    """Writes for a step of augmentation. Which method a writer has, its step knows."""

    at_once: ClassVar[int] = 2_000  # texts of one call, which are kept then

    def identity(self) -> str:
        """What decides the answers beside the texts: weights, versions, settings."""
        return repr(self)

    def rewrite(self, texts: Sequence[str]) -> list[str]:
        """A new text for each; an empty one where there is none. Raises WeitiaoError."""
        raise NotImplementedError

    def word(self, before: str, after: str, rng: random.Random) -> str:
        """A word between two pieces of a text; "" where none fits."""
        raise NotImplementedError
