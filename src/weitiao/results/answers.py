"""answers.parquet: every judged row's id, truth and answers, so that a report needs no model."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from weitiao.core import atomic, disk, fingerprint
from weitiao.core.ragged import Ragged, edges
from weitiao.evaluation.evaluate import Answers
from weitiao.run import Run
from weitiao.tasks.base import Judged, sure_of

NAME = "answers.parquet"
ABOUT = b"weitiao"  # the key of the file's metadata that says what the columns are
BASELINE = "baseline_"  # before the name of a baseline in the name of its column


@dataclass(frozen=True, eq=False)
class Kept:
    """Answers read back. `beside` holds the values of each baseline, shaped as judged.values."""

    judged: Judged
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


def keep(run: Run, answers: Answers, split: str) -> None:
    """Write the answers into the run's folder, whole or not at all.

    The texts are not copied: rows are found again by their position, as long as the fingerprint
    of the judged texts is the same.
    """
    judged, rows = answers.judged, answers.rows
    about = {
        "format": 1,
        "kind": judged.kind,
        "labels": list(judged.labels),
        "separator": judged.separator,
        "split": split,
        "texts": rows.fingerprint,
        "folder": os.getcwd(),  # what a relative path in the plan is relative to
        "baselines": list(answers.beside),
    }
    columns = {
        "id": pa.array(rows.ids(), pa.string()),
        "position": pa.array(rows.indices, pa.int64()),
        "target": _column(judged, judged.targets),
        "answer": _column(judged, judged.values),
        "score": pa.array(sure_of(judged), pa.float32()),
        "scores": _scores(judged.scores),
    }
    if judged.kind == "tags":
        columns["right"], columns["words"] = map(pa.array, judged.counts.T)
    if judged.kind == "spans":
        columns["counts"] = _scores(judged.counts, np.float64)
    for name, other in answers.beside.items():
        columns[BASELINE + name] = _column(other, other.values)
    told = json.dumps(about).encode("ascii")
    table = pa.table(columns).replace_schema_metadata({ABOUT: told})
    with atomic.replacing(run.folder / NAME) as new:
        pq.write_table(table, disk.plain(new), compression="zstd")


def read(folder: str | Path) -> Kept | None:
    """The answers in a run's folder; None when there are none."""
    path = Path(folder) / NAME
    if not path.is_file():
        return None
    table = pq.read_table(disk.plain(path))
    about = json.loads(table.schema.metadata[ABOUT])
    kind, labels = about["kind"], tuple(about["labels"])
    values = {
        name: _values(table.column(name), kind, labels)
        for name in ("target", "answer", *(BASELINE + other for other in about["baselines"]))
    }
    lists = table.column("scores").combine_chunks()
    flat = lists.flatten().to_numpy(zero_copy_only=False)
    counts, scores = None, flat
    if kind == "tags":
        scores = Ragged(flat, edges(pc.list_value_length(lists).to_numpy(zero_copy_only=False)))
        counts = np.column_stack([table.column(name).to_numpy() for name in ("right", "words")])
    elif kind == "spans":
        held = table.column("counts").combine_chunks().flatten()
        counts = held.to_numpy(zero_copy_only=False).reshape(table.num_rows, -1)
    elif kind != "number":
        scores = flat.reshape(table.num_rows, -1)
    return Kept(
        judged=Judged(
            kind,
            values["target"],
            values["answer"],
            scores,
            labels,
            counts,
            separator=about.get("separator", ""),  # older runs have none
        ),
        sure=table.column("score").to_numpy().astype(float),
        beside={name: values[BASELINE + name] for name in about["baselines"]},
        positions=table.column("position").to_numpy(),
        about=about,
        _ids=table.column("id").combine_chunks(),
    )


def digest(text: str) -> str:
    """By which a text is known again when a report is made."""
    return fingerprint.of_text(text)


def _column(judged: Judged, values: Any) -> Any:
    """Values as people write them: numbers, a label, or a list of labels."""
    if judged.kind == "number":
        return pa.array(values.astype(np.float64))
    if judged.kind == "spans":  # texts; of the truth, all that are right
        return pa.array([one if isinstance(one, str) else list(one) for one in values])
    labels = pa.array(judged.labels, pa.string())
    if judged.kind == "tags":
        start, end, label = values.values.T
        spans = pa.StructArray.from_arrays(
            [pa.array(start), pa.array(end), labels.take(pa.array(label))],
            names=["start", "end", "label"],
        )
        return pa.ListArray.from_arrays(pa.array(values.offsets.astype(np.int32)), spans)
    if judged.kind == "single":
        return labels.take(pa.array(values.astype(np.int64)))
    rows, which = np.nonzero(values)
    offsets = np.searchsorted(rows, np.arange(len(values) + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), labels.take(pa.array(which)))


def _values(column: Any, kind: str, labels: Sequence[str]) -> Any:
    """The values as a metric wants them."""
    cells = column.combine_chunks()
    if kind == "number":
        return np.asarray(cells.to_numpy(zero_copy_only=False))
    if kind == "spans":
        texts = np.empty(len(cells), object)
        texts[:] = [tuple(v) if isinstance(v, list) else v for v in cells.to_pylist()]
        return texts
    known = pa.array(labels, pa.string())
    if kind == "tags":
        spans = cells.flatten()
        parts = [spans.field("start"), spans.field("end"), pc.index_in(spans.field("label"), known)]
        found = np.column_stack([part.to_numpy(zero_copy_only=False) for part in parts])
        lengths = pc.list_value_length(cells).to_numpy(zero_copy_only=False)
        return Ragged(found.astype(np.int64).reshape(-1, 3), edges(lengths))
    if kind == "single":
        return pc.index_in(cells, known).to_numpy(zero_copy_only=False).astype(np.int64)
    found = np.zeros((len(cells), len(labels)), np.int64)
    rows = pc.list_parent_indices(cells).to_numpy(zero_copy_only=False)
    found[rows, pc.index_in(cells.flatten(), known).to_numpy(zero_copy_only=False)] = 1
    return found


def _scores(scores: Any, kind: Any = np.float32) -> Any:
    if isinstance(scores, Ragged):
        offsets = pa.array(scores.offsets.astype(np.int32))
        return pa.ListArray.from_arrays(offsets, pa.array(scores.values, pa.float32()))
    flat = np.ascontiguousarray(scores, kind).reshape(len(scores), -1)
    offsets = np.arange(len(flat) + 1, dtype=np.int32) * flat.shape[1]
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat.ravel()))
