"""Highlighted texts: words by their attribution, gold and predicted spans, excerpts of passages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from itertools import pairwise
from typing import Any

import numpy as np

from weitiao.core.redact import masked
from weitiao.core.sanitize import shortened, visible
from weitiao.i18n.messages import _, joined
from weitiao.labels.tags.words import joined as joined_words
from weitiao.labels.tags.words import listed
from weitiao.results.format import number, short_label
from weitiao.results.records import ExplainedError, WordScore
from weitiao.results.run_data import text_digest
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.numbers import Numbers
from weitiao.tasks.answers.passages import Passages

MAX_HIGHLIGHTED_CHARACTERS = 900  # of a text with marks
MAX_READ_CHARACTERS = 4000  # of a text before it is masked and cut; far more than are shown
MAX_ANSWER_CHARACTERS = 160
CONTEXT_CHARACTERS = 140  # of a passage to either side of an answer
MAX_SPANS = 12  # spans in words of a row
COLOUR_LEVELS = (0.1, 0.33, 0.66)  # of the strongest word: where its colour gets stronger
LEAST_SCORE_CHANGE = 0.005  # when no word changes the confidence more, none is marked
Pieces = list[tuple[str, str]]  # text, CSS class


def shown_text(text: str, unmasked: bool) -> str:
    """A text as the page shows it: masked and cut."""
    head = text[:MAX_READ_CHARACTERS]
    return shortened(head if unmasked else masked(head)) + (" …" if len(text) > len(head) else "")


# --- values


@singledispatch
def value_in_words(answers: Answers, value: Any, unmasked: bool) -> str:
    """A target or a prediction as people write it."""
    text = " / ".join(answers.spelled(value))
    return shortened(text if unmasked else masked(text), MAX_ANSWER_CHARACTERS)


@value_in_words.register
def _number(answers: Numbers, value: Any, unmasked: bool) -> str:
    return number(float(value))


@value_in_words.register(Labels)
@value_in_words.register(LabelSets)
def _labels(answers: Answers, value: Any, unmasked: bool) -> str:
    names = [short_label(name) for name in answers.spelled(value)]
    return shortened(joined(names, ", ")) if names else _("(none)")


@value_in_words.register
def _passage(answers: Passages, value: Any, unmasked: bool) -> str:
    text = " / ".join(filter(None, answers.spelled(value)))
    if not text:
        return _("(no answer)")
    return shortened(text if unmasked else masked(text), MAX_ANSWER_CHARACTERS)


def spans_in_words(answers: Answers, spans: np.ndarray, text: str | None, unmasked: bool) -> str:
    """Spans (start, end, label) in words: their text and label."""
    shown = []
    for start, end, label in spans[:MAX_SPANS].tolist():
        name = short_label(answers.labels[label])
        held = f"{start}-{end}" if text is None else text[start:end]
        shown.append(_("{text} ({label})", text=held if unmasked else masked(held), label=name))
    more = f", ... {len(spans)}" if len(spans) > MAX_SPANS else ""
    return shortened(joined(shown, ", ")) + more if shown else _("(none)")


def text_of_cell(cell: str) -> str:
    """The text of a cell, which may list its words."""
    words = listed(cell)
    return cell if words is None else joined_words(words)[0]


def excerpt(answers: Answers, row: int, texts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The texts of a row, of the passage the part around the gold and the predicted answer."""
    if len(texts) < 2:
        return list(texts)
    column, passage = texts[-1]
    wanted = [*answers.targets[row], answers.values[row]]
    places = [(at, at + len(text)) for text in wanted if text and (at := passage.find(text)) >= 0]
    if not places:
        return list(texts)
    near = [one for one in places if abs(one[0] - places[0][0]) <= CONTEXT_CHARACTERS]
    begin = max(0, min(one[0] for one in near) - CONTEXT_CHARACTERS)
    end = min(len(passage), max(one[1] for one in near) + CONTEXT_CHARACTERS)
    # Never cut inside an address or a number: masking would not recognize half of one.
    while begin and passage[begin - 1].isascii() and not passage[begin - 1].isspace():
        begin -= 1
    while end < len(passage) and passage[end].isascii() and not passage[end].isspace():
        end += 1
    shown = ("… " if begin else "") + passage[begin:end] + (" …" if end < len(passage) else "")
    return [*texts[:-1], (column, shown)]


# --- marks


