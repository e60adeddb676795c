"""Validated settings (pydantic): strict fields, and validation errors in the user's language."""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from weitiao.i18n.messages import _, name_list

LONGEST = 60  # characters of a value that a message shows
MOST_NAMES = 30  # that a message lists
NUMBERS = (int, float)


class Fields(BaseModel):
    """Base model of settings: frozen, unknown fields are refused, and true is no number."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        # bool is a subclass of int in Python, so pydantic would take `epochs: true` for 1.
        if isinstance(value, bool):
            wanted = cls.model_fields[info.field_name or ""].annotation
            kinds = {wanted, *get_args(wanted)}
            if kinds & set(NUMBERS) and bool not in kinds:
                kind = "int_type" if int in kinds else "float_type"
                raise PydanticCustomError(kind, "not a number")
        return value


class Problem(NamedTuple):
    """One validation error: path, pydantic's error type, message."""

    path: str
    kind: str
    text: str


def problems_of(error: ValidationError, model: type[BaseModel], prefix: str = "") -> list[Problem]:
    """Translate pydantic's validation errors to messages, one for each path."""
    places: dict[tuple[str | int, ...], list[Any]] = {}
    for item in error.errors(include_url=False):
        places.setdefault(_place(item), []).append(item)
    problems = []
    for place, items in places.items():
        if any(other != place and other[: len(place)] == place for other in places):
            # A union reports the outer value for one side and the inner value for another: the
            # inner one says more.
            items = [item for item in items if not _is_wish(item)]
        if items:
            path = ".".join(str(key) for key in (prefix, *place) if key != "")
            problems.append(Problem(path, _kind(items), sentence(items, model)))
    return problems


