"""Settings of a plan that its task, or this machine, has no use for."""

from __future__ import annotations

from weitiao import parts
from weitiao.errors import PlanError
from weitiao.messages import tell
from weitiao.plan import Plan
from weitiao.tasks.base import Task


def without_four_bits() -> list[str]:
    """What this machine lacks for weights in 4 bits."""
    from weitiao.model.checkpoints import quantized

    try:
        quantized()
    except PlanError as error:
        return error.problems
    return []


def settings(task: Task, plan: Plan) -> list[str]:
    """Weights, decisions and criteria that are about other kinds of answers."""
    told = {"task": plan.task_name}
    found = []
    loss = next(iter(plan.train.loss), task.losses[0])
    weighs = "weights" in parts.find("losses", loss).model_fields
    if plan.train.class_weights != "none" and not weighs:
        found.append(
            tell("train.class_weights: the loss {loss} weighs no labels; leave it out.", loss=loss)
        )
    found += [
        tell("evaluate.decisions: {name} does not fit {task}.", name=name, **told)
        for name in plan.evaluate.decisions
        if task.kind not in parts.find("decisions", name).kinds
    ]
    for name in plan.acceptance:
        metric = name in parts.names("metrics")
        kinds = parts.find("metrics", name).kinds if metric else ("single", "multilabel")
        if name != "latency" and task.kind not in kinds:
            found.append(tell("acceptance: {name} does not fit {task}.", name=name, **told))
    return found
