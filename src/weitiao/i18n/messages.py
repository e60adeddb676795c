"""What is said to people, in their language: English in the code, the others in one catalogue.

    raise DataError(_("{file}:{line}: no text in column {column!r}.", file=..., ...))

The English text is the key; `locale/zh/LC_MESSAGES/weitiao.po` holds the Chinese one (`make
messages` compiles it). A test checks that every text stands there with the same placeholders.
"""

from __future__ import annotations

import gettext
import locale
import os
import re
import string
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

LANGUAGES = ("en", "zh")
FOLDER = Path(__file__).with_name("locale")

_here: ContextVar[str | None] = ContextVar("language", default=None)
_everywhere: list[str] = []  # at most one: what `use` was told


def _(template: str, /, **values: Any) -> str:
    """The text in the current language, its {placeholders} filled in ("{{" is a brace itself).

    >>> _("{count:,} files", count=2000)
    '2,000 files'
    """
    return _catalogue(language()).gettext(template).format(**values)


def plural(number: int, noun: str) -> str:
    """A number with its noun; the noun is given in the singular.

    >>> counted(1, "row"), counted(2000, "row")
    ('1 row', '2,000 rows')
    """
    if language() == "en":
        return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
    return _("{count} " + noun, count=f"{number:,}")


def joined(told: Iterable[str], mark: str = " ") -> str:
    """Texts in a row, with what the language puts between them: no blank in Chinese.

    >>> joined(["First.", "Second."])
    'First. Second.'
    """
    chinese = {" ": "", "; ": "；", ", ": "、"}
    return (mark if language() == "en" else chinese[mark]).join(filter(None, told))


def N_(template: str) -> str:
    """The English text itself, for what is stored in English and `retold` where it is shown.

    >>> marked("finished")
    'finished'
    """
    return template


def translated(text: str) -> str:
    """A text declared elsewhere (help, description, docstring); it has no placeholders."""
    return _catalogue(language()).gettext(text) if text else ""


def language() -> str:
    """The language that people are spoken to in now: "en" or "zh"."""
    here = _here.get()
    if here:
        return here
    if not _everywhere:
        _everywhere.append(_of_system())
    return _everywhere[0]


def use(wanted: str | None) -> None:
    """Speak this language from now on; None: the one of the system. Unknown ones are English."""
    _everywhere[:] = [_known(wanted) if wanted else _of_system()]


@contextmanager
def speaking(wanted: str) -> Iterator[None]:
    """Speak this language inside the block, in this thread of control only."""
    token = _here.set(_known(wanted))
    try:
        yield
    finally:
        _here.reset(token)


def retold(text: str) -> str:
    """A text that was told and stored earlier, in the language of now.

    Plans and runs keep what was said in the language of that day. The text is recognised by its
    template, in any language; one that is not ours stays as it is.
    """
    told = _Recognition(language()).told(text, LANGUAGES) if len(text) < _LONGEST else None
    return text if told is None else told


def _known(name: str) -> str:
    main = re.split(r"[-_.@]", name.strip().lower())[0]
    return main if main in LANGUAGES else "en"


