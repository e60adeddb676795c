"""Normalization of texts: Unicode forms, width, case, whitespace, characters without a glyph."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from weitiao.core.alignment import Alignment, Edit, edited
from weitiao.core.script import HAN, HAN_RARE
from weitiao.data.cleaners.base import Cleaner
from weitiao.i18n.messages import _

_LONGEST_SEGMENT = 32  # characters; Unicode's stream-safe format allows 30 marks behind a letter
_BLANKS, _BREAKS = re.compile(r"\s+"), re.compile(r"[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
# Characters without a glyph. The joiners \u200c and \u200d are letters of Persian and of India's
# scripts, and hold emoji together: out where they stand behind a Latin, Greek or Cyrillic letter, a
# digit, a blank or a Chinese character.
_CONTROLS = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff"
)
_PLAIN = f"\\s!-~\u00a1-\u00ac\u00ae-\u024f\u0370-\u052f\u3001-\u30ff\uff01-\uff65{HAN}{HAN_RARE}"
_NO_GLYPH = re.compile(f"(?:(?<=[{_PLAIN}])|^)[{_CONTROLS}\u200c\u200d]+|[{_CONTROLS}]+")
_HALF_KANA = re.compile("[\uff66-\uff9d][\uff9e\uff9f]?|[\uff61-\uff65\uff9e\uff9f]")
_OFFSET = 0xFEE0  # between ASCII 0x21-0x7E and the full-width forms
_ASCII = range(0x21, 0x7F)
_TABLES: dict[tuple[str, bool], dict[int, int]] = {}
for _all in (False, True):
    _codes = [code for code in _ASCII if _all or chr(code).isalnum()]
    _TABLES["half", _all] = {code + _OFFSET: code for code in _codes}
    _TABLES["full", _all] = {code: code + _OFFSET for code in _codes}
_TABLES["half", True][0x3000] = 0x20


class Unicode(Cleaner):
    """NFC joins letters and their accents; NFKC also makes wide letters and digits narrow.

    When to use it: texts from several systems or input methods. NFKC turns Chinese punctuation
    marks such as ， into their Latin shapes, which Chinese checkpoints seldom want.
    """

    idempotent: ClassVar[bool] = True
    form: Literal["NFC", "NFKC"] = Field("NFC", description="which normal form")

    def clean(self, text: str) -> tuple[str, Alignment]:
        if unicodedata.is_normalized(self.form, text):
            return text, Alignment.identity(len(text))
        # Normalizing loses where characters came from. So the text is cut into segments that
        # normalize independently.
        cleaned, alignment = edited(text, self.edits(text))
        whole = unicodedata.normalize(self.form, text)
        assert cleaned == whole, "segments must normalise on their own"
        return whole, alignment

    def edits(self, text: str) -> Iterator[Edit]:
        for start, segment in self._segments(text):
            piece = unicodedata.normalize(self.form, segment)
            if piece != segment:
                yield Edit(start, start + len(segment), piece)

    def _segments(self, text: str) -> Iterator[tuple[int, str]]:
        """Segments (with their start) whose Unicode normalization is independent of each other."""
        start = 0
        before = ""
        for place, character in enumerate(text):
            if place and not self._touches(before, character):
                yield start, text[start:place]
                start, before = place, ""
            # A composition concerns the first character of a segment and the marks behind it: a
            # long run of marks needs no look at all of them again and again.
            if len(before) < _LONGEST_SEGMENT:
                before += character
        if text:
            yield start, text[start:]

    def _touches(self, before: str, character: str) -> bool:
        if unicodedata.combining(character):
            return True
        if before.isascii() and character.isascii():
            return False
        # Characters that are no combining marks compose too: Hangul jamo, some vowels of India.
        apart = unicodedata.normalize(self.form, before) + unicodedata.normalize(
            self.form, character
        )
        return unicodedata.normalize(self.form, before + character) != apart


class Whitespace(Cleaner):
    """Blanks, tabs, line breaks and their wide and no-break kin become one plain space.

    When to use it: texts cut out of web pages or tables.
    """

    idempotent: ClassVar[bool] = True
    keep_lines: bool = Field(False, description="a run that holds a line break becomes one")

    def edits(self, text: str) -> Iterator[Edit]:
        for run in _BLANKS.finditer(text):
            start, end = run.span()
            put = "\n" if self.keep_lines and _BREAKS.search(run[0]) else " "
            if start == 0 or end == len(text):
                put = ""
            if put != run[0]:
                yield Edit(start, end, put)


class Invisible(Cleaner):
    """Removes characters without a glyph: zero-width blanks, byte order marks, soft hyphens,
    controls, marks of direction. Joiners stay in emoji and in the scripts that need them.

    When to use it: texts copied from web pages, chats and documents, where they split words.
    """

    idempotent: ClassVar[bool] = True

    def edits(self, text: str) -> Iterator[Edit]:
        for run in _NO_GLYPH.finditer(text):
            yield Edit(run.start(), run.end(), "")


class Width(Cleaner):
    """Full-width letters and digits become half-width (or the other way); half-width kana full.

    When to use it: Chinese and Japanese from input methods, where １２３ and 123 mean the same.
    Instead of: NFKC, which also changes ， and ①.
    """

    idempotent: ClassVar[bool] = True
    to: Literal["half", "full"] = Field("half", description="width of letters and digits")
    punctuation: bool = Field(False, description="also of punctuation marks: ， and ,")

    def clean(self, text: str) -> tuple[str, Alignment]:
        table = _TABLES[self.to, self.punctuation]
        changed = text.translate(table)
        if not _HALF_KANA.search(changed):
            return (text if changed == text else changed), Alignment.identity(len(text))
        # ｶﾞ is two characters and becomes one, ガ; all others stay one.
        return edited(
            changed,
            [
                Edit(*kana.span(), unicodedata.normalize("NFKC", kana[0]))
                for kana in _HALF_KANA.finditer(changed)
            ],
        )


class LowerCase(Cleaner):
    """Lower-cases letters.

    When to use it: hardly ever. Uncased checkpoints such as minilm-l6 do it themselves; to a cased
    one, names and shouting look different.
    """

    idempotent: ClassVar[bool] = True

    def edits(self, text: str) -> Iterator[Edit]:
        if text == text.lower():
            return
        for place, character in enumerate(text):
            small = character.lower()
            if small != character:
                yield Edit(place, place + 1, small)

    def warning(self, task: str) -> str:
        return _(
            "lower_case: uncased checkpoints do it themselves, and cased ones lose what capitals "
            "say (names, shouting)."
        )
