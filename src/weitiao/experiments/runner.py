"""Experiment runner: run the missing cells of a grid and summarise the finished ones."""

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
from weitiao.evaluation.metric_names import metric as metric_name
from weitiao.evaluation.metrics.base import Metric
from weitiao.experiments.cells import OURS, Cell, Experiment, cells_of
from weitiao.experiments.executors.base import Job
from weitiao.experiments.store import Record, Store
from weitiao.i18n.messages import _, plural
from weitiao.results import run_data
from weitiao.tasks.answers.base import Answers

COLUMNS = ("data", "recipe", "method", "seed", "fold", "state", "metric", "value", "rows", "key")
TABLE = "table"  # table.csv in the store

Say = Callable[[str], None]


@dataclass(frozen=True)
class Line:
    """A recipe or peer on one data set, over all seeds, compared with the first recipe."""

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
        """Mean of the primary metric over the seeds."""
        return float(np.mean(self.values)) if self.values else float("nan")

    @property
    def std(self) -> float:
        """Standard deviation over the seeds, with n - 1 degrees of freedom."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else float("nan")

    def plain(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        names = ("data", "recipe", "metric", "done", "failed", "cells", "mean", "std", "error")
        plain = {name: getattr(self, name) for name in names}
        return {**plain, "against_first": self.against and self.against.summary()}


@dataclass(frozen=True)
class ExperimentResults:
    """An experiment's cells and the store of their records; records may still be missing."""

    cells: Sequence[Cell]
    store: Store

    def record(self, cell: Cell) -> Record:
        """The record of a cell."""
        return self.store.record(cell.key)

    def rows(self) -> list[dict[str, Any]]:
        """table.csv as dicts, one row per cell; without times, so that reruns give equal tables."""
        rows = []
        for cell in self.cells:
            record = self.record(cell)
            place = (cell.data, cell.recipe, cell.method, cell.seed, cell.fold or None)
            result = (record.state, record.metric, record.value, record.rows)
            rows.append(dict(zip(COLUMNS, (*place, *result, cell.key), strict=True)))
        return rows

    def missing(self) -> list[Cell]:
        """The cells without a record, each key once."""
        return list({c.key: c for c in self.cells if not self.store.has(c.key)}.values())

    def failed(self) -> list[Cell]:
        """The cells whose run failed."""
        return [cell for cell in self.cells if self.record(cell).failed]

    def write(self) -> Path:
        """Write table.csv with the present state of all cells."""
        rows = [["" if value is None else value for value in row.values()] for row in self.rows()]
        return self.store.write_table(TABLE, COLUMNS, rows)

    def lines(self) -> list[Line]:
        """One line per data set and recipe or peer, with the difference from the first recipe."""
        lines = []
        for data in dict.fromkeys(cell.data for cell in self.cells):
            mine = [cell for cell in self.cells if cell.data == data]
            recipes = list(dict.fromkeys(cell.recipe for cell in mine))
            # Bonferroni: several comparisons with the first share the family-wise error rate.
            level = 1 - FAMILY_ALPHA / max(1, len(recipes) - 1)
            first: list[Answers] = []
            for number, recipe in enumerate(recipes):
                cells = [cell for cell in mine if cell.recipe == recipe]
                line, judged = self._line(cells, first, level)
                first = first if number else judged
                lines.append(line)
        return lines

    def summary(self) -> dict[str, Any]:
        """The line that `--json` ends with."""
        lines = [line.plain() for line in self.lines()]
        return {"store": str(self.store.root), "cells": self.rows(), "lines": lines}

    def _line(
        self, cells: list[Cell], first: list[Answers], level: float
    ) -> tuple[Line, list[Answers]]:
        records = [self.record(cell) for cell in cells]
        done = [(c, r) for c, r in zip(cells, records, strict=True) if r.done]
        saved = [run_data.read_answers(self.store.folder_of(cell.key)) for cell, _record in done]
        judged = [one.answers for one in saved if one is not None]
        if cells[0].fold:
            judged = _over_folds([cell for cell, _record in done], judged, cells)
        if all(cell.method != OURS for cell in cells) and _same(judged):
            judged = judged[:1]  # a deterministic peer: equal seeds are one sample, not several
        errors = [record.error for record in records if record.failed]
        metric = done[0][1].metric if done else ""
        against = None
        if first and judged:
            against = compare(first, judged, _metrics(metric, judged[0]), level=level)
        values = tuple(record.value for _cell, record in done if record.value is not None)
        line = Line(
            data=cells[0].data,
            recipe=cells[0].recipe,
            metric=metric,
            done=len(done),
            failed=len(errors),
            cells=len(cells),
            values=values,
            against=against,
            error=errors[0] if errors else "",
        )
        return line, judged


