"""A run read back from its folder: answers.parquet, records and log; what is missing is empty.

answers.parquet holds the id, target and prediction of every evaluated row, so that a report needs
no model. Once it is about the test set, answers.validation.parquet holds those of validation.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from weitiao import parts
from weitiao.core import atomic, disk, fingerprint
from weitiao.data.files.cells import cell_texts
from weitiao.data.files.open import open_source
from weitiao.data.infer.roles import OF_TRAINING
from weitiao.data.rows import Rows
from weitiao.errors import WeitiaoError
from weitiao.evaluation.evaluate import Evaluated
from weitiao.i18n.messages import Message
from weitiao.planfile.plan import Plan
from weitiao.planfile.sections import FEWEST_EPOCHS
from weitiao.results.records import (
    AnswersHeader,
    EnvironmentRecord,
    Findings,
    MetricsRecord,
    RowStatistics,
)
from weitiao.run import JUDGED, MAX_NUMBER, LogLine, Run, Status, damaged
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.numbers import Numbers
from weitiao.tasks.answers.passages import Passages
from weitiao.tasks.answers.spans import Spans

ANSWERS_FILE = "answers.parquet"
VALIDATION_FILE = "answers.validation.parquet"  # beside answers of the test set
REASONS = "reasons"  # the file's name
HEADER_KEY = b"weitiao"  # in the metadata of the Parquet schema
BASELINE_PREFIX = "baseline_"  # of the columns that hold predictions of baselines
BUILT_IN_ANSWERS = {one.kind: one for one in (Labels, LabelSets, Numbers, Spans, Passages)}


@dataclass(frozen=True, eq=False)
class StoredAnswers:
    """Targets and predictions read back. baselines: their values, shaped as answers.values."""

    answers: Answers
    confidence: np.ndarray  # (n,) of each prediction; of numbers the prediction itself
    baselines: Mapping[str, Any]
    positions: np.ndarray  # (n,) of the rows in the table of their file
    header: AnswersHeader
    _ids: Any

    def __len__(self) -> int:
        return len(self.positions)

    def ids(self, rows: np.ndarray) -> list[str]:
        """Where these rows are from, e.g. "reviews.csv:17"."""
        ids: list[str] = self._ids.take(pa.array(rows)).to_pylist()
        return ids


def write_answers(run: Run, evaluated: Evaluated, split: str, file: str = ANSWERS_FILE) -> None:
    """Write answers.parquet into the run's folder, whole or not at all; answers of validation are
    kept beside those of the test set.

    The texts are not copied: rows are found again by their position, as long as the fingerprint
    of the evaluated texts is the same.
    """
    if split == "test" and _split_of(run.folder / file) == "validation":
        with atomic.replacing(run.folder / VALIDATION_FILE) as new:
            shutil.copyfile(run.folder / file, new)
    answers, rows = evaluated.answers, evaluated.rows
    header = AnswersHeader(
        kind=answers.kind,
        labels=tuple(answers.labels),
        separator=answers.separator,
        split=split,
        texts=rows.fingerprint,
        folder=os.getcwd(),
        baselines=list(evaluated.baselines),
    )
    columns = {
        "id": pa.array(rows.ids(), pa.string()),
        "position": pa.array(rows.indices, pa.int64()),
        **answers.columns(),
    }
    for name, other in evaluated.baselines.items():
        columns[BASELINE_PREFIX + name] = other.column(other.values)
    # ASCII with escapes: folder names may hold bytes that are no valid UTF-8.
    text = json.dumps(header.model_dump()).encode("ascii")
    table = pa.table(columns).replace_schema_metadata({HEADER_KEY: text})
    with atomic.replacing(run.folder / file) as new:
        pq.write_table(table, disk.plain(new), compression="zstd")


def _split_of(path: Path) -> str:
    """The rows that a file of answers is about; empty where it cannot be read."""
    with suppress(OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        header = pq.read_schema(disk.plain(path)).metadata[HEADER_KEY]
        return str(json.loads(header)["split"])
    return ""


def read_answers(
    folder: str | Path, task: str = "", file: str = ANSWERS_FILE
) -> StoredAnswers | None:
    """The answers in a run's folder; None when there are none. task: its name, if known already."""
    path = Path(folder) / file
    if not path.is_file():
        return None
    try:
        return _stored_answers(path, task)
    except WeitiaoError:
        raise
    except Exception as error:  # what a damaged file raises on the way has no common class
        reason = " ".join((str(error) or type(error).__name__).split())[:120]
        raise damaged(path, reason) from error


