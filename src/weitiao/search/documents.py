"""Documents of a folder as plain text: txt, md, html, docx, pdf, and the rows of tables.

What a document says is text and nothing else: macros and links of docx and pdf are never followed.
Sizes are checked before anything is unpacked.
"""

from __future__ import annotations

import logging
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weitiao.core.fields import nearest
from weitiao.data.files import encoding
from weitiao.data.files.bad_rows import NAMED_PLACES, Bad
from weitiao.data.files.detect import endings
from weitiao.errors import DataError, WeitiaoError, placed
from weitiao.i18n.messages import MORE, _, name_list, plural
from weitiao.search.tables import Tell, rows_of
from weitiao.search.web import text_of_html

MOST_BYTES = 64_000_000  # of a file, of what it unpacks to, and characters of a table's rows
MOST_CHARACTERS = 20_000_000  # of a document's text
PLAIN = {".txt", ".text", ".md", ".markdown", ".rst"}
WEB = {".html", ".htm", ".xhtml"}
NO_TABLES = {"html", "lines", "folder", "sqlite"}  # readers that are not for documents
STYLES = "word/styles.xml"
NOTES = ("footnote", "endnote")
# A part that is not there, that is damaged, that is packed or encrypted in another way.
BROKEN_PART = (
    KeyError, ValueError, SyntaxError, OSError, EOFError, RuntimeError, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip
DEEPEST = 6  # level of a heading
Read = tuple[str, bool]  # a text, and whether it is the whole one
_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\n{3,}")
# Characters that are not shown: controls, halves of pairs; and those without a width.
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufff9-\ufffb]")
_INVISIBLE = re.compile(
    "[\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]"
)
_HEADING_STYLE = re.compile(r"(?:heading|标题)\s*([1-6])$", re.IGNORECASE)


@dataclass(frozen=True)
class Document:
    """A text with its name: the file's path below the folder, and of a table the row, a.csv:17."""

    name: str
    text: str


def files_in(folder: Path) -> dict[str, Path]:
    """The files that may hold documents by their names below the folder, sorted.

    Hidden ones and links out of the folder are left out. Raises DataError where there is no such
    folder, or the single file is of a kind that is not read.
    """
    if folder.is_file():
        if folder.suffix.lower() not in _readers():
            raise DataError(
                _(
                    "{file}: documents are txt, md, html, docx, pdf, or tables such as csv.",
                    file=folder,
                )
            )
        return {_name(Path(folder.name)): folder}
    if not folder.is_dir():
        raise DataError(
            _("{folder}: no such folder of documents.{hint}", folder=folder, hint=_nearest(folder))
        )
    root, readers, found = folder.resolve(), _readers(), {}
    for path in sorted(folder.rglob("*")):
        below = path.relative_to(folder)
        if any(part.startswith(".") for part in below.parts) or not path.is_file():
            continue
        if path.suffix.lower() in readers and path.resolve().is_relative_to(root):
            found[_name(below)] = path
    return found


def _nearest(folder: Path) -> str:
    try:
        beside = [one.name for one in folder.parent.iterdir()]
    except OSError:
        return ""
    return nearest(folder.name, beside)


