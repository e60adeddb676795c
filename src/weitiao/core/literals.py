"""Lists and dicts in cells, as JSON or as Python, numpy and pandas print them."""

from __future__ import annotations

import json
import math
import re
from typing import Any

MAX_DEPTH = 50
ARRAYS = ("array(", "np.array(")  # what numpy prints begins with one of them, or with [
# Strings ('it''s escaped by a backslash), numbers and words, the wrappers of numpy, and signs.
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<wrapper>(?:np\.|numpy\.)?(?:array|ndarray|tensor|str_|int64|int32|float64|bool_|set|list)\()
    |(?P<dtype>,\s*dtype\s*=\s*(?:[\w.]+|'[^']*'|"[^"]*"))
    |[urbURB]{0,2}(?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    |(?P<cut>\.\.\.)
    |(?P<number>[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)(?![\w]))
    |(?P<word>True|False|None|nan|inf|-inf|true|false|null)(?!\w)
    |(?P<sign>[\[\](){},:])
    )""",
    re.VERBOSE | re.DOTALL,
)
_WORDS = {"True": True, "true": True, "False": False, "false": False, "None": None, "null": None}
_CLOSING = {"[": "]", "(": ")", "{": "}"}


class CutShort(ValueError):
    """A printed array with "..." in the place of values: they are lost."""


def value_of(text: str, **options: Any) -> Any:
    """Parse a list or dict: JSON first, then Python's and numpy's ways to print one.

    numpy puts blanks between the items. options: of `json.loads`. Raises ValueError; `CutShort`
    where numpy has left values out.

    >>> value_of('["a", 1]'), value_of("['a', 'b']"), value_of("['a' 'b']"), value_of("[0. 1.]")
    (['a', 1], ['a', 'b'], ['a', 'b'], [0.0, 1.0])
    >>> value_of("{'text': array(['Anna'], dtype=object), 'answer_start': array([54])}")
    {'text': ['Anna'], 'answer_start': [54]}
    """
    text = text.strip()
    try:
        return json.loads(text, **options)
    except RecursionError:
        raise ValueError("nested too deep") from None
    except ValueError:
        if text[:1] not in ("[", "{", "(", "a", "n", "s"):
            raise
    parser = _Parser(text, options.get("parse_int", int), options.get("parse_float", float))
    return parser.whole()


def is_listed(cell: str) -> bool:
    """Whether a cell begins and ends as a list or dict does (which says nothing of its inside)."""
    text = cell.strip()
    return (text[:1], text[-1:]) in (("[", "]"), ("{", "}"), ("(", ")")) or (
        text.startswith(ARRAYS) and text.endswith(")")
    )


class _Parser:
    def __init__(self, text: str, whole: Any, fraction: Any) -> None:
        self.text, self.at = text, 0
        self.integer, self.fraction = whole, fraction

    def whole(self) -> Any:
        value = self._value(0)
        if self.text[self.at :].strip() or not isinstance(value, list | dict):
            raise ValueError("no list and no dict")
        return value

    def _next(self) -> tuple[str, str]:
        match = _TOKEN.match(self.text, self.at)
        if match is None or match.lastgroup is None:
            raise ValueError(f"not a value at character {self.at + 1}")
        self.at = match.end()
        return match.lastgroup, match[match.lastgroup]

    def _peek(self) -> str:
        match = _TOKEN.match(self.text, self.at)
        return "" if match is None or match.lastgroup is None else match[match.lastgroup]

    def _value(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise ValueError("nested too deep")
        kind, token = self._next()
        if kind == "string":
            return _unquoted(token)
        if kind == "number":
            return (self.integer if re.fullmatch(r"[+-]?\d+", token) else self.fraction)(token)
        if kind == "word":
            return _WORDS.get(token, math.nan if "nan" in token else None)
        if kind == "cut":
            raise CutShort("...")
        if kind == "wrapper":  # array([...], dtype=object): what it holds
            inner = self._value(depth + 1)
            while True:
                kind, token = self._next()
                if token == ")":
                    return inner
                if kind != "dtype":
                    raise ValueError(f"not a value at character {self.at}")
        if kind == "sign" and token in _CLOSING:
            return self._items(token, depth)
        raise ValueError(f"not a value at character {self.at}")

    def _items(self, opening: str, depth: int) -> Any:
        items: list[Any] = []
        pairs: dict[str, Any] = {}
        while (sign := self._peek()) != _CLOSING[opening]:
            if sign == "," and (items or pairs):
                self._next()
                continue
            item = self._value(depth + 1)
            if opening == "{" and self._peek() == ":":
                self._next()
                pairs[str(item)] = self._value(depth + 1)
            else:
                items.append(item)
        self._next()
        if pairs and items:
            raise ValueError("neither a dict nor a set")
        return pairs if opening == "{" and not items else items


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\n": ""}
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)


def _unquoted(token: str) -> str:
    def plain(match: re.Match[str]) -> str:
        code = match[1] or match[2] or match[3]
        if code:
            return chr(int(code, 16)) if int(code, 16) < 0x110000 else match[0]
        return _ESCAPES.get(match[4], match[4] if match[4] in "\\'\"" else match[0])

    return _ESCAPE.sub(plain, token[1:-1])