def _of_system() -> str:
    for name in ("WEITIAO_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if os.environ.get(name):
            return _known(os.environ[name])
    try:
        found = locale.getlocale()[0] or ""
    except ValueError:  # a locale that Python cannot read
        return "en"
    return "zh" if found.startswith("Chinese") else _known(found)  # Windows: Chinese_China


@cache
def _catalogue(name: str) -> gettext.NullTranslations:
    return gettext.translation("weitiao", FOLDER, [name], fallback=True)


# Telling again: a stored text is taken apart by the template it was told with.

_NUMBER = re.compile(r"[-+]?(?:\d+(?:[,.]\d+)*(?:e[-+]?\d+)?|inf|nan)%?")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_COUNTED = re.compile(r"\{count\} [a-z -]+")  # the keys of `counted`
_SHAPE = re.compile(r"[-+,.\d]*[a-zA-Z%]?")  # of a format
_HAN = re.compile(r"[\u3400-\u9fff]")
_SURE = 3  # letters of its own that a template is recognised by; with fewer, by what it holds
_DEEPEST = 4  # texts in texts in texts
_LONGEST = 10_000  # characters; plans come from strangers, and nobody's reason is that long


class _Gap(NamedTuple):
    """A placeholder, what its values look like, and the fixed text behind it."""

    name: str
    looks: re.Pattern[str] | None
    behind: str

    def end(self, text: str, start: int, most: int) -> int:
        """Where the value that begins at `start` ends; -1 when none does."""
        if self.looks and (self.looks is _NUMBER or text[start : start + 1] in ("'", '"')):
            value = self.looks.match(text, start, most)
            return value.end() if value else -1
        # The next place where the fixed text stands: no other has to be tried, as in file patterns.
        return text.find(self.behind, start, most) if self.behind else most


class _Template(NamedTuple):
    """One way in which a text of ours is written: fixed pieces, and gaps for the values."""

    key: str
    spoken: str
    begin: str
    gaps: tuple[_Gap, ...]
    letters: int  # of its own: the more, the surer
    fixed: int  # characters of its own

    def values(self, text: str) -> dict[str, str] | None:
        """What stands in the gaps when `text` was told with this template; else None."""
        if not self.gaps:
            return {} if text == self.begin else None
        *gaps, last = self.gaps
        most = len(text) - len(last.behind)
        if not (text.startswith(self.begin) and text.endswith(last.behind, len(self.begin))):
            return None
        found: dict[str, str] = {}
        place = len(self.begin)
        for gap in gaps:
            at = gap.end(text, place, most)
            if at < 0 or not text.startswith(gap.behind, at):
                return None
            found[gap.name] = text[place:at]
            place = at + len(gap.behind)
        if place > most or last._replace(behind="").end(text, place, most) != most:
            return None
        return {**found, last.name: text[place:most]}


class _Recognition:
    """The parts of one stored text, each looked up once, in the language `wanted`."""

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        self.found: dict[tuple[str, tuple[str, ...], int], str | None] = {}

    def told(self, text: str, spoken: tuple[str, ...], depth: int = 0) -> str | None:
        """The text told again, or None when no template fits.

        depth: above 0 it is a value in a text of ours. There a single word is somebody's name (a
        column called "label"), and its language is that of the text around it.
        """
        key = (text, spoken, depth)
        if key not in self.found:
            self.found[key] = self._told(text, spoken, depth) if depth < _DEEPEST else None
        return self.found[key]

    def _told(self, text: str, spoken: tuple[str, ...], depth: int) -> str | None:
        size = len(text)
        for template in _beginning(text[:1]):
            if template.fixed > size or template.spoken not in spoken:
                continue
            values = None if depth and " " not in template.key else template.values(text)
            if values is None:
                continue
            own = (template.spoken,)
            again = {name: self.told(value, own, depth + 1) for name, value in values.items()}
            known = {name: told for name, told in again.items() if told is not None}
            if template.letters >= _SURE or _COUNTED.fullmatch(template.key) or known:
                same = template.spoken == self.wanted
                return text if same else _written(template.key, self.wanted, values | known)
        return None


def _written(key: str, wanted: str, values: dict[str, str]) -> str:
    """The text of a key; the values are written already, so no formats apply."""
    if wanted == "en" and _COUNTED.fullmatch(key) and values["count"] != "1":
        key += "s"
    told = []
    for literal, name, _, _ in pieces(_catalogue(wanted).gettext(key)):
        told += [literal, "" if name is None else values[name]]
    return "".join(told)


def pieces(text: str) -> list[tuple[str, str | None, str, str]]:
    """A template as (fixed text, placeholder, format, conversion); a plain text is one piece.

    Plain texts may hold braces that are no placeholders: "e.g. {text: review}".
    """
    try:
        found = [(a, b, c or "", d or "") for a, b, c, d in string.Formatter().parse(text)]
    except ValueError:  # a brace alone
        return [(text, None, "", "")]
    if all(b is None or (b.isidentifier() and _SHAPE.fullmatch(c)) for _, b, c, _ in found):
        return found
    return [(text, None, "", "")]


@cache
def _templates() -> list[_Template]:
    """Every way to write every text, the surest first."""
    found = []
    for name in LANGUAGES:
        catalogue: dict[str, str] = getattr(_catalogue(name), "_catalog", {})
        for key, written in catalogue.items():
            if key:
                variants = [key + "s"] if _COUNTED.fullmatch(key) else []
                found += [_template(key, "en", english) for english in (key, *variants)]
                found.append(_template(key, name, written))
    return sorted(found, key=lambda template: (-template.letters, -template.fixed))


@lru_cache(256)
def _beginning(first: str) -> list[_Template]:
    """The templates of texts whose first character is this one; most are none."""
    return [template for template in _templates() if template.begin[:1] in ("", first)]


def _template(key: str, spoken: str, written: str) -> _Template:
    number = _COUNTED.fullmatch(key) is not None
    begin, gaps, fixed = "", list[_Gap](), ""
    for literal, name, shape, conversion in pieces(written):
        fixed += literal
        if gaps:
            gaps[-1] = gaps[-1]._replace(behind=gaps[-1].behind + literal)
        else:
            begin += literal
        if name is not None:
            looks = _QUOTED if conversion == "r" else None
            decimal = number or shape[-1:] in {*",dfg%"}
            gaps.append(_Gap(name, _NUMBER if decimal else looks, ""))
    letters = sum(map(str.isalnum, fixed)) + 2 * len(_HAN.findall(fixed))  # as telling as three
    return _Template(key, spoken, begin, tuple(gaps), letters, len(fixed))
