"""Training rows after the plan's steps, written to the cache so that they are rows as any."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from weitiao import parts
from weitiao.data.files.table import ID, MADE_BY, stored
from weitiao.data.files.values import NUMBER, TEXT
from weitiao.data.readers.base import Numbered, batched
from weitiao.data.rows import Rows, everything
from weitiao.data.steps.base import Step
from weitiao.data.targets import reader_of
from weitiao.errors import DataError
from weitiao.example import Example
from weitiao.i18n.messages import _
from weitiao.labels.tags.cells import written


def run_steps(rows: Rows, steps: Mapping[str, Mapping[str, Any]], seed: int) -> Rows:
    """The rows that the steps, in order, make of `rows`; `rows` itself when there are none.

    Ids stay traceable: "reviews.csv:17#oversample1" is the first copy of that line.
    """
    if not steps:
        return rows
    walk: _Walk | _Start = _Start(rows)
    for place, (name, settings) in enumerate(steps.items()):
        walk = _Walk(parts.build("steps", name, settings), walk, f"{seed} {place} {name}")
    kind = NUMBER if reader_of(rows.task).numeric else TEXT
    columns = {**dict.fromkeys(rows.text_roles, TEXT), "target": kind, ID: TEXT, MADE_BY: TEXT}
    made = stored(columns, batched(_numbered(walk)), rows.name, "steps")
    if made.table.num_rows == 0:
        raise DataError(_("data.steps ({steps}) leave no row to train on.", steps=", ".join(steps)))
    roles = {role: role for role in (*rows.text_roles, "target")}
    return Rows(made.table, everything(made.table), roles, rows.name, rows.task)


@dataclass(frozen=True)
class _Start:
    rows: Rows

    def __iter__(self) -> Iterator[Example]:
        for batch in self.rows.batches():
            yield from batch


@dataclass(frozen=True)
class _Walk:
    """A step over what comes before it; every walk draws the same, so it can be repeated."""

    step: Step
    before: _Walk | _Start
    seed: str

    def __iter__(self) -> Iterator[Example]:
        return iter(self.step(self.before, random.Random(self.seed)))


def _numbered(examples: _Walk | _Start) -> Iterator[Numbered]:
    for number, example in enumerate(examples, 1):
        traces = {ID: example.id, MADE_BY: example.meta.get("made_by")}
        yield number, {**example.inputs, "target": written(example.target), **traces}
