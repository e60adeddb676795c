"""Reader of TMX, the exchange format of translation memories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.cells import TEXT
from weitiao.data.readers.base import Numbered, Reader, Reading, batched
from weitiao.errors import DataError
from weitiao.i18n.messages import _

SAMPLE = 1000  # units by which the languages are known
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
MOST_CHARACTERS = 1_000_000  # of one text


class Tmx(Reader):
    """A unit a row, a language a column, the source language of the header first. Codes inside
    segments (bpt, ph, ...) stay, as texts. Entities are refused."""

    def read(self, path: Path) -> Reading:
        units = _units(path)
        first = list(islice(units, SAMPLE))
        languages = dict.fromkeys(name for _number, unit in first for name in unit)
        if len(languages) < 2:
            raise DataError(
                _(
                    "{file}: its units have {count} languages; a translation needs two.",
                    file=path.name,
                    count=len(languages),
                )
            )
        kinds = dict.fromkeys(languages, TEXT)
        return Reading(kinds, batched(_rows(chain(first, units), kinds)))


def _rows(
    units: Iterator[tuple[int, Mapping[str, str]]], kinds: Mapping[str, Any]
) -> Iterator[Numbered | Bad]:
    for number, unit in units:
        if unknown := unit.keys() - kinds.keys():
            reason = _("a language that no unit before has: {name}", name=min(unknown))
            yield Bad(number, reason, str(dict(unit))[:200])
            continue
        yield number, {name: unit.get(name, "") for name in kinds}


def _units(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The texts of each unit by language, numbered from 1."""
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    number, texts, units, source = 0, dict[str, str](), None, ""
    try:
        for event, element in iterparse(path, events=("start", "end")):
            tag = element.tag.rpartition("}")[2]
            if event == "start":
                units = element if tag == "body" else units
                source = _main(element.get("srclang") or "") if tag == "header" else source
            elif tag == "tuv":
                language = element.get(LANGUAGE) or element.get("lang") or ""
                segment = next(
                    (one for one in element if one.tag.rpartition("}")[2] == "seg"), None
                )
                if segment is not None and language:
                    text = "".join(segment.itertext())
                    texts[language.lower()] = text[:MOST_CHARACTERS]
            elif tag == "tu":
                number += 1
                yield number, dict(sorted(texts.items(), key=lambda one: _main(one[0]) != source))
                texts = {}
                if units is not None:
                    units.clear()  # a memory of gigabytes is read unit by unit
    except ParseError as error:
        message = _("{file}: no valid XML ({error}).", file=path.name, error=error)
        raise DataError(message) from None
    except DefusedXmlException as error:
        message = _(
            "{file}: refused: it declares entities, which a translation memory does not need "
            "({error}).",
            file=path.name,
            error=error,
        )
        raise DataError(message) from None
    except (LookupError, ValueError) as error:  # an encoding that this parser does not know
        message = _("{file}: this file cannot be read ({error}).", file=path.name, error=error)
        raise DataError(message) from None


def _main(language: str) -> str:
    """A language without its country: en for en-US."""
    return language.lower().replace("_", "-").partition("-")[0]
