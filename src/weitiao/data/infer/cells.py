"""Parsing of target cells: labels, label lists, locale-dependent numbers, flags, missing values."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable

from weitiao.core.literals import is_listed, value_of
from weitiao.data.infer.column_names import words
from weitiao.i18n.messages import _

_SEPARATORS = re.compile(r"[|;,，、；\n]")

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
# 1,2 beside 3: a decimal comma, or the ids of two labels. Nothing else than digits and commas, no
# piece with a zero before it (12,05 is an amount).
_IDS = re.compile(r"(0|[1-9]\d{0,3})([,，、](0|[1-9]\d{0,3}))*")
# What people write behind a rating: 4.5分, 4 分, 5星, 5 颗星.
_UNIT = re.compile(r"(?<=\d)\s*(分|颗星|星级?)$")
_AMBIGUOUS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


def split_labels(cell: str) -> list[str]:
    """Split a multi-label cell: a list, or pieces between | ; , ， 、 ；, or in lines (each once).

    A list is JSON, or what Python, numpy and pandas print.

    >>> split_labels("sport; politics"), split_labels('["a, b", "c"]'), split_labels("运动、政治")
    (['sport', 'politics'], ['a, b', 'c'], ['运动', '政治'])
    >>> split_labels("['a', 'b c']"), split_labels("['a' 'b']"), split_labels("[a, b]")
    (['a', 'b c'], ['a', 'b'], ['a', 'b'])
    """
    if is_object(cell):
        raise ValueError(object_message(cell))
    listed = label_list(cell)
    if listed is None and re.fullmatch(r"\[[^\[\]]*\]", cell.strip()):
        cell = cell.strip()[1:-1]  # names without quotation marks
    pieces = _SEPARATORS.split(cell) if listed is None else listed
    return list(dict.fromkeys(piece.strip() for piece in pieces if piece.strip()))


def label_list(cell: str) -> list[str] | None:
    """The labels of a cell that is a list by itself; None for other cells."""
    if not is_listed(cell):
        return None
    try:
        values = value_of(cell)
    except ValueError:
        return None
    if isinstance(values, dict) and values.keys() == {"choices"}:  # Label Studio's tables
        values = values["choices"]
    if not isinstance(values, list) or any(isinstance(v, list | dict) for v in values):
        return None
    return [label(as_written(value)) for value in values if value is not None]


def separator_of(cells: Iterable[str]) -> str:
    """What mostly stands between the labels of a cell, with its blanks; empty for lists.

    >>> separator_of(["a; b", "b", "a; c"]), separator_of(['["a", "b"]']), separator_of(["a"])
    ('; ', '', '')
    """
    counts: Counter[str] = Counter()
    for cell in cells:
        if label_list(cell) is not None or re.fullmatch(r"\[[^\[\]]*\]", cell.strip()):
            counts[""] += 1
        else:
            counts.update(re.findall(r"(?<=\S) *[|;,，、；\n] *(?=\S)", cell.strip())[:1])
    return counts.most_common(1)[0][0] if counts else ""


def is_object(cell: str) -> bool:
    """Whether a cell is an object, or a list of objects, which are no labels.

    >>> is_object('[{"name": "a"}]'), is_object("{'a': 1}"), is_object("{x}"), is_object("[a]")
    (True, True, False, False)
    """
    text = cell.strip()
    if not re.match(r"\[?\s*\{\s*['\"]", text) or not is_listed(text):
        return False
    try:
        value = value_of(text)
    except ValueError:
        return False
    if isinstance(value, dict) and value.keys() == {"choices"}:
        return False
    return isinstance(value, dict) or any(isinstance(one, dict) for one in value)


def object_message(cell: str) -> str:
    """Why an object is no label."""
    return _(
        "{cell} is an object and no label: write what it says of the row, as a text, a number or a "
        "list of names.",
        cell=cell.strip()[:80],
    )


def as_written(value: object) -> str:
    """A value of a list as a label: 1 and not 1.0, true and not True."""
    return str(value).lower() if isinstance(value, bool) else str(value)


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
    >>> number("4.5分"), number("5 颗星"), number("分"), number("3分钟")
    (4.5, 5.0, None, None)
    """
    text = cell.strip()
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).strip().replace("\u2212", "-")
    if len(text) > 100 or not text:
        return None
    text = _UNIT.sub("", text.removesuffix("%").rstrip())
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


def id_lists(cells: Collection[str]) -> str:
    """A cell such as 1,2 among whole ones such as 3, which may be two ids; empty for amounts.

    >>> id_lists(["1,2", "3"]), id_lists(["1,2", "3,5"]), id_lists(["1,25", "3", "0,05"])
    ('1,2', '', '')
    """
    lists = [cell for cell in cells if not cell.isdigit()]
    if len(lists) == len(cells):
        return ""
    if any(map(is_ambiguous, cells)) and not has_decimal_commas(cells):
        return ""
    if not all(_IDS.fullmatch(cell) for cell in cells):
        return ""
    return lists[0] if lists else ""


def has_unit(cell: str) -> bool:
    """Whether a cell is a number with a unit behind it: 4.5分."""
    return _UNIT.search(cell.strip()) is not None and number(cell) is not None


def is_ambiguous(cell: str) -> bool:
    """Whether a cell is a number with an ambiguous comma: 1,234."""
    return _AMBIGUOUS.fullmatch(unicodedata.normalize("NFKC", cell).strip()) is not None


def with_point(cell: str) -> str:
    """A number with a decimal comma as one with a point: 3,785 as 3.785."""
    return cell.replace(",", ".").replace("，", ".")


def has_decimal_commas(cells: Iterable[str]) -> bool:
    """Whether the numbers of a column are written with a decimal comma: some can be nothing else
    (3,7), and none has a decimal point or thousands of another way (3.7; 1,234.5).

    >>> has_decimal_commas(["3,7", "4", "3,785"]), has_decimal_commas(["3,7", "3.7", "3,785"])
    (True, False)
    >>> has_decimal_commas(["1,234", "12"]), has_decimal_commas(["1,234.5", "1,5"])
    (False, False)
    """
    found = False
    for cell in cells:
        text = _UNIT.sub("", unicodedata.normalize("NFKC", cell).strip().removesuffix("%").rstrip())
        if _AMBIGUOUS.fullmatch(text):
            continue
        comma, point = text.rfind(","), text.rfind(".")
        if point > comma or (comma >= 0 and text.count(",") > 1):
            if number(text) is not None:
                return False
        elif comma >= 0 and number(text) is not None:
            found = True
    return found


def flag(cell: str) -> bool | None:
    """Parse a boolean (0/1) cell; None when it is none. Empty is False.

    >>> flag("1"), flag("0.0"), flag("true"), flag(""), flag("maybe")
    (True, False, True, False, None)
    """
    text = unicodedata.normalize("NFKC", cell).strip().lower()
    return {"1": True, "1.0": True, "true": True, "yes": True, "是": True}.get(
        text, False if is_missing(text) or text in {"0", "0.0", "false", "no", "否"} else None
    )
