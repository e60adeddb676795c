"""Rows passed from Python: whatever holds them, one row after the other.

A row is a text, a tuple of texts, a mapping from column to cell, or an Example. Rows come in a
list, an array, a Series, a DataFrame (pandas, polars, Arrow), a mapping of columns, a generator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import chain
from typing import Any

import numpy as np

from weitiao.errors import DataError
from weitiao.example import Example
from weitiao.i18n.messages import _

SCALARS = (str, int, float, bool, type(None))


def rows_in(data: Any) -> Iterator[Any]:
    """The rows of a container; a text or a mapping of cells is one row itself.

    Raises DataError where there are none, where one is no row, and where their kinds differ.
    """
    if isinstance(data, (str, Example)):
        return iter([data])
    if is_table(data):
        return _rows_of_columns(data)
    if isinstance(data, Mapping):
        return iter([data])
    if hasattr(data, "__array__") and not isinstance(data, Iterable):
        data = np.asarray(data)
    shape = getattr(data, "shape", None)
    if shape is not None and hasattr(data, "tolist"):  # numpy, a Series of pandas
        if len(shape) > 2:
            raise _no_rows(data)
        cells = data.tolist()
        data = [cells] if not shape else map(tuple, cells) if len(shape) == 2 else cells
    if isinstance(data, (bytes, bytearray, Set)) or not isinstance(data, Iterable):
        raise _no_rows(data)  # a set has no order that answers could be in
    return _alike(iter(data))


def is_table(data: Any) -> bool:
    """Whether data has named columns: a DataFrame of pandas or polars, an Arrow table, or a mapping
    of lists."""
    if isinstance(data, Mapping):
        return bool(data) and all(is_column(values) for values in data.values())
    sized = hasattr(data, "__getitem__") and hasattr(data, "__len__")
    return sized and (hasattr(data, "columns") or hasattr(data, "column_names"))


def is_column(values: Any) -> bool:
    """Whether values are a list, an array or a Series, rather than one cell."""
    plain = isinstance(values, (str, bytes, Mapping))
    return not plain and hasattr(values, "__len__") and hasattr(values, "__iter__")


def column_names(table: Any) -> list[str]:
    """The names of a table's columns. Raises DataError where two are called the same."""
    names = table if isinstance(table, Mapping) else getattr(table, "column_names", None)
    listed = [str(name) for name in (table.columns if names is None else names)]
    for name in listed:
        if listed.count(name) > 1:
            raise DataError(_("two columns are called {name!r}; rename one.", name=name))
    return listed


def columns_in(table: Any) -> dict[str, list[Any]]:
    """The columns of a table as lists of plain cells. Raises DataError where lengths differ."""
    own = table if isinstance(table, Mapping) else getattr(table, "column_names", None)
    keys = list(table.columns if own is None else own)
    columns = {
        name: _cells(table[key]) for name, key in zip(column_names(table), keys, strict=True)
    }
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        message = _("the columns are not equally long: {lengths}.", lengths=str(lengths))
        raise DataError(message)
    return columns


def list_of(values: Any) -> list[Any]:
    """Targets in a list, an array, a Series or a generator as plain cells. Raises DataError."""
    if hasattr(values, "__array__") and not isinstance(values, Iterable):
        values = np.asarray(values)
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        message = _("targets are a list, one entry for each row, not {kind}.", kind=kind_of(values))
        raise DataError(message)
    return _cells(values)


def plain_cell(value: Any) -> Any:
    """A cell as a plain Python value: numbers of numpy, missing values of pandas (None)."""
    if type(value) in SCALARS:
        return None if value != value else value
    if isinstance(value, str):  # numpy.str_
        return str(value)
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if hasattr(value, "tolist"):
        return plain_cell(value.tolist())
    if hasattr(value, "as_py"):  # Arrow
        return plain_cell(value.as_py())
    if isinstance(value, Mapping):
        return {str(key): plain_cell(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_cell(inner) for inner in value]
    return value


def is_missing_value(value: Any) -> bool:
    """Whether a value is None, NaN, or a missing value of pandas."""
    if isinstance(value, (str, Mapping, tuple, list)):
        return False
    missing = value is None or type(value).__name__ in ("NAType", "NaTType")
    return missing or (isinstance(value, float) and value != value)


def kind_of(value: Any) -> str:
    """The name of a value's type, for messages."""
    return "None" if value is None else type(value).__name__


def _cells(values: Any) -> list[Any]:
    for name in ("to_pylist", "tolist", "to_list"):  # Arrow, numpy and pandas, polars
        if callable(convert := getattr(values, name, None)):
            return [plain_cell(value) for value in convert()]
    return [plain_cell(value) for value in values]


def _rows_of_columns(table: Any) -> Iterator[Mapping[str, Any]]:
    columns = columns_in(table)
    rows = zip(*columns.values(), strict=True)
    return _alike(dict(zip(columns, cells, strict=True)) for cells in rows)


def _alike(rows: Iterator[Any]) -> Iterator[Any]:
    """The rows, of which there is at least one, and which are all of one kind; or missing."""
    first = next(rows, rows)
    if first is rows:
        raise DataError(_("there are no rows."))
    return _checked(chain([first], rows))


def _checked(rows: Iterator[Any]) -> Iterator[Any]:
    wanted, place = None, 0  # of the first row that is not missing
    for number, row in enumerate(rows):
        if is_missing_value(row):
            yield None
            continue
        kind = _row_kind(row)
        if kind is None:
            raise DataError(
                _(
                    "row {number} is no text, but {kind}; a row is a text, a tuple of texts or a "
                    "dict.",
                    number=number,
                    kind=kind_of(row),
                )
            )
        if wanted is None:
            wanted, place = kind, number
        if kind is not wanted:
            raise DataError(
                _(
                    "row {number} is of another kind than row {place} ({kind}, {first}).",
                    number=number,
                    place=place,
                    kind=kind.__name__,
                    first=wanted.__name__,
                )
            )
        yield row


def _row_kind(row: Any) -> type | None:
    return next((one for one in (str, Mapping, tuple, Example) if isinstance(row, one)), None)


def _no_rows(data: Any) -> DataError:
    return DataError(
        _(
            "rows are a text, a list of texts, tuples or dicts, an array, a Series or a DataFrame; "
            "this is {kind}.",
            kind=kind_of(data),
        )
    )
