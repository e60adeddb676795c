"""Carry out what an experiment asks for, and say at any time what is known by now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from weitiao import parts
from weitiao.api.compare import FAMILY_ALPHA
from weitiao.errors import ModelError
from weitiao.evaluation.compare import Comparison, compare, differing
from weitiao.evaluation.metrics.base import Metric
from weitiao.experiments.cells import OURS, Cell, Experiment, cells_of
from weitiao.experiments.executors.base import Job
from weitiao.experiments.store import Store
from weitiao.i18n.messages import _, plural
from weitiao.results import run_data
from weitiao.tasks.answers.base import Answers

HEAD = ("data", "recipe", "method", "seed", "state", "metric", "value", "rows", "key")
TABLE = "table"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Line:
    """What all seeds of one recipe (or peer) came to on one data set, against the first recipe."""

    data: str
    recipe: str
    metric: str
    done: int
    failed: int
    cells: int
    values: tuple[float, ...]
    against: Comparison | None = None
    error: str = ""

    @property
    def mean(self) -> float:
        return float(np.mean(self.values)) if self.values else float("nan")

    @property
    def spread(self) -> float:
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else float("nan")


@dataclass(frozen=True)
class Found:
    """An experiment's cells and where their records are; records may still be missing."""

    cells: Sequence[Cell]
    store: Store

    def rows(self) -> list[dict[str, Any]]:
        """One row a cell, in the order of the cells; it says nothing of times."""
        found = []
        for cell in self.cells:
            record = self.store.read(cell.key)
            row = {"data": cell.data, "recipe": cell.recipe, "method": cell.method,
                   "seed": cell.seed, "state": record.get("state", "missing"),
                   "metric": record.get("metric", ""), "value": record.get("value"),
                   "rows": record.get("rows"), "key": cell.key}  # fmt: skip
            found.append(row)
        return found

    def missing(self) -> list[Cell]:
        """The cells without a record, each key once."""
        found = {cell.key: cell for cell in self.cells if not self.store.has(cell.key)}
        return list(found.values())

    def failed(self) -> list[Cell]:
        """The cells that could not be carried out."""
        return [c for c in self.cells if self.store.read(c.key).get("state") == "failed"]

    def write(self) -> Path:
        """table.csv in the store: what is known by now."""
        rows = [["" if row[name] is None else row[name] for name in HEAD] for row in self.rows()]
        return self.store.write_table(TABLE, HEAD, rows)

    def lines(self) -> list[Line]:
        """A line for each recipe and peer on each data set, with the difference to the first."""
        found = []
        for data in dict.fromkeys(cell.data for cell in self.cells):
            mine = [cell for cell in self.cells if cell.data == data]
            recipes = list(dict.fromkeys(cell.recipe for cell in mine))
            level = 1 - FAMILY_ALPHA / max(1, len(recipes) - 1)
            first: list[Answers] = []
            for number, recipe in enumerate(recipes):
                cells = [cell for cell in mine if cell.recipe == recipe]
                line, judged = self._line(cells, first, level)
                first = first if number else judged
                found.append(line)
        return found

    def summary(self) -> dict[str, Any]:
        """The line that `--json` ends with."""
        return {
            "store": str(self.store.root),
            "cells": self.rows(),
            "lines": [
                {"data": one.data, "recipe": one.recipe, "metric": one.metric, "done": one.done,
                 "failed": one.failed, "cells": one.cells, "mean": one.mean,
                 "spread": one.spread, "error": one.error,
                 "against_first": one.against and one.against.summary()}
                for one in self.lines()
            ],
        }  # fmt: skip

    def _line(
        self, cells: list[Cell], first: list[Answers], level: float
    ) -> tuple[Line, list[Answers]]:
        records = [self.store.read(cell.key) for cell in cells]
        done = [(c, r) for c, r in zip(cells, records, strict=True) if r.get("state") == "done"]
        kept = [run_data.read_answers(self.store.folder_of(cell.key)) for cell, _ in done]
        judged = [one.answers for one in kept if one is not None]
        if all(cell.method != OURS for cell in cells) and _same(judged):
            judged = judged[:1]  # a method that no seed changes is one set of answers
        errors = [r["error"] for r in records if r.get("state") == "failed"]
        against = None
        if first and judged:
            metrics = _metrics(str(done[0][1]["metric"]), judged[0])
            against = compare(first, judged, metrics, level=level)
        line = Line(
            cells[0].data, cells[0].recipe, done[0][1]["metric"] if done else "",
            len(done), len(errors), len(cells), tuple(record["value"] for _, record in done),
            against, errors[0] if errors else "",
        )  # fmt: skip
        return line, judged


