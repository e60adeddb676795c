"""Rows to read: the most confident mistakes, and the answers it is least sure of."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from weitiao.core.redact import masked
from weitiao.core.sanitize import shortened, visible
from weitiao.i18n.messages import _, plural
from weitiao.reporting import spans
from weitiao.reporting.blocks import Row, RowList, Section, Words
from weitiao.reporting.explanations import marked_texts
from weitiao.reporting.passages import ANSWER, excerpted
from weitiao.results.answers import Kept, digest
from weitiao.results.format import number, short_label
from weitiao.results.run_data import Material
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.numbers import Numbers
from weitiao.tasks.answers.passages import Passages
from weitiao.tasks.answers.spans import Spans

MOST = 60  # mistakes on the page
UNSURE = 20
OPEN, OPEN_UNSURE = 12, 5  # shown without a click
READ = 4000  # characters of a text that are looked at; far more than are shown


def to_read(material: Material, unmasked: bool) -> Section:
    """Both lists, with texts if they can be had."""
    kept = material.kept
    assert kept is not None
    judged = kept.judged
    wrong, unsure = judged.mistakes()[:MOST], judged.closest_calls()[:UNSURE]
    blocks: list[Any] = []
    gone = material.judged_rows is None
    if gone:
        blocks.append(
            Words(
                _("The file with the rows is gone or was changed: only ids are shown."),
                "warning",
            )
        )
    elif not unmasked:
        blocks.append(
            Words(
                _(
                    "Mail addresses, phone numbers, id cards, bank cards and queries of links are "
                    "masked; names are not. `weitiao report {run} --unmasked` shows all.",
                    run=visible(str(material.run.folder)),
                ),
                "note",
            )
        )
    head = _("truth"), _("answer"), _("score")
    if judged.numeric:
        head = _("truth"), _("answer"), _("off by")
        caption = _("The answers that are furthest off")
    else:
        caption = _("Wrong, and most sure of it")
    if len(wrong):
        items = _rows(material, wrong, judged.mistake_confidence(), unmasked)
        if any(row.marked for row in items):
            blocks.append(Words(_legend(judged), "note"))
        blocks.append(_list(caption, head, items, OPEN))
        if not judged.numeric:
            mistakes = int((~judged.right()).sum())
            told = _("{shown} of {all} shown.", shown=len(wrong), all=plural(mistakes, "wrong row"))
            blocks.append(Words(told, "note"))
    else:
        blocks.append(Words(_("Every judged row is right.")))
    if len(unsure):
        items = _rows(material, unsure, kept.sure, unmasked)
        caption = _("Least sure, right or wrong: good rows to look at or to label more of")
        blocks.append(_list(caption, head, items, OPEN_UNSURE))
    return Section("mistakes", _("Rows to read"), blocks)


def _legend(judged: Answers) -> str:
    if isinstance(judged, Spans):
        return _("Marked spans: blue are right; orange (dotted) are missed in the truth, or "
                    "wrong in the answer.")  # fmt: skip
    return _(
        'Marked words: blue speaks for the answer, orange (dotted) against it. "Left out" is how '
        'the score changes without the word, "gradient" how it would change if the word weighed '
        "less; neither says why."
    )


def _list(caption: str, head: tuple[str, str, str], items: list[Row], shown: int) -> RowList:
    """The first rows open, the others behind a click; no click for two or three."""
    shown = shown if len(items) > shown + 3 else len(items)
    more = _("{count} more", count=len(items) - shown) if len(items) > shown else ""
    return RowList(caption, head, items, shown, more)


def _rows(material: Material, picked: np.ndarray, sure: np.ndarray, unmasked: bool) -> list[Row]:
    kept = material.kept
    assert kept is not None
    judged, texts = kept.judged, material.texts(picked)
    right = None if judged.numeric else judged.right()
    near, explained = _near(material, unmasked), _explained(material)
    found = []
    for place, (at, identity) in enumerate(zip(picked, kept.ids(picked), strict=True)):
        told = f"{sure[at]:.3f}"
        if judged.numeric:
            told = f"{judged.values[at] - judged.targets[at]:+.3g}"
        own = [] if texts is None else texts[place]
        if isinstance(judged, Spans):
            found.append(_tagged(kept, identity, int(at), own, told, unmasked))
            continue
        own = excerpted(judged, int(at), own) if isinstance(judged, Passages) else own
        shown = [(r, _shown(t, unmasked)) for r, t in own]
        found.append(
            Row(
                identity,
                shown if len(shown) != 1 else [("", shown[0][1])],  # one text needs no name
                value_of(judged, judged.targets[at], unmasked),
                value_of(judged, judged.values[at], unmasked),
                told,
                None if right is None else bool(right[at]),
                _marked(material, explained.get(int(at)), own, unmasked),
                near.get(int(at)),
            )
        )
    return found


def _tagged(
    kept: Kept, identity: str, at: int, own: list[tuple[str, str]], told: str, unmasked: bool
) -> Row:  # fmt: skip
    """A row of spans, with the text twice: as it is right, and as it was answered."""
    judged = kept.judged
    text = spans.text_of(own[0][1]) if own else None
    truth, given = judged.targets.row(at), judged.values.row(at)
    return Row(
        identity,
        [] if text is None else [("", _shown(text, unmasked))],
        spans.told(judged, truth, text, unmasked),
        spans.told(judged, given, text, unmasked),
        told,
        {tuple(one) for one in truth.tolist()} == {tuple(one) for one in given.tolist()},
        [] if text is None else spans.twice(judged, at, text, unmasked),
    )


def _explained(material: Material) -> dict[int, Any]:
    return {int(one["row"]): one for one in material.findings.get("explained") or []}


def _marked(
    material: Material, one: Any, texts: list[tuple[str, str]], unmasked: bool
) -> list[tuple[str, Any]]:
    """The texts with the words marked that the answer hangs on, once for each way to find them."""
    if one is None or not texts or material.judged_rows is None:
        return []
    names = {"without": _("left out"), "gradient": _("gradient")}
    roles = material.judged_rows.text_roles
    found = marked_texts(one, texts, roles, unmasked)
    return [(names[way], pieces) for way, each in found.items() for pieces in each]


def _near(material: Material, unmasked: bool) -> dict[int, tuple[str, str, str]]:
    """Judged row -> the nearest training row, if its text is still the same."""
    found = material.findings.get("near") or []
    texts = material.train_texts([int(one["position"]) for one in found])
    return {
        int(one["row"]): (one["id"], _label(one["label"]), _shown(text, unmasked))
        for one in found
        if (text := texts.get(int(one["position"]))) is not None and digest(text) == one["digest"]
    }


def _label(target: Any) -> str:
    if isinstance(target, float):
        return number(target)
    labels = target if isinstance(target, list) else [target]
    return shortened(", ".join(short_label(str(label)) for label in labels)) or _("(none)")


def _shown(text: str, unmasked: bool) -> str:
    head = text[:READ]
    return shortened(head if unmasked else masked(head)) + (" …" if len(text) > READ else "")


@singledispatch
def value_of(judged: Answers, value: Any, unmasked: bool) -> str:
    """A target or an answer as people write it."""
    text = " / ".join(judged.spelled(value))
    return shortened(text if unmasked else masked(text), ANSWER)


@value_of.register
def _number(judged: Numbers, value: Any, unmasked: bool) -> str:
    return number(float(value))


@value_of.register(Labels)
@value_of.register(LabelSets)
def _labels(judged: Answers, value: Any, unmasked: bool) -> str:
    names = [short_label(name) for name in judged.spelled(value)]
    return shortened(", ".join(names)) if names else _("(none)")


@value_of.register
def _passage(judged: Passages, value: Any, unmasked: bool) -> str:
    """An answer, or the right ones of a question."""
    text = " / ".join(filter(None, judged.spelled(value)))
    return shortened(text if unmasked else masked(text), ANSWER) if text else _("(no answer)")
