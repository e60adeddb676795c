"""Carry one cell out and leave its record; as a process, one cell after the other.

    python -m weitiao.experiments.work       a job a line on standard input, a line back for each

The process ends when its standard input does: whoever started it is gone, however that came about.
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
from pathlib import Path
from typing import Any

from filelock import FileLock

from weitiao import parts
from weitiao.errors import WeitiaoError
from weitiao.experiments.cells import OURS
from weitiao.experiments.store import Store
from weitiao.planfile.plan import Plan
from weitiao.run import Run, runs

LEFT = ("plan.yaml", "metrics.json", "environment.json", "answers.parquet", "status.json")


def carry_out(root: str, cell: Mapping[str, Any]) -> None:
    """Carry a cell out and write its record into the store, unless it is there.

    A mistake (WeitiaoError) becomes a record too; anything else is a bug and is raised.
    """
    store, key = Store(root), str(cell["key"])
    folder = store.folder_of(key)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):  # an older process may still be at it
        if store.has(key):
            return
        begun = time.monotonic()
        named = {name: cell[name] for name in ("recipe", "data", "seed", "method", "judge")}
        try:
            plan = Plan.parse(cell["plan"])
            found = _ours(plan, folder, cell) if cell["method"] == OURS else _peer(
                plan, folder, cell)  # fmt: skip
        except WeitiaoError as error:
            store.write(key, {**named, "state": "failed", "error": str(error)})
            return
        seconds = round(time.monotonic() - begun, 2)
        store.write(key, {**named, "state": "done", **found, "seconds": seconds})


def _ours(plan: Plan, folder: Path, cell: Mapping[str, Any]) -> dict[str, Any]:
    """A run of the plan; one that was cut short goes on where it stands. Its weights go, in the
    end: what stays is what a comparison needs."""
    from weitiao.api import single_run

    inside = folder / "run"
    begun = runs(inside)
    run = begun[0] if begun else None
    if run is None:
        run = single_run.train_run(plan, out=inside).run
    elif run.status()["state"] not in ("finished", "early"):
        single_run.resume_run(run.folder)
    elif not run.read("metrics"):
        single_run.evaluate_run(run.folder)
    if cell["judge"] == "test":
        single_run.evaluate_run(run.folder, final=True)
    metrics = run.read("metrics")
    for name in LEFT:
        if (run.folder / name).is_file():
            shutil.copyfile(run.folder / name, folder / name)
    shutil.rmtree(inside)
    return _record(metrics)


def _peer(plan: Plan, folder: Path, cell: Mapping[str, Any]) -> dict[str, Any]:
    """What another method makes of the same rows."""
    import numpy as np

    from weitiao.data.prepare.load import load
    from weitiao.data.prepare.sealed import open_test
    from weitiao.evaluation.evaluate import Evaluated, measure, metrics_of
    from weitiao.results import run_data

    peer = parts.build("peers", cell["method"], cell["settings"])
    peer.check()
    data = load(plan.data, plan.task_name)
    rows, openings = data.validation, 0
    if cell["judge"] == "test":
        rows, openings = open_test(data, str(folder))
    task = parts.build("tasks", plan.task_name, plan.task[plan.task_name])
    task = task.learn(data.train.targets())
    scores = np.asarray(peer.scores(plan, task, data, rows), dtype=float)
    wide = task.widened(rows.targets())
    scores = np.pad(scores, ((0, 0), (0, wide.outputs - scores.shape[1])))
    judged = wide.judge(wide.indices(rows.targets(), rows.ids()), scores)
    report = measure(judged, metrics_of(wide, plan.evaluate.metrics))
    run = Run(folder)
    plan.save(run.plan_path)
    run_data.write_answers(run, Evaluated(rows, judged, {}), str(cell["judge"]))
    metrics = {**report.summary(), "split": cell["judge"], "rows": report.rows,
               "openings": openings, "state": "finished"}  # fmt: skip
    run.write("metrics", metrics)
    run.write("status", {"state": "finished"})
    return _record(metrics)


def _record(metrics: Mapping[str, Any]) -> dict[str, Any]:
    primary = metrics["primary"]
    return {"metric": primary, "value": metrics["metrics"][primary],
            "metrics": dict(metrics["metrics"]), "rows": metrics["rows"]}  # fmt: skip


def main() -> None:
    """Answer jobs until standard input ends."""
    # Whatever a library prints goes where errors go: the line back is ours alone.
    back = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            waiting.put(line)
        os._exit(1)  # in the middle of a job too: nobody waits for it any more

    threading.Thread(target=listen, daemon=True).start()
    _cap_threads()
    while True:
        job = json.loads(waiting.get())
        carry_out(job["root"], job["cell"])
        back.write(json.dumps({"key": job["key"]}) + "\n")
        back.flush()


def _cap_threads() -> None:
    from weitiao.hardware.machine import set_threads

    set_threads(int(os.environ.get("OMP_NUM_THREADS", "0")) or None)


if __name__ == "__main__":
    main()
