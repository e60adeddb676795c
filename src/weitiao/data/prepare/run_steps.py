"""Steps of a plan applied to training rows: resampled, filtered and augmented rows with traces."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from weitiao import parts
from weitiao.data.files.cells import NUMBER, TEXT, cell_texts
from weitiao.data.files.table import ID, MADE_BY, stored
from weitiao.data.readers.base import Numbered, batched
from weitiao.data.rows import WEIGHT, Rows, everything
from weitiao.data.steps.base import Step
from weitiao.data.targets import reader_of
from weitiao.errors import DataError
from weitiao.example import Example
from weitiao.i18n.messages import _, name_list
from weitiao.labels.tags.cells import written

MADE_FROM = "__made_from"  # column: the id of the row that a made row comes from


def run_steps(
    rows: Rows,
    steps: Mapping[str, Mapping[str, Any]],
    seed: int,
    history: list[str] | None = None,
) -> Rows:
    """Apply resampling and augmentation steps to training rows; `rows` itself without steps.

    Ids stay traceable: "reviews.csv:17#oversample1" is the first copy of that line. What the steps
    did is added to `history`.
    """
    if not steps:
        return rows
    if lost := {"annotators", "probabilities"} & rows.roles.keys():
        raise DataError(
            _(
                "data.steps: new rows have no shares of labels (data.roles: {role}); leave one of "
                "them out.",
                role=sorted(lost)[0],
            )
        )
    built = built_steps(steps, rows.task)
    made = as_rows(stepped(rows, built, seed), rows)
    if history is not None:
        history.append(
            _(
                "steps for the training rows ({steps}): {before:,} rows before, {after:,} after",
                steps=name_list(steps),
                before=len(rows),
                after=len(made),
            )
        )
        history += [note for step in built.values() for note in step.notes()]
    if len(made) == 0:
        raise DataError(_("data.steps ({steps}) leave no row to train on.", steps=name_list(steps)))
    return made


def built_steps(steps: Mapping[str, Mapping[str, Any]], task: str) -> dict[str, Step]:
    """Steps by name, ready for rows of a task. Raises PartError, PlanError or DataError."""
    return {
        name: parts.build("steps", name, settings).for_task(task)
        for name, settings in steps.items()
    }


def stepped(rows: Rows, built: Mapping[str, Step], seed: int) -> Iterable[Example]:
    """The output of steps, one after the other; it may be walked more than once. What a step made
    is stored for the next, which walks it several times."""
    examples: Iterable[Example] = AllExamples(rows)
    for place, (name, step) in enumerate(built.items()):
        if place:
            examples = _Stored(examples, rows)
        examples = _StepOutput(step, examples, f"{seed} {place} {name}")
    return examples


def as_rows(examples: Iterable[Example], like: Rows, *, traced: bool = False) -> Rows:
    """Examples as rows of a table of their own. traced: with the row that each was made from."""
    kind = NUMBER if reader_of(like.task).numeric else TEXT
    columns = {**dict.fromkeys(like.text_roles, TEXT), "target": kind, ID: TEXT, MADE_BY: TEXT}
    columns |= {MADE_FROM: TEXT} if traced else {}
    columns |= {WEIGHT: NUMBER} if WEIGHT in like.roles else {}
    made = stored(columns, batched(_numbered(examples, traced)), like.name, "steps")
    own = [WEIGHT] if WEIGHT in like.roles else []
    roles = {role: role for role in (*like.text_roles, "target", *own)}
    return Rows(made.table, everything(made.table), roles, like.name, like.task)


@dataclass(frozen=True)
class AllExamples:
    """Re-iterable stream of all examples; never all in memory."""

    rows: Rows

    def __iter__(self) -> Iterator[Example]:
        for batch in self.rows.batches():
            yield from batch


@dataclass(frozen=True)
class _StepOutput:
    """Re-iterable output of a step: each iteration draws with the same seed."""

    step: Step
    before: Iterable[Example]
    seed: str

    def __iter__(self) -> Iterator[Example]:
        return iter(self.step(self.before, random.Random(self.seed)))


@dataclass(frozen=True)
class _Stored:
    """Re-iterable stream of examples that are made once, at the first walk."""

    made: Iterable[Example]
    like: Rows

    @cached_property
    def rows(self) -> Rows:
        return as_rows(self.made, self.like, traced=True)

    def __iter__(self) -> Iterator[Example]:
        done = 0
        for batch in self.rows.batches():
            span = np.arange(done, done + len(batch))
            done += len(batch)
            origins = cell_texts(self.rows.table.column(MADE_FROM), span)
            for example, origin in zip(batch, origins, strict=True):
                meta = {**example.meta, "made_from": origin} if origin else example.meta
                yield replace(example, meta=meta)


def _numbered(examples: Iterable[Example], traced: bool) -> Iterator[Numbered]:
    for place, example in enumerate(examples, 1):
        traces = {ID: example.id, MADE_BY: example.meta.get("made_by")}
        traces |= {MADE_FROM: example.meta.get("made_from")} if traced else {}
        weight = {WEIGHT: example.meta[WEIGHT]} if WEIGHT in example.meta else {}
        yield place, {**example.inputs, "target": written(example.target), **traces, **weight}
