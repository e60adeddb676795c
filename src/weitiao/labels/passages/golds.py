"""Gold answers of a question: parsing of cells (SQuAD's JSON, plain text), answer offsets.

A gold answer is (start, text): the character at which it starts, -1 where the passage does not hold
it. No gold answer at all, (), says that the passage does not answer the question.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from weitiao.core.literals import ARRAYS, CutShort, is_listed, value_of
from weitiao.i18n.messages import _

Gold = tuple[int, str]
Golds = tuple[Gold, ...]
ParsedAnswers = tuple[tuple[int | None, str], ...]  # None: where it starts is not said
ABSENT = -1


def parse_answers(cell: str, start: str = "") -> ParsedAnswers | None:
    """Parse an answer cell: a text, or JSON as in SQuAD; None when it is empty.

    start: the cell beside it that says where a single text starts.

    >>> parse_answers("in Paris"), parse_answers("[]"), parse_answers(" ")
    (((None, 'in Paris'),), (), None)
    >>> parse_answers('{"text": ["Paris"], "answer_start": [3]}'), parse_answers('[[3, "Paris"]]')
    (((3, 'Paris'),), ((3, 'Paris'),))
    >>> parse_answers('["Paris", 1889, null]')
    ((None, 'Paris'), (None, '1889'))
    """
    if not cell.strip():
        return None
    if cell.lstrip()[0] in "[{":
        try:
            answers = _of_json(value_of(cell))
        except (ValueError, TypeError, KeyError, OverflowError):
            answers = None  # a text in brackets
        if answers is not None:
            return answers
    # float first: a spreadsheet, or pandas with an empty cell in the column, writes 17 as 17.0.
    return ((int(float(start)) if start.strip() else None, cell),)


def _of_json(value: Any) -> ParsedAnswers | None:
    # {"text": [...], "answer_start": [...]} as in `datasets`, [{"text", "answer_start"}, ...] as in
    # SQuAD's own files, lists of texts or numbers, and pairs [start, text].
    if isinstance(value, dict):
        texts = value["text"]
        starts = value.get("answer_start", value.get("start"))
        if not isinstance(texts, list):
            return _answer(starts, texts)
        starts = [None] * len(texts) if starts is None else starts
        pairs = zip(starts, texts, strict=True)
        return tuple(one for at, text in pairs for one in _answer(at, text))
    if not isinstance(value, list):
        return None
    answers: list[tuple[int | None, str]] = []
    for one in value:
        if isinstance(one, dict):
            answers += _of_json(one) or ()
        elif isinstance(one, list):
            at, text = one
            answers += _answer(at, text)
        else:
            answers += _answer(None, one)
    return tuple(answers)


def _answer(start: Any, text: Any) -> ParsedAnswers:
    """An answer; numbers are their text, and null or an empty text is none."""
    if isinstance(text, list | dict):
        raise TypeError("an answer is a text")
    if text is None or (isinstance(text, float) and math.isnan(text)):
        return ()
    whole = isinstance(text, float) and text.is_integer()
    written = text if isinstance(text, str) else json.dumps(int(text) if whole else text)
    return ((_whole(start), written),) if written.strip() else ()


def is_printed_array(cell: str) -> bool:
    """Whether a cell is an array as numpy prints it, which has no fixed form and may be cut.

    >>> is_printed_array("array(['Paris'], dtype=object)"), is_printed_array("['a' ... 'z']")
    (True, True)
    >>> is_printed_array('["Paris"]')
    False
    """
    text = cell.strip()
    if text.startswith(ARRAYS):
        return is_listed(text)
    try:
        if text[:1] in ("[", "{"):
            value_of(text)
    except CutShort:
        return True
    except ValueError:
        return False  # a text in brackets
    return False


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def placed(answers: ParsedAnswers, context: str) -> Golds:
    """Locate answers in the context. Raises ValueError with the reason when a place is unknown.

    A start that is a little off is corrected; a text with a start that stands nowhere gets the
    start -1: predictions can be evaluated against it, but nothing can be learned from it.

    >>> placed(((None, "Paris"), (1, "in")), "I live in Paris")
    ((10, 'Paris'), (7, 'in'))
    """
    golds: dict[Gold, None] = {}
    for start, raw in answers:
        text = raw.strip()
        if not text:
            continue
        if start is None:
            golds[_only(text, context), text] = None
            continue
        start += len(raw) - len(raw.lstrip())
        golds[
            start if context.startswith(text, start) else _nearest(text, context, start), text
        ] = None
    return tuple(golds)


def _only(text: str, context: str) -> int:
    first = context.find(text)
    if first < 0:
        raise ValueError(
            _(
                "the answer {answer!r} does not stand in the context; if answers are labels, say "
                "--task classification.",
                answer=text[:60],
            )
        )
    if context.find(text, first + 1) >= 0:
        raise ValueError(
            _(
                "the answer {answer!r} stands in the context more than once: say which is meant "
                "in a column answer_start.",
                answer=text[:60],
            )
        )
    return first


def _nearest(text: str, context: str, start: int) -> int:
    places, at = [], context.find(text)
    while at >= 0:
        places.append(at)
        at = context.find(text, at + 1)
    return min(places, key=lambda place: abs(place - start), default=ABSENT)


def texts_of(golds: Sequence[Gold]) -> tuple[str, ...]:
    """The distinct texts of gold answers."""
    return tuple(dict.fromkeys(text for _, text in golds))