def answers_in_passage(
    answers: Passages, at: int, texts: Sequence[tuple[str, str]], unmasked: bool
) -> list[tuple[str, Pieces]]:
    """The texts of a row, in the last one the gold answer (p2) and the predicted one (n2) marked.

    texts: as `excerpt` has cut them. Nothing where neither is found or something has to be masked.
    """
    if len(texts) < 2 or not (unmasked or all(masked(text) == text for _name, text in texts)):
        return []
    passage = texts[-1][1]
    wanted = [(text, "p2") for text in answers.targets[at]] + [(answers.values[at], "n2")]
    spans = sorted(
        (start, start + len(text), kind)
        for text, kind in wanted
        if text and (start := passage.find(text)) >= 0
    )
    if not spans:
        return []
    # Where both overlap, each piece is gold first: what is right in a wrong answer is blue.
    edges = sorted({0, len(passage), *(end for span in spans for end in span[:2])})
    pieces: Pieces = []
    for start, end in pairwise(edges):
        kinds = {kind for low, high, kind in spans if low <= start and end <= high}
        pieces.append((passage[start:end], max(kinds, default="")))
    shown = [(visible(name), [(text, "")]) for name, text in texts[:-1]]
    return [*shown, (visible(texts[-1][0]), pieces)]


def attributed_texts(
    error: ExplainedError, texts: Sequence[tuple[str, str]], roles: Sequence[str], unmasked: bool
) -> dict[str, list[Pieces]]:
    """Attribution method -> each text in pieces; nothing where the texts have changed since, or
    hold something that has to be masked."""
    whole = "\n".join(text for _, text in texts)
    if text_digest(whole) != error.digest or not (unmasked or masked(whole) == whole):
        return {}
    marked = {}
    for method, least in (("without", LEAST_SCORE_CHANGE), ("gradient", 0.0)):
        values = [value for word in error.words if (value := _attribution(word, method)) == value]
        strongest = max(map(abs, values), default=0.0)
        if strongest > least:
            marked[method] = [
                _attributed_pieces(
                    text, [word for word in error.words if word.role == role], method, strongest
                )
                for role, (_, text) in zip(roles, texts, strict=True)
            ]
    return marked


def _attribution(word: WordScore, method: str) -> float:
    return word.gradient if method == "gradient" else word.without


def _word_class(value: float, strongest: float) -> str:
    """The CSS class of a word: p1 to p3 for the prediction, n1 to n3 against it, "" for little."""
    size = sum(abs(value) / strongest >= limit for limit in COLOUR_LEVELS) if strongest else 0
    return f"{'p' if value > 0 else 'n'}{size}" if size else ""


def _attributed_pieces(
    text: str, words: Sequence[WordScore], method: str, strongest: float
) -> Pieces:
    pieces: Pieces = []
    at = 0
    for word in sorted(words, key=lambda one: one.start):
        if word.end > MAX_HIGHLIGHTED_CHARACTERS:
            break
        pieces.append((text[at : word.start], ""))
        kind = _word_class(_attribution(word, method), strongest)
        pieces.append((text[word.start : word.end], kind))
        at = word.end
    rest = text[at:]
    pieces.append((rest if len(text) <= MAX_HIGHLIGHTED_CHARACTERS else " …", ""))
    return [(piece, kind) for piece, kind in pieces if piece]


def gold_and_predicted(
    answers: Answers, at: int, text: str, unmasked: bool
) -> list[tuple[str, Pieces]]:
    """The text with its gold spans, then with the predicted ones. Blue: in both; orange (dotted):
    missed or wrong. Nothing where something has to be masked."""
    if not (unmasked or masked(text) == text):
        return []
    gold, predicted = answers.targets.row(at), answers.values.row(at)
    both = {tuple(span) for span in gold.tolist()} & {tuple(span) for span in predicted.tolist()}
    return [
        (_("true"), _span_pieces(answers, gold, both, text)),
        (_("predicted"), _span_pieces(answers, predicted, both, text)),
    ]


def _span_pieces(answers: Answers, spans: np.ndarray, both: set[Any], text: str) -> Pieces:
    pieces: Pieces = []
    at = 0
    for start, end, label in sorted(spans.tolist()):
        # Beyond what is shown, or inside another span.
        if end > MAX_HIGHLIGHTED_CHARACTERS or start < at:
            continue
        pieces.append((text[at:start], ""))
        pieces.append((text[start:end], "p2" if (start, end, label) in both else "n2"))
        pieces.append((f" [{short_label(answers.labels[label])}]", ""))
        at = end
    more = " …" if len(text) > MAX_HIGHLIGHTED_CHARACTERS else ""
    rest = text[at:MAX_HIGHLIGHTED_CHARACTERS] + more
    return [piece for piece in (*pieces, (rest, "")) if piece[0]]
