"""Automatic configuration of a run: task, checkpoint, hyperparameters, each with its reason."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from pydantic import ValidationError

from weitiao import parts
from weitiao.checkpoints.catalogue import ENCODERS, default_for
from weitiao.checkpoints.new_network import check_task, is_new
from weitiao.core import dotted, fingerprint
from weitiao.data.files.open import ReadOptions
from weitiao.data.files.table import Source
from weitiao.data.infer.column_stats import columns_of
from weitiao.data.infer.roles import Evidence, guess_roles, guess_task
from weitiao.data.prepare.filter import without_misfits
from weitiao.data.prepare.label_rules import with_label_rules
from weitiao.data.prepare.profile import Profile, profile
from weitiao.data.rows import Rows, everything
from weitiao.errors import DataError
from weitiao.example import Example
from weitiao.i18n.messages import _
from weitiao.planfile.plan import Plan, Reason
from weitiao.planfile.sections import REFIT_ROWS, LabelsPlan
from weitiao.planning import (
    choices,
    cost,
    label_names,
    lengths,
    pairs,
    passage_choices,
    pooling,
    retrieval_choices,
    temperature,
    text_choices,
)
from weitiao.planning.choices import reason_of_model, reason_of_paths, reason_of_roles
from weitiao.planning.facts import SAMPLE, Facts, network_of, reading_of, sampled, tokens_of
from weitiao.planning.in_budget import validation_share
from weitiao.tasks.base import Task

Roles = Mapping[str, str | list[str]]


@dataclass(frozen=True)
class Wish:
    """User settings of a plan request; everything left out is chosen from the rows."""

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
    decided: Mapping[str, Reason] = field(default_factory=dict)  # by measuring, before the plan

    @property
    def how(self) -> ReadOptions:
        """How the rows are read."""
        return ReadOptions(self.reader, self.skip_bad).changed(self.changes)

    @property
    def labels(self) -> LabelsPlan:
        """The rules for names of labels; none where they are no good, which the plan reports."""
        raw: dict[str, Any] = {}
        for path, value in self.changes.items():
            if f"{path}.".startswith("data.labels."):
                dotted.put(raw, path, value)
        with suppress(ValidationError):
            labels = LabelsPlan.model_validate(raw.get("data", {}).get("labels", {}))
            # Rows of unknown inputs are not learned: no choice depends on them.
            return labels.model_copy(update={"drop": [*labels.drop, *labels.unknown]})
        return LabelsPlan()


@dataclass(frozen=True)
class Advice:
    """A plan, with the profile and the rows it was made from."""

    plan: Plan
    profile: Profile
    source: Source


def look(wish: Wish, source: Source | None = None) -> tuple[Profile, Source]:
    """Profile rows: roles, task, statistics. Raises DataError when they cannot be guessed."""
    how = wish.how
    source = source or how.open(wish.path)
    given = dict(wish.roles)
    if wish.task == "translation":
        given = text_choices.roles_of(given, _given(wish, wish.task), columns_of(source.table))
    guess = guess_roles(source.table, given, wish.task)
    roles, reasons = dict(guess.roles), dict(guess.reasons)
    if wish.task:
        named: type[Task] = parts.find("tasks", wish.task)
        evidence = Evidence(source.table, columns_of(source.table), roles)
        task, reason = wish.task, named.named_reason(evidence)
    else:
        task, reason = guess_task(source.table, roles)
    if task == "translation":
        columns = columns_of(source.table)
        roles = text_choices.in_direction(roles, _given(wish, task), columns, bool(wish.roles))
    inputs = parts.find("tasks", task).roles
    roles, reasons = _renamed(roles, inputs), _renamed(reasons, inputs)
    reasons["task"] = reason
    test = how.open_other(wish.test_path, wish.path) if wish.test_path else None
    known = profile(source, roles, task, reasons, test, skip_bad=how.skip_bad, labels=wish.labels)
    if known.separator:
        known = replace(known, reasons={**known.reasons, "task": reason_of_paths(known)})
    return known, source


def advise(wish: Wish, source: Source | None = None) -> Advice:
    """Choose everything the user left open, each with its reason.

    Raises PlanError when the user's own choices do not fit together.
    """
    known, source = look(wish, source)
    task = known.task
    why = _from_rows(known)
    language = known.language
    writes = parts.find("tasks", task).head == "text"
    if writes:
        chosen = text_choices.checkpoint(task, _languages(wish, known), language)
    else:
        chosen = choices.checkpoint(language, known.languages, default_for(language))
    if wish.model:
        chosen = Reason(value=wish.model, reason=reason_of_model(wish.model, known, chosen))
    why["model.checkpoint"] = chosen
    why |= wish.decided
    draft = _plan(wish, why)
    facts = _facts(wish, draft, known, source)
    fixed = "model.max_length" in wish.changes
    fixed_length = draft.model.max_length if fixed else None
    why |= (
        _of_texts(wish, facts, source, draft) if writes else _hyperparameters(facts, fixed_length)
    )
    if wish.validation_path:
        del why["data.validation_size"]
    open_way = not {"task", "model.head", f"task.{task}.{pairs.FIELD}"} & {*wish.changes}
    if task == pairs.TASK and open_way:
        why["task"] = pairs.way(_plan(wish, why), labelled_rows(source, known, wish))
    if (
        not writes
        and "model.head" not in wish.changes
        and (chosen_head := pooling.head(_plan(wish, why), labelled_rows(source, known, wish)))
    ):
        why["model.head"] = chosen_head
    if "data.steps" not in wish.changes and label_names.possible(_plan(wish, why), facts):
        some = labelled_rows(source, known, wish)
        why |= label_names.steps(_plan(wish, why), some, facts)
    if parts.build("tasks", task).contrasts:
        for name in ("model.long_texts", "train.truncate_to"):  # passages have their own
            why.pop(name, None)
        why |= _of_retrieval(facts, source, draft)
        some = labelled_rows(source, known, wish)
        why |= temperature.loss(_plan(wish, why), some)
    if facts.task.head == "spans":
        why |= passage_choices.choices_of(facts, source, wish.how, draft.model.revision)
    why |= wish.decided
    plan = _plan(wish, why)
    plan = plan.model_copy(update={"why": why, "expect": expectations(plan, facts)})
    return Advice(plan, known, source)


@dataclass(frozen=True)
class _Rows:
    """The facts of the rows alone."""

    profile: Profile

    @property
    def task(self) -> type[Task]:
        return parts.find("tasks", self.profile.task)


def drafted(wish: Wish, known: Profile) -> Plan:
    """A plan before anything is measured: task, roles, metrics, the checkpoint of the language."""
    why = _from_rows(known)
    name = wish.model or default_for(known.language)
    why["model.checkpoint"] = Reason(value=name, reason="")
    task: Task = parts.build("tasks", known.task, _settings(known))
    if figures := choices.metrics(_Rows(known), task.default_metrics):
        why["evaluate.metrics"] = figures
    return _plan(wish, why)


def _from_rows(known: Profile) -> dict[str, Reason]:
    """Task and roles, with their reasons."""
    settings = {known.task: _settings(known)}
    return {
        "task": Reason(value=settings, reason=known.reasons["task"]),
        "data.roles": Reason(value=dict(known.roles), reason=reason_of_roles(known)),
    }


def _languages(wish: Wish, known: Profile) -> tuple[str, str]:
    """The languages of source and target."""
    return text_choices.languages_of(_given(wish, known.task), dict(known.roles))


def _given(wish: Wish, task: str) -> dict[str, Any]:
    """The settings of the task that the user gave."""
    prefix = f"task.{task}."
    return {n.removeprefix(prefix): v for n, v in wish.changes.items() if n.startswith(prefix)}


def _of_texts(wish: Wish, facts: Facts, source: Source, draft: Plan) -> dict[str, Reason]:
    """The choices of a task that writes texts."""
    known = facts.profile
    examples = _examples(known, source, with_targets=True)
    examples = [one for one in examples if one.target is not None]
    targets = [str(one.target) for one in examples]
    _network, tokenizer = network_of(
        draft.model.checkpoint, draft.model.revision, _texts_of(examples)
    )
    task: Task = parts.build("tasks", known.task, draft.task.get(known.task, {}))
    task.adapt(tokenizer)
    given: dict[str, Any] = {}
    if known.task == "translation":
        languages = zip(
            ("source_language", "target_language"), _languages(wish, known), strict=True
        )
        given = {name: code for name, code in languages if code}
    settings = text_choices.task_settings(facts, examples, tokenizer, given, known.reasons["task"])
    longest = settings.value[known.task]["max_new_tokens"]
    chosen = text_choices.hyperparameters(facts, examples, tokenizer, longest)
    figures = text_choices.metrics(known.task, targets, task.default_metrics)
    return {"task": settings, **chosen, **({"evaluate.metrics": figures} if figures else {})}


def _of_retrieval(facts: Facts, source: Source, draft: Plan) -> dict[str, Reason]:
    """The choices of a bi-encoder that differ from those for labels."""
    examples = _examples(facts.profile, source, with_targets=True)
    _network, tokenizer = network_of(draft.model.checkpoint, draft.model.revision)
    reason = facts.profile.reasons["task"]
    return retrieval_choices.choices_of(facts, examples, tokenizer, reason)


def _texts_of(examples: Sequence[Example]) -> list[str]:
    """The texts of examples, references among them."""
    texts = [str(text) for one in examples for text in one.inputs.values()]
    return texts + [one.target for one in examples if isinstance(one.target, str)]


def _examples(known: Profile, source: Source, with_targets: bool = False) -> list[Example]:
    """Some rows of the source, at even distances."""
    roles = {r: column for r, column in known.roles.items() if with_targets or r != "target"}
    rows = Rows(source.table, everything(source.table), roles, source.name, known.task)
    return rows.examples(sampled(len(rows), SAMPLE))


def labelled_rows(source: Source, known: Profile, wish: Wish) -> Rows:
    """Some rows that have a target; none where no target fits, which is told on loading them."""
    roles = dict(known.roles)
    rows = Rows(source.table, everything(source.table), roles, source.name, known.task)
    some = rows.take(sampled(len(rows), 4 * pooling.ROWS))
    with suppress(DataError):
        some = without_misfits(some, True, [], [])
        some = with_label_rules(some, wish.labels, [], strict=False)
        known_targets = [target is not None for target in some.targets()]
        return some.take(np.flatnonzero(known_targets))
    return rows.take(np.arange(0))


def expectations(plan: Plan, facts: Facts) -> dict[str, Any]:
    """Estimated training time and peak memory on this machine."""
    most = plan.model.max_length
    length, windows = facts.tokens_a_row(most), facts.windows(most)
    learned_length = facts.tokens_a_row(min(plan.train.truncate_to or most, most))
    train, validation = facts.train_rows, facts.rows * plan.data.validation_size
    learned = _trainable(plan, facts)
    seconds = cost.training_seconds(
        facts.network,
        facts.speed,
        rows=train * plan.train.epochs * windows,
        length=learned_length,
        batch_size=plan.train.batch_size * (1 if facts.apart else windows),
        lazy_embeddings=_is_lazy(plan),
        learned=learned,
    )
    seconds += cost.evaluation_seconds(
        facts.network,
        facts.speed,
        rows=validation * plan.train.evaluations * windows,
        length=length,
    )
    few = train + validation < REFIT_ROWS and plan.data.validation_path is None
    if plan.train.refit == "always" or (plan.train.refit == "auto" and few):
        seconds += seconds * (train + validation) / train  # at most: if the last weights were best
    if plan.train.budget:
        seconds = min(seconds, plan.train.budget)
    read = facts.tokens.clip(max=most) if facts.apart else facts.reading.reads(facts.tokens, most)
    # Peak memory is that of the largest micro-batch: as many tokens as one may have, but at least
    # the longest row, which cannot be cut, and at most a padded batch of rows of that length.
    longest, wanted = float(read.max()), plan.train.micro_batch_tokens
    micro_batch = max(cost.MOST_TOKENS if wanted == "auto" else wanted, longest)
    tokens = min(micro_batch, plan.train.batch_size * longest)
    # The hash says which plan the figures belong to: an edited one makes them stale.
    shown = plan.model_dump(exclude={"why", "expect"}, mode="json")
    digest = fingerprint.of_text(json.dumps(shown, sort_keys=True))
    return {
        "train_seconds": round(seconds, 1),
        "memory_mb": round(cost.memory_mb(facts.network, batch_tokens=tokens, learned=learned)),
        "threads": facts.speed.threads,
        "of": digest,
    }


def _is_lazy(plan: Plan) -> bool:
    name, settings = next(iter(plan.train.optimizer.items()))
    return bool(getattr(parts.build("optimizers", name, settings), "lazy_embeddings", False))


def _trainable(plan: Plan, facts: Facts) -> int | None:
    """About how many parameters are trained; None for all."""
    for name, settings in plan.model.adapter.items():
        network, part = facts.network, parts.build("adapters", name, settings)
        hidden = network.hidden_size
        # The head is trained too. Its largest layer is square: a pooler, or a dense layer.
        return int(part.size(hidden, network.inner_size, network.layers)) + hidden * hidden
    return None


def _plan(wish: Wish, why: Mapping[str, Reason]) -> Plan:
    """The choices and the user's own settings as a plan; the rest of it is by default."""
    raw: dict[str, Any] = {"data": {"path": _plain(wish.path)}, "model": {}}
    for path, reason in why.items():
        dotted.put(raw, path, reason.value)
    _put_wish(raw, wish)
    return Plan.parse(raw).with_(wish.changes)


