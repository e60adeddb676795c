"""Targets that name places of a text (spans, tags of words, answers), moved with a cleaned text."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from weitiao.core.alignment import Alignment
from weitiao.labels.passages.golds import parse_answers, placed
from weitiao.labels.tags.cells import answer_of
from weitiao.labels.tags.schemes import BEGIN, END, INSIDE, OUTSIDE, SINGLE, split_tag
from weitiao.labels.tags.words import joined, listed, split_words

Clean = Callable[[str], tuple[str, Alignment]]
_AFTER_A_LOST_START = {INSIDE: "B", END: "S"}


class Moved(NamedTuple):
    """The cells of a row after cleaning, and the spans or answers of which nothing is left."""

    text: str
    target: str
    lost: int
    start: str | None = None


def moved_spans(text: str, target: str, clean: Clean) -> Moved:
    """Clean a text whose target lists spans, or a tag for each word. Raises ValueError where the
    target is neither."""
    answer = answer_of(target) if target.strip() else []
    words = listed(text)
    if words is None and not (answer and isinstance(answer[0], str)):
        return _with_spans(text, answer, target, clean)
    places = split_words(text) if words is None else np.array(joined(words)[1], np.int64)
    whole = text if words is None else joined(words)[0]
    if answer and not isinstance(answer[0], str):  # spans in characters of the joined words
        cleaned, alignment = clean(whole)
        pieces = _words(cleaned, alignment.from_source(places))
        spans, lost = _moved(answer, cleaned, alignment)
        again = joined([piece for _at, piece in pieces])[0]
        if again != cleaned:
            raise ValueError("spans of a list of words")
        return Moved(_json([p for _at, p in pieces]), _json(spans), lost)
    if answer and len(answer) != len(places):
        raise ValueError("tags and words differ in number")
    cleaned, alignment = clean(whole)
    pieces = _words(cleaned, alignment.from_source(places))
    tags = [str(tag) for tag in answer]
    new, lost = _kept_tags(tags, [at for at, _piece in pieces]) if tags else ([], 0)
    as_list = target.lstrip()[:1] in ("[", "{") or not tags
    written = target if not tags else _json(new) if as_list else " ".join(new)
    return Moved(_json([piece for _at, piece in pieces]), written, lost)


def moved_answers(context: str, target: str, start: str, clean: Clean) -> Moved:
    """Clean a passage whose target is an answer in it, or several. Raises ValueError where an
    answer has no place.

    start: the cell that says where a single answer begins; "" where there is no such column.
    """
    cleaned, alignment = clean(context)
    parsed = parse_answers(target, start)
    if not parsed:
        return Moved(cleaned, target, 0, start)
    answers: list[tuple[str, int]] = []
    lost = 0
    for at, text in placed(parsed, context):
        if at < 0:  # stands nowhere in the passage, before as after
            answers.append((clean(text)[0], -1))
            continue
        first, end = alignment.from_source(np.array([[at, at + len(text)]]))[0].tolist()
        piece = cleaned[first:end]
        first += len(piece) - len(piece.lstrip())
        if piece.strip():
            answers.append((piece.strip(), first))
        else:
            lost += 1
    if start.strip():
        text, at = answers[0] if answers else ("", -1)
        return Moved(cleaned, text, lost, str(at) if at >= 0 else "")
    plain = target.lstrip()[:1] not in ("[", "{")
    if plain and len(answers) == 1 and cleaned.count(answers[0][0]) == 1:
        return Moved(cleaned, answers[0][0], lost, start)
    if plain and not answers:
        return Moved(cleaned, "", lost, start)
    texts, starts = [text for text, _at in answers], [at for _text, at in answers]
    if all(at is None for at, _text in parsed) and all(cleaned.count(t) == 1 for t in texts):
        return Moved(cleaned, _json(texts), lost, start)
    return Moved(cleaned, _json({"text": texts, "answer_start": starts}), lost, start)


def _with_spans(text: str, spans: Sequence[Any], target: str, clean: Clean) -> Moved:
    cleaned, alignment = clean(text)
    if not spans:
        return Moved(cleaned, target, 0)
    new, lost = _moved(spans, cleaned, alignment)
    return Moved(cleaned, _json(new), lost)


def _moved(spans: Sequence[Any], cleaned: str, alignment: Alignment) -> tuple[list[Any], int]:
    """Spans of the cleaned text, without blanks at their edges, and how many are lost."""
    new: list[dict[str, Any]] = []
    places = alignment.from_source(np.array([span[:2] for span in spans], np.int64))
    for (start, end), span in zip(places.tolist(), spans, strict=True):
        piece = cleaned[start:end]
        start += len(piece) - len(piece.lstrip())
        piece = piece.strip()
        if piece:
            ends = start + len(piece)
            new.append({"start": start, "end": ends, "label": span[2], "text": piece})
    return new, len(spans) - len(new)


def _words(cleaned: str, places: np.ndarray) -> list[tuple[int, str]]:
    """(number before cleaning, word) of the words that are left; of words that were replaced
    together the first."""
    words: list[tuple[int, str]] = []
    done = 0
    for at, (start, end) in enumerate(places.tolist()):
        word = cleaned[max(start, done) : end].strip()
        if word:
            words.append((at, word))
            done = end
    return words


def _kept_tags(tags: Sequence[str], kept: Sequence[int]) -> tuple[list[str], int]:
    """The tags of the words that are left, and how many spans are lost. Where the first word of a
    span is lost, the next one begins it."""
    spans = _numbered(tags)
    new, begun = list[str](), set[int]()
    for at in kept:
        tag, span = tags[at], spans[at]
        kind = split_tag(tag)
        if span >= 0 and span not in begun and kind and kind[0] in _AFTER_A_LOST_START:
            started = at == 0 or spans[at - 1] != span  # by a tag such as I of IOB1
            if not started and tag[1:2] in ("-", "_"):
                tag = _AFTER_A_LOST_START[kind[0]] + tag[1:]
        begun.add(span)
        new.append(tag)
    return new, len({*spans} - {-1} - begun)


def _numbered(tags: Sequence[str]) -> list[int]:
    """The number of the span that each tag is of, -1 outside and for plain tags."""
    numbers: list[int] = []
    number, before = -1, (OUTSIDE, "")
    for tag in tags:
        now = split_tag(tag) or (OUTSIDE, "")
        if now[0] != OUTSIDE:
            fresh = now[1] != before[1] or before[0] in (OUTSIDE, END, SINGLE)
            number += fresh or now[0] in (BEGIN, SINGLE)
        numbers.append(number if now[0] != OUTSIDE else -1)
        before = now
    return numbers


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
