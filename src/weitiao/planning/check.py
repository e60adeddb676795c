"""Settings of a plan that its task, or this machine, has no use for."""

from __future__ import annotations

from weitiao import parts
from weitiao.errors import PlanError
from weitiao.i18n.messages import _
from weitiao.planfile.plan import Plan
from weitiao.tasks.base import Task


def without_four_bits() -> list[str]:
    """What this machine lacks for weights in 4 bits."""
    from weitiao.checkpoints.load import nf4_config

    try:
        nf4_config()
    except PlanError as error:
        return error.problems
    return []


def roles(plan: Plan) -> list[str]:
    """Columns that are read though they are what is to be learned, or are read twice."""
    given = {role: [of] if isinstance(of, str) else of for role, of in plan.data.roles.items()}
    found = [
        _(
            "data.roles: {column!r} is the target and is read as {role} too, so the answer would "
            "stand in what the model reads; take it out of {role}.",
            column=column,
            role=role,
        )
        for role, columns in given.items()
        if role not in ("target", "start", "group")
        for column in sorted({*columns} & {*given.get("target", [])})
    ]
    beside = given.get("columns", [])
    return found + [
        _("data.roles: columns names {column!r} more than once.", column=column)
        for column in dict.fromkeys(beside)
        if beside.count(column) > 1
    ]


def settings(task: Task, plan: Plan) -> list[str]:
    """Weights, decisions and criteria that are about other kinds of answers."""
    told = {"task": plan.task_name}
    found = []
    loss = next(iter(plan.train.loss), task.losses[0])
    weighs = "weights" in parts.find("losses", loss).model_fields
    if plan.train.class_weights != "none" and not weighs:
        found.append(
            _("train.class_weights: the loss {loss} weighs no labels; leave it out.", loss=loss)
        )
    found += [
        _("evaluate.decisions: {name} does not fit {task}.", name=name, **told)
        for name in plan.evaluate.decisions
        if not parts.find("decisions", name).fits(task.answers)
    ]
    for name in plan.acceptance:
        metric = name in parts.names("metrics")
        fits = (
            parts.find("metrics", name).fits(task.answers) if metric else task.answers.probabilities
        )
        if name != "latency" and not fits:
            found.append(_("acceptance: {name} does not fit {task}.", name=name, **told))
    return found
