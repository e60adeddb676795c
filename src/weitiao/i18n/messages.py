"""Internationalization (gettext): messages in English in the code, translations in one catalogue.

    raise DataError(_("{file}:{line}: no text in column {column!r}.", file=..., ...))

The English text is the key; `locale/zh/LC_MESSAGES/weitiao.po` holds the Chinese one (`make
messages` compiles it). A test checks that every text stands there with the same placeholders.

What `_` returns is a str that remembers its template and values. A run made in English can so be
read in Chinese: `pack` and `restore` write and read such messages as JSON, `localized` renders one
in the current language.
"""

from __future__ import annotations

import gettext
import locale
import os
import re
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "zh")
FOLDER = Path(__file__).with_name("locale")
MAX_DEPTH = 8  # messages in messages, read from files that strangers may have written

# Templates of messages that are not looked up in the catalogue but built by `plural`, `joined`
# and `name_list`.
QUOTED = "{name!r}"
PLURAL = "{count} {noun}"
JOINED = "{separator}{items}"
MORE = "..."  # the last item of a list that goes on
# Placeholders of names, which are the user's data: a line break in one would forge a line of ours.
NAMES = frozenset({"file", "path", "folder", "name", "run", "place", "source", "other"})
_CHINESE_SEPARATORS = {" ": "", "; ": "；", ", ": "、"}
_HAN = "[\u3400-\u9fff]"
_BLANK_AFTER_HAN = re.compile(_HAN + " $")
_BLANK_BEFORE_HAN = re.compile(" " + _HAN)

_context: ContextVar[str | None] = ContextVar("language", default=None)  # set by `speaking`
_default: list[str] = []  # at most one: the language set by `use`, else that of the system


class Message(str):
    """A translated str with the English template and the values it was formatted from.

    Every operation of str (concatenation, strip, slices) gives a plain str, which stays in the
    language it was written in.
    """

    __slots__ = ("template", "values")
    template: str
    values: Mapping[str, Any]

    def __new__(
        cls, text: str, template: str = "", values: Mapping[str, Any] | None = None
    ) -> Message:
        message = super().__new__(cls, text)
        message.template = template or text
        message.values = values or {}
        return message


def _(template: str, /, **values: Any) -> str:
    """Translate and format a message ({placeholders}; "{{" is a literal brace).

    >>> _("{count:,} files", count=2000)
    '2,000 files'
    """
    values = _on_one_line(values)
    text = _catalogue(language()).gettext(template)
    if language() == "zh" and "!r}" in text and (text != template or text == QUOTED):
        return Message(_with_chinese_quotes(text, values), template, values)
    return Message(text.format(**values), template, values)


def _on_one_line(values: dict[str, Any]) -> dict[str, Any]:
    """The values, line breaks in names written as signs; our own messages stay as they are."""
    for name in NAMES & values.keys():
        values[name] = one_line(values[name])
    return values


def one_line(name: Any) -> Any:
    """A name with its line breaks as signs; messages and other objects as they are.

    >>> one_line("a\\nb.txt")
    'a↵b.txt'
    """
    if isinstance(name, Message) or not isinstance(name, str | Path):
        return name
    text = str(name)
    return re.sub(r"\r\n|\n|\r", "↵", text) if "\n" in text or "\r" in text else name


def _with_chinese_quotes(template: str, values: Mapping[str, Any]) -> str:
    """Format a template whose {name!r} stands in “quotation marks”, which need no blanks beside
    Chinese: “标签”有 2 个 for {name!r} 有 2 个."""
    text, quoted = "", False
    for fixed, name, form, conversion in string.Formatter().parse(template):
        text += fixed[1:] if quoted and _BLANK_BEFORE_HAN.match(fixed) else fixed
        if name is None:
            continue
        quoted = conversion == "r" and isinstance(values[name], str)
        if quoted:
            text = text[:-1] if _BLANK_AFTER_HAN.search(text) and fixed.endswith(" ") else text
            text += f"“{repr(str(values[name]))[1:-1]}”"
        else:
            text += format(repr(values[name]) if conversion == "r" else values[name], form or "")
    return text


def fragments(message: Message) -> Iterator[str]:
    """The words and the values of a message in the order of the current language; values that are
    texts stay the objects they were, so that a page can set them in its own way.

    >>> list(fragments(_("{count:,} files", count=2000)))
    ['2,000', ' files']
    """
    template = _catalogue(language()).gettext(message.template)
    for fixed, name, form, conversion in string.Formatter().parse(template):
        if fixed:
            yield fixed
        if name is not None:
            value = repr(message.values[name]) if conversion == "r" else message.values[name]
            yield value if isinstance(value, str) and not form else format(value, form or "")


