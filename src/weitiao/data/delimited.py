"""Delimited text (csv, tsv): the delimiter found, the quotes understood, every row with its line.

Python's csv module does the parsing, because it alone tells at which line a row starts when
quoted fields hold line breaks.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weitiao.data import encoding
from weitiao.data.values import counted
from weitiao.errors import DataError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
NONE = "\x1f"  # when the header names one column: commas belong to the texts then
FIELD_LIMIT = 16_000_000  # characters; a longer field is an unclosed quote, not a text
SAMPLE_ROWS = 200


@dataclass(frozen=True)
class Dialect:
    """How a file is to be parsed."""

    encoding: str
    delimiter: str
    quotes: str = "doubled"  # "doubled" ("" inside quotes), "escaped" (\"), "literal" (just text)

    def options(self) -> dict[str, Any]:
        """What csv.reader is told. Strict, or an unclosed quote would swallow rows silently."""
        if self.quotes == "literal":
            return {"delimiter": self.delimiter, "quoting": csv.QUOTE_NONE}
        escape = {"doublequote": False, "escapechar": "\\"} if self.quotes == "escaped" else {}
        return {"delimiter": self.delimiter, "strict": True, **escape}


def look(path: Path, preferred: str) -> tuple[Dialect, list[str], list[str]]:
    """The dialect, the column names, and what to tell about both. Raises DataError."""
    name, notes = encoding.detect(path)
    delimiter = _delimiter(path, name, preferred)
    if delimiter not in (preferred, NONE):
        notes.append(f"the delimiter is a {DELIMITERS[delimiter]}")
    dialect = _quotes(path, Dialect(name, delimiter))
    if dialect.quotes == "literal":
        notes.append("quotation marks are taken as part of the text: they do not enclose fields")
    elif dialect.quotes == "escaped":
        notes.append('quotation marks inside fields are written \\"')
    header, note = _header(path, dialect)
    return dialect, header, notes + note


def rows(path: Path, dialect: Dialect, width: int) -> Iterator[tuple[int, list[str]]]:
    """(line at which the row starts, its fields), the header left out; blank lines too.

    Raises DataError at a row whose number of fields is not `width`, or whose quotes are broken.
    """
    for line, fields in itertools.islice(_records(path, dialect), 1, None):
        if len(fields) != width:
            raise DataError(
                f"{path.name}:{line}: has {counted(len(fields), 'field')}, the header has {width}. "
                f"Put quotation marks around a text that holds the delimiter "
                f"({DELIMITERS.get(dialect.delimiter, 'none')}) or a line break."
            )
        yield line, fields


def _records(path: Path, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(FIELD_LIMIT)
    with path.open(encoding=dialect.encoding, newline="") as file:
        reader = csv.reader(file, **dialect.options())
        while True:
            line = reader.line_num + 1
            try:
                fields = next(reader, None)
            except csv.Error as error:
                raise DataError(f"{path.name}:{line}: {_explained(error)}") from None
            if fields is None:
                return
            if fields and (len(fields) > 1 or fields[0].strip()):
                yield line, fields


def _explained(error: csv.Error) -> str:
    if "field larger" in str(error):
        return (
            f"a field is longer than {FIELD_LIMIT:,} characters: "
            "is a quotation mark not closed, in this row or before?"
        )
    return (
        "the quotation marks are broken (one is not closed, or text follows a closing one). "
        'Inside a quoted field a quotation mark is written twice: "".'
    )


def _delimiter(path: Path, name: str, preferred: str) -> str:
    """The delimiter in the header that most rows agree with; ties go to the usual one."""
    with path.open(encoding=name, newline="") as file:
        lines = list(itertools.islice(file, 5 * SAMPLE_ROWS))
    order = [preferred, *(d for d in DELIMITERS if d != preferred)]
    best, best_share = NONE, -1.0
    for delimiter in order:
        widths = _widths(lines, delimiter)
        if not widths or widths[0] < 2:
            continue
        share = round(sum(width == widths[0] for width in widths) / len(widths), 1)
        if share > best_share:
            best, best_share = delimiter, share
    return best


def _widths(lines: Sequence[str], delimiter: str) -> list[int]:
    csv.field_size_limit(FIELD_LIMIT)
    try:
        records = itertools.islice(csv.reader(lines, delimiter=delimiter), SAMPLE_ROWS)
        return [len(fields) for fields in records if fields]
    except csv.Error:
        return []


def _quotes(path: Path, dialect: Dialect) -> Dialect:
    """The reading of quotation marks under which every row has as many fields as the header."""
    escaped = _holds(path, dialect.encoding, '\\"')
    if not (escaped or (dialect.delimiter == "\t" and _holds(path, dialect.encoding, '"'))):
        return dialect
    readings = ["doubled", *(["escaped"] if escaped else [])]
    if dialect.delimiter == "\t":  # exports with tabs seldom quote; elsewhere it would be a guess
        readings.append("literal")
    for quotes in readings:
        tried = Dialect(dialect.encoding, dialect.delimiter, quotes)
        if _even(path, tried):
            return tried
    return Dialect(dialect.encoding, dialect.delimiter, readings[-1] if not escaped else "doubled")


def _holds(path: Path, name: str, wanted: str) -> bool:
    with path.open(encoding=name, newline="") as file:
        return any(wanted in line for line in file)


def _even(path: Path, dialect: Dialect) -> bool:
    try:
        records = _records(path, dialect)
        first = next(records, None)
        return first is not None and all(len(fields) == len(first[1]) for _, fields in records)
    except DataError:
        return False


def _header(path: Path, dialect: Dialect) -> tuple[list[str], list[str]]:
    records = list(itertools.islice(_records(path, dialect), SAMPLE_ROWS))
    if not records:
        raise DataError(f"{path.name}: the file is empty.")
    line, first = records[0]
    names = [field.strip() for field in first]
    if len(records) == 1:
        raise DataError(f"{path.name}: holds a header and no row.")
    notes = []
    if not names[0] and all(names[1:]) and len(names) > 1:  # what pandas writes for its index
        names[0] = "row"
        notes.append("the first column has no name; it is called 'row' here")
    where = f"{path.name}:{line}"
    if not all(names):
        raise DataError(f"{where}: column {names.index('') + 1} has no name in the header.")
    _refuse_a_row_as_header(where, names, [fields for _, fields in records[1:]])
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{where}: two columns are called {twice[0]!r}: rename one of them.")
    return names, notes


def _refuse_a_row_as_header(where: str, names: list[str], sample: list[list[str]]) -> None:
    """A file without a header would lose its first row and have sentences for column names."""
    for place, name in enumerate(names):
        again = sum(len(row) > place and row[place].strip() == name for row in sample)
        # A year may head a column; a label that comes again, or a fraction, does not.
        fraction = re.fullmatch(r"[-+]?\d+[.,]\d+", name) is not None
        number = name.isdigit() and (again > 0 or len(name) < 4)
        if number or fraction or again > max(1, len(sample) // 50) or len(name) > 300:
            shown = name if len(name) <= 30 else name[:30] + "..."
            raise DataError(
                f"{where}: the first line looks like a row, not like column names ({shown!r}). "
                f"Put names in the first line, e.g. {_example_header(len(names))}."
            )


def _example_header(width: int) -> str:
    names = {1: ["text"], 2: ["text", "target"], 3: ["text", "text_pair", "target"]}
    return " ".join(names.get(width, [f"column{i + 1}" for i in range(width)]))
