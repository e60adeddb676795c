"""Values of cells: which Arrow type a column gets, and how a value is written as text."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

TEXT = pa.large_string()
INTEGER = pa.int64()
NUMBER = pa.float64()


def kind_of(value: Any) -> Any:
    """The Arrow type that holds `value`; None when the cell is empty.

    >>> kind_of("1"), kind_of(1), kind_of(0.5)
    (DataType(large_string), DataType(int64), DataType(double))
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return TEXT
    if isinstance(value, float):
        return None if math.isnan(value) else NUMBER
    return INTEGER if -(2**63) <= value < 2**63 else TEXT


def widest(first: Any, second: Any) -> Any:
    """The Arrow type that holds both kinds of value (None: nothing seen yet)."""
    if first is None or first == second:
        return second
    if second is None:
        return first
    return NUMBER if {first, second} == {INTEGER, NUMBER} else TEXT


def kinds_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The columns that the rows have, in order of appearance, with their Arrow types."""
    kinds: dict[str, Any] = {}
    for row in rows:
        for name, value in row.items():
            kinds[name] = widest(kinds.get(name), kind_of(value))
    return {name: kind or TEXT for name, kind in kinds.items()}


def natural(value: Any) -> str:
    """A value as a person would write it: 1 and not 1.0, lists and objects as JSON.

    >>> natural(1.0), natural(0.5), natural(True), natural(["a", "b"])
    ('1', '0.5', 'true', '["a", "b"]')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def cells(values: Iterable[Any], kind: Any) -> Any:
    """The Arrow array of a column's values. Raises UnicodeEncodeError for broken Unicode."""
    if kind == TEXT:
        return pa.array([None if _empty(v) else natural(v) for v in values], TEXT)
    return pa.array([None if _empty(v) else v for v in values], kind)


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
