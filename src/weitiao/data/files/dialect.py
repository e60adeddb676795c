"""CSV dialect detection (sniffing): encoding, delimiter, quoting and header of delimited text."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from weitiao.data.files import encoding, header, quoting
from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.delimited import (
    BLANKS,
    DELIMITERS,
    FIELD_LIMIT,
    FIRST,
    NONE,
    Dialect,
    delimiter_name,
    records,
)
from weitiao.data.files.quoting import SAMPLE_ROWS
from weitiao.errors import DataError, placed
from weitiao.i18n.messages import _, plural

SAMPLE_CHARACTERS = 2_000_000
NEARLY_ALL = 0.8  # of the rows, which are as wide as their header
# What stands first in a row of TREC ("DESC:manner", "3") or fastText.
_LABEL = re.compile(r"\ufeff?(__label__\S+|[A-Z]{2,}:\w+|\d{1,3}) +[^\s\d]")
RARE = ("\x01", "，", BLANKS, " ")  # delimiters that are believed only when every row agrees


@dataclass(frozen=True)
class Settings:
    """Dialect settings of the user; None is detected."""

    encoding: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    quotes: str | None = None


@dataclass(frozen=True)
class Layout:
    """A detected csv layout: dialect, columns, the header's line."""

    dialect: Dialect
    columns: list[str]
    header_line: int  # 0: there is no header
    notes: list[str]


def detect(path: Path, preferred: str, settings: Settings) -> Layout:
    """Detect the csv dialect, header and columns of a file, with notes. Raises DataError."""
    reader = "tsv" if preferred == "\t" else "csv"
    detected = encoding.detect(path, settings.encoding, reader)
    notes = list(detected.notes)
    with detected.open(path) as file:
        lines = _sample(file)
    if not "".join(lines).strip("\ufeff \t\r\n"):
        raise DataError(_("{file}: the file is empty. Name one with rows.", file=path.name))
    comments = _comments(lines)
    if comments:
        notes.append(
            _(
                "left out above the table, comments (#) and rulers: {lines}",
                lines=plural(comments, "line"),
            )
        )
        lines = lines[comments:]
    # Excel obeys a first line "sep=;", so programs that export for Excel write one.
    declared = re.fullmatch(r'\ufeff?"?sep=(.)"?\s*', lines[0], re.IGNORECASE)
    skip = comments + (1 if declared else 0)
    delimiter = settings.delimiter or (declared[1] if declared else _delimiter(lines, preferred))
    if delimiter == FIRST:
        notes.append(
            _(
                "each line begins with its label, up to the first blank; the columns "
                "are called label and text"
            )
        )
        return Layout(
            Dialect(detected, FIRST, "literal", skip),
            ["label", "text"],
            int(settings.header or 0),
            notes,
        )
    if delimiter not in (preferred, NONE) and not settings.delimiter:
        notes.append(_("the delimiter is a {delimiter}", delimiter=delimiter_name(delimiter)))
    dialect = Dialect(detected, delimiter, settings.quotes or "doubled", skip)
    if len(delimiter) > 1 and delimiter != BLANKS:
        dialect = replace(dialect, quotes="literal")
    elif not settings.quotes and delimiter not in (BLANKS, NONE):
        dialect = quoting.detect(path, dialect, "".join(lines), reader)
    elif settings.quotes == "doubled":
        dialect = replace(dialect, breaks=True)
    notes += _quote_notes(dialect) if not settings.quotes else []
    first = list(islice(records(path, dialect), SAMPLE_ROWS))
    good = [one for one in first if not isinstance(one, Bad)]
    broken = [one for one in first if isinstance(one, Bad)]
    if broken and len(good) < 2:
        raise DataError(placed(f"{path.name}:{broken[0].line}", broken[0].reason))
    if not good:
        raise DataError(_("{file}: the file is empty. Name one with rows.", file=path.name))
    names = header.look(
        [fields for _, fields in good], good[0][0], path.name, settings.header, reader
    )
    line = good[0][0] if names.in_file else 0
    return Layout(dialect, names.columns, line, [*notes, *names.notes])


