"""Steps of a plan applied to training rows: resampled, filtered and augmented rows with traces."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from weitiao import parts
from weitiao.data.files.cells import NUMBER, TEXT
from weitiao.data.files.table import ID, MADE_BY, stored
from weitiao.data.readers.base import Numbered, batched
from weitiao.data.rows import WEIGHT, Rows, everything
from weitiao.data.steps.base import Step
from weitiao.data.targets import reader_of
from weitiao.errors import DataError
from weitiao.example import Example
from weitiao.i18n.messages import _, name_list
from weitiao.labels.tags.cells import written


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
    """The output of steps, one after the other; it may be walked more than once."""
    examples: _StepOutput | AllExamples = AllExamples(rows)
    for place, (name, step) in enumerate(built.items()):
        examples = _StepOutput(step, examples, f"{seed} {place} {name}")
    return examples


def as_rows(examples: Iterable[Example], like: Rows) -> Rows:
    """Examples as rows of a table of their own."""
    kind = NUMBER if reader_of(like.task).numeric else TEXT
    columns = {**dict.fromkeys(like.text_roles, TEXT), "target": kind, ID: TEXT, MADE_BY: TEXT}
    columns |= {WEIGHT: NUMBER} if WEIGHT in like.roles else {}
    made = stored(columns, batched(_numbered(examples)), like.name, "steps")
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
    before: _StepOutput | AllExamples
    seed: str

    def __iter__(self) -> Iterator[Example]:
        return iter(self.step(self.before, random.Random(self.seed)))


def _numbered(examples: Iterable[Example]) -> Iterator[Numbered]:
    for place, example in enumerate(examples, 1):
        traces = {ID: example.id, MADE_BY: example.meta.get("made_by")}
        weight = {WEIGHT: example.meta[WEIGHT]} if WEIGHT in example.meta else {}
        yield place, {**example.inputs, "target": written(example.target), **traces, **weight}
