"""Normalization of texts: Unicode normal forms and whitespace."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from weitiao.data.cleaners.base import Cleaner


class Unicode(Cleaner):
    """NFC joins letters and their accents; NFKC also makes wide letters and digits narrow.

    When to use it: texts from several systems or input methods. NFKC turns Chinese punctuation
    marks such as ， into their Latin shapes, which Chinese checkpoints seldom want.
    """

    form: Literal["NFC", "NFKC"] = Field("NFC", description="which normal form")

    def clean(self, text: str) -> tuple[str, list[int]]:
        if unicodedata.is_normalized(self.form, text):
            return text, list(range(len(text)))
        whole = unicodedata.normalize(self.form, text)
        # Normalizing loses where characters came from. So the text is cut into segments that
        # normalize independently; a longer result (ﬀ to ff) repeats the segment's last offset.
        cleaned: list[str] = []
        origins: list[int] = []
        for start, segment in self._segments(text):
            piece = unicodedata.normalize(self.form, segment)
            cleaned.append(piece)
            origins += [start + min(i, len(segment) - 1) for i in range(len(piece))]
        assert "".join(cleaned) == whole, "segments must normalise on their own"
        return whole, origins

    def _segments(self, text: str) -> Iterator[tuple[int, str]]:
        """Segments (with their start) whose Unicode normalization is independent of each other."""
        start = 0
        for place in range(1, len(text)):
            if self._touches(text[start:place], text[place]):
                continue
            yield start, text[start:place]
            start = place
        if text:
            yield start, text[start:]

    def _touches(self, before: str, character: str) -> bool:
        if unicodedata.combining(character):
            return True
        # Characters that are no combining marks compose too: Hangul jamo, some vowels of India.
        apart = unicodedata.normalize(self.form, before) + unicodedata.normalize(
            self.form, character
        )
        return unicodedata.normalize(self.form, before + character) != apart


class Whitespace(Cleaner):
    """Blanks, tabs, line breaks and their wide and no-break kin become one plain space.

    When to use it: texts cut out of web pages or tables.
    """

    keep_lines: bool = Field(False, description="a run that holds a line break becomes one")

    def clean(self, text: str) -> tuple[str, list[int]]:
        cleaned: list[str] = []
        origins: list[int] = []
        for piece in re.finditer(r"\s+|\S+", text):
            if not piece[0].isspace():
                cleaned.append(piece[0])
                origins += range(piece.start(), piece.end())
            elif piece.start() > 0 and piece.end() < len(text):
                cleaned.append("\n" if self.keep_lines and "\n" in piece[0] else " ")
                origins.append(piece.start())
        return "".join(cleaned), origins
