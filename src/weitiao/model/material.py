"""What a model takes from its training rows beside their ids: weights of labels, cleaned texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from weitiao import parts
from weitiao.data.cleaners.base import Cleaner, clean_all
from weitiao.data.data import Rows
from weitiao.errors import PlanError
from weitiao.example import Example
from weitiao.messages import tell
from weitiao.tasks.base import Task


def weights_of(wanted: str | Mapping[str, float], task: Task, rows: Rows) -> tuple[float, ...]:
    if wanted == "balanced":
        return task.balanced(task.truth(rows))
    if isinstance(wanted, str):
        return ()
    unknown = [label for label in wanted if label not in task.choices]
    if unknown:
        hint = parts.near(unknown[0], task.choices)
        raise PlanError(
            [tell("train.class_weights: no label {label!r}.{hint}", label=unknown[0], hint=hint)]
        )
    return tuple(float(wanted.get(label, 1.0)) for label in task.choices)


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