def is_ruler(line: str) -> bool:
    """Whether a line only divides a table: +-----+---+, |---|:--|, -----|---.

    >>> is_ruler("+---+---+"), is_ruler("| --- | :-: |"), is_ruler("-, 1"), is_ruler("a---b")
    (True, True, False, False)
    """
    return re.fullmatch(r"(?=.*[-=]{3})[\s|+:=-]+", line.strip("\ufeff\r\n")) is not None


def _comments(lines: Sequence[str]) -> int:
    """How many lines at the beginning are no rows: rulers, and comments, which begin with # and
    have other fields than the table below."""
    ruled = next((at for at, line in enumerate(lines) if not is_ruler(line)), 0)
    if ruled:
        return ruled
    marked = [line.lstrip("\ufeff").startswith("#") for line in lines]
    count = marked.index(False) if False in marked else 0
    below = [line for line in lines[count : count + 50] if line.strip()]
    if not count or len(below) < 2 or any(line.startswith("#") for line in below):
        return 0

    # "#id,text" and "#;text" are headers: no blank behind the sign, and as many fields as the rows.
    last = lines[count - 1].lstrip("\ufeff")
    header = not last.startswith("# ") and _is_as_wide(last, below)
    return count - 1 if header else count


def _is_as_wide(line: str, below: Sequence[str]) -> bool:
    """Whether a delimiter parts a line into as many fields as nearly all rows below it: a text may
    hold commas and line breaks of its own."""
    csv.field_size_limit(FIELD_LIMIT)
    for delimiter in (";", "\t", "|", ","):
        with suppress(csv.Error):
            width, *widths = map(len, csv.reader([line, *below], delimiter=delimiter))
            if width > 1 and widths.count(width) >= NEARLY_ALL * len(widths):
                return True
    return False


def _sample(file: object) -> list[str]:
    lines: list[str] = []
    room = SAMPLE_CHARACTERS
    for line in islice(file, 5 * SAMPLE_ROWS):  # type: ignore[call-overload]
        lines.append(line)
        room -= len(line)
        if room < 0:
            break
    return lines


def _delimiter(lines: Sequence[str], preferred: str) -> str:
    """Detect the delimiter: the one under which most rows are as wide as the first one.

    csv.Sniffer counts characters and takes letters for delimiters in prose; here each candidate
    parses a sample, and equally wide rows are the measure. Ties go to the preferred delimiter.
    """
    lines = [line for line in lines if not is_ruler(line)]
    order = [preferred, *(d for d in DELIMITERS if d != preferred)]
    best, best_share = NONE, -1.0
    for delimiter in order:
        share = _agreement(lines, delimiter)
        # Blanks and full-width commas stand in texts too: they count only where every row agrees,
        # and where no usual delimiter fits half of the rows.
        if delimiter in RARE and (share < 1 or best_share >= 0.5):
            continue
        if share > best_share:
            best, best_share = delimiter, share
    long = _long_delimiter([line for line in lines if line.strip()][:SAMPLE_ROWS])
    if long:
        return long
    if best_share < 0.5 and all("\t" in line for line in lines if line.strip()):
        return "\t"  # rows of different widths: the reader names those that do not fit
    if _label_first([line for line in lines if line.strip()][:SAMPLE_ROWS], best_share):
        return FIRST
    # Sentences with commas, one a line, agree in less than half of the rows. A first line of short
    # names is a header all the same: then most rows are broken, which the reader reports.
    if best_share < 0.5 and not _like_names(lines[0], best):
        return NONE
    return best


