"""Unicode normalisation: one spelling for characters that look the same."""

from __future__ import annotations

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
        cleaned: list[str] = []
        origins: list[int] = []
        for start, segment in self._segments(text):
            piece = unicodedata.normalize(self.form, segment)
            cleaned.append(piece)
            origins += [start + min(i, len(segment) - 1) for i in range(len(piece))]
        assert "".join(cleaned) == whole, "segments must normalise on their own"
        return whole, origins

    def _segments(self, text: str) -> Iterator[tuple[int, str]]:
        """Pieces (with their start) that do not touch each other when they are normalised."""
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
        apart = unicodedata.normalize(self.form, before) + unicodedata.normalize(
            self.form, character
        )
        return unicodedata.normalize(self.form, before + character) != apart