def _stored_answers(path: Path, task: str) -> StoredAnswers:
    folder = path.parent
    table = pq.read_table(disk.plain(path))
    header = AnswersHeader.model_validate(json.loads(table.schema.metadata[HEADER_KEY]))
    answers = _class_of(header.kind, Run(folder), task)
    confidence = table.column("score").to_numpy().astype(float)
    positions = table.column("position").combine_chunks()
    _check_columns(table, answers, confidence)
    baselines = {
        name: answers.values_of(
            table.column(BASELINE_PREFIX + name).combine_chunks(), header.labels
        )
        for name in header.baselines
    }
    return StoredAnswers(
        answers=answers.from_arrow(table, header.labels, header.separator),
        confidence=confidence,
        baselines=baselines,
        positions=positions.to_numpy(zero_copy_only=False),
        header=header,
        _ids=table.column("id").combine_chunks(),
    )


def _check_columns(table: pa.Table, answers: type[Answers], confidence: np.ndarray) -> None:
    """Raise ValueError for cells that `write_answers` never writes."""
    positions = table.column("position")
    if positions.type != pa.int64() or positions.null_count:
        raise ValueError("position")
    cells = positions.to_numpy()
    if len(cells) and not 0 <= int(cells.min()) <= int(cells.max()) <= MAX_NUMBER:
        raise ValueError("position")
    if table.column("id").type not in (pa.string(), pa.large_string()):
        raise ValueError("id")
    if answers.probabilities and np.isnan(confidence).any():
        raise ValueError("score")


def text_digest(text: str) -> str:
    """Hash by which a text is recognized when a report is made."""
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
        if kind not in BUILT_IN_ANSWERS:
            raise
        return BUILT_IN_ANSWERS[kind]
    known: type[Answers] = answers if answers and answers.kind == kind else BUILT_IN_ANSWERS[kind]
    return known


