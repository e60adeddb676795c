"""Examples: the most confident mistakes, and the least confident predictions."""

from __future__ import annotations

from typing import Any

import numpy as np

from weitiao.core.sanitize import shortened, visible
from weitiao.core.units import UNDEFINED
from weitiao.i18n.messages import _, joined, plural
from weitiao.reporting.highlights import (
    answers_in_passage,
    attributed_texts,
    excerpt,
    gold_and_predicted,
    shown_text,
    spans_in_words,
    text_of_cell,
    value_in_words,
)
from weitiao.reporting.render import Row, RowList, Section, Words
from weitiao.reporting.text_plots import edits
from weitiao.results.format import number, short_label
from weitiao.results.records import ExplainedError
from weitiao.results.run_data import Material, StoredAnswers, text_digest
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.passages import Passages
from weitiao.tasks.answers.spans import Spans
from weitiao.tasks.answers.texts import Texts

MAX_MISTAKES = 60
MAX_UNSURE = 20
OPEN_MISTAKES, OPEN_UNSURE = 12, 5  # shown without a click


def examples_section(material: Material, unmasked: bool) -> Section:
    """Both lists, with texts if they can be read."""
    stored = material.stored
    assert stored is not None
    answers = stored.answers
    wrong, unsure = answers.mistakes()[:MAX_MISTAKES], answers.closest_calls()[:MAX_UNSURE]
    blocks: list[Any] = []
    if material.evaluated_rows is None:
        message = _("The file with the rows is gone or was changed: only ids are shown.")
        blocks.append(Words(message, "warning"))
    elif not unmasked:
        message = _(
            "Mail addresses, phone numbers, id cards, bank cards and queries of links are "
            "masked; names are not. `weitiao report {run} --unmasked` shows all.",
            run=visible(str(material.run.folder)),
        )
        blocks.append(Words(message, "note"))
    head = _("true"), _("predicted"), _("error") if answers.numeric else _("confidence")
    several = isinstance(answers, LabelSets)  # whose two lists show different figures
    if len(wrong):
        items = _rows(material, wrong, answers.mistake_confidence(), unmasked)
        if any(row.marked for row in items):
            blocks.append(Words(_legend(answers), "note"))
        caption = _("Largest errors") if answers.numeric else _("Most confident mistakes")
        if isinstance(answers, Texts):
            caption = _("Furthest from the reference")
        of_label = (*head[:2], _("confidence in the wrong label")) if several else head
        blocks.append(_list(caption, of_label, items, OPEN_MISTAKES))
        if not answers.numeric:
            mistakes = plural(int((~answers.right()).sum()), "wrong row")
            blocks.append(
                Words(_("{shown} of {all} shown.", shown=len(wrong), all=mistakes), "note")
            )
    else:
        blocks.append(Words(_("Every evaluated row is correct.")))
    if len(unsure):
        items = _rows(material, unsure, stored.confidence, unmasked)
        caption = _closest_calls(answers)
        of_label = (*head[:2], _("confidence in all labels")) if several else head
        blocks.append(_list(caption, of_label, items, OPEN_UNSURE))
    return Section("mistakes", _("Examples"), blocks)


def _closest_calls(answers: Answers) -> str:
    """A heading that says what `closest_calls` sorts by, which is not always the confidence."""
    if isinstance(answers, LabelSets):
        return _(
            "Predictions with a label closest to one half, right or wrong: worth checking, or "
            "labelling more of"
        )
    if isinstance(answers, Labels) and len(answers.labels) > 2:
        return _(
            "Predictions whose two likeliest labels are closest, right or wrong: worth checking, "
            "or labelling more of"
        )
    return _("Least confident predictions, right or wrong: worth checking, or labelling more of")


def _legend(answers: Answers) -> str:
    if isinstance(answers, Texts):
        return _("Orange (dotted): words that only the reference has, or only the answer.")
    if isinstance(answers, Passages):
        return _(
            "Marked in the passage: blue is the right answer; orange (dotted) the predicted one, "
            "where it differs."
        )
    if isinstance(answers, Spans):
        return _(
            "Marked spans: blue are right; orange (dotted) are missed in the truth, or "
            "wrong in the answer."
        )
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


