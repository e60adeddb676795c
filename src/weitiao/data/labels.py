"""What the cell of a target says: one label, several labels, a number, a relation of two texts."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable

_SEPARATORS = re.compile(r"[|;,，、；]")

# The three relations of natural language inference, as data sets spell them.
_RELATIONS = {
    "entailment": {"entailment", "entail", "entails", "entailed", "e", "蕴含", "蕴涵"},
    "neutral": {"neutral", "neutrality", "n", "中立", "中性"},
    "contradiction": {"contradiction", "contradict", "contradicts", "c", "矛盾"},
}


def split_labels(cell: str) -> list[str]:
    """The labels of a cell: a JSON list, or pieces between | ; , ， 、 ； (each label once).

    >>> split_labels("sport; politics"), split_labels('["a, b", "c"]'), split_labels("运动、政治")
    (['sport', 'politics'], ['a, b', 'c'], ['运动', '政治'])
    """
    listed = _json_list(cell)
    pieces = _SEPARATORS.split(cell) if listed is None else listed
    return list(dict.fromkeys(piece.strip() for piece in pieces if piece.strip()))


def is_json_list(cell: str) -> bool:
    """Whether a cell is a JSON list of labels, so that it says itself that it holds several."""
    return _json_list(cell) is not None


def _json_list(cell: str) -> list[str] | None:
    text = cell.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return None
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, list) or any(isinstance(v, list | dict) for v in values):
        return None
    return [str(value) for value in values if value is not None]


def number(cell: str) -> float | None:
    """The finite number a cell holds, else None.

    >>> number(" 4.5 "), number("1e3"), number("four"), number("nan")
    (4.5, 1000.0, None, None)
    """
    try:
        value = float(cell)
    except ValueError:
        return None
    # Python also reads 1_000 as a number; in data it is a name.
    return value if math.isfinite(value) and "_" not in cell else None


def flag(cell: str) -> bool | None:
    """Whether a 0/1 cell says yes; None when it is no such cell. Empty is no.

    >>> flag("1"), flag("0.0"), flag("true"), flag(""), flag("maybe")
    (True, False, True, False, None)
    """
    return {"1": True, "1.0": True, "true": True, "yes": True}.get(
        cell.strip().lower(),
        False if cell.strip().lower() in {"", "0", "0.0", "false", "no"} else None,
    )


def are_relations(values: Iterable[str]) -> bool:
    """Whether labels are those of inference: at least two of the three, and nothing else but "-".

    >>> are_relations(["蕴含", "矛盾"]), are_relations(["e", "x"])
    (True, False)
    """
    found = {value.strip().lower() for value in values} - {"-", ""}  # "-": annotators disagreed
    kinds = [kind for kind, spellings in _RELATIONS.items() if found & spellings]
    known = set().union(*_RELATIONS.values())
    return found <= known and len(kinds) >= 2 and len(found) == len(kinds)
