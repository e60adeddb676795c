"""A sheet's cells as rows: where the table begins, what its columns are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from weitiao.data.files import header
from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.values import kinds_of, natural
from weitiao.data.readers.base import Numbered, Reading, batched
from weitiao.errors import DataError
from weitiao.i18n.messages import _

LOOKED = 400  # rows from which the beginning of the table is found

Row = tuple[int, Sequence[Any]]  # number of the row, its cells; None is an empty one
Rows = Callable[[], Iterator[Row]]


def reading(
    rows: Rows,
    file: str,
    reader: str,
    header_row: int | None,
    has_header: bool | None,
    notes: Sequence[str],
) -> Reading:
    """The columns and rows of a sheet. `rows` gives its rows anew at each call.

    Raises DataError when there is no table.
    """
    first = list(islice(rows(), LOOKED))
    begin = _begin(first, header_row, file)
    sample = [row for row in first if row[0] >= begin]
    width = max(len(cells) for _, cells in sample)
    used = _used(rows, begin, width)
    texts = [_texts(cells, used) for _, cells in sample]
    names = header.look(texts, begin, file, True if header_row else has_header, reader)
    told = [*notes, *_told(first, begin, names)]
    places = used[: len(names.columns)]

    def numbered() -> Iterator[Numbered | Bad]:
        for number, cells in rows():
            if number > begin or (number == begin and not names.in_file):
                taken = [cells[place] if place < len(cells) else None for place in places]
                if any(cell is not None for cell in taken):
                    yield number, dict(zip(names.columns, taken, strict=True))

    columns = kinds_of(row[1] for row in numbered() if not isinstance(row, Bad))
    if not columns:
        raise DataError(_("{file}: holds a header and no row.", file=file))
    return Reading({name: columns[name] for name in names.columns}, batched(numbered()), (*told,))


def _begin(rows: Sequence[Row], header_row: int | None, file: str) -> int:
    """The number of the row where the table begins: titles above it fill fewer columns."""
    if not rows:
        raise DataError(_("{file}: holds no row.", file=file))
    if header_row is not None:
        if not any(number == header_row for number, _ in rows):
            raise DataError(
                _("{file}: row {row} is empty: header_row must name the row with the columns' "
                     "names.", file=file, row=header_row)
            )  # fmt: skip
        return header_row
    filled = [(number, _filled(cells)) for number, cells in rows]
    usual = Counter(count for _, count in filled[:100]).most_common(1)[0][0]
    wanted = max(1, min(usual, max(count for _, count in filled)) * 0.7)
    return next(number for number, count in filled if count >= wanted)


def _filled(cells: Sequence[Any]) -> int:
    return sum(cell is not None and str(cell).strip() != "" for cell in cells)


def _used(rows: Rows, begin: int, width: int) -> list[int]:
    """Columns that hold something, from the beginning of the table on."""
    used: set[int] = set()
    for number, cells in rows():
        if number >= begin and len(used) < width:
            used |= {place for place, cell in enumerate(cells) if cell is not None}
    return sorted(used)


def _texts(cells: Sequence[Any], used: Sequence[int]) -> list[str]:
    taken = [cells[place] if place < len(cells) else None for place in used]
    return ["" if cell is None else natural(cell) for cell in taken]


def _told(rows: Sequence[Row], begin: int, names: header.Names) -> list[str]:
    above = [(number, cells) for number, cells in rows if number < begin]
    if not above:
        return names.notes
    title = next((str(c) for _, cells in above for c in cells if c is not None), "")
    return [
        _("the table begins in row {row}; what stands above it ({title}) is left out",
             row=begin, title=title[:40]),
        *names.notes,
    ]  # fmt: skip
