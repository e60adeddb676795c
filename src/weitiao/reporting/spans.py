"""Answers that are spans of a text: how many are found, and a row with its spans marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from weitiao.core.ragged import Ragged
from weitiao.core.redact import masked
from weitiao.core.sanitize import shortened
from weitiao.i18n.messages import _
from weitiao.labels.tags.counts import by_row
from weitiao.labels.tags.words import joined, listed
from weitiao.reporting.blocks import Bar, Bars
from weitiao.results.answers import Kept
from weitiao.results.format import baseline, short_label, whole_baseline
from weitiao.tasks.answers.base import Answers

OF = 1000
LONGEST = 900  # characters of a text that are shown with marks
MOST = 12  # spans told of a row
Pieces = list[tuple[str, str]]  # text, class


def found(kept: Kept, metrics: Mapping[str, Any]) -> tuple[Bars, list[str]]:
    """Bars of the spans that are found, and sentences about them."""
    ours = _shares(kept.judged.targets, kept.judged.values)
    bars = [Bar(_("this model"), ours[0], _of(ours[0]), ours=True)]
    for name, values in kept.beside.items():
        share, _unused = _shares(kept.judged.targets, values)
        bars.append(Bar(whole_baseline(name), share, _of(share)))
    sentences = [
        _("Of {of} spans that are in the texts it finds {found}, with the right ends and label; "
             "of {of} that it gives, {wrong} are wrong.", of=f"{OF:,}", found=_of(ours[0]),
             wrong=_of(ours[1]))
        if len(kept.judged.values.values)
        else _("It finds no span in any text.")
    ]  # fmt: skip
    against = str(metrics.get("against"))
    if against in kept.beside:
        share, wrong = _shares(kept.judged.targets, kept.beside[against])
        sentences.append(
            _("The best baseline, {baseline}, finds {found}, and {wrong} of {of} that it gives "
                 "are wrong.", baseline=baseline(against), found=_of(share), wrong=_of(wrong),
                 of=f"{OF:,}")
        )  # fmt: skip
    return Bars(_("Spans found of {of}", of=f"{OF:,}"), bars, 1.0), sentences


def text_of(cell: str) -> str:
    """The text of a cell, which may list its words."""
    words = listed(cell)
    return cell if words is None else joined(words)[0]


def told(judged: Answers, spans: np.ndarray, text: str | None, unmasked: bool) -> str:
    """Spans (start, end, label) in words: what they hold, and their label."""
    shown = []
    for start, end, label in spans[:MOST].tolist():
        name = short_label(judged.labels[label])
        held = f"{start}-{end}" if text is None else text[start:end]
        shown.append(f"{held if unmasked else masked(held)} ({name})")
    more = f", ... {len(spans)}" if len(spans) > MOST else ""
    return shortened(", ".join(shown)) + more if shown else _("(none)")


def twice(judged: Answers, at: int, text: str, unmasked: bool) -> list[tuple[str, Pieces]]:
    """The text twice: with the true spans marked, and with those of the answer. Blue: in both;
    orange (dotted): missed or wrong. Nothing where something has to be masked."""
    if not (unmasked or masked(text) == text):
        return []
    truth, given = judged.targets.row(at), judged.values.row(at)
    both = {tuple(span) for span in truth.tolist()} & {tuple(span) for span in given.tolist()}
    return [
        (_("truth"), _pieces(judged, truth, both, text)),
        (_("answer"), _pieces(judged, given, both, text)),
    ]


def _pieces(judged: Answers, spans: np.ndarray, both: set[Any], text: str) -> Pieces:
    pieces: Pieces = []
    at = 0
    for start, end, label in sorted(spans.tolist()):
        if end > LONGEST or start < at:  # beyond what is shown, or inside another one
            continue
        pieces.append((text[at:start], ""))
        pieces.append((text[start:end], "p2" if (start, end, label) in both else "n2"))
        pieces.append((f" [{short_label(judged.labels[label])}]", ""))
        at = end
    rest = text[at:LONGEST] + (" …" if len(text) > LONGEST else "")
    return [piece for piece in (*pieces, (rest, "")) if piece[0]]


def _shares(truth: Ragged, given: Ragged) -> tuple[float, float]:
    """The share of true spans that are found, and of given ones that are wrong."""
    right, said, true = by_row(truth, given).sum(0).tolist()
    return right / max(true, 1), (said - right) / max(said, 1)


def _of(share: float) -> str:
    return f"{round(OF * round(share, 3)):,}"
