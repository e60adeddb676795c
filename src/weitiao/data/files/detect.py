"""File format detection by extension, and by magic numbers where it is missing or wrong."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weitiao import parts
from weitiao.data.files.encoding import head_of
from weitiao.data.infer.column_names import words
from weitiao.data.readers.base import Reader
from weitiao.errors import DataError
from weitiao.i18n.messages import _

HEAD = 1 << 16  # bytes that are looked at

# Magic numbers: first bytes -> the format. _FOREIGN: formats that hold no rows for us.
_MARKS: list[tuple[bytes, str]] = [
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xlsx"),  # xls, or a workbook with a password
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"FEA1", "arrow"),
    (b"SQLite format 3\0", "sqlite"),
    (b"\xff\xff\xff\xff", "arrow"),  # the stream format, which `datasets` writes
    (b"\x1f\x8b", "gz"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\0", "xz"),
]
_FOREIGN = {
    b"%PDF": "PDF", b"7z\xbc\xaf": "7z", b"Rar!": "RAR", b"\x28\xb5\x2f\xfd": "zstd",
    b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF",
    b"\x7fELF": "ELF", b"MZ\x90": "EXE", b"\x89HDF": "HDF5",
}  # fmt: skip
EITHER = "json or jsonl"
# Endings of files that hold no rows, whatever their bytes look like.
NO_ROWS = set(
    words(
        "yaml yml toml ini py ipynb docx doc pptx ppt pdf "
        "sql pkl pt pth bin safetensors npy npz png jpg"
    )
)
SNIFFED = ("csv", "tsv", "json", "jsonl", "html", "xlsx", "parquet", "arrow")
FORMAT_NAMES = {
    "json": "JSON",
    "jsonl": "JSON lines",
    "html": "HTML",
    "xlsx": "Excel",
    "parquet": "Parquet",
    "arrow": "Arrow",
    "sqlite": "SQLite",
    "conll": "CoNLL",
    "conllu": "CoNLL-U",
}
PACKED = ("zip", "gz", "bz2", "xz")
_WORKBOOKS = ("xlsx", "xlsm", "xlsb", "ods", "xls")
_LINES = {"csv", "tsv"}


def endings() -> dict[str, str]:
    """File extension -> reader, of all readers."""
    readers: dict[str, str] = {}
    for name in parts.names("readers"):
        reader = parts.find("readers", name)
        if reader.files:
            readers |= dict.fromkeys((name, *reader.endings), name)
    return readers


def reader_for(
    path: Path, chosen: Mapping[str, Mapping[str, Any]]
) -> tuple[str, Reader, list[str]]:
    """Choose the reader of a file: name, reader, and notes where the extension did not tell it."""
    if chosen:
        name, settings = next(iter(chosen.items()))
        if name == "xlsx":
            _require_workbook(path)
        return name, parts.build("readers", name, settings), []
    ending = path.suffix.lower().removeprefix(".")
    known = endings()
    by_ending = known.get(ending, "")
    if ending in NO_ROWS and not by_ending:  # a reader of another package may know it
        raise DataError(
            _(
                "{file}: no reader for files ending in .{ending}: give the rows as csv, xlsx, "
                "jsonl or parquet.",
                file=path.name,
                ending=ending,
            )
        )
    if by_ending and parts.origin("readers", by_ending):
        return by_ending, parts.build("readers", by_ending), []
    seen = look(path)
    # The extension is trusted between csv and tsv, and for text formats whose first bytes prove
    # nothing (conll); for the others the content wins over a wrong extension.
    if (by_ending in _LINES and seen in _LINES) or by_ending not in ("", *SNIFFED):
        seen = by_ending  # the reader finds the delimiter itself
    if seen == EITHER:
        seen = by_ending if by_ending in ("json", "jsonl") else "json"
    notes = []
    if by_ending and seen != by_ending:
        kind = FORMAT_NAMES.get(seen, seen)
        notes.append(
            _(
                "its name ends in .{ending}, but it holds {kind}; read as that",
                ending=ending,
                kind=kind,
            )
        )
    elif not by_ending:
        kind = FORMAT_NAMES.get(seen, seen)
        notes.append(_("its name does not say what it holds; read as {kind}", kind=kind))
    return seen, parts.build("readers", seen), notes


def _require_workbook(path: Path) -> None:
    """Raises DataError where the settings of a workbook are given for a file that is none."""
    seen = look(path)
    if seen == "xlsx":
        return
    kind = FORMAT_NAMES.get(seen, seen)
    if seen == "sqlite":
        raise DataError(
            _(
                "{file}: --sheet names a sheet of a workbook, and this file holds {kind}. Name a "
                "table with data.reader.sqlite.table=NAME",
                file=path.name,
                kind=kind,
            )
        )
    raise DataError(
        _(
            "{file}: --sheet and data.reader.xlsx are for workbooks, and this file holds {kind}. "
            "Leave them out.",
            file=path.name,
            kind=kind,
        )
    )


def packing(path: Path) -> str:
    """Compression of a file: "zip", "gz", "bz2", "xz", or "" for none (and for workbooks)."""
    with path.open("rb") as file:
        head = file.read(16)
    packed_as = next((kind for mark, kind in _MARKS if head.startswith(mark)), "")
    if packed_as == "zip" and _is_workbook(path):
        return ""
    return packed_as if packed_as in PACKED else ""


def look(path: Path) -> str:
    """Sniff the format from a file's first bytes. Raises DataError when no reader takes it."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise DataError(_("{file}: the file is empty. Name one with rows.", file=path.name))
    for mark, name in _FOREIGN.items():
        if head.startswith(mark):
            raise DataError(
                _(
                    "{file}: this is a file of the kind {kind}: give the rows as csv, xlsx, "
                    "jsonl or parquet.",
                    file=path.name,
                    kind=name,
                )
            )
    for mark, kind in _MARKS:
        if head.startswith(mark):
            return "xlsx" if kind == "zip" else kind
    return _of_text(head_of(head))


