"""Offsets in a text: UTF-16 code units, as JavaScript counts, and code points, as Python does."""

from __future__ import annotations

from bisect import bisect_right

from weitiao.errors import DataError
from weitiao.i18n.messages import _


class Offsets:
    """The two ways of counting in one text: 😀 and 𠮷 are two UTF-16 units and one code point."""

    def __init__(self, text: str) -> None:
        self.text = text
        # Code points that take two units, and the unit at which each begins.
        self._wide = [at for at, character in enumerate(text) if ord(character) > 0xFFFF]
        self._starts = [at + before for before, at in enumerate(self._wide)]
        self.units = len(text) + len(self._wide)

    def to_units(self, point: int) -> int:
        """UTF-16 units before a code point.

        >>> Offsets("a😀b").to_units(2)
        3
        """
        return point + bisect_right(self._wide, point - 1)

    def to_points(self, unit: int) -> int:
        """Code points before a UTF-16 unit. Raises DataError outside, or inside a character.

        >>> Offsets("a😀b").to_points(3)
        2
        """
        if not 0 <= unit <= self.units:
            raise DataError(_("a span lies outside the text."))
        before = bisect_right(self._starts, unit - 1)
        if before and self._starts[before - 1] + 1 == unit:
            raise DataError(_("a span begins or ends inside a character."))
        return unit - before

    def check(self, start: int, end: int, quote: str) -> None:
        """Raises DataError unless the text between two code points is `quote`."""
        if self.text[start:end] != quote:
            message = _(
                "a span holds {quote!r}, and this place of the text does not. Load the page again.",
                quote=quote[:40],
            )
            raise DataError(message)
