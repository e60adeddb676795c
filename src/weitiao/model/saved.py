"""What a saved model says of itself in weitiao.json: what a plain transformers folder has no place
for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weitiao import parts
from weitiao.checkpoints.verify import broken
from weitiao.data.cleaners.base import Cleaner
from weitiao.errors import ModelError, PlanError
from weitiao.hardware.probe import resolve
from weitiao.i18n.messages import _
from weitiao.planfile.plan import Plan
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
            _("{folder}: no saved model here ({file} is missing).", folder=folder, file=CARD)
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


FILE = "README.md"


def write(folder: Path, plan: Plan, family: str, head: Mapping[str, Any]) -> None:
    """Write README.md into the folder of a saved model."""
    reasons = apart(plan, head)
    lines = [
        "# " + _("A model for {task}, made with weitiao", task=plan.task_name),
        "",
        _("- network: {family}, from {checkpoint}", family=family,
             checkpoint=plan.model.checkpoint),
        _("- head: {head}", head=next(iter(head))),
        _("- texts: at most {tokens} tokens", tokens=plan.model.max_length),
        "",
    ]  # fmt: skip
    if reasons:
        lines += [_("This is no plain folder of transformers:"), ""]
        lines += [*(f"- {reason}" for reason in reasons), ""]
    else:
        told = _("A plain folder of transformers, whose `pipeline` reads it; `weitiao.json` "
                    "holds what it has no place for.")  # fmt: skip
        lines += [told, ""]
    lines += ["```python", "import weitiao", "", 'model = weitiao.load(".")', "```", ""]
    text = "\n".join(lines)
    (folder / FILE).write_text(text, encoding="utf-8", errors="backslashreplace")


def remarks(plan: Plan, told: str, head: Mapping[str, Any]) -> list[str]:
    """What the user of a run should know: how rows ran, if in no usual way, and who reads best/."""
    reasons = [
        _("best/ is no plain folder of transformers: {reason}", reason=reason)
        for reason in apart(plan, head)
    ]
    return [told, *reasons] if told else reasons


def apart(plan: Plan, head: Mapping[str, Any]) -> list[str]:
    """Why transformers alone would not give the same answers; empty when it would."""
    found = []
    if "native" not in head:
        found.append(
            _(
                "the head ({head}) is weitiao's own and lies in head.safetensors; `AutoModel` "
                "reads the network below it, and a classifier of transformers would have a random "
                "head",
                head=next(iter(head)),
            )
        )
    for name, settings in plan.model.adapter.items():
        if not parts.build("adapters", name, settings).merges:
            told = _("the adapter ({adapter}) stands in front of the texts and lies in adapter/",
                        adapter=name)  # fmt: skip
            found.append(told)
    if plan.model.attention == "full":
        found.append(
            _("each token sees the whole text, which transformers forgets where nothing is "
                 "padded")
        )  # fmt: skip
    return found
