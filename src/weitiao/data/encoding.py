"""Which encoding a text file is in: UTF-8, UTF-16 with its mark, or GB18030; else an error."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from weitiao.errors import DataError

CHUNK = 1 << 20
# GB18030 decodes much that is not Chinese. Real Chinese text stays in the old, common set.
COMMON_SHARE = 0.8


def detect(path: Path) -> tuple[str, list[str]]:
    """The name of the encoding for `open`, and what to tell about it.

    Reads the whole file, so that a wrong byte is named before a row is read.
    Raises DataError with the place of the first byte that fits no encoding.
    """
    with path.open("rb") as file:
        head = file.read(4)
    if not head:
        raise DataError(f"{path.name}: the file is empty.")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        wrong = _first_wrong_byte(path, "utf-16")
        if wrong is not None:
            raise DataError(f"{path.name}: not UTF-16 at byte {wrong}: save the file as UTF-8.")
        return "utf-16", ["read as UTF-16"]
    wrong = _first_wrong_byte(path, "utf-8")
    if wrong is None:
        return "utf-8-sig", []
    if _first_wrong_byte(path, "gb18030") is None and _reads_like_chinese(path):
        return "gb18030", ["read as GB18030: the file is not UTF-8"]
    line, value = _place(path, wrong)
    raise DataError(
        f"{path.name}:{line}: not UTF-8 at byte {wrong} (0x{value:02x}), nor GB18030: "
        "save the file as UTF-8."
    )


def _first_wrong_byte(path: Path, encoding: str) -> int | None:
    decoder = codecs.getincrementaldecoder(encoding)()
    done = 0
    for chunk, last in _chunks(path):
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk, last)
        except UnicodeDecodeError as error:
            return done - pending + error.start
        if "\0" in text:
            place = f"byte {done + chunk.index(0)}" if encoding != "utf-16" else "some place"
            raise DataError(
                f"{path.name}: a NUL character at {place}: this is no text file, or a broken one. "
                "Save it anew as UTF-8 text."
            )
        done += len(chunk)
    return None


def _chunks(path: Path) -> Iterator[tuple[bytes, bool]]:
    with path.open("rb") as file:
        chunk = file.read(CHUNK)
        while chunk:
            following = file.read(CHUNK)
            yield chunk, not following
            chunk = following


def _reads_like_chinese(path: Path) -> bool:
    with path.open(encoding="gb18030") as file:
        foreign = [c for c in file.read(CHUNK) if ord(c) > 127]
    common = "".join(foreign).encode("gb2312", "ignore")
    return bool(foreign) and len(common) / 2 >= COMMON_SHARE * len(foreign)


def _place(path: Path, byte: int) -> tuple[int, int]:
    line, done = 1, 0
    for chunk, _ in _chunks(path):
        if done + len(chunk) > byte:
            return line + chunk[: byte - done].count(b"\n"), chunk[byte - done]
        line += chunk.count(b"\n")
        done += len(chunk)
    return line, 0