def _of_text(text: str) -> str:
    begin = text.lstrip("\ufeff \t\r\n")[:2000].lower()
    if begin.startswith(("<!doctype html", "<html", "<table", "<head", "<meta", "<style")) or (
        begin.startswith(("<?xml", "<workbook"))
        and re.search(r"<html|<table|urn:schemas-microsoft-com:office", text, re.IGNORECASE)
    ):
        return "html"
    if begin.startswith(("{", "[")):
        return _of_json(text.lstrip("\ufeff \t\r\n"))
    if _of_words(text):
        return "conllu" if text.startswith(("# ", "1\t")) and _TEN.search(text) else "conll"
    first = text.partition("\n")[0]
    return "tsv" if "\t" in first and "," not in first else "csv"


# CoNLL-U has ten columns with tabs, the first a number. Of CoNLL only the last column is known: a
# tag with its type (B-PER, also B_LOC) or, in word segmentation, a bare letter.
_TEN = re.compile(r"^\d+(\t[^\t\n]*){9}$", re.MULTILINE)
_TAGGED = re.compile(r"\S+[ \t].*?\b[BIMELSU][-_]\S+$|\S+[ \t](.*[ \t])?[OBMESI]$")


def _of_words(text: str) -> bool:
    """Whether a text is CoNLL: a word and its tags a line, a blank line between sentences."""
    lines = text.splitlines()[:-1][:2000]  # the last one may be cut
    filled = [line.strip() for line in lines if line.strip() and not line.startswith("# ")]
    filled = [line for line in filled if not line.startswith("-DOCSTART-")]
    if len(filled) < 3 or len(filled) == len(lines):
        return False  # one sentence only, or no blank lines: a table
    if sum(_TEN.match(line) is not None for line in filled) > 0.9 * len(filled):
        return True
    tagged = sum(_TAGGED.fullmatch(line) is not None for line in filled)
    return tagged >= 0.95 * len(filled)


def _of_json(text: str) -> str:
    """Tell JSON from JSON lines: a whole object in the first line, and the second begins one too.

    "json or jsonl" when there is one line only, or it is longer than what was read.
    """
    first, _, rest = text.partition("\n")
    # The expression: behind a bracket JSON has a value (string, number, true, false, null) or the
    # closing bracket. "[sic] a text" and "{name}, hello" are lines of a csv file.
    if not rest.strip() and re.match(r"\[\s*\{", first):
        return "json"  # a list of objects in one line, whatever the file is called
    if not rest.strip():
        return EITHER if re.match(r"[\[{]\s*([\[{\"\]}\dtfn-]|$)", first[:200]) else "csv"
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        # No line of its own: one document over several lines, or a text in braces.
        return "json" if re.match(r"[\[{]\s*([\[{\"\]}\dtfn-]|$)", text[:200]) else "csv"
    if isinstance(value, dict):
        return "jsonl" if rest.lstrip()[:1] == "{" else "json"
    # [text, {"entities": ...}] a line, as spaCy's training data.
    lines = isinstance(value, list) and any(isinstance(one, dict) for one in value)
    return "jsonl" if lines and rest.lstrip()[:1] == "[" else "json"


def _is_workbook(path: Path) -> bool:
    if path.suffix.lower().removeprefix(".") in _WORKBOOKS:
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False
    parts_of_workbook = ("xl/workbook.xml", "xl/workbook.bin", "content.xml")
    return any(name in names for name in parts_of_workbook)