def _settings(known: Profile) -> dict[str, Any]:
    """Settings of the task that follow from the rows."""
    return {"separator": known.separator} if known.separator else {}


def _facts(wish: Wish, draft: Plan, known: Profile, source: Source) -> Facts:
    kind: Task = parts.build("tasks", known.task)
    check_task(draft.model.checkpoint, kind.writes)
    examples = _examples(known, source, with_targets=kind.writes or kind.contrasts)
    texts = _texts_of(examples) if is_new(draft.model.checkpoint) else None
    network, tokenizer = network_of(draft.model.checkpoint, draft.model.revision, texts)
    labelled = known.rows - known.unlabelled - known.empty_texts - known.duplicates
    labelled = max(1, labelled - (known.leaks or 0))
    rows = min(labelled, draft.data.max_rows or labelled)
    task: Task = parts.build("tasks", known.task, draft.task.get(known.task, {}))
    # As in training: the task's changes of the tokenizer change the number of tokens.
    task.adapt(tokenizer)
    return Facts(
        known,
        rows,
        tokens_of(task, examples, tokenizer),
        network,
        cost.measure(draft.train.precision),
        draft.train.budget,
        next(iter(draft.model.adapter), ""),
        reading_of(task, examples, tokenizer, draft),
        _train_share(wish, draft, known, labelled, rows),
        draft.model.checkpoint in ENCODERS,
    )


