"""Answers over documents in the terminal: the answer, its sources with the place marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weitiao.cli import terminal
from weitiao.core.sanitize import shortened, visible
from weitiao.i18n.messages import _

SHOWN_CHARACTERS = 400  # of a source
CURVE = ("threshold", "f1_answered", "f1")


def show_answer(answer: Any) -> None:
    """An answer with its sentences and sources."""
    terminal.print_text("")
    terminal.print_text(f"? {visible(answer.question)}")
    if answer.text:
        terminal.print_text(f"= {shortened(visible(answer.text), 4000)}")
        for one in answer.sentences:
            mark = _("supported") if one.supported else _("not supported")
            place = answer.sources[one.source].passage.document
            line = _(
                "  [{number}] {document}: {mark} ({support:.0%})",
                number=one.source + 1,
                document=visible(place),
                mark=mark,
                support=one.support,
            )
            terminal.print_text(line)
    elif answer.best or not answer.sources:
        terminal.print_text(_("= the documents do not say (score {score:.2f})", score=answer.score))
    for at, found in enumerate(answer.sources, 1):
        title = f" · {found.passage.title}" if found.passage.title else ""
        terminal.print_text(f"  [{at}] {visible(found.passage.document + title)}")
        terminal.print_text(f"      {marked(found.passage.text, answer.text)}")


def marked(text: str, answer: str) -> str:
    """A passage on one line, with the answer in it between marks.

    >>> marked("It was built in 1889 by Eiffel.", "1889")
    'It was built in ⟦1889⟧ by Eiffel.'
    """
    at = text.find(answer) if answer else -1
    if at < 0:
        return shortened(visible(text), SHOWN_CHARACTERS)
    before, after = text[:at], text[at + len(answer) :]
    half = SHOWN_CHARACTERS // 2
    head = ("… " if len(before) > half else "") + before[-half:]
    tail = after[:half] + (" …" if len(after) > half else "")
    return " ".join(visible(f"{head}⟦{answer}⟧{tail}".replace("\n", " ")).split())


COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.5, 0.3)  # lines of the curve that are shown


def show_figures(figures: Mapping[str, Any]) -> None:
    """The figures of the whole chain as a table, and the curve of coverage."""
    names = {
        "questions": _("questions"),
        "answerable": _("answerable"),
        "recall_at1": "recall@1",
        "recall_at5": "recall@5",
        "recall_at20": "recall@20",
        "coverage": _("coverage"),
        "supported": _("supported sentences"),
        "exact_match": _("exact match"),
        "f1": "F1",
        "not_found_auroc": _("AUROC of the score"),
        "weight": _("chosen weight of vectors"),
        "threshold": _("chosen threshold"),
    }
    rows = [
        [title, terminal.figure(value) if isinstance(value, float) else str(value)]
        for name, title in names.items()
        if (value := figures.get(name)) is not None
    ]
    terminal.show(_("questions over documents"), [_("figure"), _("value")], rows)
    if not figures.get("curve"):
        return
    curve = figures["curve"]
    shown = [min(curve, key=lambda one: abs(one["coverage"] - at)) for at in COVERAGES]
    terminal.show(
        _("coverage"),
        [_("answered"), _("threshold"), _("F1 of the answered"), _("F1 of all")],
        [
            [f"{one['coverage']:.0%}", *(terminal.figure(one[name]) for name in CURVE)]
            for one in {one["threshold"]: one for one in shown}.values()
        ],
    )
