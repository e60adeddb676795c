"""runs and parts: what there is."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from weitiao import parts
from weitiao.checkpoints.catalogue import CATALOGUE
from weitiao.errors import PartError, RunError
from weitiao.i18n.messages import N_, _, translated
from weitiao.run import runs


def list_runs(root: str | Path = "runs") -> list[dict[str, Any]]:
    """One line a run: where it stands, its score, the seconds left. Raises RunError.

    A run whose files are damaged has the state "unreadable", and its error.
    """
    if not Path(root).is_dir() and str(root) != "runs":  # no runs yet is no mistake
        raise RunError(_("{folder}: no such folder.", folder=root))
    found: list[dict[str, Any]] = []
    for run in runs(root):
        try:
            status, metrics = run.status(), run.read("metrics")
        except RunError as error:
            nothing = dict.fromkeys(("step", "total", "metric", "value", "split", "seconds_left"))
            broken = {"run": str(run.folder), "state": N_("unreadable"), "error": str(error)}
            found.append({**broken, **nothing})
            continue
        primary = metrics.get("primary") or status.metric
        found.append({
            "run": str(run.folder),
            "state": status.state,
            "step": status.step,
            "total": status.total,
            "metric": primary,
            "value": metrics.get("metrics", {}).get(primary, status.value),
            "split": metrics.get("split", "validation"),
            "seconds_left": status.seconds_left if status.state == "running" else None,
        })  # fmt: skip
    return found


def list_parts(kind: str | None = None) -> dict[str, dict[str, str]]:
    """Kind -> name -> its one-line description. Kind `models` lists the catalogue."""
    kinds = [*parts.KINDS, "models"]
    if kind and kind not in kinds:
        told = _("there is no kind of part called {name!r}.{near}",
                    name=kind, near=parts.near(kind, kinds))  # fmt: skip
        raise PartError([("", told)])
    return {one: _names(one) for one in ([kind] if kind else kinds)}


def _names(kind: str) -> dict[str, str]:
    if kind == "models":
        return {
            entry.name: f"{translated(entry.note)} ({entry.licence})"
            for entry in CATALOGUE.values()
        }
    found = {}
    for name in parts.names(kind):
        part = parts.find(kind, name)
        told = translated(parts.summary(part))
        fields = ", ".join(f"{field}={info.default!r}" for field, info in part.model_fields.items())
        found[name] = f"{told} [{fields}]" if fields else told
    return found


def jsonable(values: Any) -> Any:
    """Plain JSON values: numbers that are none (NaN, infinity) become null."""
    if isinstance(values, dict):
        return {str(key): jsonable(value) for key, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [jsonable(value) for value in values]
    if isinstance(values, float) and not math.isfinite(values):
        return None
    return values if isinstance(values, (str, int, float, bool)) or values is None else str(values)
