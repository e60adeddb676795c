"""What a page says where answers are passages: how many are right, what answering less gains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from weitiao.evaluation.intervals import wilson
from weitiao.evaluation.passages import coverage, has_none
from weitiao.i18n.messages import _
from weitiao.reporting.blocks import Bar, Bars, Plot, Table, thinned
from weitiao.results.answers import Kept
from weitiao.results.format import figure, whole_baseline
from weitiao.results.run_data import Material
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.passages import EXACT, OVERLAP

OF = 1000
AROUND = 140  # characters of a passage to either side of an answer
ANSWER = 160  # characters of an answer that are shown


def summary_of(material: Material) -> tuple[Bars, list[str]]:
    """Exactly right answers beside the baselines', and what that is in words."""
    kept = material.kept
    assert kept is not None
    right, overlap = kept.judged.counts[:, EXACT].mean(), kept.judged.counts[:, OVERLAP].mean()
    low, high = wilson(float(right), len(kept))
    bars = [Bar(_("this model"), float(right), _of(right), low, high, ours=True)]
    for name, figures in (material.metrics.get("baselines") or {}).items():
        share = figures.get("exact_match")
        if share is not None:
            low, high = wilson(float(share), len(kept))
            bars.append(Bar(whole_baseline(name), float(share), _of(share), low, high))
    told = [
        _("Of {of} questions it answers {right} exactly; on average an answer and the right one "
             "overlap by {overlap} (F1).",
             of=f"{OF:,}", right=_of(right), overlap=f"{overlap:.0%}")
    ]  # fmt: skip
    silent = np.array([not golds for golds in kept.judged.targets])
    if silent.any():
        kept_quiet = float((kept.judged.values[silent] == "").mean())
        told.append(
            _("Of {of} questions without an answer it leaves {quiet} unanswered.",
                 of=f"{OF:,}", quiet=_of(kept_quiet))
        )  # fmt: skip
    return Bars(_("Exactly right answers of {of}", of=f"{OF:,}"), bars, 1.0), told


def coverage_plot(kept: Kept) -> Plot:
    """F1 against the share of questions answered."""
    points = coverage(kept.judged)
    x, y = _("share of questions answered"), _("F1 of the answered")
    drawn = [[round(one["coverage"], 4), round(one["f1"], 4)] for one in points]
    half = min(points, key=lambda one: abs(one["coverage"] - 0.5))
    title = _("Answering less")
    about = _("If only the questions are answered whose passages score highest: of the surest "
                 "{share} F1 is {some}, of all {all}.", share=f"{half['coverage']:.0%}",
                 some=figure(half["f1"]), all=figure(points[-1]["f1"]))  # fmt: skip
    by = _('score above "no answer"') if has_none(kept.judged) else _("score of the answer")
    rows = [[figure(one["score"]), f"{one['coverage']:.0%}", figure(one["f1"])]
            for one in thinned(points)]  # fmt: skip
    drawing = {"kind": "lines", "x": x, "y": y, "share": True,
               "series": [{"name": y, "points": drawn, "dots": True}]}  # fmt: skip
    return Plot("coverage", title, about, drawing, Table(title, [by, x, y], rows, range(3), True))


def excerpted(judged: Answers, row: int, texts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The texts of a row, of the passage what stands around the right answer and the given one."""
    if len(texts) < 2:
        return list(texts)
    column, passage = texts[-1]
    wanted = [*judged.targets[row], judged.values[row]]
    found = [(at, at + len(text)) for text in wanted if text and (at := passage.find(text)) >= 0]
    if not found:
        return list(texts)
    first = found[0]
    near = [one for one in found if abs(one[0] - first[0]) <= AROUND]
    begin = max(0, min(one[0] for one in near) - AROUND)
    end = min(len(passage), max(one[1] for one in near) + AROUND)
    # Not within an address or a number: half of one would not be known and masked.
    while begin and passage[begin - 1].isascii() and not passage[begin - 1].isspace():
        begin -= 1
    while end < len(passage) and passage[end].isascii() and not passage[end].isspace():
        end += 1
    told = ("… " if begin else "") + passage[begin:end] + (" …" if end < len(passage) else "")
    return [*texts[:-1], (column, told)]


def _of(share: Any) -> str:
    return f"{round(OF * round(float(share), 3)):,}"