@dataclass(frozen=True)
class Material:
    """Everything that the report of a run shows."""

    run: Run
    plan: Plan
    status: Status
    environment: EnvironmentRecord
    statistics: RowStatistics
    metrics: MetricsRecord  # false before an evaluation
    log: Sequence[LogLine]
    stored: StoredAnswers | None
    findings: Findings = field(default_factory=Findings)  # error analysis of the stored answers

    @property
    def state(self) -> str:
        """finished, early, interrupted, failed, running, new."""
        status = self.status
        if status.stage == JUDGED and status.trained:  # this page is all that is left to write
            return status.trained.ended
        return status.state

    @property
    def primary(self) -> str:
        return self.metrics.primary or self.status.metric or ""

    @property
    def short_budget(self) -> float | None:
        """The budget in seconds, when it left no time for the fewest epochs a plan would choose."""
        epochs = [line.epoch for line in self.log if line.epoch is not None]
        return self.plan.train.budget if max(epochs, default=0.0) < FEWEST_EPOCHS else None

    @property
    def target(self) -> str:
        """The name of the target's column (or columns)."""
        role = self.plan.data.roles["target"]
        return role if isinstance(role, str) else ", ".join(role)

    def on(self, split: str) -> Material | None:
        """The same with the answers to these rows, test or validation; None where it has none."""
        if self.stored and self.stored.header.split == split:
            return self
        if split != "validation":
            return None
        stored = read_answers(self.run.folder, self.plan.task_name, VALIDATION_FILE)
        return None if stored is None else replace(self, stored=stored, findings=Findings())

    @cached_property
    def evaluated_rows(self) -> Rows | None:
        """The evaluated rows in their file; None when it is gone or no longer says the same.

        This reads the rows by their stored positions, so it opens no test set.
        """
        if self.stored is None:
            return None
        data, header = self.plan.data, self.stored.header
        own = {"test": data.test_path, "validation": data.validation_path}.get(header.split)
        for path in _candidate_paths(own or data.path, header.folder):
            rows = self._rows_at(path, self.stored.positions)
            if rows is not None and rows.fingerprint == header.texts:
                return rows
        return None

    def texts(self, picked: np.ndarray) -> list[list[tuple[str, str]]] | None:
        """(column, text) of these evaluated rows; None when the texts are gone."""
        rows = self.evaluated_rows
        if rows is None:
            return None
        by_column = [
            [(column, text) for text in texts]
            for column, texts in _text_cells(rows, rows.take(picked).indices)
        ]
        return [list(row) for row in zip(*by_column, strict=True)]

    def train_texts(self, positions: Sequence[int]) -> dict[int, str]:
        """Position -> text of training rows in their file, of pairs one under the other."""
        if not positions or self.stored is None or self.evaluated_rows is None:
            return {}
        for path in _candidate_paths(self.plan.data.path, self.stored.header.folder):
            rows = self._rows_at(path, np.array(positions, np.int64))
            if rows is not None:
                columns = [texts for _, texts in _text_cells(rows, rows.indices)]
                joined = ["\n".join(cells) for cells in zip(*columns, strict=True)]
                return dict(zip(positions, joined, strict=True))
        return {}

    def _rows_at(self, path: Any, positions: np.ndarray) -> Rows | None:
        data = self.plan.data
        try:
            source = open_source(path, data.reader, data.skip_bad)
        except (WeitiaoError, OSError):
            return None
        roles = {role: column for role, column in data.roles.items() if role not in OF_TRAINING}
        columns = {
            name
            for value in roles.values()
            for name in ([value] if isinstance(value, str) else value)
        }
        if not columns <= set(source.columns) or positions.max() >= source.table.num_rows:
            return None
        return Rows(source.table, positions, roles, source.name, self.plan.task_name)


def gathered(run: Run) -> Material:
    """Everything in the run's folder. Reads no model and asks nothing of the sealed test."""
    plan = plan_of(run)
    metrics = MetricsRecord.read(run)
    stored = read_answers(run.folder, plan.task_name)
    if stored and (metrics.split, metrics.rows) != (stored.header.split, len(stored)):
        stored = None  # from another evaluation: a kill came between the two files
    return Material(
        run=run,
        plan=plan,
        status=run.status(),
        environment=EnvironmentRecord.read(run),
        statistics=RowStatistics.read(run),
        metrics=metrics,
        log=run.log_lines(),
        stored=stored,
        findings=Findings.read(run) if stored else Findings(),
    )


def plan_of(run: Run) -> Plan:
    """The plan of a run, its reasons as messages that are shown in any language."""
    texts = run.read(REASONS).get("texts")
    return run.plan().with_texts(texts if isinstance(texts, list) else [])


def write_reasons(run: Run, plan: Plan) -> None:
    """Write reasons.json: what translates the reasons of plan.yaml, which holds their texts."""
    texts = [text for one in plan.why.values() for text in (one.reason, one.evidence)]
    values = [text for text in texts if isinstance(text, Message) and text.values]
    if values:
        run.write(REASONS, {"texts": values})


def _text_cells(rows: Rows, positions: np.ndarray) -> list[tuple[str, list[str]]]:
    """Column and cells of each text role."""
    columns = [str(rows.roles[role]) for role in rows.text_roles]
    return [(column, cell_texts(rows.table.column(column), positions)) for column in columns]


def _candidate_paths(path: Any, folder: str) -> list[Any]:
    """The path as it stands, and relative to where the run was made."""
    listed = [path] if isinstance(path, str) else list(path)
    if any(":" in one[2:] for one in listed):  # sample:NAME, memory:HASH
        return [path]
    there = [str(Path(folder) / one) for one in listed]
    return [path, there[0] if isinstance(path, str) else there]
