"""Fields of an answer: one JSON object of what a network wrote, also where it is not quite one."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

DIGITS = 18  # of the longest number: what fits into 64 bits, as all readers of JSON have them
NUMBER = re.compile(rf"-?(?:0|[1-9][0-9]{{0,{DIGITS - 1}}})")
_CLOSED = re.compile(r'("(?:[^"\\]|\\.)*")\s*,', re.DOTALL)
_NO_VALUE = object()


def object_of(text: str, fields: Sequence[str]) -> str:
    """What was written as a JSON object with these fields; those that are not found are null.

    Some tokenizers have no braces, write blanks around quotes or no capital letters; and an answer
    may be cut.

    >>> object_of('{"a": "x", "b": 2}', ["a", "b"]), object_of('"a": "x", "b": 2', ["a", "b"])
    ('{"a": "x", "b": 2}', '{"a": "x", "b": 2}')
    >>> object_of('{ " name " : " li wei ", " da', ["Name", "date"])
    '{"Name": "li wei", "date": null}'
    """
    found = _read(text)
    if isinstance(found, dict):
        if list(found) == list(fields):
            return text.strip()
        if set(found) == set(fields):
            return _dumped({name: found[name] for name in fields})
    places, at = [], 0
    for name in fields:
        place = _key(name).search(text, at)
        places.append(place)
        at = place.end() if place else at
    values: dict[str, Any] = {}
    end = len(text)
    for name, place in reversed(list(zip(fields, places, strict=True))):
        values[name] = _value(text[place.end() : end]) if place else None
        end = place.start() if place else end
    return _dumped({name: values[name] for name in fields})


def values_of(text: str, fields: Sequence[str]) -> dict[str, str | None]:
    """The text of each field of an answer, None for null.

    >>> values_of('{"a": "x", "b": 31, "c": null}', ["a", "b", "c"])
    {'a': 'x', 'b': '31', 'c': None}
    """
    found = _read(text)
    values = found if isinstance(found, dict) else {}
    return {name: _as_text(values.get(name)) for name in fields}


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else _dumped(value)


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _read(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refused, parse_float=_finite)
    except (ValueError, RecursionError):
        return _NO_VALUE


def _refused(constant: str) -> Any:
    """NaN and Infinity, which are no JSON."""
    raise ValueError(constant)


def _finite(text: str) -> float | str:
    return float(text) if math.isfinite(float(text)) else text


def _key(name: str) -> re.Pattern[str]:
    """A name in quotes and its colon, with blanks anywhere."""
    forms = {json.dumps(name, ensure_ascii=False)[1:-1]}
    forms |= {unicodedata.normalize("NFKC", form) for form in forms}
    spelled = (r"\s*".join(map(re.escape, "".join(form.split()))) for form in sorted(forms))
    return re.compile(rf'"\s*(?:{"|".join(spelled)})\s*"\s*:', re.IGNORECASE)


def _value(text: str) -> str | int | None:
    """A value between two keys, whose end may be missing."""
    text = re.sub(r"\s*[,{}]*\s*$", "", text).strip()
    found = _read(text)
    if isinstance(found, str):
        return found.strip()
    if found is None or not text:
        return None
    if NUMBER.fullmatch(text):
        return int(text)
    if begun := _CLOSED.match(text):  # behind it another key began
        return _value(begun[1])
    return text.strip('"').strip() or None
