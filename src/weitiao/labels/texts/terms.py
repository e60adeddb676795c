"""What must survive a translation: placeholders, tags, addresses, and the terms of a glossary."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from weitiao.core import disk
from weitiao.core.script import UNSEPARATED
from weitiao.errors import PlanError
from weitiao.i18n.messages import _
from weitiao.i18n.system import said
from weitiao.labels.texts.languages import language_of

MOST_BYTES = 20_000_000  # of a glossary
PLACEHOLDER = re.compile(
    r"https?://[^\s<>\"'，。；、！？（）]*[\w/=&#-]"  # an address, without the full stop behind it
    r"|</?[A-Za-z][^<>]*>"  # a tag
    r"|\$?\{\{?[\w.:\-]*\}?\}"  # {name}, {0}, {}, {{name}}, ${name}
    r"|%(?:\(\w+\)|\d+\$)?[-+0#]*\d*(?:\.\d+)?[sdifgxu@](?![A-Za-z])"  # %s, %1$s, %(name)s, %.2f
)
LETTER = re.compile(f"[^\\W_{UNSEPARATED}]")  # of a script that separates words
BEGINNING = 2  # characters by which a term is looked up first


def placeholders(text: str) -> list[str]:
    """The placeholders of a text, in order.

    >>> placeholders("Hi {name}, <b>%d</b> of 100% at https://a.org/x?y=1.")
    ['{name}', '<b>', '%d', '</b>', 'https://a.org/x?y=1']
    """
    return PLACEHOLDER.findall(text)


class Terms:
    """The source terms of a glossary, prepared once to be looked for in many texts."""

    def __init__(self, glossary: Mapping[str, str]) -> None:
        self.glossary = glossary
        self._terms: dict[str, _Term] = {}  # by the term in small letters
        lengths: dict[str, set[int]] = {}
        longest_first = sorted(glossary, key=len, reverse=True)
        for place, source in enumerate(longest_first):
            small = _small(source)
            # Of two that differ in their capitals the first counts.
            if source and small not in self._terms:
                self._terms[small] = _Term(place, glossary[source], source)
                lengths.setdefault(small[:BEGINNING], set()).add(len(small))
        self._lengths = {begun: sorted(found) for begun, found in lengths.items()}

    def wanted_in(self, text: str) -> list[str]:
        """The target terms for a text, each once. Longer terms come first, and what they cover is
        not looked up again."""
        covered = bytearray(len(text))
        wanted: dict[str, None] = {}
        for _place, start, end, target in sorted(self._found(text, _small(text))):
            if not any(covered[start:end]):
                covered[start:end] = b"\1" * (end - start)
                wanted[target] = None
        return list(wanted)

    def _found(self, text: str, small: str) -> Iterator[tuple[int, int, int, str]]:
        """Wherever a term stands: its place among the terms, start, end, target term."""
        for start in range(len(small)):
            for size in range(1, BEGINNING + 1):
                for length in self._lengths.get(small[start : start + size], ()):
                    end = start + length
                    term = self._terms.get(small[start:end])
                    if term and end <= len(small) and term.is_whole(text, start, end):
                        yield term.place, start, end, term.target


class _Term:
    """A source term. Where blanks separate words it stands as a whole; in Chinese anywhere."""

    def __init__(self, place: int, target: str, source: str) -> None:
        self.place, self.target = place, target
        self._begins, self._ends = _is_letter(source, 0), _is_letter(source, len(source) - 1)

    def is_whole(self, text: str, start: int, end: int) -> bool:
        inside = (self._begins and _is_letter(text, start - 1)) or (
            self._ends and _is_letter(text, end)
        )
        return not inside


def _is_letter(text: str, position: int) -> bool:
    return 0 <= position < len(text) and LETTER.match(text, position) is not None


class _SmallLetters(dict[int, str]):
    """Characters -> the one that stands for all their cases, one for one: so positions stay."""

    def __missing__(self, code: int) -> str:
        small = chr(code).lower()[0]
        for change in (str.upper, str.lower):
            changed = change(small)
            small = changed if len(changed) == 1 else small
        self[code] = small
        return small


_SMALL = _SmallLetters()


def _small(text: str) -> str:
    return text.translate(_SMALL)


def terms_in(text: str, glossary: Mapping[str, str]) -> list[str]:
    """The target terms that the glossary wants for a text, each once.

    >>> terms_in("The White House and a house", {"house": "Haus", "white house": "Weißes Haus"})
    ['Weißes Haus', 'Haus']
    """
    return Terms(glossary).wanted_in(text)


def plain(text: str) -> str:
    """A text without blanks: tokenizers set them differently around signs."""
    return "".join(text.split())


def held(wanted: Iterable[str], text: str) -> int:
    """How many of the wanted pieces of text stand in a text; one that is wanted twice, twice."""
    short = plain(text)
    counts = Counter(map(plain, wanted))
    return sum(min(count, short.count(term)) for term, count in counts.items())


def read_glossary(path: str) -> dict[str, str]:
    """Source terms and target terms of a .csv or .tsv file of two columns; a first line such as
    source,target or en,de is its header. Raises PlanError."""
    tabs = Path(path).suffix.lower() in (".tsv", ".tab", ".txt")
    try:
        text = disk.content_of(path, MOST_BYTES).decode("utf-8-sig")
        lines = io.StringIO(text, newline="")
        rows = [row for row in csv.reader(lines, delimiter="\t" if tabs else ",") if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PlanError(
            [
                _(
                    "task.translation.glossary: {path}: cannot be read: {error}.",
                    path=path,
                    error=said(error),
                )
            ]
        ) from None
    if wrong := next((n for n, row in enumerate(rows, 1) if len(row) < 2 or not all(row[:2])), 0):
        raise PlanError(
            [
                _(
                    "task.translation.glossary: {path}: entry {number} has no source term and "
                    "target term, separated by a comma (.csv) or a tab (.tsv).",
                    path=path,
                    number=wrong,
                )
            ]
        )
    if rows and _is_header(rows[0]):
        rows = rows[1:]
    if not rows:
        raise PlanError([_("task.translation.glossary: {path}: holds no terms.", path=path)])
    return {row[0].strip(): row[1].strip() for row in rows}


def _is_header(row: Sequence[str]) -> bool:
    names = [name.strip().lower() for name in row[:2]]
    return names in (["source", "target"], ["src", "tgt"], ["原文", "译文"]) or all(
        language_of(name) for name in names
    )
