"""CSV parser with error recovery: records of delimited text with their line numbers.

Python's csv module does the parsing, because it alone tells at which line a row starts when
quoted fields hold line breaks. A broken record gives back the lines it took but the first, so that
an unclosed quotation mark costs one row and not the rest of the file.
"""

from __future__ import annotations

import csv
import json
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.encoding import Encoding, readable, wrong_byte
from weitiao.errors import DataError
from weitiao.i18n.messages import _, plural

BLANKS = "  "  # two or more blanks between fields
DELIMITERS = (",", ";", "\t", "|", "\x01", "，", BLANKS, " ")  # the likeliest first
FIRST = "first blank"  # a label, a blank, the text: TREC; __label__a __label__b text: fastText
TABS = ("\t", "\x01")  # delimiters of exports that seldom quote (^A: Hive)
NONE = "\x1f"  # when there is one column only: commas belong to the texts then
FIELD_LIMIT = 16_000_000  # characters; a longer field is an unclosed quote, not a text
MAX_REREAD = 300_000_000  # characters that may be read again before a file is refused
LONG_RECORD = 20  # lines; in a longer record an unclosed quotation mark is looked for
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "Z": "\x1a"}


@dataclass(frozen=True)
class Dialect:
    """A csv dialect: encoding, delimiter, quoting, lines to skip."""

    encoding: Encoding
    delimiter: str
    # "doubled" ("" inside quotes), "escaped" (\"), "literal" (just text), "mysql" (\t, \n, \N)
    quotes: str = "doubled"
    skip: int = 0  # lines before the header: "sep=;"
    breaks: bool = False  # beside tabs too, quotes may enclose line breaks and tabs at once

    def options(self) -> dict[str, Any]:
        """Keyword arguments of csv.reader. Strict, or an unclosed quote would swallow rows."""
        if self.quotes == "literal":
            return {"delimiter": self.delimiter, "quoting": csv.QUOTE_NONE}
        escape = {"doublequote": False, "escapechar": "\\"} if self.quotes == "escaped" else {}
        return {"delimiter": self.delimiter, "strict": True, **escape}


class Lines:
    """Line iterator with backtracking to the second line of the current record."""

    def __init__(self, file: IO[str], dialect: Dialect) -> None:
        self._file = file
        self._waiting: deque[str] = deque()
        self._null = None
        if dialect.quotes == "escaped":  # \N is NULL; the csv module would read it as N
            d = re.escape(dialect.delimiter)
            self._null = re.compile(rf"(?:^|(?<={d}))\\N(?={d}|[\r\n]|$)")
        self.held: list[str] = []  # lines of the current record, for backtracking
        self.number = 0
        self._again = 0  # characters that were given back
        for _unused in range(dialect.skip):
            next(self, None)
        self.held.clear()

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else next(self._file)
        self.number += 1
        if not self.held:  # a byte-order mark before a record: files that were put together
            line = line.lstrip("\ufeff")
        self.held.append(line)
        return self._null.sub(r"\\\\N", line) if self._null and "\\N" in line else line

    def backtrack(self, name: str) -> None:
        """Backtrack to the second line of the current record.

        Each file has a budget of rereading: a quotation mark that is never closed swallows the rest
        of the file, and reparsing it from every row on would take quadratic time. Raises DataError.
        """
        back = self.held[1:]
        self._waiting.extendleft(reversed(back))
        self.number -= len(back)
        self._again += sum(map(len, back))
        if self._again > MAX_REREAD:
            raise DataError(
                _(
                    "{file}: the quotation marks are broken in too many rows. If they belong to "
                    "the texts: data.reader.csv.quotes=literal",
                    file=name,
                )
            )


def records(
    path: Path, dialect: Dialect, width: int | None = None, blank_rows: bool = False
) -> Iterator[tuple[int, list[str]] | Bad]:
    """Parse a delimited file: (line at which the record starts, fields); blank lines are skipped.

    With `width`, a record with another number of fields is Bad; broken quotes always are.
    blank_rows: blank lines between rows are rows; of a table of one column they always are.
    """
    csv.field_size_limit(FIELD_LIMIT)
    empty: list[int] = []  # blank lines: rows, where a row comes behind them
    last = ""
    with dialect.encoding.open(path) as file:
        lines = Lines(file, dialect)
        parse = _parser(lines, dialect)
        while True:
            lines.held.clear()
            line = lines.number + 1
            try:
                fields = next(parse, None)
            except csv.Error as error:
                raw = lines.held[0] if lines.held else ""
                # csv.reader starts a fresh record after an error, so the same parser goes on with
                # the lines that come again.
                lines.backtrack(path.name)
                yield Bad(line, _explained(error), readable(raw.rstrip("\r\n")))
                continue
            if fields is None:
                return
            raw = lines.held[-1] if lines.held else ""
            if len(fields) < 2 and not "".join(fields).strip():
                if (width == 1 or (width and blank_rows)) and not is_line_end(last, raw):
                    empty.append(line)
                last = raw
                continue
            last = raw
            yield from ((number, [""] * (width or 1)) for number in empty)
            empty.clear()
            reason = _wrong(fields, dialect, width)
            # The csv module is content with a quote that closes hundreds of lines later. So long
            # records are searched for lines that are rows of their own: then the quote was a slip.
            many = len(lines.held) > (1 if reason else LONG_RECORD)
            if (many and _swallowed(lines.held[1:], dialect, width)) or _runs_on(
                lines.held, dialect
            ):
                lines.backtrack(path.name)
                reason = _explained(None)
            if not reason:
                yield line, fields if width is None else fields[:width]
                continue
            yield Bad(line, reason, readable("".join(lines.held[:1]).rstrip("\r\n")))


