"""What environment.json records of a run: versions and hardware, its rows, and where its checkpoint
and its parts are from."""

from __future__ import annotations

from typing import Any

from weitiao import parts
from weitiao.checkpoints.resolve import Source
from weitiao.data.prepare.load import Data
from weitiao.hardware.machine import describe
from weitiao.planfile.plan import Plan


def environment_of(plan: Plan, data: Data, source: Source, final: bool) -> dict[str, Any]:
    """The content of environment.json. final: the run ends on the sealed test."""
    return {
        **describe(),
        **_foreign_parts(plan),
        "data": data.fingerprint,
        "rows": data.digests,
        "history": list(data.history),
        "final": final,
        "task": plan.task_name,
        "path": plan.data.path,
        "checkpoint": {
            "name": plan.model.checkpoint,
            "kind": source.kind,
            "sha256": source.sha256,
        },
    }


def _foreign_parts(plan: Plan) -> dict[str, Any]:
    """Parts of the plan from other packages (entry points), with their versions."""
    chosen: dict[str, Any] = {
        "strategies": plan.train.strategies,
        "cleaners": plan.data.cleaners,
        "steps": plan.data.steps,
        "tasks": plan.task,
        "losses": plan.train.loss,
        "optimizers": plan.train.optimizer,
        "schedules": plan.train.schedule,
        "heads": plan.model.head,
    }
    pairs = [(kind, name) for kind, names in chosen.items() for name in names]
    origins = {f"{kind}.{name}": parts.origin(kind, name) for kind, name in pairs}
    return {"foreign_parts": {name: value for name, value in origins.items() if value}}
