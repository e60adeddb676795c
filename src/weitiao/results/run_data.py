"""All that is known of a run, read from its folder; what is missing there is empty here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from weitiao.data.files.cells import cell_texts
from weitiao.data.files.open import open_source
from weitiao.data.rows import Rows
from weitiao.errors import WeitiaoError
from weitiao.planfile.plan import Plan
from weitiao.planfile.sections import FEWEST_EPOCHS
from weitiao.results import answers
from weitiao.results.answers import Kept
from weitiao.results.records import Findings
from weitiao.run import Run


@dataclass(frozen=True)
class Material:
    """What a page is made from."""

    run: Run
    plan: Plan
    status: Mapping[str, Any]
    environment: Mapping[str, Any]
    figures: Mapping[str, Any]
    metrics: Mapping[str, Any]  # the judgement; empty before there is one
    log: Sequence[Mapping[str, Any]]
    kept: Kept | None
    findings: Findings = field(default_factory=Findings)  # error analysis

    @property
    def state(self) -> str:
        """finished, early, interrupted, failed, running, new."""
        return str(self.status["state"])

    @property
    def primary(self) -> str:
        return str(self.metrics.get("primary") or self.status.get("metric") or "")

    @property
    def short_budget(self) -> float | None:
        """The budget in seconds, when it left no time for the fewest epochs a plan would choose."""
        epochs = [float(line["epoch"]) for line in self.log if "epoch" in line]
        return self.plan.train.budget if max(epochs, default=0.0) < FEWEST_EPOCHS else None

    @property
    def target(self) -> str:
        """The name of the target's column (or columns)."""
        role = self.plan.data.roles["target"]
        return role if isinstance(role, str) else ", ".join(role)

    @cached_property
    def judged_rows(self) -> Rows | None:
        """The judged rows in their file; None when it is gone or no longer says the same.

        This reads the rows by their kept positions, so it opens no test.
        """
        if self.kept is None:
            return None
        data = self.plan.data
        path = {"test": data.test_path, "validation": data.validation_path}.get(
            str(self.kept.about["split"])
        )
        for place in _places(path or data.path, str(self.kept.about["folder"])):
            rows = self._rows_of(place)
            if rows is not None and rows.fingerprint == self.kept.about["texts"]:
                return rows
        return None

    def texts(self, picked: np.ndarray) -> list[list[tuple[str, str]]] | None:
        """(column, text) of these judged rows; None when the texts are gone."""
        rows = self.judged_rows
        if rows is None:
            return None
        positions = rows.take(picked).indices
        found = []
        for role in rows.text_roles:
            column = str(rows.roles[role])
            texts = cell_texts(rows.table.column(column), positions)
            found.append([(column, text) for text in texts])
        return [list(row) for row in zip(*found, strict=True)]

    def train_texts(self, positions: Sequence[int]) -> dict[int, str]:
        """Position -> text of training rows in their file, of pairs one under the other."""
        assert self.kept is not None
        if not positions or self.judged_rows is None:
            return {}
        for place in _places(self.plan.data.path, str(self.kept.about["folder"])):
            rows = self._rows_of(place, np.array(positions, np.int64))
            if rows is not None:
                columns = [
                    cell_texts(rows.table.column(str(rows.roles[role])), rows.indices)
                    for role in rows.text_roles
                ]
                texts = ["\n".join(cells) for cells in zip(*columns, strict=True)]
                return dict(zip(positions, texts, strict=True))
        return {}

    def _rows_of(self, place: Any, positions: np.ndarray | None = None) -> Rows | None:
        assert self.kept is not None
        data = self.plan.data
        try:
            source = open_source(place, data.reader, data.skip_bad)
        except (WeitiaoError, OSError):
            return None
        positions = self.kept.positions if positions is None else positions
        roles = {role: column for role, column in data.roles.items() if role != "group"}
        columns = [name for value in roles.values()
                   for name in ([value] if isinstance(value, str) else value)]  # fmt: skip
        if not set(columns) <= set(source.columns) or positions.max() >= source.table.num_rows:
            return None
        return Rows(source.table, positions, roles, source.name, self.plan.task_name)


def gathered(run: Run) -> Material:
    """Everything in the run's folder. Reads no model and asks nothing of the sealed test."""
    plan = run.plan()
    metrics, kept = run.read("metrics"), answers.read(run.folder, plan.task_name)
    if kept and (metrics.get("split"), metrics.get("rows")) != (kept.about["split"], len(kept)):
        kept = None  # from another judgement: a kill came between the two files
    return Material(
        run=run,
        plan=plan,
        status=run.status(),
        environment=run.read("environment"),
        figures=run.read("figures"),
        metrics=metrics,
        log=run.log_after(0),
        kept=kept,
        findings=Findings.read(run) if kept else Findings(),
    )


def _places(path: Any, folder: str) -> list[Any]:
    """The path as it stands, and as it was meant where the run was made."""
    listed = [path] if isinstance(path, str) else list(path)
    if any(":" in one[2:] for one in listed):  # sample:NAME, memory:HASH
        return [path]
    there = [str(Path(folder) / one) for one in listed]
    return [path, there[0] if isinstance(path, str) else there]