def is_line_end(before: str, line: str) -> bool:
    """Whether an empty line is but the end of the one before it: Python writes \\r\\r\\n on Windows
    where a csv file is opened without newline="".

    >>> is_line_end("a,b\\r", "\\r\\n"), is_line_end("a,b\\r\\n", "\\r\\n")
    (True, False)
    """
    return before.endswith("\r") and line in ("\r\n", "\n")


def _parser(lines: Lines, dialect: Dialect) -> Iterator[list[str]]:
    if dialect.quotes == "mysql":
        return _of_mysql(lines, dialect.delimiter)
    if dialect.delimiter == BLANKS:
        return (re.split(r" {2,}|\t", line.strip(" \r\n")) for line in lines)
    if dialect.delimiter == FIRST:
        return map(_label_and_text, lines)
    if len(dialect.delimiter) > 1:
        return (line.strip("\ufeff\r\n").split(dialect.delimiter) for line in lines)
    return csv.reader(lines, **dialect.options())


def _label_and_text(line: str) -> list[str]:
    """
    >>> _label_and_text("3 Who was he ?"), _label_and_text("__label__a __label__b so so")
    (['3', 'Who was he ?'], ['["a", "b"]', 'so so'])
    """
    labels = re.match(r"(?:__label__\S+\s+)+", line.lstrip("\ufeff"))
    if not labels:
        return line.strip("\ufeff \r\n").split(" ", 1)
    # Also __label__a__label__b in one word, and a comma behind a label.
    names = [one.strip().rstrip(",") for one in labels[0].split("__label__") if one.strip(" ,\t")]
    # A list, so that no sign in a name, and no number, joins or parts them.
    label = names[0] if len(names) == 1 else json.dumps(names, ensure_ascii=False)
    return [label, line.lstrip("\ufeff")[labels.end() :].strip()]


def _of_mysql(lines: Lines, delimiter: str) -> Iterator[list[str]]:
    """Parse MySQL's SELECT ... INTO OUTFILE: backslash escapes, no quotes; \\N is NULL."""
    pieces = re.compile(rf"\\.|{re.escape(delimiter)}|[^\\{re.escape(delimiter)}]+|\\", re.DOTALL)
    for line in lines:
        text = line
        while _goes_on(text) and (more := next(lines, "")):
            text += more
            if len(text) > FIELD_LIMIT:
                raise csv.Error("field larger than field limit")
        fields = [""]
        for piece in pieces.findall(text.removesuffix("\n").removesuffix("\r")):
            if piece == delimiter:
                fields.append("")
            else:
                fields[-1] += piece
        yield [field if field == r"\N" else _unescaped(field) for field in fields]


def _goes_on(text: str) -> bool:
    """Whether the line break at the end is escaped by an odd number of backslashes."""
    body = text.rstrip("\r\n")
    return (len(body) - len(body.rstrip("\\"))) % 2 == 1 and body != text


def _unescaped(field: str) -> str:
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), field, flags=re.DOTALL)


def _wrong(fields: Sequence[str], dialect: Dialect, width: int | None) -> str:
    """Why a parsed record is malformed (bytes, number of fields); empty when it is not."""
    if not dialect.encoding.clean:
        reason = wrong_byte("".join(fields))
        if reason:
            return reason
    if width is None or len(fields) == width:
        return ""
    if len(fields) > width and not "".join(fields[width:]).strip():
        return ""  # delimiters at the end, as some programs fill rows up
    return _(
        "has {fields} for {columns}. Put quotation marks around a text that holds the delimiter "
        "({delimiter}) or a line break.",
        fields=plural(len(fields), "field"),
        columns=plural(width, "column"),
        delimiter=delimiter_name(dialect.delimiter),
    )


def delimiter_name(delimiter: str) -> str:
    """Display name of a delimiter."""
    names = {
        ",": _("comma"),
        ";": _("semicolon"),
        "\t": _("tab"),
        "|": _("bar"),
        "，": _("full-width comma"),
        BLANKS: _("blanks"),
        " ": _("blank"),
        "\x01": "^A",
        NONE: _("none"),
        FIRST: _("first blank"),
    }
    return names.get(delimiter, delimiter)


def _swallowed(lines: Sequence[str], dialect: Dialect, width: int | None) -> bool:
    """Whether an unclosed quote swallowed rows: half of the record's lines parse on their own."""
    sample = lines[:200]
    if width is None or len(dialect.delimiter) > 1:  # being detected, or without quotes
        return False
    try:
        options = {**dialect.options(), "strict": False}
        whole = sum(len(next(csv.reader([line], **options), [])) == width for line in sample)
    except csv.Error:
        return False
    return whole >= max(1, 0.5 * len(sample))


def _runs_on(lines: Sequence[str], dialect: Dialect) -> bool:
    """Whether a multi-line record is really several rows: each line has all delimiters of a row.

    In sentences a quotation may begin in one row and end in the next. Only exports with tabs
    write such quotes bare; elsewhere delimiters stand in texts.
    """
    if dialect.breaks or dialect.quotes == "mysql":
        return False
    return each_is_a_row(lines, dialect)


def each_is_a_row(lines: Sequence[str], dialect: Dialect) -> bool:
    """Whether each line of a record has all delimiters of a row, in an export with tabs."""
    if len(lines) < 2 or dialect.delimiter not in TABS:
        return False
    counts = {line.count(dialect.delimiter) for line in lines}
    return len(counts) == 1 and counts != {0}


def _explained(error: csv.Error | None) -> str:
    if error is not None and "field larger" in str(error):
        return _(
            "a field is longer than {limit:,} characters: is a quotation mark not closed?",
            limit=FIELD_LIMIT,
        )
    return _(
        "the quotation marks are broken (one is not closed, or text follows a closing one). "
        'Inside a quoted field a quotation mark is written twice: "".'
    )
