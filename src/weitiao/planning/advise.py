"""Rows in, a plan with its reasons out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from weitiao import parts
from weitiao.checkpoints.catalogue import default_for
from weitiao.core import dotted
from weitiao.data.files.open import ReadOptions
from weitiao.data.files.table import Source
from weitiao.data.infer.column_stats import columns_of
from weitiao.data.infer.roles import Evidence, guess_roles, guess_task
from weitiao.data.prepare.profile import Profile, profile
from weitiao.data.rows import Rows, everything
from weitiao.errors import PlanError
from weitiao.i18n.messages import _
from weitiao.model.heads.base import misfit
from weitiao.planfile.plan import Plan, Reason
from weitiao.planning import check as unfit
from weitiao.planning import choices, cost, qa
from weitiao.planning import choices as tags
from weitiao.planning.choices import given_model, paths_told, roles_told
from weitiao.planning.expect import expectations
from weitiao.planning.facts import SAMPLE, Facts, network_of, reading_of, sampled, tokens_of
from weitiao.tasks.answers.passages import Passages
from weitiao.tasks.base import Task
from weitiao.training import sharding

Roles = Mapping[str, str | list[str]]


@dataclass(frozen=True)
class Wish:
    """What the user said; everything left out is decided from the rows."""

    path: str | Sequence[str]
    roles: Roles = field(default_factory=dict)
    task: str | None = None
    model: str | None = None
    revision: str | None = None
    test_path: str | Sequence[str] | None = None
    validation_path: str | Sequence[str] | None = None
    max_rows: int | None = None
    budget: float | None = None
    seed: int | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    reader: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    skip_bad: bool = False

    @property
    def how(self) -> ReadOptions:
        """How the rows are read."""
        return ReadOptions(self.reader, self.skip_bad).changed(self.changes)


@dataclass(frozen=True)
class Advice:
    """A plan, and the figures it stands on."""

    plan: Plan
    profile: Profile
    source: Source


def look(wish: Wish, source: Source | None = None) -> tuple[Profile, Source]:
    """What is in the rows: roles, task, figures. Raises DataError when it cannot be told."""
    how = wish.how
    source = source or how.open(wish.path)
    guess = guess_roles(source.table, wish.roles, wish.task)
    roles, reasons = dict(guess.roles), dict(guess.reasons)
    if wish.task:
        named: type[Task] = parts.find("tasks", wish.task)
        evidence = Evidence(source.table, columns_of(source.table), roles)
        task, reason = wish.task, named.named_reason(evidence)
    else:
        task, reason = guess_task(source.table, roles)
    roles, reasons = _renamed(roles, task), _renamed(reasons, task)
    reasons["task"] = reason
    test = how.open_other(wish.test_path, wish.path) if wish.test_path else None
    found = profile(source, roles, task, reasons, test, skip_bad=how.skip_bad)
    if found.separator:
        why = {**found.reasons, "task": paths_told(found)}
        found = replace(found, reasons=why)
    return found, source


def advise(wish: Wish, source: Source | None = None) -> Advice:
    """Decide everything the user left open, each with its reason.

    Raises PlanError when what the user asked for does not fit together.
    """
    facts_of_rows, source = look(wish, source)
    task, settings = facts_of_rows.task, _settings(facts_of_rows)
    why: dict[str, Reason] = {
        "task": Reason(value={task: settings}, reason=facts_of_rows.reasons["task"]),
        "data.roles": Reason(value=dict(facts_of_rows.roles), reason=roles_told(facts_of_rows)),
    }
    spoken = facts_of_rows.language
    chosen = choices.checkpoint(spoken, facts_of_rows.languages, default_for(spoken))
    if wish.model:
        chosen = Reason(value=wish.model, reason=given_model(wish.model, facts_of_rows, chosen))
    why["model.checkpoint"] = chosen
    asked = _plan(wish, why)
    facts = _facts(asked, facts_of_rows, source)
    own = "model.max_length" in wish.changes
    why |= _decided(facts, asked.model.max_length if own else None)
    if wish.validation_path:
        del why["data.validation_size"]
    if facts_of_rows.task == qa.TASK:
        why |= qa.decided(facts, source, wish.how, asked.model.revision)
    plan = _plan(wish, why)
    plan = plan.model_copy(update={"why": why, "expect": expectations(plan, facts)})
    return Advice(plan, facts_of_rows, source)


def _plan(wish: Wish, why: Mapping[str, Reason]) -> Plan:
    """What is decided and what the user wants, as a plan; the rest of it is by default."""
    raw: dict[str, Any] = {"data": {"path": _plain(wish.path)}, "model": {}}
    for path, reason in why.items():
        dotted.put(raw, path, reason.value)
    _put_wish(raw, wish)
    return Plan.parse(raw).with_(wish.changes)


def _settings(known: Profile) -> dict[str, Any]:
    """What the rows say of the task."""
    return {"separator": known.separator} if known.separator else {}


def _facts(asked: Plan, known: Profile, source: Source) -> Facts:
    network, tokenizer = network_of(asked.model.checkpoint, asked.model.revision)
    roles = {role: column for role, column in known.roles.items() if role != "target"}
    rows = Rows(source.table, everything(source.table), roles, source.name, known.task)
    labelled = known.rows - known.unlabelled - known.empty_texts - known.duplicates
    labelled = min(labelled, asked.data.max_rows or labelled)
    task: Task = parts.build("tasks", known.task, asked.task.get(known.task, {}))
    task.adapt(tokenizer)
    examples = rows.examples(sampled(len(rows), SAMPLE))
    return Facts(
        known, labelled, tokens_of(task, examples, tokenizer), network,
        cost.measure(asked.train.precision), asked.train.budget,
        next(iter(asked.model.adapter), ""), reading_of(task, examples, tokenizer, asked),
    )  # fmt: skip


def _decided(facts: Facts, asked: int | None) -> dict[str, Reason]:
    """asked: the length that the user wants."""
    task: Task = parts.build("tasks", facts.profile.task, _settings(facts.profile))
    passages = facts.profile.task == qa.TASK
    length = (qa if passages else choices).max_length(facts)
    used = asked or int(length.value)
    passes = choices.epochs(facts, used)
    held = choices.validation_size(facts)
    found: dict[str, Reason | None] = {
        "data.validation_size": held,
        "data.test_size": Reason(value=held.value, reason=_("sealed until the very end")),
        "model.max_length": length,
        "model.long_texts": choices.long_texts(facts, used),
        "train.epochs": passes,
        "train.batch_size": choices.batch_size(facts, float(passes.value)),
        "train.learning_rate": choices.learning_rate(facts, float(passes.value)),
        "train.warmup_ratio": choices.warmup_ratio(facts),
        "train.evaluations": choices.evaluations(float(passes.value)),
        "train.class_weights": choices.class_weights(facts),
        "train.optimizer": choices.optimizer(facts),
        "train.strategies": tags.strategies(facts),
        "train.precision": choices.precision(facts),
        "evaluate.metrics": choices.metrics(facts, task.judged_by),
    }
    return {path: reason for path, reason in found.items() if reason is not None}


def _renamed(roles: dict[str, Any], task: str) -> dict[str, Any]:
    """Pair roles under the names of the task: nli reads premise and hypothesis."""
    wanted = {"text": "premise", "text_pair": "hypothesis"}
    if task != "nli":
        wanted = {new: old for old, new in wanted.items()}
    return {wanted.get(role, role): value for role, value in roles.items()}


def _plain(path: str | Sequence[str] | None) -> Any:
    return path if path is None or isinstance(path, str) else list(path)


def _put_wish(raw: dict[str, Any], wish: Wish) -> None:
    wanted = {
        "data.test_path": _plain(wish.test_path),
        "data.validation_path": _plain(wish.validation_path),
        "data.reader": dict(wish.how.reader) or None,
        "data.skip_bad": wish.how.skip_bad or None,
        "data.max_rows": wish.max_rows,
        "model.revision": wish.revision,
        "train.budget": wish.budget,
        "train.seed": wish.seed,
    }
    for path, value in wanted.items():
        if value is not None:
            dotted.put(raw, path, value)


def check(plan: Plan, here: bool = False) -> None:
    """What can be known before training: metrics, loss and roles fit the task.

    here: it is to be carried out by this process, on this machine. Raises PlanError with every
    problem at once.
    """
    from weitiao.evaluation.evaluate import metrics_of

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
                    losses=", ".join(task.losses),
                )
            )
    problems += unfit.settings(task, plan)
    if (task.per_token or task.own_head) and "head" not in plan.model.long_texts:
        problems.append(
            _(
                "model.long_texts: {task} reads long texts in its own way; leave it out.",
                task=plan.task_name,
            )
        )
    if told := misfit(next(iter(plan.model.head)), task.head):
        problems.append(told)
    known = {*task.roles, *task.optional_roles, "target", "group"}
    known |= {"start"} if issubclass(task.answers, Passages) else set()
    known |= set() if task.per_token else {"columns"}
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
    problems += unfit.roles(plan)
    if plan.model.quantization != "none" and not plan.model.adapter:
        problems.append(
            _("model.quantization: weights in 4 bits cannot learn; name model.adapter too, "
                 "e.g. lora.")
        )  # fmt: skip
    problems += [
        _("train.gradient_checkpointing does not go with model.adapter: {name}, whose keys and "
             "values would be dropped; leave one of them out.", name=name)
        for name in plan.model.adapter
        if plan.train.gradient_checkpointing and not parts.find("adapters", name).recomputes
    ]  # fmt: skip
    problems += sharding.problems(plan, here)
    if here and plan.model.quantization != "none":
        problems += unfit.without_four_bits()
    if plan.data.validation_size + plan.data.test_size >= 0.9:
        problems.append(_("data: validation_size and test_size leave too few rows to learn from."))
    if problems:
        raise PlanError(problems)
