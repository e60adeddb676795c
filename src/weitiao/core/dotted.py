"""Dotted paths into nested mappings and lists: `train.optimizer.adamw`, `data.path.0`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def get(node: Any, path: str) -> Any:
    """The value at a dotted path; numbers index lists. Raises KeyError when nothing is there.

    >>> get({"data": {"path": ["a.csv", "b.csv"]}}, "data.path.1")
    'b.csv'
    """
    for key in path.split("."):
        try:
            node = node[int(key)] if isinstance(node, list) else node[key]
        except (KeyError, IndexError, TypeError, ValueError):
            raise KeyError(path) from None
    return node


def put(
    node: dict[str, Any], path: str, value: Any, opened: Callable[[Any], Any] | None = None
) -> None:
    """Set the value at a dotted path, in place; missing mappings on the way are created.

    opened: turns a scalar on the way into a mapping, e.g. a part's name. Raises KeyError with the
    key of a value that is no mapping even so.

    >>> raw = {"train": None}
    >>> put(raw, "train.epochs", 5)
    >>> raw
    {'train': {'epochs': 5}}
    """
    *parents, last = path.split(".")
    for key in parents:
        inner = node.get(key)
        if inner is None:
            inner = {}
        elif not isinstance(inner, dict) and opened is not None:
            inner = opened(inner)
        if not isinstance(inner, dict):
            raise KeyError(key)
        node[key] = inner
        node = inner
    node[last] = value
