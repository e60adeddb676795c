"""Glossaries: source terms and what they are translated by, of a file or a plan."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from weitiao.core import disk
from weitiao.errors import PlanError
from weitiao.i18n.messages import _
from weitiao.i18n.system import said
from weitiao.labels.texts.languages import SOURCES, TARGETS, language_of, same_language
from weitiao.labels.texts.terms import in_small_letters

MOST_BYTES = 20_000_000
Entry = tuple[int, str, str]  # number of the line, source term, target term


def read_glossary(path: str, source: str = "", target: str = "") -> dict[str, str]:
    """Source terms and target terms of a .csv or .tsv file of two columns; a first line such as
    source,target or en,de is its header, which says their order. Raises PlanError.

    source, target: the languages of the translation, where they are known.
    """
    entries: list[Entry] = []
    try:
        for number, row in _rows(path):
            terms = [cell.strip() for cell in row[:2]]
            if len(terms) < 2 or not all(terms):
                raise PlanError([_incomplete(path, number)])
            entries.append((number, terms[0], terms[1]))
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
    entries = _in_order(path, entries, source, target)
    if not entries:
        raise PlanError([_("task.translation.glossary: {path}: holds no terms.", path=path)])
    _require_one_translation(path, entries)
    return {term: translation for _number, term, translation in entries}


def require_terms(glossary: Mapping[str, str]) -> None:
    """Check the terms that stand in a plan itself. Raises PlanError."""
    entries = [
        (number, term.strip(), translation.strip())
        for number, (term, translation) in enumerate(glossary.items(), 1)
    ]
    for number, term, translation in entries:
        if not term or not translation:
            raise PlanError(
                [
                    _(
                        "task.translation.glossary: entry {number} has an empty term: write it, "
                        "or leave the entry out.",
                        number=number,
                    )
                ]
            )
    _require_one_translation("", entries)


def _rows(path: str) -> Iterator[tuple[int, Sequence[str]]]:
    """The rows that are not blank, each with the number of the line where it begins."""
    tabs = Path(path).suffix.lower() in (".tsv", ".tab", ".txt")
    text = disk.content_of(path, MOST_BYTES).decode("utf-8-sig")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if tabs else ",")
    number = 1
    for row in reader:
        if any(cell.strip() for cell in row):
            yield number, row
        number = reader.line_num + 1


def _incomplete(path: str, number: int) -> str:
    return _(
        "task.translation.glossary: {path}: line {number} has no source term and target term, "
        "separated by a comma (.csv) or a tab (.tsv).",
        path=path,
        number=number,
    )


def _in_order(path: str, entries: list[Entry], source: str, target: str) -> list[Entry]:
    """The entries without the header; where it says so, the other way round. Raises PlanError
    where the header names languages that are not those of the translation."""
    if not entries:
        return []
    _number, first, second = entries[0]
    swapped = [(number, two, one) for number, one, two in entries[1:]]
    sides = _side(first), _side(second)
    if all(sides) and sides[0] != sides[1]:
        return entries[1:] if sides == ("source", "target") else swapped
    one, two = language_of(first), language_of(second)
    if not one or not two or one == two:
        return entries
    source, target = language_of(source), language_of(target)
    if same_language(one, source) and same_language(two, target):
        return entries[1:]
    if same_language(one, target) and same_language(two, source):
        return swapped
    raise PlanError(
        [
            _(
                "task.translation.glossary: {path}: its first line names the languages {first} "
                "and {second}, but the translation is from {source} into {target}. If it is an "
                "entry, write a line above it: source,target.",
                path=path,
                first=first,
                second=second,
                source=source or "?",
                target=target or "?",
            )
        ]
    )


def _side(name: str) -> str:
    """source or target, where a header is called so; else empty.

    >>> _side("Source term"), _side("译文术语"), _side("house")
    ('source', 'target', '')
    """
    short = name.strip().lower().replace("_", " ").removesuffix("s")
    short = short.removesuffix("term").removesuffix("术语").strip().replace(" ", "_")
    return "source" if short in SOURCES else "target" if short in TARGETS else ""


def _require_one_translation(path: str, entries: Iterable[Entry]) -> None:
    """Raise PlanError where a term is given two translations: only one could be required."""
    known: dict[str, Entry] = {}
    for number, term, translation in entries:
        first = known.setdefault(in_small_letters(term), (number, term, translation))
        if first[2] == translation:
            continue
        raise PlanError([_twice(path, first, (number, term, translation))])


def _twice(path: str, first: Entry, second: Entry) -> str:
    numbers = {"one": first[0], "two": second[0]}
    terms = {"term": second[1], "first": first[2], "second": second[2]}
    if path:
        return _(
            "task.translation.glossary: {path}: lines {one} and {two} translate {term!r} by "
            "{first!r} and by {second!r} (capitals do not count): keep one of them.",
            path=path,
            **numbers,
            **terms,
        )
    return _(
        "task.translation.glossary: entries {one} and {two} translate {term!r} by {first!r} and "
        "by {second!r} (capitals do not count): keep one of them.",
        **numbers,
        **terms,
    )
