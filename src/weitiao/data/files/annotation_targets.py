"""Targets for annotation tools: labels, label sets, numbers, spans and texts, and offset units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from weitiao.data.files.cells import as_text
from weitiao.data.infer.cells import is_missing, split_labels
from weitiao.labels.tags.cells import answer_of
from weitiao.labels.tags.labelled import holds, labelled, within
from weitiao.labels.tags.schemes import split_tag
from weitiao.labels.tags.words import joined, listed, split_words

Kind = Literal["labels", "label_sets", "number", "spans", "text"]
Span = tuple[int, int, str]
SUGGESTED = ("prediction", "score")  # columns that `predict` writes


@dataclass(frozen=True)
class Question:
    """What annotators are asked: the columns they read, the kind of answer, and its labels."""

    kind: Kind
    texts: Sequence[str]
    column: str  # of the target
    labels: Sequence[str] = ()


def text_of(cell: Any) -> str:
    """The text that annotators see; a list of words is joined."""
    whole = "" if cell is None else as_text(cell)
    words = listed(whole)
    return whole if words is None else joined(words)[0]


def target_of(kind: Kind, cell: Any, text: Any) -> Any:
    """Parse a target cell; None where the row has none. Raises ValueError with the reason.

    >>> target_of("label_sets", "a; b", ""), target_of("number", "4", "")
    (['a', 'b'], 4)
    >>> target_of("spans", '[[0, 2, "x"]]', "ab")
    [(0, 2, 'x')]
    """
    if cell is None or (isinstance(cell, str) and is_missing(cell)):
        return None
    written = as_text(cell)
    if kind == "spans":
        return _spans(written, as_text(text or ""))
    if kind == "label_sets":
        return split_labels(written)
    if kind == "number":
        number = float(written)
        return int(number) if number.is_integer() else number
    return written if kind == "text" else written.strip()


def _spans(cell: str, text: str) -> list[Span]:
    """Spans in code points of the text, also of tags of its words."""
    words = listed(text)
    whole, places = (text, split_words(text).tolist()) if words is None else joined(words)
    answer: list[Any] = answer_of(cell)
    if answer and isinstance(answer[0], str):
        kinds = [split[1] for split in map(split_tag, answer) if split and split[1]]
        types = {kind: at for at, kind in enumerate(dict.fromkeys(kinds))}
        names = list(types)
        spans = labelled(whole, np.array(places), answer, types, plain=False).spans
        return [(int(start), int(end), names[int(at)]) for start, end, at in spans]
    return [_placed(span, whole) for span in answer]


def _placed(span: Any, text: str) -> Span:
    start, end, label, *own = span
    fits = 0 <= start < end <= len(text) and (not own or holds(text[start:end], own[0]))
    return (start, end, label) if fits else within(span, text)


def to_utf16(text: str, place: int) -> int:
    """Convert an offset in code points to UTF-16 code units, as JavaScript counts.

    >>> to_utf16("😀ab", 2)
    3
    """
    return len(text[:place].encode("utf-16-le", "surrogatepass")) // 2


def from_utf16(text: str, place: int) -> int:
    """Convert an offset in UTF-16 code units to code points; -1 inside a character or behind.

    >>> from_utf16("😀ab", 3), from_utf16("😀ab", 1)
    (2, -1)
    """
    raw = text.encode("utf-16-le", "surrogatepass")
    if not 0 <= 2 * place <= len(raw):
        return -1
    count = len(raw[: 2 * place].decode("utf-16-le", "ignore"))
    return count if to_utf16(text, count) == place else -1


def shown_data(row: Mapping[str, Any], question: Question, suggested: bool) -> dict[str, Any]:
    """The columns of a row that are neither target nor predictions; texts of words joined."""
    left_out = {question.column}
    if suggested:
        left_out |= {name for name in row if name in SUGGESTED or name.startswith("score_")}
    return {
        name: text_of(cell) if name in question.texts else cell
        for name, cell in row.items()
        if name not in left_out or name in question.texts
    }
