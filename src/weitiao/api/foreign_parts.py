"""Which parts of a plan come from other packages: environment.json names them."""

from __future__ import annotations

from typing import Any

from weitiao import parts
from weitiao.planfile.plan import Plan


def foreign_parts(plan: Plan) -> dict[str, Any]:
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
