"""What a model takes from rows beside their ids: weights of labels, cleaned texts, their key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from weitiao import parts
from weitiao.core import fingerprint
from weitiao.data.cleaners.base import Cleaner, clean_all
from weitiao.data.files.values import natural
from weitiao.data.joined import columns_beside, joined
from weitiao.data.prepare.load import Rows
from weitiao.errors import DataError, PlanError
from weitiao.example import Example
from weitiao.i18n.messages import _
from weitiao.tasks.base import Task


def weights_of(wanted: str | Mapping[str, float], task: Task, rows: Rows) -> tuple[float, ...]:
    """What a mistake on each label costs, by what the plan asks for; empty where all count alike.

    Raises PlanError for an unknown label, and where no label counts.
    """
    if wanted == "balanced":
        return task.balanced(task.truth(rows))
    if isinstance(wanted, str):
        return ()
    unknown = [label for label in wanted if label not in task.choices]
    if unknown:
        hint = parts.near(unknown[0], task.choices)
        raise PlanError(
            [_("train.class_weights: no label {label!r}.{hint}", label=unknown[0], hint=hint)]
        )
    weights = tuple(float(wanted.get(label, 1.0)) for label in task.choices)
    if not any(weights):
        raise PlanError(
            [_("train.class_weights: every label weighs 0, so nothing would be learned.")]
        )
    return weights


def texts_of(rows: Rows) -> Iterator[str]:
    for examples in rows.batches():
        for example in examples:
            yield from map(str, example.inputs.values())


def traced(cleaners: Sequence[Cleaner], example: Example) -> Example:
    cleaned = {role: clean_all(cleaners, str(text)) for role, text in example.inputs.items()}
    return replace(
        example,
        inputs={role: text for role, (text, _) in cleaned.items()},
        meta={
            **example.meta,
            "raw": example.inputs,
            "origins": {role: places for role, (_, places) in cleaned.items()},
        },
    )


def cleaned(
    task: Task, cleaners: Sequence[Cleaner], examples: Sequence[Example]
) -> Sequence[Example]:
    """The examples with every cleaner applied; for answers that are places, with `traced`."""
    examples = task.read(examples)
    if task.per_token and cleaners:
        return [traced(cleaners, example) for example in examples]
    for cleaner in cleaners:
        examples = [
            replace(e, inputs={role: cleaner.clean(str(t))[0] for role, t in e.inputs.items()})
            for e in examples
        ]
    return examples


def key_of(task: Task, tokenizer: Any, cleaners: Sequence[Cleaner], names: list[str]) -> str:
    """All that shapes the ids of a text beside the text itself."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:  # these are set anew at each call and say nothing
        backend.no_truncation()
        backend.no_padding()
    shape = [
        task.encoding,
        task.own_head,  # how texts are laid out for it
        type(tokenizer).__name__,
        tokenizer.get_vocab() if backend is None else backend,
        tokenizer.model_input_names,
        tokenizer.truncation_side,
        tokenizer.model_max_length,
        [cleaner.model_dump() for cleaner in cleaners],
        names,
    ]
    texts = [s.to_str() if hasattr(s, "to_str") else json.dumps(s, default=str) for s in shape]
    return fingerprint.of_text("\n".join(texts), size=16)


def example_of(
    task: Task, columns: Mapping[str, str | list[str]], row: str | Mapping[str, Any]
) -> Example:
    """A text, or a mapping of roles (or of the training columns, whose names win) to texts.

    columns: role -> column. Raises DataError when a text, or a column beside it, is missing.
    """
    if isinstance(row, str):
        row = {task.roles[0]: row}
    inputs = {}
    for role in (*task.roles, *task.optional_roles):
        if role not in columns:
            continue
        column = str(columns[role])
        value = row.get(column, row.get(role))
        if value is None:
            raise DataError(_lacking(role, column, row))
        inputs[role] = natural(value)
    beside = columns_beside(columns)
    for column in beside:
        if column not in row:
            raise DataError(_lacking("columns", column, row))
    if beside:
        cells = {name: "" if row[name] is None else natural(row[name]) for name in beside}
        first = next(iter(inputs))
        inputs[first] = joined(cells, inputs[first])
    return Example(inputs)


def _lacking(role: str, column: str, row: Mapping[str, Any]) -> str:
    return _(
        "the row has no {role!r} (column {column!r}); it has {columns}.",
        role=role,
        column=column,
        columns=", ".join(map(repr, sorted(row))),
    )
