"""Detection of quoting: how a delimited file encloses fields with delimiters or line breaks."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.delimited import TABS, Dialect, Lines, each_is_a_row, records
from weitiao.errors import DataError, placed
from weitiao.i18n.messages import _

SAMPLE_ROWS = 400
KNOWN_VALUES = 2000  # rows whose values are compared with those of doubtful ones
MOST_BROKEN = 2_000_000  # of a file of which no row can be read


def detect(path: Path, dialect: Dialect, sample: str, reader: str) -> Dialect:
    """Detect the quoting style: the one under which the fewest rows are malformed.

    reader: the name of its settings. Raises DataError where two styles read all rows, differently.
    """
    readings = ["doubled"]
    if _holds(path, dialect, '\\"'):
        readings.append("escaped")
    if dialect.delimiter in TABS and _holds(path, dialect, '"'):
        readings.append("literal")  # exports with tabs seldom quote; elsewhere it would be a guess
    if dialect.delimiter == "\t" and re.search(r"(?:^|\t)\\N(?=[\t\r\n]|$)|\\\t|\\\r?\n", sample):
        readings.append("mysql")
    if len(readings) == 1:
        return dialect
    tried = [replace(dialect, quotes=quotes) for quotes in readings]
    broken = [_broken(path, one) for one in tried]
    # MySQL's escapes were seen in the sample, so that it wins ties: read in another way, escapes
    # such as \N stay in the texts without breaking a row.
    if readings[-1] == "mysql" and broken[-1] <= min(broken):
        return tried[-1]
    chosen = tried[broken.index(min(broken))]
    if chosen.quotes == "literal" and _encloses(path, tried[0], reader):
        return replace(tried[0], breaks=True)
    return chosen


def _encloses(path: Path, dialect: Dialect, reader: str) -> bool:
    """Whether quotation marks enclose fields although each line of some of them would be a row by
    itself: a text with a tab and a line break, or a quotation from one row to the next?

    Programs that quote fields quote each that holds a quotation mark. Where all do, the column of
    fewest values tells: lines that are rows have values of its other rows there. Raises DataError
    where it does not tell.
    """
    seen: list[Counter[str]] = []
    doubtful: list[tuple[int, list[str], list[list[str]]]] = []
    with dialect.encoding.open(path) as file:
        lines = Lines(file, dialect)
        parse, width, first = csv.reader(lines, **dialect.options()), 0, 1 + dialect.skip
        try:
            for fields in parse:
                raw, count = "".join(lines.held), len(lines.held)
                width = width or len(fields)
                if fields and (len(fields) != width or not _is_conform(raw, dialect)):
                    return False
                if each_is_a_row(lines.held, dialect):
                    rows = [line.strip("\r\n").split(dialect.delimiter) for line in lines.held]
                    doubtful.append((first, fields, rows))
                elif fields and len(seen[0] if seen else ()) < KNOWN_VALUES:
                    seen = seen or [Counter() for _field in fields]
                    for values, field in zip(seen, fields, strict=True):
                        values[field] += 1
                first += count
                lines.held.clear()
        except csv.Error:
            return False
    if not doubtful or any(len(row) != width for _line, _fields, rows in doubtful for row in rows):
        return bool(doubtful)
    return _by_values(path, seen, doubtful, reader)


def _is_conform(raw: str, dialect: Dialect) -> bool:
    """Whether a record is as csv writers write it: quotation marks in quoted fields only."""
    if '"' not in raw:
        return True
    d = re.escape(dialect.delimiter)
    field = rf'(?:"(?:[^"]|"")*"|[^"{d}\r\n]*)'
    return re.fullmatch(rf"{field}(?:{d}{field})*\s*", raw) is not None


def _by_values(
    path: Path,
    seen: Sequence[Counter[str]],
    doubtful: Sequence[tuple[int, list[str], list[list[str]]]],
    reader: str,
) -> bool:
    """Whether doubtful records are one row each, by a column of numbers, or the one whose values
    repeat most."""
    numbers = [at for at, values in enumerate(seen) if _are_numbers(values)]
    repeating = [at for at, values in enumerate(seen) if len(values) < values.total()]
    telling = numbers or sorted(repeating, key=lambda at: len(seen[at]))[:1]

    def fits(row: Sequence[str]) -> bool:
        return all(row[at] in seen[at] or (numbers and _is_number(row[at])) for at in telling)

    if telling:
        if all(fits(row) for _line, _fields, rows in doubtful for row in rows):
            return False
        if all(fits(fields) for _line, fields, _rows in doubtful):
            return True
    raise DataError(
        placed(
            f"{path.name}:{doubtful[0][0]}",
            _(
                "a quotation mark opens here and closes in a later line, and each of these lines "
                "could be a row. If quotation marks enclose fields: data.reader.{reader}.quotes="
                "doubled; if they are text: data.reader.{reader}.quotes=literal",
                reader=reader,
            ),
        )
    )


def _are_numbers(values: Counter[str]) -> bool:
    """Whether a column holds numbers, but for a header."""
    others = [value for value in values if not _is_number(value)]
    return values.total() > 1 + len(others) and sum(values[one] for one in others) <= 1


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"\s*[-+]?[\d.,]*\d\s*", cell) is not None


def _holds(path: Path, dialect: Dialect, wanted: str) -> bool:
    with dialect.encoding.open(path) as file:
        return any(wanted in line for line in file)


def _broken(path: Path, dialect: Dialect) -> int:
    """Number of malformed records: broken quotes, or not as wide as most of the first ones."""
    first = [one for one in islice(records(path, dialect), SAMPLE_ROWS) if not isinstance(one, Bad)]
    if not first:
        return MOST_BROKEN
    widths = [len(fields) for _, fields in first]
    width = max(set(widths), key=widths.count)
    return sum(isinstance(one, Bad) for one in records(path, dialect, width))
