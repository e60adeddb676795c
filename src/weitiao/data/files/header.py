"""Header detection: whether the first line of a table names its columns, by votes of columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from weitiao.core.script import han_count
from weitiao.data.infer.column_names import is_known
from weitiao.errors import DataError
from weitiao.i18n.messages import _

_NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?%?")
_SENTENCE = re.compile(r"[。！？，；!?]|[.,;:]\s|\s\S+\s\S+\s")


@dataclass(frozen=True)
class Names:
    """Column names, and whether they stand in the file."""

    columns: list[str]
    in_file: bool
    notes: list[str] = field(default_factory=list)


def look(
    records: Sequence[Sequence[str]],
    line: int,
    file: str,
    wanted: bool | None,
    reader: str = "csv",
) -> Names:
    """Detect the header in the first records of a file; `reader` is named in the remedies.

    Raises DataError.
    """
    first, rows = [_clean(cell) for cell in records[0]], records[1:]
    width = _usual_width(rows or records)
    votes = _votes(first, rows)
    if width == 1 and not _is_name(first[0]):
        votes = -1  # a text a line
    in_file = wanted if wanted is not None else votes >= 0
    if not in_file:
        columns = [f"column{place + 1}" for place in range(width)]
        return Names(columns, False, [] if wanted is False else [_no_header(first, reader)])
    if not rows:
        raise DataError(_("{file}: holds a header and no row.", file=file))
    notes = []
    if wanted is None and votes == 0 and len(first) == width:
        notes.append(
            _(
                "the first line ({names}) is taken as the header; if it is a row: "
                "data.reader.{reader}.header=false",
                names=_shown(first),
                reader=reader,
            )
        )
    names, more = _completed(first, rows, width)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            _(
                "{file}:{line}: two columns are called {name!r}: rename one of them.",
                file=file,
                line=line,
                name=twice[0],
            )
        )
    return Names(names, True, notes + more)


def _clean(cell: str) -> str:
    return cell.strip("\ufeff \t\r\n\u3000")


def _usual_width(rows: Sequence[Sequence[str]]) -> int:
    """Mode of the number of fields; of two equally frequent ones the first one seen."""
    return Counter(map(len, rows)).most_common(1)[0][0]


def _completed(
    names: list[str], rows: Sequence[Sequence[str]], width: int
) -> tuple[list[str], list[str]]:
    """Complete missing column names (row names of R and pandas, empty cells)."""
    notes = []
    # R's write.table names the columns but not the one of row names, so that the header is one
    # field short. A delimiter at the end of each row looks alike: there the last field is empty.
    if len(names) == width - 1:
        usual = [row for row in rows if len(row) == width]
        if all(not row[-1].strip() for row in usual):
            names = [*names, ""]
        elif len({row[0] for row in usual}) == len(usual):  # a name for each row
            names = ["", *names]
    while len(names) > 1 and not names[-1] and _is_empty(rows, len(names) - 1):
        names = names[:-1]
    for place, name in enumerate(names):
        if not name:
            new = "row" if place == 0 and "row" not in names else f"column{place + 1}"
            names = [*names[:place], new, *names[place + 1 :]]
            notes.append(
                _(
                    "column {place} has no name; it is called {name!r} here",
                    place=place + 1,
                    name=new,
                )
            )
    return names, notes


def _is_name(cell: str) -> bool:
    """Whether the first line of a table of one column may be its name: no sentence."""
    return is_known(cell) or (len(cell.split()) < 3 and han_count(cell) < 5)


def _is_empty(rows: Sequence[Sequence[str]], place: int) -> bool:
    return all(len(row) <= place or not row[place].strip() for row in rows)


def _is_nearly_empty(rows: Sequence[Sequence[str]], place: int) -> bool:
    return sum(len(row) > place and bool(row[place].strip()) for row in rows) <= len(rows) / 20


def _votes(first: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Score of the first line as a header: above 0 for, below 0 against, 0 undecided.

    Each column votes by how its first cell differs from the cells below it; words that columns are
    usually called count twice.
    """
    if not rows:
        return 0
    named = sum(1 for name in first if is_known(name)) * 2
    votes = named + (1 if len(first) != _usual_width(rows) else 0)
    for place, name in enumerate(first):
        cells = [_clean(row[place]) for row in rows if len(row) > place]
        votes += _vote(name, [cell for cell in cells if cell])
    # A name is lacking where a column has values: spam.csv of Kaggle has three empty columns.
    lacking = (place for place, name in enumerate(first) if place and not name)
    return votes - sum(1 for place in lacking if not _is_nearly_empty(rows, place))


def _vote(name: str, cells: Sequence[str]) -> int:
    """Vote of one column: names differ from values in type and length."""
    if not name or not cells:
        return 0
    # Evidence against a header is strong (-4: the name is a value), evidence for it strong only
    # where a word stands above numbers (3). So one label that repeats outweighs a known name (2).
    if len(name) > 300:
        return -4
    again = sum(cell == name for cell in cells)
    numbers = sum(_NUMBER.fullmatch(cell) is not None for cell in cells)
    if _NUMBER.fullmatch(name):
        # A year may head a column; a label that comes again, or a fraction, does not.
        whole = name.isdigit() and len(name) >= 4 and not again
        return 0 if whole else (-4 if numbers >= 0.9 * len(cells) else -1)
    if numbers >= 0.9 * len(cells):
        return 3
    if again > max(1, len(cells) // 50):
        return -4
    return _by_length(name, cells)


def _by_length(name: str, cells: Sequence[str]) -> int:
    # Among texts: a name is no sentence. Length counts only where texts vary (few long values are
    # labels), and a name that is none of few labels is probably their heading.
    distinct = len(set(cells))
    mean = sum(map(len, cells)) / len(cells)
    if name[-1] in ".。!！?？" or len(name) > 40 or (_SENTENCE.search(name) and len(name) > 12):
        return -2
    if mean >= 3 * max(len(name), 5) and distinct > len(cells) / 2:
        return 1
    if distinct <= max(2, len(cells) // 5) and len(cells) >= 5:
        return 1  # labels that come again and again, and this is none of them
    return 0


def _no_header(first: Sequence[str], reader: str) -> str:
    return _(
        "the first line ({names}) reads like a row: the columns are called column1, column2, ...; "
        "if it is the header: data.reader.{reader}.header=true",
        names=_shown(first),
        reader=reader,
    )


def _shown(first: Sequence[str]) -> str:
    names = ", ".join(first)
    return names if len(names) <= 60 else names[:60] + "..."
