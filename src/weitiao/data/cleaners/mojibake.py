"""Cleaner of mojibake: text that was decoded with a wrong encoding (cafÃ©), repaired by ftfy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar

from weitiao.core.alignment import Alignment, Edit, edited
from weitiao.data.cleaners.base import Cleaner


class Mojibake(Cleaner):
    """Repairs texts that were decoded with a wrong encoding (by ftfy): cafÃ© becomes café.

    When to use it: where `look` reports such texts. What the file has lost (question marks in the
    place of characters) cannot be repaired: read it again with the right encoding.
    """

    idempotent: ClassVar[bool] = False  # a text may be broken twice

    def clean(self, text: str) -> tuple[str, Alignment]:
        if text.isascii():
            return text, Alignment.identity(len(text))
        pieces, alignments = [], []
        for line in _LINES.findall(text):
            fixed, alignment = _fixed(line)
            pieces.append(fixed)
            alignments.append(alignment)
        whole = "".join(pieces)
        if whole == text:
            return text, Alignment.identity(len(text))
        return whole, _joined(alignments)


_LINES = re.compile(r"[^\n]*\n|[^\n]+")


def _fixed(line: str) -> tuple[str, Alignment]:
    from ftfy import fix_encoding_and_explain

    if line.isascii():
        return line, Alignment.identity(len(line))
    fixed, steps = fix_encoding_and_explain(line)
    if fixed == line:
        return line, Alignment.identity(len(line))
    by_bytes = _through_bytes(line, fixed, steps or [])
    return fixed, by_bytes or edited(line, _differences(line, fixed))[1]


def _through_bytes(line: str, fixed: str, steps: Sequence[tuple[str, str]]) -> Alignment | None:
    """The exact alignment where the repair was: encode, then decode as UTF-8, perhaps again; None
    where ftfy did more than that, such as guessing a byte that was lost."""
    import ftfy.bad_codecs  # noqa: F401  (registers the encodings that the steps name)

    text, alignment = line, Alignment.identity(len(line))
    for (action, encoding), (after, target) in zip(steps[::2], steps[1::2], strict=False):
        if (action, after) != ("encode", "decode") or not target.startswith("utf-8"):
            return None
        try:
            sizes = [len(character.encode(encoding)) for character in text]
            decoded = text.encode(encoding).decode(target)
        except (UnicodeError, LookupError):
            return None
        if set(sizes) != {1}:
            return None
        edits, at = [], 0
        for character in decoded:
            size = len(character.encode("utf-8"))
            edits.append(Edit(at, at + size, character))
            at += size
        if at != len(text):
            return None
        text, again = edited(text, [e for e in edits if e.end - e.start > 1])
        alignment = alignment.then(again)
    return alignment if text == fixed and len(steps) % 2 == 0 else None


def _differences(line: str, fixed: str) -> Iterator[Edit]:
    """Edits from a line to its repair: plain words (ASCII) stand in both, in the same order; what
    stands between two of them was repaired as one."""
    words, others = (list(_WORD.finditer(one)) for one in (line, fixed))
    if [word[0] for word in words] != [word[0] for word in others]:
        words = others = []
    start = other_start = 0
    for word, other in [*zip(words, others, strict=True), (None, None)]:
        end = word.start() if word else len(line)
        other_end = other.start() if other else len(fixed)
        if line[start:end] != fixed[other_start:other_end]:
            yield Edit(start, end, fixed[other_start:other_end])
        if word and other:
            start, other_start = word.end(), other.end()


_WORD = re.compile("[A-Za-z0-9]{2,}")


def _joined(alignments: Sequence[Alignment]) -> Alignment:
    """The alignment of texts that stand one behind the other."""
    import numpy as np

    offsets = np.cumsum([0, *(one.length for one in alignments)])
    pairs = list(zip(alignments, offsets[:-1], strict=True))
    return Alignment(
        np.concatenate([one.starts + at for one, at in pairs]),
        np.concatenate([one.ends + at for one, at in pairs]),
        int(offsets[-1]),
    )
