"""The rows of a table as texts: every sheet, every cell, and those that cannot be read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.cells import as_text
from weitiao.data.files.detect import reader_for
from weitiao.data.files.sentences import by_sentence
from weitiao.data.files.table import OURS
from weitiao.data.readers.base import Reading
from weitiao.data.readers.sheets import NoRows, Xlsx, sheet_names
from weitiao.errors import DataError, placed
from weitiao.i18n.messages import N_, _

MOST_SHEETS = 100  # of a workbook; each is read by a process of its own
MOST_DEPTH = 20  # of lists in lists that are written as lines
SPEAKER, SAID = ("role", "from"), ("content", "value")  # keys of a message in a conversation
COMMENTS = N_("left out above the table, comments (#) and rulers: {lines}")  # a reader's note
Tell = Callable[[str], None]  # takes a message about what is left out


@dataclass(frozen=True)
class Row:
    """The text of a row. place: as its reader names it, 17; in a workbook of sheets, Prices:17."""

    place: str
    text: str


def rows_of(path: Path, name: str, tell: Tell) -> Iterator[Row | Bad]:
    """The rows of a table, one by one; of a workbook those of all sheets.

    Nothing is stored, so that a file that unpacks to far more than it has can be refused on the
    way. name: of the file in messages. Raises DataError.
    """
    chosen, reader, _notes = reader_for(path, {})
    names = sheet_names(path) if chosen == "xlsx" else []
    if len(names) > 1:
        yield from _of_sheets(path, name, names, tell)
    else:
        yield from _of_reading(reader.read(path), name, tell)


def _of_sheets(path: Path, name: str, sheets: list[str], tell: Tell) -> Iterator[Row | Bad]:
    if len(sheets) > MOST_SHEETS:
        tell(
            _(
                "{file}: only the first {most} of {count} sheets are indexed.",
                file=name,
                most=MOST_SHEETS,
                count=len(sheets),
            )
        )
    for sheet in sheets[:MOST_SHEETS]:
        try:
            for one in _of_reading(Xlsx(sheet=sheet).read(path), name, tell):
                if isinstance(one, Bad):
                    yield replace(one, id=f"{name}:{sheet}:{one.line}")
                else:
                    yield Row(f"{sheet}:{one.place}", one.text)
        except NoRows:  # an empty sheet
            continue
        except DataError as error:
            tell(
                _(
                    "{file}: the sheet {sheet!r} is not indexed: {reason}",
                    file=name,
                    sheet=sheet,
                    reason=error,
                )
            )


def _of_reading(reading: Reading, name: str, tell: Tell) -> Iterator[Row | Bad]:
    for note in reading.notes:
        if getattr(note, "template", "") == COMMENTS:
            tell(placed(name, note))
    for line, above in reading.above:
        yield Row(str(line), "\n".join(text for cell in above if (text := said(cell)).strip()))
    for batch in by_sentence(reading).batches:
        for one in batch:
            if isinstance(one, Bad):
                yield one
                continue
            line, cells = one
            texts = {column: said(cell) for column, cell in cells.items() if column not in OURS}
            lines = [f"{column}: {text}" for column, text in texts.items() if text.strip()]
            yield Row(str(line), "\n".join(lines))


def said(value: Any, depth: int = 0) -> str:
    """A cell as text: lists and objects as lines, messages with who says them.

    >>> said(1.0), said(["a", 2]), said([{"role": "user", "content": "Hi"}])
    ('1', 'a, 2', 'user: Hi')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if depth >= MOST_DEPTH:
        return as_text(value)
    if isinstance(value, Mapping):
        return _of_object(value, depth)
    if isinstance(value, list | tuple):
        between = "\n" if any(isinstance(one, Mapping | list | tuple) for one in value) else ", "
        return between.join(text for one in value if (text := said(one, depth + 1)).strip())
    return as_text(value)


def _of_object(value: Mapping[str, Any], depth: int) -> str:
    speaker = next((name for name in SPEAKER if isinstance(value.get(name), str)), None)
    spoken = next((name for name in SAID if value.get(name)), None)
    texts = {str(name): said(one, depth + 1) for name, one in value.items()}
    if speaker and spoken:
        texts = {texts.pop(speaker): texts.pop(spoken), **texts}
    return "\n".join(f"{name}: {text}" for name, text in texts.items() if text.strip())
