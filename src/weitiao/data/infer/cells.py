"""Parsing of target cells: labels, label lists, locale-dependent numbers, flags, missing values."""

from __future__ import annotations

import json
import math
import re
import unicodedata

from weitiao.data.infer.column_names import words

_SEPARATORS = re.compile(r"[|;,，、；]")

# What programs write where there is no value; in a target such a cell is empty.
_MISSING = {
    *words(r"null \n #n/a nan <na> #null! #value! #ref! #div/0! #name? #num!"),
    "#n/a n/a",
}
# What people write where there is no number; among labels these are labels.
_NO_NUMBER = frozenset(
    ["n/a", "na", "n.a.", "none", "nil", "-", "--", "—", "——", "无", "空", "暂无", "?", "."]
)
_WHOLE = re.compile(r"([+-]?\d+)\.0+")
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
# Thousands: 1,234,567.8 (English), 1.234.567,8 (German), 1 234 567 (French, SI). 1,234 alone is
# 1234 in English and 1.234 in German: a thousandfold error, so it is refused, not guessed.
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}((?:,\d{3})+(?:\.\d+)?|(?:\.\d{3})+,\d+|(?: \d{3})+)")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")
_AMBIGUOUS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


def split_labels(cell: str) -> list[str]:
    """Split a multi-label cell: a JSON list, or pieces between | ; , ， 、 ； (each label once).

    >>> split_labels("sport; politics"), split_labels('["a, b", "c"]'), split_labels("运动、政治")
    (['sport', 'politics'], ['a, b', 'c'], ['运动', '政治'])
    """
    listed = _json_list(cell)
    pieces = _SEPARATORS.split(cell) if listed is None else listed
    return list(dict.fromkeys(piece.strip() for piece in pieces if piece.strip()))


def is_json_list(cell: str) -> bool:
    """Whether a cell is a JSON list of labels, which marks it as multi-label by itself."""
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


def label(cell: str) -> str:
    """Normalize a label: no blanks around it, and 1 where a spreadsheet has made it 1.0.

    >>> label(" 正面\\u3000"), label("1.0"), label("1.5")
    ('正面', '1', '1.5')
    """
    text = cell.strip()
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def is_missing(cell: str, *, among_numbers: bool = False) -> bool:
    """Whether a cell is a missing-value marker: empty, NULL, \\N, #N/A; n/a where numbers are.

    >>> is_missing("NULL"), is_missing("n/a"), is_missing("n/a", among_numbers=True)
    (True, False, True)
    """
    text = cell.strip().lower()
    return not text or text in _MISSING or (among_numbers and text in _NO_NUMBER)


def number(cell: str) -> float | None:
    """Parse a finite number, else None. 1,234 is ambiguous (comma as thousands or decimal): None.

    >>> number(" 4.5 "), number("1e3"), number("four"), number("nan"), number("1_000")
    (4.5, 1000.0, None, None, None)
    >>> number("4,5"), number("1,234.5"), number("４．５"), number("95%"), number("1,234")
    (4.5, 1234.5, 4.5, 95.0, None)
    """
    text = cell.strip()
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).strip().replace("\u2212", "-")
    if len(text) > 100 or not text:
        return None
    text = text.removesuffix("%").rstrip()
    if not _PLAIN.fullmatch(text):
        text = _plain(text)
    value = float(text) if text else math.nan
    return value if math.isfinite(value) else None


def _plain(text: str) -> str:
    """Rewrite thousands separators and decimal commas as Python's; empty when ambiguous or none."""
    if _AMBIGUOUS.fullmatch(text):
        return ""
    if _THOUSANDS.fullmatch(text):
        if "," in text and "." in text and text.rindex(",") > text.rindex("."):
            return text.replace(".", "").replace(",", ".")
        return text.replace(",", "").replace(" ", "")
    return text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else ""


def is_ambiguous(cell: str) -> bool:
    """Whether a cell is a number with an ambiguous comma: 1,234."""
    return _AMBIGUOUS.fullmatch(unicodedata.normalize("NFKC", cell).strip()) is not None


def flag(cell: str) -> bool | None:
    """Parse a boolean (0/1) cell; None when it is none. Empty is False.

    >>> flag("1"), flag("0.0"), flag("true"), flag(""), flag("maybe")
    (True, False, True, False, None)
    """
    text = unicodedata.normalize("NFKC", cell).strip().lower()
    return {"1": True, "1.0": True, "true": True, "yes": True, "是": True}.get(
        text, False if is_missing(text) or text in {"0", "0.0", "false", "no", "否"} else None
    )
