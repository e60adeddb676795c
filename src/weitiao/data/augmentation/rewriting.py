"""Examples with edited texts: spans and tags are moved with the text, other targets stay."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from weitiao.core.alignment import Edit, edited
from weitiao.data.augmentation.words import Range
from weitiao.example import Example
from weitiao.labels.tags.schemes import BEGIN, END, OUTSIDE, SINGLE, split_tag
from weitiao.labels.tags.words import joined, listed, split_words

# A text and the ranges in it that stay as they are: the edits, in order and apart.
Edits = Callable[[str, Sequence[Range]], Sequence[Edit]]
OUTSIDE_TAG = "O"
FIXED_ROLES = ("context",)  # passages with places of answers, and texts that several rows share


def rewritten(
    example: Example, head: str, edits: Edits, rng: random.Random, *, moves_words: bool = False
) -> Example | None:
    """The example with one of its texts edited; None where nothing could be changed.

    head: of the task; of tasks of tokens, what a span or tag stands for is not edited, and the
    target moves with the text. moves_words: words may change places, so that rows where each word
    has a tag of its own (parts of speech) are left as they are.
    """
    if head == "tokens":
        return _tagged(example, edits, moves_words)
    roles = [role for role in example.inputs if role not in FIXED_ROLES]
    rng.shuffle(roles)
    for role in roles:
        text = str(example.inputs[role])
        new = edited(text, edits(text, ()))[0]
        if new != text and new.strip():
            return replace(example, inputs={**example.inputs, role: new})
    return None


def _tagged(example: Example, edits: Edits, moves_words: bool) -> Example | None:
    cell, target = str(example.inputs["text"]), example.target or []
    words = listed(cell)
    if words is None and (not target or isinstance(target[0], tuple)):
        return _with_spans(example, cell, target, edits)
    if not target or isinstance(target[0], tuple):
        return None  # spans of a list of words
    if moves_words and _is_plain(target):
        return None
    if words is None:
        words = [cell[start:end] for start, end in split_words(cell).tolist()]
    if len(words) != len(target):
        return None
    new, tags = _edited_words(words, target, edits)
    return with_tags(example, new, tags) if new and new != words else None


def _with_spans(example: Example, text: str, spans: list[Any], edits: Edits) -> Example | None:
    fixed = [(span[0], span[1]) for span in spans]
    new, alignment = edited(text, edits(text, fixed))
    if new == text or not new.strip():
        return None
    places = alignment.from_source(np.array(fixed, np.int64)).tolist()
    moved = [(*place, *span[2:]) for place, span in zip(places, spans, strict=True)]
    return replace(example, inputs={**example.inputs, "text": new}, target=moved)


def with_tags(example: Example, words: list[str], tags: list[str]) -> Example:
    """The example with other words, as a list, and their tags."""
    cell = json.dumps(words, ensure_ascii=False)
    return replace(example, inputs={**example.inputs, "text": cell}, target=tags)


def _edited_words(words: list[str], tags: list[str], edits: Edits) -> tuple[list[str], list[str]]:
    """Words and tags after edits of the joined text. Words that are put in are outside of spans;
    where tags have no scheme (parts of speech), words are only replaced."""
    text, places = joined(words)
    plain = _is_plain(tags)
    fixed = [] if plain else entity_ranges(tags, places)
    pieces: list[tuple[str, str]] = []
    pending = list(edits(text, fixed))
    for word, tag, (start, end) in zip(words, tags, places, strict=True):
        new, shift = word, 0
        while pending and pending[0].start < end:
            edit = pending.pop(0)
            first, last = max(edit.start, start) - start, min(edit.end, end) - start
            if edit.start <= start and edit.end <= start:  # before this word
                if not plain:
                    pieces += [(one, OUTSIDE_TAG) for one in edit.put.split()]
                continue
            new = new[: first + shift] + edit.put.strip() + new[last + shift :]
            shift = len(new) - len(word)
        if new.strip() or plain:
            pieces.append((new.strip() or word, tag))
    return [word for word, _tag in pieces], [tag for _word, tag in pieces]


def _is_plain(tags: Sequence[str]) -> bool:
    """Whether tags have no scheme: each word has its own, such as its part of speech."""
    return any(split_tag(tag) is None for tag in tags)


def entity_ranges(tags: Sequence[str], places: Sequence[Range]) -> list[Range]:
    """Character ranges of runs of tagged words; those of neighbours are one range each."""
    return [(places[first][0], places[last - 1][1]) for first, last in tagged_runs(tags)]


def tagged_runs(tags: Sequence[str]) -> list[Range]:
    """Runs of words within spans, as positions (first, one behind the last).

    >>> tagged_runs(["O", "B-x", "I-x", "B-y", "O", "I-x"])
    [(1, 3), (3, 4), (5, 6)]
    """
    runs: list[Range] = []
    before = (OUTSIDE, "")
    for at, tag in enumerate(tags):
        now = split_tag(tag) or (OUTSIDE, "")
        if now[0] != OUTSIDE:
            ended = before[0] in (OUTSIDE, END, SINGLE) or now[1] != before[1]
            if ended or now[0] in (BEGIN, SINGLE):
                runs.append((at, at + 1))
            else:
                runs[-1] = (runs[-1][0], at + 1)
        before = now
    return runs