def sentence(items: Sequence[Mapping[str, Any]], model: type[BaseModel] | None = None) -> str:
    """Message about one invalid value; for a union, all types that it might have been."""
    item = items[0]
    kind, value, limits = item["type"], item["input"], item.get("ctx", {})
    if kind == "extra_forbidden":
        known = _fields(model, item["loc"][:-1]) if model else []
        return _("no such setting.{near}", near=near(str(item["loc"][-1]), known))
    if all(_is_wish(one) for one in items):
        wanted = list(dict.fromkeys(_WANTED[one["type"]](one.get("ctx", {})) for one in items))
        expected = wanted[0]
        for other in wanted[1:]:
            expected = _("{one} or {other}", one=expected, other=other)
        hint = remedy(value, kind, limits)
        return _("{value} is not {wanted}.{hint}", value=shown(value), wanted=expected, hint=hint)
    if kind in _TEXTS:
        return _TEXTS[kind](shown(value), limits)
    if kind in ("value_error", "assertion_error"):
        return str(item["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if kind == "string_pattern_mismatch" and (example := _example(model, item["loc"])):
        return _(
            "{value} cannot be used here; write {example}.", value=shown(value), example=example
        )
    return _("{value} cannot be used here.", value=shown(value))


def shown(value: Any) -> str:
    """Display form of a value (as in YAML), shortened."""
    if isinstance(value, str):
        text = repr(value)
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def remedy(value: Any, kind: str, limits: Mapping[str, Any]) -> str:
    """Suggested correction (' Write ...') of a value whose intent is clear: 10%, 1,000, １０."""
    if not isinstance(value, str):
        return ""
    plain = narrowed(value).strip(" \"'")
    if kind.startswith(("int", "float")):
        number = _number(plain)
        return "" if number is None else _(" Write {better}.", better=f"{number:.12g}")
    if kind == "literal_error":
        # The sentence before names all of them: only a similar one is worth a word more.
        close = difflib.get_close_matches(plain, re.findall(r"'([^']*)'", str(limits["expected"])))
        return _(" Did you mean {name!r}?", name=close[0]) if close else ""
    return _(" Write true or false.") if kind.startswith("bool") else ""


def narrowed(text: str) -> str:
    """Normalize full-width characters (NFKC), long dashes and curly quotes to ASCII."""
    table = str.maketrans({"—": "-", "–": "-", "−": "-", "“": '"', "”": '"', "‘": "'", "’": "'"})
    return unicodedata.normalize("NFKC", text).translate(table)


def nearest(name: str, known: Sequence[str]) -> str:
    """Spelling suggestion (' Did you mean ...?') when a known name is similar; empty else.

    >>> nearest("learning_rat", ["learning_rate", "epochs"])
    " Did you mean 'learning_rate'?"
    >>> nearest("tag", ["Body text", "Tags"])
    " Did you mean 'Tags'?"
    >>> nearest("Mood", ["Tweet", "Mood (-4 to 4)"])
    " Did you mean 'Mood (-4 to 4)'?"
    """
    close = closest(name, known)
    return _(" Did you mean {name!r}?", name=close) if close else ""


def closest(name: str, known: Sequence[str]) -> str:
    """The known name that is most similar, or begins alike; empty where none is near."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if not close:  # tag for Tags, Mood for Mood (-4 to 4)
        folded = {one.casefold(): one for one in known}
        found = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
        begun = [one for one in folded if len(name) > 2 and one.startswith(name.casefold())]
        close = [folded[one] for one in found or (begun if len(begun) == 1 else [])]
    return close[0] if close else ""


def near(name: str, known: Sequence[str]) -> str:
    """Spelling suggestion when a known name is similar, else all names.

    >>> near("speed", ["learning_rate", "epochs"])
    ' There are: learning_rate, epochs.'
    """
    if hint := nearest(name, known):
        return hint
    names = name_list(known, MOST_NAMES)
    return _(" There are: {names}.", names=names) if known else ""


def _number(text: str) -> float | None:
    # 1,000 has thousands; of 0,1 the comma is a decimal one.
    share = text.endswith("%")
    plain = text.removesuffix("%").replace(" ", "").replace("--", "-")
    thousands = re.fullmatch(r"-?[1-9]\d{0,2}(,\d{3})+(\.\d+)?", plain)
    plain = plain.replace(",", "" if thousands else ".")
    try:
        return float(plain) / (100 if share else 1)
    except ValueError:
        return None


def _place(item: Mapping[str, Any]) -> tuple[str | int, ...]:
    """Path of a value: pydantic's `loc` without its names for the sides of a union."""
    loc = item["loc"]
    return tuple(key for key in loc if not _is_side(key))


def _is_side(key: str | int) -> bool:
    # pydantic puts the type that it tried into `loc`: ("path", "list[str]"), ("budget", "float").
    return isinstance(key, str) and (
        key in ("str", "int", "float", "bool", "none") or key.endswith("]") or key == "[key]"
    )


def _is_wish(item: Mapping[str, Any]) -> bool:
    return item["type"] in _WANTED


def _kind(items: Sequence[Mapping[str, Any]]) -> str:
    kinds = [str(item["type"]) for item in items]
    return "string_type" if "string_type" in kinds else kinds[0]


def _fields(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Names of the settings at a path, through dicts and lists of models."""
    kind = _kind_at(model, path)
    found = isinstance(kind, type) and issubclass(kind, BaseModel)
    return list(kind.model_fields) if found else []


def _example(model: type[BaseModel] | None, path: Sequence[str | int]) -> str:
    """How the setting at a path may be written, by the first of its `examples`; "" without any."""
    kind = _kind_at(model, path[:-1])
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return ""
    field = kind.model_fields.get(str(path[-1]))
    return str(field.examples[0]) if field and field.examples else ""


def _kind_at(model: type[BaseModel] | None, path: Sequence[str | int]) -> Any:
    """The type of the setting at a path."""
    kind: Any = model
    for key in path:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(str(key))
            kind = field.annotation if field else None
        elif get_origin(kind) in (dict, list):
            kind = get_args(kind)[-1]
        while get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
    return kind


def _whole(limits: Mapping[str, Any]) -> str:
    return _("a whole number")


def _any_number(limits: Mapping[str, Any]) -> str:
    return _("a number")


def _either(limits: Mapping[str, Any]) -> str:
    return _("true or false")


def _text(limits: Mapping[str, Any]) -> str:
    return _("a text")


def _list(limits: Mapping[str, Any]) -> str:
    return _("a list, [one, two]")


def _mapping(limits: Mapping[str, Any]) -> str:
    return _("a mapping, name: value")


def _one_of(limits: Mapping[str, Any]) -> str:
    words = [word.strip("'") for word in str(limits["expected"]).replace(" or ", ", ").split(", ")]
    return _("one of {names}", names=name_list(words))


# Pydantic's type of error -> what the value should have been.
_WANTED: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "int_type": _whole, "int_parsing": _whole, "int_from_float": _whole,
    "int_parsing_size": _whole,
    "float_type": _any_number, "float_parsing": _any_number,
    "bool_type": _either, "bool_parsing": _either,
    "string_type": _text,
    "list_type": _list, "tuple_type": _list, "set_type": _list,
    "dict_type": _mapping, "mapping_type": _mapping, "model_type": _mapping,
    "model_attributes_type": _mapping,
    "literal_error": _one_of, "enum": _one_of,
}  # fmt: skip

# Pydantic's type of error -> the whole sentence.
_TEXTS: dict[str, Callable[[str, Mapping[str, Any]], str]] = {
    "missing": lambda value, limits: _("this must be set."),
    "finite_number": lambda value, limits: _("{value} is not a finite number.", value=value),
    "greater_than": lambda value, limits: _(
        "{value} is too small: it must be greater than {limit}.", value=value, limit=limits["gt"]
    ),
    "greater_than_equal": lambda value, limits: _(
        "{value} is too small: it must be {limit} or more.", value=value, limit=limits["ge"]
    ),
    "less_than": lambda value, limits: _(
        "{value} is too large: it must be less than {limit}.", value=value, limit=limits["lt"]
    ),
    "less_than_equal": lambda value, limits: _(
        "{value} is too large: it must be {limit} or less.", value=value, limit=limits["le"]
    ),
    "too_short": lambda value, limits: _(
        "{value} is too short: it must hold at least {limit}.",
        value=value, limit=limits["min_length"],
    ),
    "too_long": lambda value, limits: _(
        "{value} is too long: it may hold at most {limit}.",
        value=value, limit=limits["max_length"],
    ),
    "string_too_short": lambda value, limits: _(
        "{value} is too short: it needs {limit} characters or more.",
        value=value, limit=limits["min_length"],
    ),
    "string_too_long": lambda value, limits: _(
        "{value} is too long: it may have {limit} characters.",
        value=value, limit=limits["max_length"],
    ),
}  # fmt: skip
