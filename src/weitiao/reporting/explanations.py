"""Texts with the words marked that an answer hangs on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from weitiao.core.redact import masked
from weitiao.results.answers import digest

LONGEST = 900  # characters of a text that are shown with marks
LEVELS = (0.1, 0.33, 0.66)  # of the strongest word: where its colour gets stronger
LEAST = 0.005  # of a score; when no word changes it more, none is marked
Pieces = list[tuple[str, str]]  # text, class


def marked_texts(
    one: Mapping[str, Any], texts: Sequence[tuple[str, str]], roles: Sequence[str], unmasked: bool
) -> dict[str, list[Pieces]]:
    """Way of explaining -> each text in pieces; nothing where the texts are not those of then, or
    hold something that has to be masked."""
    whole = "\n".join(text for _, text in texts)
    if digest(whole) != one["digest"] or not (unmasked or masked(whole) == whole):
        return {}
    found = {}
    for way, least in (("without", LEAST), ("gradient", 0.0)):
        values = [v for word in one["words"] if (v := float(word[way])) == v]
        strongest = max(map(abs, values), default=0.0)
        if strongest > least:
            found[way] = [
                _pieces(text, [w for w in one["words"] if w["role"] == role], way, strongest)
                for role, (_, text) in zip(roles, texts, strict=True)
            ]
    return found


def level(value: float, strongest: float) -> str:
    """The class of a word: p1 to p3 for the answer, n1 to n3 against it, "" for little."""
    size = sum(abs(value) / strongest >= limit for limit in LEVELS) if strongest else 0
    return f"{'p' if value > 0 else 'n'}{size}" if size else ""


def _pieces(text: str, words: Sequence[Mapping[str, Any]], way: str, strongest: float) -> Pieces:
    found: Pieces = []
    at = 0
    for word in sorted(words, key=lambda one: int(one["start"])):
        if word["end"] > LONGEST:
            break
        found.append((text[at : word["start"]], ""))
        found.append((text[word["start"] : word["end"]], level(float(word[way]), strongest)))
        at = word["end"]
    rest = text[at:]
    found.append((rest if len(text) <= LONGEST else " …", ""))
    return [(piece, kind) for piece, kind in found if piece]