def run_experiment(
    path: str | Path,
    *,
    out: str | Path | None = None,
    executor: Mapping[str, Mapping[str, Any]] | None = None,
    again: bool = False,
    say: Say | None = None,
) -> ExperimentResults:
    """Run the cells of an experiment file that are not in its store yet.

    out: the store's folder; experiments/NAME by default. executor: name and settings, e.g.
    {"local": {"processes": 2}}, instead of the file's. again: run failed cells once more. Stopped
    or killed at any moment, it is resumed by calling it again. Raises WeitiaoError.
    """
    experiment, results = _opened(path, out)
    store = results.store
    if again:
        for cell in results.failed():
            store.forget(cell.key)
    ((name, settings),) = (executor or experiment.executor).items()
    say = say or (lambda text: None)
    unavailable = _unavailable_peers(experiment)
    for message in unavailable.values():
        say(message)
    missing = [cell for cell in results.missing() if cell.method not in unavailable]
    results.write()
    message = _(
        "{cells}, {missing} to run: {folder}",
        cells=plural(len(results.cells), "cell"),
        missing=len(missing),
        folder=store.root,
    )
    say(message)
    jobs = [Job(cell.key, str(store.root.resolve()), cell.job()) for cell in missing]
    by_key = {cell.key: cell for cell in missing}
    finished_jobs = parts.build("executors", name, settings).run(jobs)
    try:
        for number, finished in enumerate(finished_jobs, 1):
            cell = by_key[finished.key]
            if finished.died and not store.has(cell.key):
                store.write(cell.key, Record("failed", error=finished.died))
            results.write()
            say(_progress(cell, results.record(cell), number, len(jobs)))
    finally:
        finished_jobs.close()
    return results


def open_experiment(path: str | Path, *, out: str | Path | None = None) -> ExperimentResults:
    """The present results of an experiment; nothing is run. Raises WeitiaoError."""
    return _opened(path, out)[1]


def _opened(path: str | Path, out: str | Path | None) -> tuple[Experiment, ExperimentResults]:
    experiment, plan = Experiment.load(path)
    root = Path(out) if out else Path("experiments") / Path(path).stem
    return experiment, ExperimentResults(cells_of(experiment, plan), Store(root))


def _progress(cell: Cell, record: Record, number: int, count: int) -> str:
    place: dict[str, Any] = {"number": number, "count": count}
    recipe = f"{cell.recipe} {cell.fold}" if cell.fold else cell.recipe
    place |= {"data": cell.data, "recipe": recipe, "seed": cell.seed}
    if record.done:
        return _(
            "{number}/{count} {data}, {recipe}, seed {seed}: {metric} {value:.4f}",
            **place,
            metric=metric_name(record.metric),
            value=record.value,
        )
    return _(
        "{number}/{count} {data}, {recipe}, seed {seed}: failed: {error}",
        **place,
        error=record.error.strip(),
    )


def _metrics(primary: str, judged: Answers) -> dict[str, Metric]:
    names = dict.fromkeys([primary, *judged.metrics])
    metrics = {name: parts.build("metrics", name) for name in names}
    return {name: one for name, one in metrics.items() if not one.of_scores}


def _over_folds(
    done: Sequence[Cell], judged: Sequence[Answers], cells: Sequence[Cell]
) -> list[Answers]:
    """The answers to all rows for each seed whose folds are all done, in the order of the folds."""
    whole = []
    for seed in dict.fromkeys(cell.seed for cell in cells):
        pairs = zip(done, judged, strict=True)
        of_seed = {cell.fold: one for cell, one in pairs if cell.seed == seed}
        wanted = [cell.fold for cell in cells if cell.seed == seed]
        if of_seed.keys() == set(wanted) and len({one.labels for one in of_seed.values()}) == 1:
            first, *others = (of_seed[fold] for fold in wanted)
            whole.append(first.followed_by(others))
    return whole


def _same(judged: Sequence[Answers]) -> bool:
    return not any(differing([judged[0]], [other]).any() for other in judged[1:])


def _unavailable_peers(experiment: Experiment) -> dict[str, str]:
    """Peer -> message about its missing package; its cells stay missing until it is installed."""
    messages = {}
    for name, settings in experiment.peers.items():
        try:
            parts.build("peers", name, settings).check()
        except ModelError as error:
            messages[name] = str(error)
    return messages
