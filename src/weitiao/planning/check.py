"""Plan validation: settings that contradict each other, the task, or this machine."""

from __future__ import annotations

from weitiao import parts
from weitiao.data.cleaners.base import Cleaner
from weitiao.errors import PlanError
from weitiao.evaluation.metrics.base import metrics_of
from weitiao.i18n.messages import _, name_list
from weitiao.model.heads.base import misfit
from weitiao.planfile.acceptance import OF_UNKNOWN
from weitiao.planfile.plan import Plan
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.passages import Passages
from weitiao.tasks.base import Task
from weitiao.training import sharding

MAX_HELD_OUT = 0.9  # proportion of the rows in validation and test together


def check(plan: Plan, here: bool = False) -> None:
    """Validate a plan before training: metrics, loss, head and roles fit the task.

    here: also whether this process on this machine can run it. Raises PlanError with every problem
    at once.
    """
    # All problems are collected and raised together: a plan is mended once, not message by message.
    task: Task = parts.build("tasks", plan.task_name, plan.task[plan.task_name])
    problems: list[str] = []
    try:
        metrics_of(task, plan.evaluate.metrics)
    except PlanError as error:
        problems += error.problems
    for name in plan.train.loss:
        if name not in task.losses:
            problems.append(
                _(
                    "train.loss: {loss} does not fit {task}; it has {losses}.",
                    loss=name,
                    task=plan.task_name,
                    losses=name_list(task.losses),
                )
            )
    problems += _unfitting_settings(task, plan)
    if (task.per_token or task.own_head) and "head" not in plan.model.long_texts:
        problems.append(
            _(
                "model.long_texts: {task} reads long texts in its own way; leave it out.",
                task=plan.task_name,
            )
        )
    if problem := misfit(next(iter(plan.model.head)), task.head):
        problems.append(problem)
    problems += _unfitting_roles(task, plan)
    problems += _misused_columns(plan)
    if plan.model.quantization != "none" and not plan.model.adapter:
        problems.append(
            _(
                "model.quantization: weights in 4 bits cannot learn; name model.adapter too, "
                "e.g. lora."
            )
        )
    problems += [
        _(
            "train.gradient_checkpointing does not go with model.adapter: {name}, whose keys and "
            "values would be dropped; leave one of them out.",
            name=name,
        )
        for name in plan.model.adapter
        if plan.train.gradient_checkpointing and not parts.find("adapters", name).recomputes
    ]
    problems += [
        _("data.cleaners: {name} {missing}", name=name, missing=cleaner.missing())
        for name, cleaner in cleaners_of(plan)
        if cleaner.missing()
    ]
    problems += sharding.problems(plan, here)
    if here and plan.model.quantization != "none":
        problems += _missing_for_4_bits()
    if plan.data.validation_size + plan.data.test_size >= MAX_HELD_OUT:
        problems.append(_("data: validation_size and test_size leave too few rows to learn from."))
    problems += _no_fold(plan)
    if problems:
        raise PlanError(problems)


def _no_fold(plan: Plan) -> list[str]:
    """What keeps `data.fold` from being a part of the rows."""
    if not plan.data.fold:
        return []
    number, folds = (int(part) for part in plan.data.fold.split("/"))
    if number <= folds:
        return []
    return [_("data.fold: {fold}: there are folds 1 to {folds}.", fold=plan.data.fold, folds=folds)]


def _unfitting_roles(task: Task, plan: Plan) -> list[str]:
    """Roles that the task does not have, lacks, or that do not go together."""
    problems = list[str]()
    known = {*task.roles, *task.optional_roles, "target", "group", "time"}
    known |= set() if task.writes else {"weight"}
    known |= {"annotators", "probabilities"} if task.soft else set()
    known |= {"start"} if issubclass(task.answers, Passages) else set()
    known |= set() if task.per_token else {"columns"}
    if {"annotators", "probabilities"} <= plan.data.roles.keys():
        problems.append(
            _("data.roles: annotators and probabilities both say shares of labels; name one.")
        )
    soft = {"annotators", "probabilities"} & plan.data.roles.keys()
    if soft and plan.data.validation_path and plan.train.refit == "always":
        problems.append(
            _(
                "train.refit: rows of two files are joined without their shares of labels "
                "(data.roles: {role}); write auto or never.",
                role=sorted(soft)[0],
            )
        )
    for role in plan.data.roles:
        if role not in known:
            problems.append(
                _(
                    "data.roles: {task} has no role {role!r}.{hint}",
                    task=plan.task_name,
                    role=role,
                    hint=parts.near(role, sorted(known)),
                )
            )
    problems += [
        _("data.roles: {task} needs the role {role!r}.", task=plan.task_name, role=role)
        for role in (*task.roles, "target")
        if role not in plan.data.roles
    ]
    return problems


