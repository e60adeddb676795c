"""Listing verbs: the runs of a folder, the parts a plan may name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from weitiao import parts as registry
from weitiao.checkpoints.catalogue import CATALOGUE
from weitiao.errors import PartError, RunError
from weitiao.i18n.messages import N_, _, translated
from weitiao.run import runs as runs_in

DEFAULT_FOLDER = "runs"


def runs(folder: str | Path = DEFAULT_FOLDER) -> list[dict[str, Any]]:
    """List runs, the newest last: state, step, score, seconds left. Raises RunError.

    A run whose files are damaged has the state "unreadable", and its error.
    """
    if not Path(folder).is_dir() and str(folder) != DEFAULT_FOLDER:  # no runs yet is no mistake
        raise RunError(_("{folder}: no such folder.", folder=folder))
    listed: list[dict[str, Any]] = []
    for run in runs_in(folder):
        try:
            status, metrics = run.status(), run.read("metrics")
        except RunError as error:
            nothing = dict.fromkeys(("step", "total", "metric", "value", "split", "seconds_left"))
            broken = {"run": str(run.folder), "state": N_("unreadable"), "error": str(error)}
            listed.append({**broken, **nothing})
            continue
        primary = metrics.get("primary") or status.metric
        line = {
            "run": str(run.folder),
            "state": status.state,
            "step": status.step,
            "total": status.total,
            "metric": primary,
            "value": metrics.get("metrics", {}).get(primary, status.value),
            "split": metrics.get("split", "validation"),
            "seconds_left": status.seconds_left if status.state == "running" else None,
        }
        listed.append(line)
    return listed


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
        fields = ", ".join(f"{field}={info.default!r}" for field, info in part.model_fields.items())
        described[name] = f"{text} [{fields}]" if fields else text
    return described
