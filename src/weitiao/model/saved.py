"""What a saved model says of itself in weitiao.json: what a plain transformers folder has no place
for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weitiao import parts
from weitiao.data.cleaners.base import Cleaner
from weitiao.errors import ModelError, PlanError
from weitiao.messages import tell
from weitiao.model.probe import resolve
from weitiao.model.sound import broken
from weitiao.plan import Plan
from weitiao.tasks.base import Task

CARD = "weitiao.json"


@dataclass(frozen=True)
class Saved:
    """The plan of a saved model, and what was learned or chosen for it beside the weights."""

    plan: Plan
    task: Task
    cleaners: tuple[Cleaner, ...]
    head: Mapping[str, Any]


def read(folder: Path) -> Saved:
    """Raises ModelError when there is no saved model, or what it says is damaged."""
    path = folder / CARD
    if not path.is_file():
        raise ModelError(
            tell("{folder}: no saved model here ({file} is missing).", folder=folder, file=CARD)
        )
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        plan, head = dict(told["plan"]), dict(told.get("head", {"native": {}}))
        ((name, settings),) = told["task"].items()
        cleaners = dict(told["cleaners"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise broken(path, error) from error
    task: Task = parts.build("tasks", name, settings)
    return Saved(
        Plan.parse(plan, str(path)),
        task,
        tuple(parts.build("cleaners", key, value) for key, value in cleaners.items()),
        head,
    )


def answering(plan: Plan, precision: str | None) -> Plan:
    """The plan by which a saved model answers on this machine: in the arithmetic that is asked for,
    else in the plan's own where it can be had here."""
    if precision is None:
        try:
            resolve(plan.train.precision)
        except PlanError:
            precision = "auto"
    return plan.with_({"train.precision": precision}) if precision else plan