# Between fields: _!_ |,| || :: ||| ### and the like, and marks in words. Not "," with quotes around
# it, nor :// or ... which stand in texts.
_LONG = re.compile(r"(?:[^\w\s\"'.\-!?,;/()\[\]{}<>]|_)(?:[^\w\s\"'./()\[\]{}<>]|_){1,4}")
_MARKS = ("<sep>", "<SEP>", "[SEP]", "[sep]", "__SEP__", "<|>", "\t|\t", " ||| ", " :: ")


def _long_delimiter(rows: Sequence[str]) -> str:
    """A delimiter of several characters that every row holds equally often; "" for none."""
    if len(rows) < 3:
        return ""
    runs = {run for run in _LONG.findall(rows[0]) if run == run[::-1] and set(run) != {"_"}}
    for run in [*_MARKS, *sorted(runs, key=len, reverse=True)]:
        count = rows[0].count(run)
        if count and all(row.count(run) == count for row in rows):
            return run
    return ""


def _label_first(rows: Sequence[str], share: float) -> bool:
    """Whether a file is in fastText's or TREC's format: each row a label, a blank and a text.

    Labels are marked (`__label__x`), or few numbers or NAME:name that repeat. share: proportion of
    rows that another delimiter fits.
    """
    matches = [_LABEL.match(row) for row in rows]
    if not rows or None in matches:
        return False
    labels = {match[1] for match in matches if match}
    if all(label.startswith("__label__") for label in labels):
        return True
    # A sentence may begin with a number or with "AI:" too. But then numbers hardly repeat: labels
    # stand five times each on average, in twenty rows or more.
    return share < 0.5 and len(rows) >= 20 and len(labels) <= len(rows) / 5


def _agreement(lines: Sequence[str], delimiter: str) -> float:
    """The proportion of rows as wide as the first one (or one wider: row names), in tenths.

    In tenths, so that a few broken rows do not make a rarer delimiter win over the usual one; but
    nearly all (0.99) stays below all, which rare delimiters need.
    """
    if delimiter == BLANKS:
        parted = (re.split(r" {2,}", line.strip(" \r\n")) for line in lines if line.strip())
        widths = [len(fields) for fields in islice(parted, SAMPLE_ROWS)]
    elif delimiter == " " and '"' not in lines[0]:
        return -1.0  # words, not fields
    else:
        widths = _widths(lines, delimiter)
    if not widths or widths[0] < 2 or (delimiter in RARE and len(widths) < 3):
        return -1.0
    rows = widths[1:] or widths
    equal = max(sum(w == widths[0] for w in rows), sum(w == widths[0] + 1 for w in rows))
    share = equal / len(rows)
    return share if share in (0.0, 1.0) else min(round(share, 1), 0.99)


def _widths(lines: Sequence[str], delimiter: str) -> list[int]:
    csv.field_size_limit(FIELD_LIMIT)  # Python's limit of 131,072 characters is a long article
    readings: list[list[int]] = []
    for literal in (False, True) if delimiter == "\t" else (False,):
        try:
            parsed = csv.reader(
                lines, delimiter=delimiter, quoting=csv.QUOTE_NONE if literal else csv.QUOTE_MINIMAL
            )
            readings.append([len(fields) for fields in islice(parsed, SAMPLE_ROWS) if fields])
        except csv.Error:
            continue
    # With unclosed quotes there are fewer, longer records: the reading with more of them is meant.
    return max(readings, key=len, default=[])


def _like_names(line: str, delimiter: str) -> bool:
    names = [name.strip(' "\r\n\ufeff') for name in line.split(delimiter)]
    return all(0 < len(name) <= 30 and len(name.split()) <= 3 for name in names)


def _quote_notes(dialect: Dialect) -> list[str]:
    if dialect.quotes == "literal":
        return [_("quotation marks are taken as part of the text: they do not enclose fields")]
    if dialect.quotes == "escaped":
        return [_('quotation marks inside fields are written \\"')]
    if dialect.quotes == "mysql":
        return [_("read as MySQL writes it: backslashes before tabs and line breaks")]
    return []
