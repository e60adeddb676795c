"""Columns beside the text, joined to it: the network reads "price: 12.5 | brand: X | the text"."""

from __future__ import annotations

from collections.abc import Mapping

from weitiao.data.infer.cells import is_missing

BETWEEN = " | "


def joined(cells: Mapping[str, str], text: str) -> str:
    """The columns' cells, by their names, before the text; empty cells are left out.

    >>> joined({"price": "12.5", "brand": ""}, "a fine lamp")
    'price: 12.5 | a fine lamp'
    """
    named = [f"{name}: {cell.strip()}" for name, cell in cells.items() if not is_missing(cell)]
    return BETWEEN.join([*named, text])


def columns_beside(roles: Mapping[str, str | list[str]]) -> list[str]:
    """The columns that are joined to the text."""
    found = roles.get("columns", [])
    return [found] if isinstance(found, str) else list(found)
