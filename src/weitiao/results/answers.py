"""answers.parquet: every judged row's id, truth and answers, so that a report needs no model."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from weitiao import parts
from weitiao.core import atomic, disk, fingerprint
from weitiao.errors import WeitiaoError
from weitiao.evaluation.evaluate import Evaluated
from weitiao.run import Run
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.numbers import Numbers
from weitiao.tasks.answers.passages import Passages
from weitiao.tasks.answers.spans import Spans

NAME = "answers.parquet"
ABOUT = b"weitiao"  # the key of the file's metadata that says what the columns are
BUILT_IN = {one.kind: one for one in (Labels, LabelSets, Numbers, Spans, Passages)}
BASELINE = "baseline_"  # before the name of a baseline in the name of its column


@dataclass(frozen=True, eq=False)
class Kept:
    """Answers read back. `beside` holds the values of each baseline, shaped as judged.values."""

    judged: Answers
    sure: np.ndarray  # (n,) how sure each answer is; the answer itself for numbers
    beside: Mapping[str, Any]
    positions: np.ndarray  # (n,) of the rows in the table of their file
    about: Mapping[str, Any]
    _ids: Any

    def __len__(self) -> int:
        return len(self.positions)

    def ids(self, rows: np.ndarray) -> list[str]:
        """Where these rows are from, e.g. "reviews.csv:17"."""
        found: list[str] = self._ids.take(pa.array(rows)).to_pylist()
        return found


def keep(run: Run, answers: Evaluated, split: str) -> None:
    """Write the answers into the run's folder, whole or not at all.

    The texts are not copied: rows are found again by their position, as long as the fingerprint
    of the judged texts is the same.
    """
    judged, rows = answers.answers, answers.rows
    about = {
        "format": 1,
        "kind": judged.kind,
        "labels": list(judged.labels),
        "separator": judged.separator,
        "split": split,
        "texts": rows.fingerprint,
        "folder": os.getcwd(),  # what a relative path in the plan is relative to
        "baselines": list(answers.baselines),
    }
    columns = {
        "id": pa.array(rows.ids(), pa.string()),
        "position": pa.array(rows.indices, pa.int64()),
        **judged.columns(),
    }
    for name, other in answers.baselines.items():
        columns[BASELINE + name] = other.column(other.values)
    told = json.dumps(about).encode("ascii")
    table = pa.table(columns).replace_schema_metadata({ABOUT: told})
    with atomic.replacing(run.folder / NAME) as new:
        pq.write_table(table, disk.plain(new), compression="zstd")


def read(folder: str | Path, task: str = "") -> Kept | None:
    """The answers in a run's folder; None when there are none. task: its name, if known already."""
    path = Path(folder) / NAME
    if not path.is_file():
        return None
    table = pq.read_table(disk.plain(path))
    about = json.loads(table.schema.metadata[ABOUT])
    labels = tuple(about["labels"])
    answers = _class_of(about["kind"], Run(Path(folder)), task)
    beside = {
        name: answers.values_of(table.column(BASELINE + name).combine_chunks(), labels)
        for name in about["baselines"]
    }
    return Kept(
        judged=answers.from_arrow(table, labels, about.get("separator", "")),  # older runs: none
        sure=table.column("score").to_numpy().astype(float),
        beside=beside,
        positions=table.column("position").to_numpy(),
        about=about,
        _ids=table.column("id").combine_chunks(),
    )


def digest(text: str) -> str:
    """By which a text is known again when a report is made."""
    return fingerprint.of_text(text)


def _class_of(kind: str, run: Run, task: str) -> type[Answers]:
    """The answer class by its stored name: that of the run's task, else one of ours.

    The task first, since a class of another package may extend one of ours under its name.
    """
    try:
        if not task and run.plan_path.is_file():
            task = run.plan().task_name
        answers = parts.find("tasks", task).answers if task else None
    except WeitiaoError:  # the plan names parts that are not installed here
        if kind not in BUILT_IN:
            raise
        return BUILT_IN[kind]
    known: type[Answers] = answers if answers and answers.kind == kind else BUILT_IN[kind]
    return known
