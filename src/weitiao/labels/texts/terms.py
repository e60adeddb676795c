"""What must survive a translation: placeholders, tags, addresses, and the terms of a glossary."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from weitiao.core.script import UNSEPARATED

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
            small = in_small_letters(source)
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
        for _place, start, end, target in sorted(self._found(text, in_small_letters(text))):
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


def in_small_letters(text: str) -> str:
    """A text as terms are compared: whatever its capitals, and as long as it was."""
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