def run_experiment(
    path: str | Path,
    *,
    out: str | Path | None = None,
    executor: Mapping[str, Mapping[str, Any]] | None = None,
    again: bool = False,
    say: Say | None = None,
) -> Found:
    """Carry out the cells of an experiment's file that are not in its store yet.

    out: the store's folder; experiments/NAME by default. executor: name and settings, e.g.
    {"local": {"processes": 2}}, instead of the file's. again: carry out failed cells once more.
    Stopped or killed at any moment, it goes on when it is called again. Raises WeitiaoError.
    """
    asked, found = _opened(path, out)
    if again:
        for cell in found.failed():
            found.store.forget(cell.key)
    (name, settings), *_unused = (executor or asked.executor).items()
    tell_of = say or (lambda text: None)
    lacking = _lacking(asked)
    for told in lacking.values():
        tell_of(told)
    missing = [cell for cell in found.missing() if cell.method not in lacking]
    found.write()
    cells = plural(len(found.cells), "cell")
    tell_of(_("{cells}, {missing} to carry out: {folder}", cells=cells, missing=len(missing),
                 folder=found.store.root))  # fmt: skip
    jobs = [Job(cell.key, str(found.store.root.resolve()), cell.job()) for cell in missing]
    by_key = {cell.key: cell for cell in missing}
    steps = parts.build("executors", name, settings).run(jobs)
    try:
        for number, finished in enumerate(steps, 1):
            cell = by_key[finished.key]
            if finished.died and not found.store.has(cell.key):
                found.store.write(cell.key, {"state": "failed", "error": finished.died})
            found.write()
            tell_of(_told(cell, found.store.read(cell.key), number, len(jobs)))
    finally:
        steps.close()
    return found


def open_experiment(path: str | Path, *, out: str | Path | None = None) -> Found:
    """What is known of an experiment by now; nothing is carried out. Raises WeitiaoError."""
    return _opened(path, out)[1]


def _opened(path: str | Path, out: str | Path | None) -> tuple[Experiment, Found]:
    asked, plan = Experiment.load(path)
    root = Path(out) if out else Path("experiments") / Path(path).stem
    return asked, Found(cells_of(asked, plan), Store(root))


def _told(cell: Cell, record: Mapping[str, Any], number: int, count: int) -> str:
    told = {"number": number, "count": count, "data": cell.data, "recipe": cell.recipe,
            "seed": cell.seed}  # fmt: skip
    if record.get("state") == "done":
        return _("{number}/{count} {data}, {recipe}, seed {seed}: {metric} {value:.4f}",
                    **told, metric=record["metric"], value=record["value"])  # fmt: skip
    return _("{number}/{count} {data}, {recipe}, seed {seed}: failed: {error}",
                **told, error=str(record.get("error", "")).strip())  # fmt: skip


def _metrics(primary: str, judged: Answers) -> dict[str, Metric]:
    names = dict.fromkeys([primary, *judged.metrics])
    found = {name: parts.build("metrics", name) for name in names}
    return {name: one for name, one in found.items() if not one.of_scores}


def _same(judged: Sequence[Answers]) -> bool:
    return not any(differing([judged[0]], [other]).any() for other in judged[1:])


def _lacking(asked: Experiment) -> dict[str, str]:
    """The peers that lack a package, and which; their cells stay missing until it is there."""
    found = {}
    for name, settings in asked.peers.items():
        try:
            parts.build("peers", name, settings).check()
        except ModelError as error:
            found[name] = str(error)
    return found
