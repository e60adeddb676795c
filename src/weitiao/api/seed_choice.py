"""Of several seeds that are trained: the best by validation, the spread, the word of the test."""

from __future__ import annotations

from typing import Any

import numpy as np

from weitiao import parts
from weitiao.api import evaluate
from weitiao.data.prepare.sealed import one_look
from weitiao.errors import RunError
from weitiao.i18n.messages import _
from weitiao.reporting import page
from weitiao.run import Run

FOLDER, FILE = "seeds", "seeds"
OWN = {FOLDER, f"{FILE}.json", "last", ".lock", page.NAME}  # of a run, not to be copied up


def judged(run: Run, told: dict[str, Any], *, final: bool) -> dict[str, Any]:
    """What seeds.json is to say once all seeds are trained; `run` becomes as the best of them.

    final: judge all on the sealed test, in one look. Raises RunError while seeds are missing.
    """
    kept = [one for one in told["runs"] if not one["replaced"]]
    if not kept and len(told["runs"]) > told["asked"]:  # more are not tried
        raise RunError(_("{folder}: every seed diverged; lower train.learning_rate.",
                            folder=run.folder))  # fmt: skip
    if len(kept) < told["asked"]:
        raise RunError(
            _("{folder}: {done} of {asked} seeds are trained. Go on first: "
                 "weitiao train --resume {folder}",
                 folder=run.folder, done=len(kept), asked=told["asked"])
        )  # fmt: skip
    _same_criteria(run, [Run(run.folder / FOLDER / one["folder"]) for one in kept])
    sign = 1.0 if parts.find("metrics", told["metric"]).higher_is_better else -1.0
    best = max(kept, key=lambda one: sign * one["validation"])
    if final:
        with one_look():
            for one in kept:
                report, *_unused = evaluate.evaluate_run(
                    run.folder / FOLDER / one["folder"], final=True
                )
                one["test"] = report.metrics[told["metric"]]
        told["test"] = _spread([one["test"] for one in kept])
    told |= {"best": best["folder"], "validation": _spread([one["validation"] for one in kept])}
    told["final"] = final or told["final"]
    run.mirror(Run(run.folder / FOLDER / best["folder"]), leave=OWN)
    return told


def _same_criteria(run: Run, seeds: list[Run]) -> None:
    """Criteria may be written into the plan of the folder when all has long been trained."""
    wanted = run.plan().acceptance
    for seed in seeds:
        plan = seed.plan()
        if plan.acceptance != wanted:
            plan.model_copy(update={"acceptance": wanted}).save(seed.plan_path)


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "mean": float(np.mean(values)),
        "spread": float(np.std(values, ddof=1)) if len(values) > 1 else 0.0,
        "lowest": min(values),
        "highest": max(values),
    }