def _train_share(wish: Wish, draft: Plan, known: Profile, labelled: int, rows: int) -> float:
    """The proportion of `rows` that is learned: without parts that the file declares, that have
    files of their own, or that are split off. labelled: before a sample of them is taken."""
    declared = known.parts if draft.data.declared_split else {}
    learned = labelled * (declared["train"] / sum(declared.values()) if declared else 1.0)
    learned = min(learned, draft.data.max_rows or learned)
    usual, held_out = validation_share(rows), 0.0
    paths = {"validation": draft.data.validation_path, "test": draft.data.test_path}
    for part, path in paths.items():
        if path is None and not declared.get(part):
            held_out += float(wish.changes.get(f"data.{part}_size", usual))
    return learned * max(1.0 - held_out, 0.0) / rows


def _hyperparameters(facts: Facts, fixed_length: int | None) -> dict[str, Reason]:
    """Every hyperparameter that is chosen. fixed_length: max_length by the user."""
    task: Task = parts.build("tasks", facts.profile.task, _settings(facts.profile))
    passages = task.head == "spans"
    length = (passage_choices if passages else lengths).max_length(facts)
    used_length = fixed_length or int(length.value)
    train_length = None if fixed_length else lengths.train_length(facts, used_length)
    expected = choices.expected_epochs(
        facts, used_length, int(train_length.value) if train_length else None
    )
    held_out = choices.validation_size(facts)
    chosen: dict[str, Reason | None] = {
        "data.validation_size": held_out,
        "data.test_size": Reason(value=held_out.value, reason=_("sealed until the very end")),
        "model.max_length": length,
        "model.long_texts": lengths.long_texts(facts, used_length),
        "train.truncate_to": train_length,
        "train.epochs": choices.epochs(facts, expected),
        "train.batch_size": choices.batch_size(facts, expected),
        "train.learning_rate": choices.learning_rate(facts, expected),
        "train.warmup_ratio": choices.warmup_ratio(facts),
        "train.evaluations": choices.evaluations(expected),
        "train.class_weights": choices.class_weights(facts),
        "train.optimizer": choices.optimizer(facts),
        "train.strategies": choices.strategies(facts),
        "train.precision": choices.precision(facts),
        "evaluate.metrics": choices.metrics(facts, task.default_metrics),
    }
    return {path: reason for path, reason in chosen.items() if reason is not None}


def _renamed(roles: dict[str, Any], inputs: Sequence[str]) -> dict[str, Any]:
    """Pair roles under the names of the task's inputs: nli reads premise and hypothesis."""
    wanted = {"text": "premise", "text_pair": "hypothesis"}
    if "premise" not in inputs:
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
