"""Rehearsal: the whole of a run on a sample of its rows, in a process of its own and a folder that
is thrown away; it gives what every phase takes whatever the number of rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa

import weitiao
from weitiao.api.single_run import Job, silent
from weitiao.core import atomic, disk
from weitiao.core.clock import awake
from weitiao.data.files.table import Source, mapped
from weitiao.data.prepare.load import Data, load
from weitiao.errors import DataError, WeitiaoError
from weitiao.hardware.machine import set_threads
from weitiao.i18n.messages import _, language
from weitiao.planfile.plan import Plan
from weitiao.planning.expected_phases import Rehearsed
from weitiao.results.records import Findings, MetricsRecord
from weitiao.results.refitted import Refitted
from weitiao.results.run_phases import RunPhases

ROWS = 120  # of a rehearsal, or a few for each label
ROWS_A_LABEL = 4
UPDATES = 3
# The new process imports what `weitiao train` does.
PROGRAM = """
import weitiao.cli.app, weitiao.cli.commands.train
from weitiao.api import rehearsal
rehearsal.main()
"""
TASK, TABLE, OUTCOME = "task.json", "rows.arrow", "outcome.json"
MOST_SAID = 500  # characters of what a process says before it dies


def rehearse(plan: Plan, source: Source | None, labels: int, refit: bool) -> Rehearsed:
    """Train, evaluate and report on a sample. labels: that a row may have; 0 for numbers. refit:
    whether the run will be trained once more on all rows.

    Raises WeitiaoError for what would stop the run itself.
    """
    for rows in dict.fromkeys((max(ROWS, ROWS_A_LABEL * labels), 4 * ROWS, None)):
        small = _on_sample(plan, rows, refit)
        try:
            begun = awake()
            data = load(small.data, small.task_name, source)
            seconds = awake() - begun
        except DataError:  # too few rows for each part: more of them
            if rows is None:
                raise
            continue
        return _rehearsed(small, source, data, seconds)
    raise AssertionError("the last of them has all rows")


def _on_sample(plan: Plan, rows: int | None, refit: bool) -> Plan:
    """The plan of the sample: as few updates as show what they cost."""
    most = min(rows or sys.maxsize, plan.data.max_rows or sys.maxsize)
    return plan.with_(
        {
            "data.max_rows": None if most == sys.maxsize else most,
            "train.epochs": 0.01,
            "train.budget": None,
            "train.refit": "always" if refit else "never",
            "acceptance": {},
            "why": {},
            "expect": {},
        }
    )


def _rehearsed(plan: Plan, source: Source | None, data: Data, seconds: float) -> Rehearsed:
    train, judged = len(data.train), len(data.validation)
    plan = plan.with_({"train.epochs": UPDATES * plan.train.batch_size / train})
    found = _in_new_process(plan, source)
    return Rehearsed(train_rows=train, judged_rows=judged, reading=seconds, **found)


def _in_new_process(plan: Plan, source: Source | None) -> dict[str, Any]:
    """Seconds and memory of a run, not of what this process has done before it."""
    import torch

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        task = {"plan": plan.model_dump(), "threads": torch.get_num_threads(), "begun": awake()}
        if source is not None and str(plan.data.path).startswith("memory:"):
            task |= {"name": source.name, "fingerprint": source.fingerprint}
            _keep(source, folder / TABLE)
        atomic.replace_text(folder / TASK, json.dumps(task))
        done = _started(name)
        written = folder / OUTCOME
        found: dict[str, Any] = (
            json.loads(written.read_text(encoding="utf-8")) if written.exists() else {}
        )
    if done.returncode or not found:
        said = done.stderr.decode(errors="replace").strip()[-MOST_SAID:]
        raise WeitiaoError(
            _(
                "measuring: the run on a sample of the rows ended with code {code}: {reason}",
                code=done.returncode,
                reason=said or "-",
            )
        )
    if "failed" in found:
        raise WeitiaoError(found["failed"])
    return found


def _started(folder: str) -> subprocess.CompletedProcess[bytes]:
    """Run the new process to its end. With -P, since a random.py of the user's in the working
    directory is none of its modules; this package is found where it was found here."""
    here = str(Path(weitiao.__file__).parents[1])
    paths = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    try:
        return subprocess.run(
            [sys.executable, "-P", "-c", PROGRAM, folder],
            env={**os.environ, "WEITIAO_LANG": language(), "PYTHONPATH": paths},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
    except OSError as error:
        message = _("measuring: no process can be started: {reason}", reason=error)
        raise WeitiaoError(message) from None


def _keep(source: Source, path: Path) -> None:
    """Write rows that come from no file for the new process."""
    schema = source.table.schema
    with pa.OSFile(disk.plain(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_table(source.table)


def main() -> None:
    """In the new process: the run, and what it took as outcome.json."""
    folder = Path(sys.argv[1])
    task = json.loads((folder / TASK).read_text(encoding="utf-8"))
    set_threads(task["threads"])
    source = None
    if "name" in task:
        source = Source(mapped(folder / TABLE), task["name"], task["fingerprint"])
    try:
        found = _run(Plan.parse(task["plan"]), source, task["begun"], folder / "runs")
    except WeitiaoError as error:
        found = {"failed": str(error)}
    atomic.replace_text(folder / OUTCOME, json.dumps(found))


def _run(plan: Plan, source: Source | None, begun: float, out: Path) -> dict[str, Any]:
    """Everything of Rehearsed that the run tells. begun: when its process was started."""
    run = Job(plan, begun, silent, None).start(out, source).run
    phases, evaluated = RunPhases.read(run).phases, [x for x in run.history() if "validation" in x]
    return {
        "seconds": {name: one.seconds for name, one in phases.items()},
        "memory_mb": {name: one.memory_mb for name, one in phases.items()},
        "updates": run.status().total or 0,
        "evaluations": len(evaluated),
        "saves": sum(bool(line.get("best")) for line in evaluated),
        "refit_updates": Refitted.read(run).updates,
        "findings": Findings.read(run).seconds,
        "frozen": "frozen_linear" in MetricsRecord.read(run).baselines,
    }
