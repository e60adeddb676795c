"""`weitiao fit` as a user calls it, timed as a whole process: imports, plan, training, report.

    record = fit(rows, Settings(store, threads=2, budget=30), answers=folder)

The rows to judge are given as the test file, so predicting them is part of the time. Beside the
seconds stands the processor time of others (see timing.py).
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import timing
import whole_sets

WARM = "cache-warm"
WARM_SECONDS = 30.0
WARM_ROWS = 64  # of the untimed run that compiles kernels, converts weights and measures memory
MOST_SECONDS = 1200.0  # a run without a budget is stopped here; the cell then has no score
KEPT_FILES = ("plan.yaml", "answers.parquet", "metrics.json", "status.json")
# Fields and parts that an older version does not have: a smoke run may leave them out.
NEW_FIELDS = ("train.linear_start", "train.refit", "model.head")


@dataclass(frozen=True)
class Settings:
    """How a run is called. budget: seconds; None: none. cold: weitiao's cache is empty."""

    store: Path
    threads: int
    budget: float | None = None
    cold: bool = False
    seed: int = 1
    changes: Mapping[str, Any] = field(default_factory=dict)  # of the plan
    most_seconds: float = MOST_SECONDS


def fit(rows: whole_sets.Rows, settings: Settings, answers: Path | None = None) -> timing.Record:
    """Train and evaluate once; score, interval and seconds, or why there are none.

    answers: a folder that gets the run's predictions, for paired comparisons.
    """
    with tempfile.TemporaryDirectory(dir=settings.store) as work:
        cache = Path(work) / "cache" if settings.cold else settings.store / WARM
        env = environment(settings, cache)
        begin = timing.mark()
        try:
            done = subprocess.run(
                command(rows, settings, Path(work) / "runs"),
                env=env,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=settings.most_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"over_seconds": settings.most_seconds, "disturbed": False}
        figures = timing.between(begin, timing.mark())
        record = {**figures, **outcome(done)}
        run = record.pop("run", None)
        if run and answers is not None:
            keep_answers(Path(run), answers)
    return record


def command(rows: whole_sets.Rows, settings: Settings, out: Path) -> list[str]:
    """The words of the command line."""
    train, judged = rows.write(settings.store / "rows")
    roles = ",".join(f"{role}={column}" for role, column in rows.roles.items())
    words = [sys.executable, "-m", "weitiao", "fit", str(train), "--test", str(judged)]
    words += ["--task", rows.task, "--roles", roles, "--seed", str(settings.seed)]
    words += ["--threads", str(settings.threads), "--out", str(out), "--json", "--lang", "en"]
    if settings.budget is not None:
        words += ["--budget", f"{settings.budget:g}s"]
    changes = [f"{name}={json.dumps(value)}" for name, value in settings.changes.items()]
    return words + changes


def environment(settings: Settings, cache: Path) -> dict[str, str]:
    """The environment of a timed process: threads, folders, no network."""
    return {
        **os.environ,
        **timing.home_env(settings.store, settings.threads),
        "WEITIAO_CACHE": str(cache),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


def outcome(done: subprocess.CompletedProcess[str]) -> timing.Record:
    """What the last line of a `fit --json` says; {"refused": ...} where it says nothing."""
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        errors = [line for line in done.stderr.splitlines() if line.strip()]
        return {"refused": " ".join(errors[-3:])[:300] or f"exit code {done.returncode}"}
    summary = json.loads(lines[-1])
    primary = summary["primary"]
    return {
        "run": summary["run"],
        "metric": primary,
        "score": summary["metrics"][primary],
        "interval": summary.get("intervals", {}).get(primary),
        "judged_rows": summary["rows"],
        "run_state": summary["state"],
        "train_seconds": summary["seconds"].get("train"),
        "saved_baselines": {
            name: values.get(primary) for name, values in summary.get("baselines", {}).items()
        },
    }


def keep_answers(run: Path, folder: Path) -> None:
    """Copy what a paired comparison reads of a run; weights are not kept."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in KEPT_FILES:
        if (run / name).is_file():
            shutil.copyfile(run / name, folder / name)


def difference(ours: Path, other: Path) -> list[float] | None:
    """Paired difference of the first metric, ours less the other's: value, low, high (95 %).

    None when one of them left no answers.
    """
    from weitiao.api.compare import compare
    from weitiao.errors import WeitiaoError

    if not all((folder / "answers.parquet").is_file() for folder in (ours, other)):
        return None
    try:
        change = compare(other, ours).comparisons[0].gaps[0].change
    except WeitiaoError:
        return None
    return [round(float(value), 5) for value in (change.value, change.low, change.high)]


def warm_up(name: str, data_dir: Path, settings: Settings) -> None:
    """One untimed run for the set's checkpoint and task, once for each state of the code."""
    rows = whole_sets.load(name, WARM_ROWS, 0, data_dir, judged=20)
    words = (rows.checkpoint, rows.task, settings.threads, code())
    marker = settings.store / WARM / ("warm-" + "-".join(map(str, words)))
    if marker.exists():
        return
    print(f"warm-up: {rows.checkpoint}, {rows.task}", flush=True)
    fit(rows, Settings(settings.store, settings.threads, budget=WARM_SECONDS))
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()


def fit_here(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: `weitiao.fit` without baselines and error analysis.

    job: files (train, judged), task, roles, checkpoint, seed, threads, changes of the plan.
    """
    import weitiao

    train, judged = job["files"]
    changes = {"evaluate.baselines": False, "evaluate.findings": False, **job["changes"]}
    begin = timing.mark()
    with tempfile.TemporaryDirectory() as folder:
        fitted = weitiao.fit(
            train,
            test=judged,
            task=job["task"],
            roles=job["roles"],
            model=job["checkpoint"],
            seed=job["seed"],
            threads=job["threads"],
            out=folder,
            changes=changes,
        )
        figures = timing.between(begin, timing.mark())
    del figures["disturbed"]  # a score does not depend on it
    report = fitted.report
    return {
        **figures,
        "metric": report.primary,
        "score": report.metrics[report.primary],
        "judged_rows": report.rows,
        "train_seconds": round(fitted.seconds.get("train", float("nan")), 2),
    }


@functools.cache
def code() -> str:
    """Hash of weitiao's source files and of torch's version, 12 hexadecimal digits."""
    import weitiao

    folder = Path(weitiao.__file__).parent
    content = hashlib.sha256(version("torch").encode())
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".py", ".cpp", ".h"):
            content.update(path.read_bytes())
    return content.hexdigest()[:12]


def known_fields() -> set[str]:
    """Which of NEW_FIELDS this version has."""
    from weitiao.planfile.sections import ModelPlan, TrainPlan

    names = {f"model.{name}" for name in ModelPlan.model_fields}
    names |= {f"train.{name}" for name in TrainPlan.model_fields}
    return names.intersection(NEW_FIELDS)


def known_changes(changes: Mapping[str, Any], smoke: bool) -> dict[str, Any]:
    """The changes; in a smoke run without those that this version does not know."""
    from weitiao import parts

    heads = parts.names("heads")
    fields = known_fields()
    return {
        name: value
        for name, value in changes.items()
        if not smoke
        or name not in NEW_FIELDS
        or (name in fields and (name != "model.head" or value in heads))
    }
