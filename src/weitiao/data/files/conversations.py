"""Conversations as rows: the last answer is the target, what comes before it the prompt."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.cells import TEXT
from weitiao.data.infer.column_names import ANNOTATIONS
from weitiao.data.readers.base import Numbered, Reading, batched
from weitiao.i18n.messages import _

COLUMNS = ("messages", "conversations", "conversation", "dialog", "dialogue")
PROMPT, RESPONSE = "prompt", "response"
# Spellings of the same three speakers: OpenAI's and ShareGPT's.
SPEAKERS = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
}
NEARLY_ALL = 0.9  # of the rows hold a conversation


def by_turns(reading: Reading) -> Reading:
    """Rows with a prompt and a response where a column holds conversations; others as they are."""
    name = next((one for one in reading.columns if one.strip().lower() in COLUMNS), "")
    names = {other.strip().lower() for other in reading.columns}
    # Conversations that were annotated as a whole are texts to classify.
    if not name or {PROMPT, RESPONSE, *ANNOTATIONS} & names:
        return reading
    first = next(reading.batches, [])
    rest = chain([first], reading.batches)
    rows = [row for row in first if not isinstance(row, Bad)]
    known = sum(turns_of(row[1].get(name)) is not None for row in rows)
    if not rows or known < NEARLY_ALL * len(rows):
        return Reading(reading.columns, rest, reading.notes)
    note = _(
        "{column!r} holds conversations: the last answer of each is the response, what comes "
        "before it the prompt",
        column=name,
    )
    kinds = {PROMPT: TEXT, RESPONSE: TEXT}
    kinds |= {other: kind for other, kind in reading.columns.items() if other != name}
    return Reading(kinds, batched(_rows(chain.from_iterable(rest), name)), (*reading.notes, note))


def _rows(rows: Iterator[Numbered | Bad], name: str) -> Iterator[Numbered | Bad]:
    for row in rows:
        if isinstance(row, Bad):
            yield row
            continue
        line, cells = row
        turns = turns_of(cells.get(name))
        others = {other: value for other, value in cells.items() if other != name}
        if turns is None:
            yield Bad(line, _("no conversation that ends in an answer"), str(cells.get(name))[:200])
            continue
        *before, last = turns
        yield line, {PROMPT: prompt_of(before), RESPONSE: last["content"], **others}


def turns_of(cell: Any) -> list[dict[str, str]] | None:
    """The messages of a cell, as {"role", "content"}, up to the last answer; None for no
    conversation.

    >>> turns_of([{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}])[1]
    {'role': 'assistant', 'content': 'Hello'}
    """
    if isinstance(cell, str):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            return None
    if not isinstance(cell, Sequence) or isinstance(cell, str):
        return None
    turns = [_turn(one) for one in cell]
    if None in turns:
        return None
    known = [turn for turn in turns if turn is not None]
    answers = [at for at, turn in enumerate(known) if turn["role"] == "assistant"]
    return known[: answers[-1] + 1] if answers and answers[-1] > 0 else None


def _turn(one: Any) -> dict[str, str] | None:
    if not isinstance(one, Mapping):
        return None
    speaker = SPEAKERS.get(str(one.get("role", one.get("from", ""))).lower())
    content = one.get("content", one.get("value"))
    if speaker is None or not isinstance(content, str):
        return None
    return {"role": speaker, "content": content}


def prompt_of(turns: Sequence[Mapping[str, str]]) -> str:
    """One question as it is; longer conversations as JSON, which the chat template renders."""
    if len(turns) == 1 and turns[0]["role"] == "user":
        return turns[0]["content"]
    return json.dumps(list(turns), ensure_ascii=False)