def cleaners_of(plan: Plan) -> list[tuple[str, Cleaner]]:
    """The cleaners of a plan by name, before they have learned anything."""
    return [(name, parts.build("cleaners", name, s)) for name, s in plan.data.cleaners.items()]


def warnings_of(plan: Plan) -> list[str]:
    """What a plan may say and seldom should: cleaners that pre-trained networks rarely want."""
    return [text for _name, one in cleaners_of(plan) if (text := one.warning(plan.task_name))]


def _problems_of_unknown(task: Task, plan: Plan) -> list[str]:
    """Settings about unknown inputs that do not go together, or not with the task."""
    unknown, labels = plan.evaluate.unknown, plan.data.labels.unknown
    problems = []
    fits = task.answers.probabilities and not issubclass(task.answers, LabelSets)
    if unknown != "none" and not (fits and task.head == "sequence"):
        problems.append(
            _(
                "evaluate.unknown: does not fit {task}; it is about tasks with one label a row.",
                task=plan.task_name,
            )
        )
    if labels and unknown == "none":
        problems.append(
            _("data.labels.unknown: rows of these labels serve evaluate.unknown; set it to auto.")
        )
    for name in OF_UNKNOWN:
        if name in plan.acceptance and unknown == "none":
            problems.append(_("acceptance: {name} needs evaluate.unknown.", name=name))
        elif name in plan.acceptance and name != "known_refused" and not labels:
            problems.append(
                _(
                    "acceptance: {name} needs rows of unknown inputs; name their labels in "
                    "data.labels.unknown.",
                    name=name,
                )
            )
    return problems


def _missing_for_4_bits() -> list[str]:
    """What this machine lacks for 4-bit quantization."""
    from weitiao.checkpoints.load import nf4_config

    try:
        nf4_config()
    except PlanError as error:
        return error.problems
    return []


def _misused_columns(plan: Plan) -> list[str]:
    """Columns that leak the target into the input, or are read twice."""
    columns_of = {role: [of] if isinstance(of, str) else of for role, of in plan.data.roles.items()}
    problems = [
        _(
            "data.roles: {column!r} is the target and is read as {role} too, so the answer would "
            "stand in what the model reads; take it out of {role}.",
            column=column,
            role=role,
        )
        for role, columns in columns_of.items()
        if role not in ("target", "start", "group", "time", "annotators", "probabilities")
        for column in sorted({*columns} & {*columns_of.get("target", [])})
    ]
    more = columns_of.get("columns", [])
    return problems + [
        _("data.roles: columns names {column!r} more than once.", column=column)
        for column in dict.fromkeys(more)
        if more.count(column) > 1
    ]


def _unfitting_settings(task: Task, plan: Plan) -> list[str]:
    """Class weights, decisions and criteria that do not fit the kind of target."""
    problems = []
    task_name = plan.task_name
    loss = next(iter(plan.train.loss), task.losses[0])
    weighs = "weights" in parts.find("losses", loss).model_fields
    if plan.train.class_weights != "none" and not weighs:
        problems.append(
            _("train.class_weights: the loss {loss} weighs no labels; leave it out.", loss=loss)
        )
    problems += [
        _("evaluate.decisions: {name} does not fit {task}.", name=name, task=task_name)
        for name in plan.evaluate.decisions
        if not parts.find("decisions", name).fits(task.answers)
    ]
    if plan.train.truncate_to and plan.train.truncate_to > plan.model.max_length:
        problems.append(
            _(
                "train.truncate_to: {tokens} tokens are more than the {most} of model.max_length, "
                "which predictions read; leave it out.",
                tokens=plan.train.truncate_to,
                most=plan.model.max_length,
            )
        )
    problems += _problems_of_unknown(task, plan)
    for name in plan.acceptance:
        metric = name in parts.names("metrics")
        fits = (
            parts.find("metrics", name).fits(task.answers) if metric else task.answers.probabilities
        )
        if name != "latency" and not fits:
            problems.append(_("acceptance: {name} does not fit {task}.", name=name, task=task_name))
    return problems
