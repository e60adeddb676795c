"""Objects inside rows become columns: {"review": {"body": ...}} is the column review.body."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

MAX_KEYS = 30  # of an object that is a record; more are data, as in {word: count}
MAX_DEPTH = 4
_ANSWERS = {"text", "answer_start", "start", "answer_end"}  # of SQuAD
Path = tuple[str, ...]


class Nesting:
    """Which objects of the rows seen so far are records: few keys that come again and again."""

    def __init__(self) -> None:
        self._objects: Counter[Path] = Counter()
        self._others: Counter[Path] = Counter()
        self._keys: dict[Path, Counter[str]] = defaultdict(Counter)
        self._data: set[Path] = set()  # answers and spans, which are no records
        self._names: set[str] = set()

    def see(self, row: Mapping[str, Any]) -> None:
        """Take a row into account."""
        for name, value in row.items():
            self._names.add(name)
            if value is not None:
                self._see((name,), value)

    def _see(self, path: Path, value: Any) -> None:
        if not isinstance(value, dict):
            self._others[path] += 1
            return
        self._objects[path] += 1
        if path in self._data:
            return
        if (value and value.keys() <= _ANSWERS) or _are_spans(value) or len(path) > MAX_DEPTH:
            self._data.add(path)
            return
        keys = self._keys[path]
        if len(keys) <= MAX_KEYS:
            keys.update(value.keys())
        for key, inner in value.items():
            if inner is not None:
                self._see((*path, key), inner)

    def records(self) -> frozenset[Path]:
        """Paths of the objects that become columns."""
        paths: set[Path] = set()
        for path, count in sorted(self._objects.items(), key=lambda one: len(one[0])):
            keys = self._keys[path]
            record = (
                not self._others[path]
                and path not in self._data
                and 0 < len(keys) <= MAX_KEYS
                and min(keys.values()) * 2 > count
                and not any(f"{'.'.join(path)}.{key}" in self._names for key in keys)
            )
            if record and (len(path) == 1 or path[:-1] in paths):
                paths.add(path)
        return frozenset(paths)


def flat(row: Mapping[str, Any], records: frozenset[Path]) -> Mapping[str, Any]:
    """A row with its records as columns.

    >>> flat({"a": {"b": 1, "c": {"d": 2}}, "e": 3}, frozenset({("a",)}))
    {'a.b': 1, 'a.c': {'d': 2}, 'e': 3}
    """
    if not records:
        return row
    new: dict[str, Any] = {}
    for name, value in row.items():
        _put(new, (name,), value, records)
    return new


def _put(new: dict[str, Any], path: Path, value: Any, records: frozenset[Path]) -> None:
    if path in records:
        for key, inner in (value or {}).items():
            _put(new, (*path, key), inner, records)
    else:
        new[".".join(path)] = value


def _are_spans(value: Mapping[str, Any]) -> bool:
    """{label: [[first, last]]}, or CLUENER's {label: {text: [[first, last]]}}: the keys are no
    names of columns."""
    inner = [
        spans
        for texts in value.values()
        for spans in (texts.values() if isinstance(texts, dict) else [texts])
    ]
    return bool(inner) and all(
        isinstance(spans, list) and spans and all(_is_range(span) for span in spans)
        for spans in inner
    )


def _is_range(span: Any) -> bool:
    return isinstance(span, list) and len(span) == 2 and all(isinstance(n, int) for n in span)
