"""What must survive a translation: placeholders, tags, addresses, and the terms of a glossary."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
LETTER = f"[^\\W_{UNSEPARATED}]"  # of a script that separates words


def placeholders(text: str) -> list[str]:
    """The placeholders of a text, in order.

    >>> placeholders("Hi {name}, <b>%d</b> of 100% at https://a.org/x?y=1.")
    ['{name}', '<b>', '%d', '</b>', 'https://a.org/x?y=1']
    """
    return PLACEHOLDER.findall(text)


def terms_in(text: str, glossary: Mapping[str, str]) -> list[str]:
    """The target terms that the glossary wants for a text, each once. Longer terms come first, and
    what they cover is not looked up again.

    >>> terms_in("The White House and a house", {"house": "Haus", "white house": "Weißes Haus"})
    ['Weißes Haus', 'Haus']
    """
    wanted: dict[str, None] = {}
    for source in sorted(glossary, key=len, reverse=True):
        found, text = _without(text, source)
        if found:
            wanted[glossary[source]] = None
    return list(wanted)


def _without(text: str, term: str) -> tuple[bool, str]:
    # Words as a whole where blanks separate them; in Chinese anywhere.
    before = rf"(?<!{LETTER})" if re.match(LETTER, term) else ""
    behind = rf"(?!{LETTER})" if re.match(LETTER, term[-1:]) else ""
    rest, count = re.subn(f"{before}{re.escape(term)}{behind}", "\0", text, flags=re.IGNORECASE)
    return count > 0, rest


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