def _rows(
    material: Material, picked: np.ndarray, confidence: np.ndarray, unmasked: bool
) -> list[Row]:
    stored = material.stored
    assert stored is not None
    answers, texts = stored.answers, material.texts(picked)
    right = None if answers.numeric else answers.right()
    known = answers.has_confidence()
    near = _nearest_training_rows(material, unmasked)
    explained = {error.row: error for error in material.findings.explained}
    rows = []
    for place, (at, identity) in enumerate(zip(picked, stored.ids(picked), strict=True)):
        figure = f"{confidence[at]:.3f}" if known[at] else UNDEFINED
        if answers.numeric:
            figure = f"{answers.values[at] - answers.targets[at]:+.3g}"
        own = [] if texts is None else texts[place]
        if isinstance(answers, Spans):
            rows.append(_row_of_spans(stored, identity, int(at), own, figure, unmasked))
            continue
        if isinstance(answers, Passages):
            own = excerpt(answers, int(at), own)
            marked = answers_in_passage(answers, int(at), own, unmasked)
        elif isinstance(answers, Texts):
            marked = edits(answers, int(at), unmasked)
        else:
            marked = _marked(material, explained.get(int(at)), own, unmasked)
        shown = [(column, shown_text(text, unmasked)) for column, text in own]
        rows.append(
            Row(
                identity,
                shown if len(shown) != 1 else [("", shown[0][1])],  # one text needs no name
                value_in_words(answers, answers.targets[at], unmasked),
                value_in_words(answers, answers.values[at], unmasked),
                figure,
                None if right is None else bool(right[at]),
                marked,
                near.get(int(at)),
            )
        )
    return rows


def _row_of_spans(
    stored: StoredAnswers,
    identity: str,
    at: int,
    own: list[tuple[str, str]],
    figure: str,
    unmasked: bool,
) -> Row:
    """A row of spans, with the text twice: with the gold spans and with the predicted ones."""
    answers = stored.answers
    text = text_of_cell(own[0][1]) if own else None
    gold, predicted = answers.targets.row(at), answers.values.row(at)
    return Row(
        identity,
        [] if text is None else [("", shown_text(text, unmasked))],
        spans_in_words(answers, gold, text, unmasked),
        spans_in_words(answers, predicted, text, unmasked),
        figure,
        {tuple(one) for one in gold.tolist()} == {tuple(one) for one in predicted.tolist()},
        [] if text is None else gold_and_predicted(answers, at, text, unmasked),
    )


def _marked(
    material: Material,
    error: ExplainedError | None,
    texts: list[tuple[str, str]],
    unmasked: bool,
) -> list[tuple[str, Any]]:
    """The texts with their influential words marked, once for each attribution method."""
    if error is None or not texts or material.evaluated_rows is None:
        return []
    names = {"without": _("left out"), "gradient": _("gradient")}
    marked = attributed_texts(error, texts, material.evaluated_rows.text_roles, unmasked)
    columns = [name for name, _text in texts]
    return [
        (names[method] if len(columns) == 1 else f"{visible(column)} · {names[method]}", pieces)
        for method, each in marked.items()
        for column, pieces in zip(columns, each, strict=True)
    ]


def _nearest_training_rows(material: Material, unmasked: bool) -> dict[int, tuple[str, str, str]]:
    """Evaluated row -> its nearest training row, if that text is still the same."""
    nearest = material.findings.near or []
    texts = material.train_texts([one.position for one in nearest])
    return {
        one.row: (one.id, _label(one.label), shown_text(text, unmasked))
        for one in nearest
        if (text := texts.get(one.position)) is not None and text_digest(text) == one.digest
    }


def _label(target: Any) -> str:
    if isinstance(target, float):
        return number(target)
    labels = target if isinstance(target, list) else [target]
    return shortened(joined((short_label(str(label)) for label in labels), ", ")) or _("(none)")
