"""Documents of a folder as plain text: txt, md, html, docx, pdf, and the rows of tables.

What a document says is text and nothing else: scripts, styles and comments of html are dropped,
macros and links of docx and pdf are never followed. Sizes are checked before anything is unpacked.
"""

from __future__ import annotations

import html.parser
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weitiao.data.files import encoding
from weitiao.data.files.cells import cell_texts
from weitiao.data.files.detect import endings
from weitiao.data.files.open import open_source
from weitiao.data.infer.column_names import words
from weitiao.errors import DataError, WeitiaoError
from weitiao.i18n.messages import _

MOST_BYTES = 64_000_000  # of a file
MOST_UNPACKED = 256_000_000  # of a docx, all its parts
MOST_CHARACTERS = 20_000_000  # of a document's text
PLAIN = {".txt", ".text", ".md", ".markdown", ".rst"}
WEB = {".html", ".htm", ".xhtml"}
HIDDEN = {"script", "style", "noscript", "template", "svg", "head"}
BLOCKS = set(words("p div section article li tr br h1 h2 h3 h4 h5 h6 table ul ol blockquote pre"))
_SPACES = re.compile(r"[ \t\f\v\xa0]+")
_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True)
class Document:
    """A text with its name: the file's path below the folder, and of a table the row, a.csv:17."""

    name: str
    text: str


def files_in(folder: Path) -> list[Path]:
    """The files that may hold documents, sorted; hidden ones and links out of the folder are left
    out. Raises DataError where there is no such folder."""
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise DataError(_("{folder}: no such folder of documents.", folder=folder))
    root = folder.resolve()
    found = []
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or not path.is_file() or not path.resolve().is_relative_to(root):
            continue
        if path.suffix.lower() in _readers():
            found.append(path)
    return found


def documents_of(path: Path, name: str) -> Iterator[Document]:
    """The documents of one file. Raises DataError where it cannot be read, or is too large."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise DataError(
            _(
                "{file}: {size:,} MB are more than a document may have ({most:,}): split it.",
                file=name,
                size=size // 1_000_000,
                most=MOST_BYTES // 1_000_000,
            )
        )
    reader = _readers()[path.suffix.lower()]
    if reader is None:
        yield from _rows(path, name)
        return
    try:
        text = reader(path)
    except WeitiaoError:
        raise
    except Exception as error:  # what damaged documents raise has no common class
        reason = f"{type(error).__name__}: {error}"[:200]
        raise DataError(
            _("{file}: this document cannot be read ({reason}).", file=name, reason=reason)
        ) from None
    yield Document(name, tidy(text[:MOST_CHARACTERS]))


def tidy(text: str) -> str:
    """A text without runs of blanks and without controls; paragraphs stay apart.

    >>> tidy("a  b \\n\\n\\n\\n c\\x00")
    'a b\\n\\nc'
    """
    text = "".join(c if c == "\n" or c.isprintable() else " " for c in text.replace("\r", "\n"))
    lines = [_SPACES.sub(" ", line).strip() for line in text.split("\n")]
    return _LINES.sub("\n\n", "\n".join(lines)).strip()


def _readers() -> dict[str, Callable[[Path], str] | None]:
    """Ending -> how its text is read; None for tables, whose rows are documents."""
    tables = dict.fromkeys(
        (f".{name}" for name in endings() if name not in ("html", "lines")), None
    )
    return {
        **tables,
        **dict.fromkeys(PLAIN, _plain),
        **dict.fromkeys(WEB, _web),
        ".docx": _docx,
        ".pdf": _pdf,
    }


def _plain(path: Path) -> str:
    with encoding.detect(path, None, "lines").open(path) as file:
        return file.read(MOST_CHARACTERS)


def _rows(path: Path, name: str) -> Iterator[Document]:
    source = open_source(str(path), {}, skip_bad=True)
    columns = source.columns
    for start in range(0, source.table.num_rows, 1000):
        part = np.arange(start, min(start + 1000, source.table.num_rows))
        cells = [cell_texts(source.table.column(column), part) for column in columns]
        for row, values in zip(part, zip(*cells, strict=True), strict=True):
            named = [f"{c}: {v}" for c, v in zip(columns, values, strict=True) if v.strip()]
            yield Document(f"{name}:{row + 1}", tidy("\n".join(named)))


class _Text(html.parser.HTMLParser):
    """The text of a page, with a line for each block; headings get a #, as in Markdown."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.hidden += tag in HIDDEN
        if tag in BLOCKS:
            self.parts.append("\n\n" if tag != "br" else "\n")
        if re.fullmatch(r"h[1-6]", tag):
            self.parts.append("#" * int(tag[1]) + " ")

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in HIDDEN and self.hidden > 0
        if tag in BLOCKS:
            self.parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(data)


def _web(path: Path) -> str:
    parser = _Text()
    parser.feed(_plain(path))
    parser.close()
    return "".join(parser.parts)


def _docx(path: Path) -> str:
    from defusedxml.ElementTree import fromstring

    with zipfile.ZipFile(path) as archive:
        if sum(part.file_size for part in archive.infolist()) > MOST_UNPACKED:
            raise DataError(
                _("{file}: unpacked, this document would be too large.", file=path.name)
            )
        root = fromstring(archive.read("word/document.xml"))
    lines = []
    for paragraph in root.iter():
        if not paragraph.tag.endswith("}p"):
            continue
        pieces = [one.text or "" for one in paragraph.iter() if one.tag.endswith("}t")]
        lines.append("".join(pieces))
    return "\n\n".join(lines)


def _pdf(path: Path) -> str:
    try:
        from pypdf import PdfReader
    except ImportError:
        raise DataError(
            _(
                '{file}: reading PDF needs a package more: pip install "weitiao[documents]".',
                file=path.name,
            )
        ) from None
    text, size = [], 0
    for page in PdfReader(path, strict=False).pages:
        text.append(page.extract_text() or "")
        size += len(text[-1])
        if size > MOST_CHARACTERS:
            break
    return "\n\n".join(text)