def in_english(template: str, /, **values: Any) -> str:
    """Format a message in English whatever the language is; `localized` translates it later."""
    values = _on_one_line(values)
    return Message(template.format(**values), template, values)


def plural(number: int, noun: str) -> str:
    """Pluralize a noun with its number; `noun` is the singular.

    >>> plural(1, "row"), plural(2000, "row")
    ('1 row', '2,000 rows')
    """
    if language() == "en":
        text = f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
    else:
        text = _("{count} " + noun, count=f"{number:,}")
    return Message(text, PLURAL, {"count": number, "noun": noun})


def joined(texts: Iterable[str], separator: str = " ") -> str:
    """Join texts with the separator of the language: no blank in Chinese.

    >>> joined(["First.", "Second."])
    'First. Second.'
    """
    items = [text for text in texts if text]
    if language() == "en":
        text = separator.join(items)
    elif len(items) > 1 and items[-1] == MORE:
        text = _CHINESE_SEPARATORS[separator].join(items[:-1])
        text += " 等" if text[-1].isascii() else "等"
    else:
        text = _CHINESE_SEPARATORS[separator].join(items)
    return Message(text, JOINED, {"separator": separator, "items": items})


def name_list(names: Iterable[str], most: int | None = None, *, quoted: bool = False) -> str:
    """List names (labels, columns), at most so many, with the comma of the language.

    >>> name_list(["a", "b", "c"], 2), name_list(["a", "b"], quoted=True)
    ('a, b, ...', "'a', 'b'")
    """
    names = [one_line(name) for name in names]
    shown = [_(QUOTED, name=name) if quoted else name for name in names[:most]]
    return joined([*shown, MORE] if len(shown) < len(names) else shown, ", ")


def N_(template: str) -> str:
    """Mark a text for the catalogue and return it in English; `localized` or `_` translates it.

    >>> N_("finished")
    'finished'
    """
    return template


def translated(text: str) -> str:
    """Translate a text declared elsewhere (help, description, docstring), without placeholders."""
    return Message(_catalogue(language()).gettext(text), text) if text else ""


def localized(text: object) -> str:
    """Render a message in the current language, whatever language it was made in.

    A plain str is translated when it is, as a whole, a text of the catalogue (a name that is
    stored in English, or a reason without values); every other one stays as it is.
    """
    if not isinstance(text, Message):
        plain = str(text)
        key = _keys_by_text().get(plain)
        return plain if key is None else _literal(key)
    if text.template == PLURAL:
        return plural(text.values["count"], text.values["noun"])
    if text.template == JOINED:
        return joined(map(_localized_value, text.values["items"]), text.values["separator"])
    if not text.values:
        return _literal(text.template)
    values = {name: _localized_value(value) for name, value in text.values.items()}
    return _(text.template, **values)


def _localized_value(value: Any) -> Any:
    # A plain str inside a message is somebody's word (a column may be called "label"): it stays.
    return localized(value) if isinstance(value, Message) else value


def _literal(template: str) -> Message:
    """A text without values; its braces are doubled when it was made by `_`, single in help."""
    text = _catalogue(language()).gettext(template)
    return Message(text.format() if "{{" in template else text, template)


def language() -> str:
    """The current language: "en" or "zh"."""
    current = _context.get()
    if current:
        return current
    if not _default:
        _default.append(_of_system())
    return _default[0]


def use(wanted: str | None) -> None:
    """Set the language of the process; None: the one of the system. Unknown ones are English."""
    _default[:] = [_known(wanted) if wanted else _of_system()]


@contextmanager
def speaking(wanted: str) -> Iterator[None]:
    """Set the language inside the block, in this thread of control only."""
    token = _context.set(_known(wanted))
    try:
        yield
    finally:
        _context.reset(token)


# --- messages in files