def _name(path: Path) -> str:
    """A path as valid Unicode: names of files may be any bytes."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def _silent(text: str) -> None:
    """Discard a message."""


def documents_of(path: Path, name: str, tell: Tell = _silent) -> Iterator[Document]:
    """The documents of one file. Raises DataError where it cannot be read, or is too large.

    tell: called with a message about each part that is left out.
    """
    try:
        _check_size(path.stat().st_size, name)
        reader = _readers()[path.suffix.lower()]
        if reader is None:
            yield from _rows(path, name, tell)
        else:
            text, whole = reader(path)
            if not whole:
                tell(
                    _(
                        "{file}: only the first {most:,} characters are indexed: split it.",
                        file=name,
                        most=MOST_CHARACTERS,
                    )
                )
            yield Document(name, tidy(text))
    except encoding.UnknownEncoding as error:
        raise DataError(
            _(
                "{file}:{line}: in no encoding that is known (UTF-8, GB18030, Big5, Windows-1252): "
                "save the file as UTF-8.",
                file=name,
                line=error.line,
            )
        ) from None
    except WeitiaoError:
        raise
    except Exception as error:  # what damaged documents raise has no common class
        reason = f"{type(error).__name__}: {error}"[:200]
        raise DataError(
            _("{file}: this document cannot be read ({reason}).", file=name, reason=reason)
        ) from None


def _check_size(size: int, name: str) -> None:
    if size > MOST_BYTES:
        raise DataError(
            _(
                "{file}: {size:,} MB are more than a document may have ({most:,}): split it.",
                file=name,
                size=max(size // 1_000_000, MOST_BYTES // 1_000_000 + 1),
                most=MOST_BYTES // 1_000_000,
            )
        )


def tidy(text: str) -> str:
    """A text without runs of blanks, controls and invisible characters; paragraphs stay apart.

    >>> tidy("a  b \\r\\n\\r\\n\\r\\n c\\x00"), tidy("co\\xadop")
    ('a b\\n\\nc', 'coop')
    """
    text = re.sub(r"\r\n?|[\v\f\x85\u2028\u2029]", "\n", text)
    text = _CONTROLS.sub(" ", _INVISIBLE.sub("", text))
    lines = [_SPACES.sub(" ", line).strip() for line in text.split("\n")]
    return _LINES.sub("\n\n", "\n".join(lines)).strip()


def _readers() -> dict[str, Callable[[Path], Read] | None]:
    """Ending -> how its text is read; None for tables, whose rows are documents."""
    tables = [f".{name}" for name, reader in endings().items() if reader not in NO_TABLES]
    return {
        **dict.fromkeys(tables, None),
        **dict.fromkeys(PLAIN, _plain),
        **dict.fromkeys(WEB, _web),
        ".docx": _docx,
        ".pdf": _pdf,
    }


def _first(text: str) -> Read:
    return text[:MOST_CHARACTERS], len(text) <= MOST_CHARACTERS


def _plain(path: Path) -> Read:
    if not path.stat().st_size:
        raise DataError(_("{file}: the file is empty.", file=path.name))
    with encoding.detect(path, None, "lines").open(path) as file:
        return _first(file.read(MOST_CHARACTERS + 1))


def _web(path: Path) -> Read:
    page, whole = _plain(path)
    return text_of_html(page), whole


def _rows(path: Path, name: str, tell: Tell) -> Iterator[Document]:
    """A document for each row. Raises DataError once all rows together have too much text."""
    if zipfile.is_zipfile(path):  # a spreadsheet
        with zipfile.ZipFile(path) as archive:
            _check_size(sum(part.file_size for part in archive.infolist()), name)
    characters, good, bad = 0, 0, list[Bad]()
    left_out = 0
    for one in rows_of(path, name, tell):
        if isinstance(one, Bad):
            left_out += 1
            bad += [one.within(name)] if left_out <= NAMED_PLACES else []
            continue
        good += 1
        characters += len(one.text) + len(one.place)
        _check_size(characters, name)
        if one.text:
            yield Document(f"{name}:{one.place}", tidy(one.text))
    if left_out:
        (tell if good else _refuse)(_left_out(name, bad, left_out))
    elif not good:
        raise DataError(_("{name}: holds no row.", name=name))


def _left_out(name: str, bad: Sequence[Bad], count: int) -> str:
    """A message about rows that cannot be read, and the first of them."""
    places = [one.place for one in bad] + ([MORE] if count > len(bad) else [])
    said = _(
        "{rows} that cannot be used set aside ({places}): {reason}",
        rows=plural(count, "row"),
        places=name_list(places),
        reason=bad[0].reason,
    )
    return placed(name, said)


def _refuse(text: str) -> None:
    raise DataError(text)


def _docx(path: Path) -> Read:
    from defusedxml.ElementTree import fromstring

    with zipfile.ZipFile(path) as archive:
        if "word/document.xml" not in archive.namelist():
            raise DataError(_("{file}: this is no Word document.", file=path.name))
        # zipfile gives no more bytes than the part says that it has; other parts stay packed.
        _check_size(archive.getinfo("word/document.xml").file_size, path.name)
        root = fromstring(archive.read("word/document.xml"))
        levels = _heading_levels(_part(archive, STYLES))
        notes = {kind: _notes(_part(archive, f"word/{kind}s.xml")) for kind in NOTES}
    lines = [""]
    _walk_docx(root, lines, levels, notes)
    return _first("\n".join(lines))


def _part(archive: zipfile.ZipFile, name: str) -> Any:
    """The elements of a part without which the text is still there; none where it is not."""
    from defusedxml.ElementTree import fromstring

    try:
        if archive.getinfo(name).file_size > MOST_BYTES:
            return ()
        return fromstring(archive.read(name))
    except BROKEN_PART:
        return ()


def _notes(part: Any) -> dict[str, str]:
    """Id of a footnote or endnote -> its text on one line."""
    notes = {}
    for note in part:
        lines = [""]
        _walk_docx(note, lines, {}, {})
        notes[_attribute(note, "id")] = " ".join(" ".join(lines).split())
    return notes


def _heading_levels(styles: Any) -> dict[str, int]:
    """Id of a style -> its level as a heading, by its name, its outline or the style it is based
    on: the id alone tells it in English (Heading1; in Chinese files it is 1)."""
    levels: dict[str, int] = {}
    bases: dict[str, str] = {}
    for style in styles:
        own = _attribute(style, "styleId")
        parts = {_kind(part): _attribute(part, "val") for part in style.iter()}
        named = _HEADING_STYLE.match(parts.get("name", ""))
        outline = parts.get("outlineLvl", "")
        if named or outline.isdecimal():
            levels[own] = int(named[1]) if named else int(outline) + 1
        bases[own] = parts.get("basedOn", "")
    return {own: _inherited(own, levels, bases) for own in bases}


def _inherited(style: str, levels: dict[str, int], bases: dict[str, str]) -> int:
    """The level of a style or of the nearest one that it is based on; 0 for none."""
    seen = set[str]()
    while style and style not in levels and style not in seen:
        seen.add(style)
        style = bases.get(style, "")
    return levels.get(style, 0) if levels.get(style, 0) <= DEEPEST else 0


def _kind(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _attribute(element: Any, name: str) -> str:
    return next((v for k, v in element.attrib.items() if k.rpartition("}")[2] == name), "")


def _mark_of(element: Any, levels: dict[str, int]) -> str:
    """What a heading begins with, by the style or the outline of a paragraph; "" for others."""
    value = _attribute(element, "val")
    if _kind(element) == "outlineLvl":
        level = int(value) + 1 if value.isdecimal() else 0
    else:
        named = _HEADING_STYLE.match(value)
        level = levels.get(value, 0) or (int(named[1]) if named else 0)
    return "#" * level + " " if 0 < level <= DEEPEST else ""


def _walk_docx(
    root: Any, lines: list[str], levels: dict[str, int], notes: dict[str, dict[str, str]]
) -> None:
    """Append the lines of a part of WordprocessingML; its elements may be nested deeply. A note
    stands in brackets where its number first stands, and is taken out of `notes`."""
    stack = [root]
    while stack:
        element = stack.pop()
        kind = _kind(element)
        if kind == "Fallback":  # says again what the choice before it says
            continue
        if kind == "p":
            lines += ["", ""]
        elif kind in ("pStyle", "outlineLvl"):
            lines[-1] = lines[-1] or _mark_of(element, levels)
        elif kind == "t":
            lines[-1] += element.text or ""
        elif note := _noted(element, kind, notes):
            lines[-1] += f" ({note})"
        elif kind in ("tab", "tc"):
            lines[-1] += " "
        elif kind in ("br", "cr"):
            lines.append("")
        stack += reversed(element)


def _noted(element: Any, kind: str, notes: dict[str, dict[str, str]]) -> str:
    """The note whose number an element is, once."""
    own = notes.get(kind.removesuffix("Reference"), {})
    return own.pop(_attribute(element, "id"), "") if own else ""


def _pdf(path: Path) -> Read:
    try:
        from pypdf import PdfReader
    except ImportError:
        raise DataError(
            _(
                '{file}: reading PDF needs a package more: pip install "weitiao[documents]".',
                file=path.name,
            )
        ) from None
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what it repairs is of no use here
    text, size = [], 0
    for page in PdfReader(path, strict=False).pages:
        text.append(page.extract_text() or "")
        size += len(text[-1])
        if size > MOST_CHARACTERS:
            break
    return _first("\n\n".join(text))
