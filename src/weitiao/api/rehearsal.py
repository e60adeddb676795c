"""Rehearsal: the whole of a run on a sample of its rows, in a folder that is thrown away; it gives
what every phase takes whatever the number of rows."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import Any

from weitiao.api.single_run import Job, silent
from weitiao.core.clock import awake
from weitiao.data.files.table import Source
from weitiao.data.prepare.load import Data, load
from weitiao.errors import DataError
from weitiao.planfile.plan import Plan
from weitiao.planning.expected_phases import Rehearsed
from weitiao.results.records import Findings
from weitiao.results.refitted import Refitted
from weitiao.results.run_phases import RunPhases

ROWS = 120  # of a rehearsal, or a few for each label
ROWS_A_LABEL = 4
UPDATES = 3
IMPORTS = """
import json, time
begun = time.monotonic()
import weitiao.cli.app, weitiao.cli.commands.train, weitiao.api.fit
middle = time.monotonic()
import accelerate
import transformers.models.auto.modeling_auto, transformers.models.bert.modeling_bert
print(json.dumps([middle - begun, time.monotonic() - middle]))
"""


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
    epochs = UPDATES * plan.train.batch_size / train
    plan = plan.with_({"train.epochs": epochs})
    with tempfile.TemporaryDirectory() as folder:
        fitted = Job(plan, awake(), silent, None).start(folder, source)
        status = fitted.run.status()
        phases, findings = RunPhases.read(fitted.run).phases, Findings.read(fitted.run)
        refitted = Refitted.read(fitted.run)
        evaluated = [line for line in fitted.run.history() if "validation" in line]
    return Rehearsed(
        seconds={name: one.seconds for name, one in phases.items()},
        memory_mb={name: one.memory_mb for name, one in phases.items()},
        train_rows=train,
        judged_rows=judged,
        updates=status.total or 0,
        evaluations=len(evaluated),
        saves=sum(bool(line.get("best")) for line in evaluated),
        refit_updates=refitted.updates,
        reading=seconds,
        findings=findings.seconds,
    )


def import_seconds() -> tuple[float, float]:
    """Seconds of a new process until it has imported what every run needs, and what is imported
    later; (0, 0) where no process can be started."""
    with suppress(OSError, subprocess.SubprocessError, ValueError):
        done: Any = subprocess.run(
            [sys.executable, "-c", IMPORTS], capture_output=True, check=True, timeout=300
        )
        first, later = json.loads(done.stdout.splitlines()[-1])
        return float(first), float(later)
    return 0.0, 0.0
