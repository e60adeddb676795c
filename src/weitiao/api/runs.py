"""Listing verbs: the runs of a folder, the parts a plan may name."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from weitiao import parts as registry
from weitiao.checkpoints.catalogue import CATALOGUE
from weitiao.core.fields import closest
from weitiao.errors import PartError, PlanError, RunError
from weitiao.i18n.messages import N_, _, translated
from weitiao.i18n.system import said
from weitiao.run import Run
from weitiao.run import runs as runs_in

DEFAULT_FOLDER = "runs"


def runs(folder: str | Path = DEFAULT_FOLDER) -> list[dict[str, Any]]:
    """List runs, the newest last: date, task, data, model, state, score. Raises RunError.

    A run whose files are damaged has the state "unreadable", and its error.
    """
    if not Path(folder).is_dir() and str(folder) != DEFAULT_FOLDER:  # no runs yet is no mistake
        raise RunError(_("{folder}: no such folder.", folder=folder))
    return [_line(run) for run in sorted(runs_in(folder), key=_date)]


def _line(run: Run) -> dict[str, Any]:
    line = {"run": str(run.folder), "date": _date(run), **_about(run)}
    try:
        status, metrics = run.status(), run.read("metrics")
    except RunError as error:
        nothing = dict.fromkeys(("step", "total", "metric", "value", "split", "seconds_left"))
        return {**line, "state": N_("unreadable"), "error": str(error), **nothing}
    primary = metrics.get("primary") or status.metric
    return {
        **line,
        "state": status.state,
        "step": status.step,
        "total": status.total,
        "metric": primary,
        "value": metrics.get("metrics", {}).get(primary, status.value),
        "split": metrics.get("split", "validation"),
        "seconds_left": status.seconds_left if status.state == "running" else None,
    }


def _date(run: Run) -> str:
    """When a run was made: local time, in ISO 8601 to the second."""
    # The log is opened once and then appended to; plan.yaml may be edited, and folders change
    # whenever a file in them does. No file system tells everywhere when a file was made.
    ages = [path.stat().st_mtime for path in (run.plan_path, run.folder / "environment.json")
            if path.is_file()]  # fmt: skip
    return datetime.fromtimestamp(min(ages), UTC).astimezone().isoformat(timespec="seconds")


def _about(run: Run) -> dict[str, Any]:
    """Task, rows and model of a run; None where they cannot be read."""
    try:
        known = run.read("environment")
        if "task" in known:
            return _facts(known["task"], known.get("path"), known["checkpoint"].get("name"))
        plan = run.plan()  # a run of 0.2.0 or before, or one that has just begun
    except (RunError, PlanError):
        return _facts(None, None, None)
    return _facts(plan.task_name, plan.data.path, plan.model.checkpoint)


def _facts(task: Any, path: Any, model: Any) -> dict[str, Any]:
    data = path if isinstance(path, str) or path is None else ", ".join(path)
    return {"task": task, "data": data, "model": model}


def require_free(root: str | Path, name: str) -> None:
    """Raise RunError for a name that no new run can have."""
    if not re.fullmatch(r"[\w-][\w.-]*", name):
        raise RunError(
            _(
                "--name: {name!r} is no name of a run: letters, digits, -, _ and dots; --out names "
                "the folder it is in.",
                name=name,
            )
        )
    folder = Path(root) / name
    if folder.exists():
        raise RunError(
            _(
                "{folder}: there is a run or folder of this name already. Take another name, or "
                "remove it: weitiao runs rm {folder}",
                folder=folder,
            )
        )


def open_all(names: Sequence[str], root: str | Path = DEFAULT_FOLDER) -> list[Run]:
    """The runs of these names, in the folder of runs or as paths. Raises RunError for one that is
    none, or that is training now."""
    found = []
    for name in dict.fromkeys(names):
        inside = Path(root) / name
        folder = inside if (inside / "plan.yaml").is_file() else Path(name)
        if not (folder / "plan.yaml").is_file():
            close = nearest_run(name, [run.folder for run in runs_in(root)])
            near = _(" Did you mean {name!r}?", name=close.name) if close else ""
            near = near or _(" `weitiao runs` lists them.")
            raise RunError(_("{name}: no run of this name.{near}", name=name, near=near))
        run = Run(folder)
        if run.status().state == "running":
            raise run.busy()
        found.append(run)
    return found


def nearest_run(name: str, folders: Sequence[Path]) -> Path | None:
    """The folder of a run that may be meant, by its name without the number: tweets-001 and
    reviews-001 have nothing but that in common. None where no name is near."""
    by_stem: dict[str, list[Path]] = {}
    for folder in folders:
        by_stem.setdefault(_stem(folder.name), []).append(folder)
    wanted = Path(name).name
    alike = by_stem.get(closest(_stem(wanted), list(by_stem)), [])
    names = {folder.name: folder for folder in alike}
    near = get_close_matches(wanted, names, n=1, cutoff=0)
    return names[near[0]] if near else None


def _stem(name: str) -> str:
    return re.sub(r"-\d+$", "", name)


def remove(run: Run) -> None:
    """Remove a run's folder with all that is in it. Raises RunError."""
    try:
        shutil.rmtree(run.folder)
    except OSError as error:
        raise RunError(
            _("{folder}: cannot be removed: {reason}.", folder=run.folder, reason=said(error))
        ) from None


def parts(kind: str | None = None) -> dict[str, dict[str, str]]:
    """Everything a plan may name: kind -> name -> description. Kind `models` is the catalogue."""
    kinds = [*registry.KINDS, "models"]
    if kind and kind not in kinds:
        message = _(
            "there is no kind of part called {name!r}.{near}",
            name=kind,
            near=registry.near(kind, kinds),
        )
        raise PartError([("", message)])
    return {one: _descriptions(one) for one in ([kind] if kind else kinds)}


def _descriptions(kind: str) -> dict[str, str]:
    if kind == "models":
        return {
            entry.name: f"{translated(entry.note)} ({entry.licence})"
            for entry in CATALOGUE.values()
        }
    described = {}
    for name in registry.names(kind):
        part = registry.find(kind, name)
        text = translated(registry.summary(part))
        fields = ", ".join(
            f"{field}={'...' if info.is_required() else repr(info.default)}"
            for field, info in part.model_fields.items()
        )
        described[name] = f"{text} [{fields}]" if fields else text
    return described
