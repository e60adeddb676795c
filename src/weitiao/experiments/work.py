"""Worker: run one cell and write its record; as a process, one cell after the other.

    python -m weitiao.experiments.work       a job per line on stdin, a line back for each

The process ends when its stdin does, so no worker outlives the process that started it.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from weitiao import parts
from weitiao.errors import WeitiaoError
from weitiao.experiments.cells import OURS, Cell
from weitiao.experiments.executors.base import Job
from weitiao.experiments.store import Record, Store
from weitiao.planfile.plan import Plan
from weitiao.run import Run, runs

# What a comparison needs of a run; weights and checkpoints are deleted.
FILES = (
    "plan.yaml",
    "metrics.json",
    "environment.json",
    "answers.parquet",
    "answers.validation.parquet",
    "status.json",
)


def run_cell(root: str, job: Mapping[str, Any]) -> None:
    """Run a cell and write its record into the store, unless it is there.

    A mistake of the user's (WeitiaoError) becomes a record too; anything else is a bug and raised.
    """
    store, cell = Store(root), Cell.from_job(job)
    folder = store.folder_of(cell.key)
    folder.mkdir(parents=True, exist_ok=True)
    # A worker of a killed experiment may still run this cell, or a second runner on the same store:
    # whoever comes later waits, and then finds the record.
    with FileLock(folder / ".lock"):
        if store.has(cell.key):
            return
        start = time.monotonic()
        try:
            plan = Plan.parse(dict(cell.plan))
            run = _our_run if cell.method == OURS else _peer_run
            record = run(plan, folder, cell)
        except WeitiaoError as error:
            record = Record("failed", error=str(error))
        else:
            record = replace(record, seconds=round(time.monotonic() - start, 2))
        place = {n: getattr(cell, n) for n in ("recipe", "data", "seed", "method", "split")}
        store.write(cell.key, replace(record, **place))


def _our_run(plan: Plan, folder: Path, cell: Cell) -> Record:
    """Train and evaluate the plan; an interrupted run is resumed where it stands."""
    from weitiao.api import run_evaluation, single_run

    inside = folder / "run"
    begun = runs(inside)
    run = begun[0] if begun else None
    if run is None:
        run = single_run.train_run(plan, out=inside).run
    elif run.status().state not in ("finished", "early"):
        single_run.resume_run(run.folder)
    elif not run.read("metrics"):  # killed between training and evaluation
        run_evaluation.evaluate_run(run.folder)
    if cell.split == "test":
        run_evaluation.evaluate_run(run.folder, final=True)
    metrics = run.read("metrics")
    for name in FILES:
        if (run.folder / name).is_file():
            shutil.copyfile(run.folder / name, folder / name)
    shutil.rmtree(inside)
    return _record(metrics)


def _peer_run(plan: Plan, folder: Path, cell: Cell) -> Record:
    """Train and evaluate another method on the same rows."""
    import numpy as np

    from weitiao.data.prepare.load import load
    from weitiao.data.prepare.sealed import open_test
    from weitiao.evaluation.evaluate import Evaluated, measure
    from weitiao.evaluation.metrics.base import metrics_of
    from weitiao.results import run_data

    peer = parts.build("peers", cell.method, cell.settings)
    peer.check()
    data = load(plan.data, plan.task_name)
    rows, openings = data.validation, 0
    if cell.split == "test":
        rows, openings = open_test(data, str(folder))
    task = parts.build("tasks", plan.task_name, plan.task[plan.task_name])
    task = task.learn(data.train.targets())
    scores = np.asarray(peer.scores(plan, task, data, rows), dtype=float)
    # Labels that occur only in the evaluated rows: nothing scores them, so they get 0.
    wide = task.widened(rows.targets())
    scores = np.pad(scores, ((0, 0), (0, wide.outputs - scores.shape[1])))
    judged = wide.to_answers(wide.indices(rows.targets(), rows.ids()), scores)
    report = measure(judged, metrics_of(wide, plan.evaluate.metrics))
    run = Run(folder)
    plan.save(run.plan_path)
    run_data.write_answers(run, Evaluated(rows, judged, {}), cell.split)
    metrics = {
        **report.summary(),
        "split": cell.split,
        "rows": report.rows,
        "openings": openings,
        "state": "finished",
    }
    run.write("metrics", metrics)
    run.write("status", {"state": "finished"})
    return _record(metrics)


def _record(metrics: Mapping[str, Any]) -> Record:
    primary, values = metrics["primary"], metrics["metrics"]
    return Record(
        "done", metric=primary, value=values[primary], metrics=values, rows=metrics["rows"]
    )


def main() -> None:
    """Run jobs until stdin ends."""
    # Libraries print to stdout as they like. The real one is the line back to the executor, so it
    # is duplicated first and file descriptor 1 is pointed at stderr.
    back = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            waiting.put(line)
        os._exit(1)  # also in the middle of a job: nobody waits for its result any more

    threading.Thread(target=listen, daemon=True).start()
    cap_threads()
    while True:
        job = Job(**json.loads(waiting.get()))
        run_cell(job.root, job.cell)
        back.write(json.dumps({"key": job.key}) + "\n")
        back.flush()


def cap_threads() -> None:
    """Use as many threads as the executor allows."""
    from weitiao.hardware.machine import set_threads

    set_threads(int(os.environ.get("OMP_NUM_THREADS", "0")) or None)


if __name__ == "__main__":
    main()
