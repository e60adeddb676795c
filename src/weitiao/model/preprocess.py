"""Preprocessing of rows for a model: class weights, cleaning, cache keys."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from weitiao import parts
from weitiao.core import fingerprint
from weitiao.data.cleaners.base import Cleaner, clean_all, clean_text
from weitiao.data.prepare.load import Rows
from weitiao.errors import PlanError
from weitiao.example import Example
from weitiao.i18n.messages import _
from weitiao.tasks.base import Task


def class_weights(setting: str | Mapping[str, float], task: Task, rows: Rows) -> tuple[float, ...]:
    """The weight of each label in the loss, from `train.class_weights`; empty for equal weights.

    Raises PlanError for an unknown label, and when all weights are 0.
    """
    if setting == "balanced":
        return task.balanced(task.gold(rows), rows.weights())
    if isinstance(setting, str):
        return ()
    unknown = [label for label in setting if label not in task.choices]
    if unknown:
        hint = parts.near(unknown[0], task.choices)
        raise PlanError(
            [_("train.class_weights: no label {label!r}.{hint}", label=unknown[0], hint=hint)]
        )
    weights = tuple(float(setting.get(label, 1.0)) for label in task.choices)
    if not any(weights):
        raise PlanError(
            [_("train.class_weights: every label weighs 0, so nothing would be learned.")]
        )
    return weights


def iter_texts(rows: Rows) -> Iterator[str]:
    """Every input text of all rows."""
    for examples in rows.batches():
        for example in examples:
            yield from map(str, example.inputs.values())


def all_texts(rows: Rows) -> list[str]:
    """Every text of all rows, targets that are texts among them."""
    texts = list(iter_texts(rows))
    return texts + [target for target in rows.targets() if isinstance(target, str)]


def _clean_aligned(cleaners: Sequence[Cleaner], example: Example) -> Example:
    """Clean an example, with its raw texts and the alignment with them in `meta`."""
    cleaned = {role: clean_all(cleaners, str(text)) for role, text in example.inputs.items()}
    return replace(
        example,
        inputs={role: text for role, (text, _) in cleaned.items()},
        meta={
            **example.meta,
            "raw": example.inputs,
            "alignment": {role: alignment for role, (_, alignment) in cleaned.items()},
        },
    )


def clean_examples(
    task: Task, cleaners: Sequence[Cleaner], examples: Sequence[Example]
) -> Sequence[Example]:
    """The examples with every cleaner applied; for tasks of tokens with the alignment."""
    examples = task.read(examples)
    if not cleaners:
        return examples
    if task.per_token:
        return [_clean_aligned(cleaners, example) for example in examples]
    return [
        replace(e, inputs={role: clean_text(cleaners, str(t)) for role, t in e.inputs.items()})
        for e in examples
    ]


def encoding_key(
    task: Task, tokenizer: Any, cleaners: Sequence[Cleaner], names: list[str], length: int
) -> str:
    """Cache key: a hash of everything that determines the token ids of a text."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:  # set by each call of the tokenizer; they would change the hash
        backend.no_truncation()
        backend.no_padding()
    parts_of_key = [
        task.encoding,
        task.own_head,  # how texts are laid out for it
        type(tokenizer).__name__,
        tokenizer.get_vocab() if backend is None else backend,
        tokenizer.model_input_names,
        tokenizer.truncation_side,
        length,
        [cleaner.model_dump() for cleaner in cleaners],
        names,
    ]
    texts = [
        s.to_str() if hasattr(s, "to_str") else json.dumps(s, default=str) for s in parts_of_key
    ]
    return fingerprint.of_text("\n".join(texts), size=16)
