"""Which encoding a text file is in, judged by which reading gives common characters.

A byte that does not fit becomes a mark (half a surrogate) instead of an error, so that the row it
stands in can be named, and set aside.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from weitiao.data.files.characters import share
from weitiao.errors import DataError
from weitiao.i18n.messages import _

CHUNK = 1 << 20
SAMPLE = 1 << 18  # bytes of lines with other than ASCII that are judged
LEAST = 0.5  # share of plausible characters; below, the file is in none of the encodings
NEAR = 0.12  # closer than this, the second likeliest encoding is named too
MARKS = "weitiao.marks"
CANDIDATES = ("utf-8-sig", "gb18030", "big5hkscs", "cp1252")
_BOMS = [
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
]  # fmt: skip
_NO_TEXT = {"utf-7", "idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined"}


def _marked(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in wrong), error.end


codecs.register_error(MARKS, _marked)


@dataclass(frozen=True)
class Encoding:
    """How a file is opened. Not clean: some byte does not fit, or there is a NUL character."""

    name: str
    clean: bool = True
    notes: list[str] = field(default_factory=list)

    def open(self, path: Path) -> IO[str]:
        """The file as text, its line ends as they are."""
        errors = "strict" if self.clean else MARKS
        return path.open(encoding=self.name, errors=errors, newline="")


def detect(path: Path, given: str | None = None, setting: str = "csv") -> Encoding:
    """The encoding of a text file, after reading all of it. Raises DataError when it is none.

    given: the encoding to take; setting: the reader that the remedy names.
    """
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if not head:
        raise DataError(_("{file}: the file is empty.", file=path.name))
    if given:
        name = known(given)
        return Encoding(name, _fits(path, name))
    name = _by_nuls(head)
    if name:
        return Encoding(name, _fits(path, name), [_("read as {encoding}", encoding=shown(name))])
    fits, has_nul = _read_through(path, "utf-8")
    if not fits or has_nul:
        _refuse_bytes(path, head)
    if fits:
        return Encoding("utf-8-sig", not has_nul)
    sample = _foreign_lines(path)
    name, notes = _judged(sample, path, setting)
    return Encoding(name, _fits(path, name), notes)


def of_bytes(raw: bytes, file: str, given: str | None = None) -> str:
    """The encoding of one text. Raises DataError."""
    if given:
        return known(given)
    name = _by_nuls(raw[: 1 << 16])
    if name:
        return name
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return _ranked(raw[:SAMPLE])[0][1]
    return "utf-8-sig"


def head_of(head: bytes) -> str:
    """The first bytes of a file as text, to look at."""
    name = _by_nuls(head)
    if not name:
        name = _ranked(head)[0][1]
    return head.decode(name, "replace")


def known(name: str) -> str:
    """The encoding as Python calls it. Raises DataError when there is none of that name."""
    try:
        found = codecs.lookup(name.strip())
        if found.name in _NO_TEXT or "a,1".encode(name.strip()).decode(name.strip()) != "a,1":
            raise LookupError
    except (LookupError, UnicodeError, ValueError):
        raise DataError(
            _("no encoding called {name!r}; there are utf-8, gbk, gb18030, big5, utf-16, "
                 "cp1252, latin-1, ...", name=name)
        ) from None  # fmt: skip
    # GBK is a part of GB18030, latin-1 and GB2312 are what people call larger sets.
    wider = {"gbk": "gb18030", "gb2312": "gb18030", "utf-8": "utf-8-sig", "big5": "big5hkscs"}
    return wider.get(found.name, found.name)


def shown(name: str) -> str:
    """What people call an encoding."""
    return {"utf-8-sig": "UTF-8", "gb18030": "GB18030 (GBK)", "big5hkscs": "Big5"}.get(
        name, name.upper().replace("CP", "Windows-")
    )


def wrong_byte(text: str) -> str:
    """Why a text that was read with marks cannot be used; empty when it can."""
    for character in text:
        if "\udc00" <= character <= "\udcff":
            byte = f"0x{ord(character) - 0xDC00:02x}"
            return _("the byte {byte} does not fit the encoding of the file.", byte=byte)
        if character == "\0":
            return _("holds a NUL character.")
        if "\ud800" <= character <= "\udfff":
            return _("holds half a character (a lone surrogate).")
    return ""


def readable(text: str) -> str:
    """A text without marks, to be shown."""
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" or c == "\0" else c for c in text)


def _by_nuls(head: bytes) -> str:
    """UTF-16 or UTF-32 by its mark, or by where the NUL bytes of its ASCII characters stand."""
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    even, odd = head[::2].count(0), head[1::2].count(0)
    pairs = len(head) // 2
    if max(even, odd) < max(2, 0.02 * pairs) or min(even, odd) > 0.5 * max(even, odd):
        return ""  # a few on the other side are characters such as U+9000
    name = "utf-16-le" if odd > even else "utf-16-be"
    text = head[: pairs * 2].decode(name, MARKS)
    return name if share(text, name) >= LEAST or text.isascii() else ""


def _refuse_bytes(path: Path, head: bytes) -> None:
    """Refuse what is no text: many characters that no text has."""
    odd = sum(head.count(byte) for byte in (*range(1), *range(2, 8), *range(14, 27)))
    if odd > 0.02 * len(head) and odd > 2:
        raise DataError(
            _("{file}: this is no text file ({share:.0%} of it are bytes that no text has).",
                 file=path.name, share=odd / len(head))
        )  # fmt: skip


def _fits(path: Path, name: str) -> bool:
    return _read_through(path, name) == (True, False)


def _read_through(path: Path, name: str) -> tuple[bool, bool]:
    """Whether every byte can be read in this encoding, and whether there is a NUL character."""
    decoder = codecs.getincrementaldecoder(name)()
    has_nul = False
    for chunk, last in _chunks(path):
        try:
            has_nul |= "\0" in decoder.decode(chunk, last)
        except UnicodeError:
            return False, has_nul
    return True, has_nul


def _chunks(path: Path) -> Iterator[tuple[bytes, bool]]:
    with path.open("rb") as file:
        chunk = file.read(CHUNK)
        while chunk:
            following = file.read(CHUNK)
            yield chunk, not following
            chunk = following


def _foreign_lines(path: Path) -> bytes:
    """Lines that hold other than ASCII, from the whole file, up to SAMPLE bytes."""
    kept: list[bytes] = []
    room, rest = SAMPLE, b""
    for chunk, last in _chunks(path):
        whole, _, following = (rest + chunk).rpartition(b"\n")
        whole = rest + chunk if last or len(rest) > 4 * CHUNK else whole
        rest = b"" if last or len(rest) > 4 * CHUNK else following
        if whole.isascii():
            continue
        for line in whole.splitlines(keepends=True):
            if not line.isascii():
                kept.append(line[: max(room, 4096)])
                room -= len(line)
                if room <= 0:
                    return b"".join(kept)
    return b"".join(kept)


def _ranked(sample: bytes) -> list[tuple[float, str]]:
    """(share of plausible characters, encoding), the likeliest first."""
    names = [*CANDIDATES]
    if b"\r" in sample and b"\n" not in sample:
        names.append("mac-roman")  # what Excel writes as csv for the Macintosh
    # The order decides between equals.
    return sorted(
        ((share(sample.decode(name, MARKS), name), name) for name in names), key=lambda s: -s[0]
    )


def _judged(sample: bytes, path: Path, setting: str) -> tuple[str, list[str]]:
    (best, name), (second, other), *_unused = _ranked(sample)
    if best < LEAST:
        line, place, byte = _place(path)
        raise DataError(
            _(
                "{file}:{line}: not UTF-8 at byte {place} (0x{byte:02x}), nor GB18030, Big5 or "
                "Windows-1252. Save the file as UTF-8, or name its encoding: "
                "data.reader.{reader}.encoding=...",
                file=path.name, line=line, place=place, byte=byte, reader=setting,
            )
        )  # fmt: skip
    if name == "utf-8-sig":
        return name, []
    if second > best - NEAR:
        return name, [
            _(
                "read as {encoding}, but it could also be {other}: "
                "data.reader.{reader}.encoding={name}",
                encoding=shown(name), other=shown(other), reader=setting, name=other,
            )
        ]  # fmt: skip
    return name, [_("read as {encoding}: the file is not UTF-8", encoding=shown(name))]


def _place(path: Path) -> tuple[int, int, int]:
    """Line, position and value of the first byte that is not UTF-8."""
    line, done = 1, 0
    decoder = codecs.getincrementaldecoder("utf-8")()
    for chunk, last in _chunks(path):
        pending = decoder.getstate()[0]
        try:
            decoder.decode(chunk, last)
        except UnicodeDecodeError as error:
            raw = pending + chunk
            before = raw[: error.start]
            return line + before.count(b"\n"), done - len(pending) + error.start, raw[error.start]
        line += chunk.count(b"\n")
        done += len(chunk)
    return line, done, 0