def pack(value: Any) -> Any:
    """Serialize a message to JSON, {text, template, values}; one without values as its text alone.

    Lists and numbers inside messages are kept; other values become the text they are shown as.
    """
    if isinstance(value, Message):
        return {"text": str(value), **_packed(value)} if value.values else str(value)
    return [pack(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _packed(value: Any) -> Any:
    if isinstance(value, Message):
        values = {name: _packed(inner) for name, inner in value.values.items()}
        return {"template": value.template, **({"values": values} if values else {})}
    if isinstance(value, (list, tuple)):
        return [_packed(inner) for inner in value]
    # Subclasses, such as NumPy's float64 and enumerations, as what they are based on.
    for kind in (bool, int, float):
        if isinstance(value, kind):
            return kind(value)
    scalar = getattr(value, "item", None)  # NumPy's other scalars
    return _packed(scalar()) if callable(scalar) else str(value)


def restore(packed: Any) -> str:
    """Deserialize a message from the JSON of `pack`; anything else is plain text.

    Files come from strangers, and people edit them. The text counts: where template and values do
    not give it in any language, or the template is not in the catalogue, it is plain text.
    """
    if not isinstance(packed, Mapping):
        return str(packed)
    text = str(packed.get("text", ""))
    try:
        message = _restored(packed, 0)
        for name in LANGUAGES:
            with speaking(name):
                if localized(message) == text:
                    return Message(text, message.template, message.values)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError):
        pass  # values that do not fit the formats of the template
    return text


def _restored(packed: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(packed, list):
        return [_restored(value, depth + 1) for value in packed]
    if not isinstance(packed, Mapping):
        return packed
    template, values = packed["template"], packed.get("values", {})
    if template == JOINED:
        known = values["separator"] in _CHINESE_SEPARATORS
    else:
        key = "{count} " + values["noun"] if template == PLURAL else template
        known = key in _keys() or key == QUOTED
    if not known:
        raise ValueError("unknown template")
    # The text is not needed: `localized` makes it from template and values.
    return Message("", template, {name: _restored(v, depth + 1) for name, v in values.items()})


def table_of(value: Any) -> dict[str, Any]:
    """Text -> {template, values} of all messages with values inside nested plain data.

    Files that people and scripts read keep the plain texts in their places, and such a table
    beside them, from which `with_messages` makes messages of the texts again.
    """
    table: dict[str, Any] = {}
    for message in _messages_in(value):
        if message.values:
            table[str(message)] = _packed(message)
    return table


def with_messages(value: Any, table: Any) -> Any:
    """Turn the texts of nested plain data that `table` knows into messages again."""
    if not isinstance(table, Mapping):
        return value
    if isinstance(value, str):
        known = table.get(value)
        return restore({**known, "text": value}) if isinstance(known, Mapping) else value
    if isinstance(value, dict):
        return {key: with_messages(inner, table) for key, inner in value.items()}
    return [with_messages(inner, table) for inner in value] if isinstance(value, list) else value


def _messages_in(value: Any) -> Iterator[Message]:
    if isinstance(value, Message):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _messages_in(inner)
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        for inner in value:
            yield from _messages_in(inner)


# --- the catalogue


def _known(name: str) -> str:
    main = re.split(r"[-_.@]", name.strip().lower())[0]
    return main if main in LANGUAGES else "en"


def _of_system() -> str:
    for name in ("WEITIAO_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if os.environ.get(name):
            return _known(os.environ[name])
    try:
        name = locale.getlocale()[0] or ""
    except ValueError:  # a locale that Python cannot read
        return "en"
    return "zh" if name.startswith("Chinese") else _known(name)  # Windows: Chinese_China


@cache
def _catalogue(name: str) -> gettext.NullTranslations:
    return gettext.translation("weitiao", FOLDER, [name], fallback=True)


@cache
def _keys() -> Mapping[str, str]:
    """English text -> Chinese one, of the whole catalogue."""
    catalogue: dict[str, str] = getattr(_catalogue("zh"), "_catalog", {})
    return {key: text for key, text in catalogue.items() if key}


@cache
def _keys_by_text() -> Mapping[str, str]:
    """Reverse lookup: a text without placeholders, in any language -> its key."""
    by_text: dict[str, str] = {}
    for key, chinese in _keys().items():
        if all(name is None for _literal, name, _format, _conversion in pieces(key)):
            for text in (key, chinese):
                by_text.setdefault(text.format() if "{{" in key else text, key)
    # Texts that are the same in Chinese ("Rows", "rows"): an English one is always its own key.
    return {**by_text, **{key: key for key in by_text.values() if "{{" not in key}}


_FORMAT = re.compile(r"[-+,.\d]*[a-zA-Z%]?")


def pieces(text: str) -> list[tuple[str, str | None, str, str]]:
    """Parse a template into (fixed text, placeholder, format, conversion); plain text is one piece.

    Plain texts may hold braces that are no placeholders: "e.g. {text: review}".
    """
    try:
        parsed = [(a, b, c or "", d or "") for a, b, c, d in string.Formatter().parse(text)]
    except ValueError:  # a brace alone
        return [(text, None, "", "")]
    if all(b is None or (b.isidentifier() and _FORMAT.fullmatch(c)) for _, b, c, _ in parsed):
        return parsed
    return [(text, None, "", "")]
