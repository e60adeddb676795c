"""Answers over documents as a page: each question with its answer and the passages, marked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from weitiao.core.sanitize import shortened
from weitiao.core.units import UNDEFINED
from weitiao.i18n.messages import _, plural
from weitiao.reporting.page import write_html
from weitiao.reporting.render import Row, RowList, Section, Words, render
from weitiao.search.reading import Answer

MOST_CHARACTERS = 1_200  # of a passage
CONTEXT = 400  # characters before an answer that stands late in a passage
MOST_QUESTIONS = 500
Pieces = list[tuple[str, str]]  # text, CSS class


def write(answers: Sequence[Answer], path: Path) -> Path:
    """The page, in the current language; nothing of a document is read as HTML."""
    shown = [_section(at, one) for at, one in enumerate(answers[:MOST_QUESTIONS], 1)]
    title, facts = _("Questions over documents"), [plural(len(answers), "question")]
    return write_html(path, render(title, title, facts, shown))


def _section(at: int, answer: Answer) -> Section:
    if answer.text:
        said = Words(answer.text)
    elif answer.best or not answer.sources:
        said = Words(
            _("The documents do not say (score {score:.2f}).", score=answer.score), "warning"
        )
    else:
        said = Words(_("The passages that fit best:"), "note")
    head = _("heading"), _("says"), _("score")
    rows = [_row(place, answer) for place in range(len(answer.sources))]
    blocks = [said, RowList(_("Passages"), head, rows, len(rows), "")] if rows else [said]
    return Section(f"question-{at}", shortened(answer.question, 200), blocks)


def _row(place: int, answer: Answer) -> Row:
    found = answer.sources[place]
    sentences = [one for one in answer.sentences if one.source == place]
    says = " ".join(one.text for one in sentences)
    supported = all(one.supported for one in sentences) if sentences else None
    text = found.passage.text
    return Row(
        f"[{place + 1}] {found.passage.document}",
        [("", text[:MOST_CHARACTERS])],
        found.passage.title or UNDEFINED,
        shortened(says, 300) or UNDEFINED,
        f"{found.score:.3f}",
        supported,
        [(_("passage"), pieces)] if (pieces := marked(text, says)) else (),
    )


def marked(text: str, says: str) -> Pieces:
    """A passage with what is said marked in it; empty where it does not stand there as it is.

    >>> marked("Built in 1889.", "1889")
    [('Built in ', ''), ('1889', 'p2'), ('.', '')]
    """
    at = text.find(says) if says else -1
    if at < 0:
        return []
    begin = max(0, at - CONTEXT)
    end = at + len(says)
    before = ("… " if begin else "") + text[begin:at]
    after = text[end : end + MOST_CHARACTERS]
    return [piece for piece in ((before, ""), (says, "p2"), (after, "")) if piece[0]]
