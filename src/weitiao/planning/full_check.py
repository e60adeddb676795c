"""Full validation of a plan, as `weitiao check` does it: the plan, its rows and its checkpoint.

All problems are found at once: beside a misspelt setting the rest of the plan is checked, too.
Nothing is trained or downloaded, and PyTorch is not imported for a folder or a catalogue name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from pyarrow import compute

from weitiao import parts
from weitiao.checkpoints.catalogue import CATALOGUE
from weitiao.checkpoints.families import DECODERS, NO_RECOMPUTATION, OFFSET
from weitiao.checkpoints.new_network import check_task, parse
from weitiao.checkpoints.resolve import resolve
from weitiao.core import disk
from weitiao.core.fields import near
from weitiao.data.files.open import ReadOptions
from weitiao.data.files.table import Source
from weitiao.data.prepare.load import load
from weitiao.errors import DataError, ModelError, PlanError
from weitiao.i18n.messages import _
from weitiao.planfile.plan import Draft, ModelPlan, Plan, setting_of
from weitiao.planning.check import check, cleaners_of
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.base import Task

# More than these is hardly ever meant; the schema has wider limits.
MAX_LEARNING_RATE = 1e-2
MAX_OTHER_RATE = 1.0  # of SGD, and of soft prompts
MAX_EPOCHS = 100
MAX_WARMUP = 0.5
MAX_WEIGHT_DECAY = 1.0
MAX_DROPOUT = 0.6
MAX_BATCH = 4096
MANY_LABELS = 0.5  # of the rows: so many different labels are numbers, names or texts
SOFT_PROMPTS = {"prompt_tuning", "prefix_tuning"}


class Checkpoint(NamedTuple):
    """What is known of a checkpoint without loading it; None: unknown."""

    family: str | None = None
    positions: int | None = None  # tokens of a text


def problems_of(draft: Draft, *, here: bool = False, files: bool = True) -> list[str]:
    """Every problem of a plan as a sentence, by line.

    here: also whether this process on this machine can run it. files: read the rows and look at
    the checkpoint; else only what stands in the plan.
    """
    plan = draft.plan
    if plan is None:
        return draft.with_more([])
    found: list[str] = []
    if not draft.is_wrong("task"):
        try:
            check(plan, here)
        except PlanError as error:
            found += error.problems
    found += _odd_values(plan, files)
    if not draft.is_wrong("model.checkpoint"):
        known, wrong = _checkpoint(plan, files)
        found += [*wrong, *_unfit_for(plan, known)]
    if files and not draft.is_wrong("task"):
        found += _unreadable_settings(plan)
    if files and not draft.is_wrong("data.path"):
        found += _problems_of_rows(plan, draft)
    # A value that stands for a mistake is not judged itself.
    told = [one for one in found if not _is_about_wrong(one, draft)]
    return draft.with_more(dict.fromkeys(told))


def _unreadable_settings(plan: Plan) -> list[str]:
    """What is wrong with the files that cleaners name, and with the files and codes that a task of
    texts names, such as a glossary."""
    task: Task = parts.build("tasks", plan.task_name, plan.task[plan.task_name])
    problems: list[str] = []
    learners: list[Any] = [cleaner for _name, cleaner in cleaners_of(plan)]
    for learner in [*learners, *([task] if task.writes else [])]:
        try:
            learner.learn([])
        except PlanError as error:
            problems += error.problems
    return problems


def _is_about_wrong(problem: str, draft: Draft) -> bool:
    path = setting_of(problem)
    return any(path == one or path.startswith(f"{one}.") for one in draft.wrong)


def _odd_values(plan: Plan, files: bool) -> Iterator[str]:
    """Values that the schema allows and nobody means."""
    train = plan.train
    free = SOFT_PROMPTS & plan.model.adapter.keys() or "sgd" in train.optimizer
    highest = MAX_OTHER_RATE if free else MAX_LEARNING_RATE
    if train.learning_rate > highest:
        yield _(
            "train.learning_rate: {rate:g} makes a pre-trained network forget what it knows; "
            "usual are 1e-5 to 1e-3.",
            rate=train.learning_rate,
        )
    limits = {
        "train.epochs": (train.epochs, MAX_EPOCHS),
        "train.warmup_ratio": (train.warmup_ratio, MAX_WARMUP),
        "train.weight_decay": (train.weight_decay, MAX_WEIGHT_DECAY),
        # With the rows at hand, their number is the limit.
        "train.batch_size": (0 if files else train.batch_size, MAX_BATCH),
        "model.dropout": (plan.model.dropout or 0.0, MAX_DROPOUT),
    }
    for path, (value, most) in limits.items():
        if value > most:
            yield _(
                "{path}: {value:g} is more than anybody needs; write at most {most:g}.",
                path=path,
                value=value,
                most=most,
            )
    if train.patience >= train.evaluations:
        yield _(
            "train.patience: {patience} of {evaluations} evaluations (train.evaluations) without "
            "improvement never come; write less, or 0.",
            patience=train.patience,
            evaluations=train.evaluations,
        )


def _checkpoint(plan: Plan, files: bool) -> tuple[Checkpoint, list[str]]:
    """What the checkpoint is, and what is wrong with its name or folder."""
    name = plan.model.checkpoint
    entry = CATALOGUE.get(name)
    if entry:
        return Checkpoint(entry.family, entry.max_length), []
    if not files:
        return Checkpoint(), []
    close = get_close_matches(name, CATALOGUE, n=1, cutoff=0.7)
    if close and not Path(name).exists():
        message = _(
            "model.checkpoint: there is no {name!r}. Did you mean {close!r}?",
            name=name,
            close=close[0],
        )
        return Checkpoint(), [message]
    try:
        check_task(name, parts.find("tasks", plan.task_name).head == "text")
        source = resolve(name, plan.model.revision)
        if source.kind == "new":
            return Checkpoint("marian", parse(name).positions), []
        if source.kind == "hub":
            from weitiao.checkpoints.load import load_config

            return _of_config(load_config(source).to_dict()), []
        path = Path(source.path_or_name) / "config.json"
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ModelError, PlanError) as error:
        return Checkpoint(), [_("model.checkpoint: {message}", message=str(error))]
    except OSError as error:
        return Checkpoint(), [_("model.checkpoint: {message}", message=disk.explanation(error))]
    known = _of_config(config)
    return known, [*_unknown_family(known.family)]


def _of_config(config: Mapping[str, Any]) -> Checkpoint:
    family = str(config.get("model_type"))
    positions = config.get("max_position_embeddings") or config.get("n_positions")
    if not isinstance(positions, int) or positions <= 0:
        return Checkpoint(family)
    return Checkpoint(family, positions - (_first(config) if family in OFFSET else 0))


def _first(config: Mapping[str, Any]) -> int:
    """The first position of a text, where a family counts from behind the padding index."""
    return int(config.get("pad_token_id") or 0) + 1


def _unknown_family(family: str | None) -> Iterator[str]:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    if family not in CONFIG_MAPPING_NAMES:
        yield _(
            "model.checkpoint: transformers has no family {family!r} (model_type of config.json): "
            "name another checkpoint, or update transformers.",
            family=family,
        )


def _unfit_for(plan: Plan, known: Checkpoint) -> Iterator[str]:
    """Settings that the family of the checkpoint cannot have."""
    chosen = plan.model.max_length != ModelPlan.model_fields["max_length"].default
    if chosen and known.positions and plan.model.max_length > known.positions:
        yield _(
            "model.max_length: {length} tokens are more than the {positions} that {checkpoint} "
            "reads; write at most {positions}, and model.long_texts: windows for longer texts.",
            length=plan.model.max_length,
            positions=known.positions,
            checkpoint=plan.model.checkpoint,
        )
    if plan.train.gradient_checkpointing and known.family in NO_RECOMPUTATION:
        yield _(
            "train.gradient_checkpointing: {family} cannot do it; leave it out, and set "
            "train.micro_batch_tokens lower if memory is short.",
            family=known.family,
        )
    if plan.model.attention == "full" and known.family and known.family not in DECODERS:
        yield _(
            "model.attention: full is for decoders ({families}); {family} attends as it was "
            "trained to: leave the setting out.",
            families=", ".join(DECODERS),
            family=known.family,
        )


def _problems_of_rows(plan: Plan, draft: Draft) -> list[str]:
    """Files that cannot be read, columns that they lack, targets that are not the task's."""
    how = ReadOptions(plan.data.reader, plan.data.skip_bad)
    problems: list[str] = []
    source: Source | None = None
    for field in ("path", "test_path", "validation_path"):
        path = getattr(plan.data, field)
        if not path or draft.is_wrong(f"data.{field}"):
            continue
        try:
            opened = how.open(path) if field == "path" else how.open_other(path, plan.data.path)
        except DataError as error:
            problems.append(f"data.{field}: {error}")
            continue
        except OSError as error:
            reason = disk.explanation(error)
            problems.append(f"data.{field}: {reason}")
            continue
        source = opened if field == "path" else source
        problems += _missing_columns(plan, opened)
    if problems or source is None or draft.is_wrong("task") or draft.is_wrong("data.roles"):
        return problems
    if problem := _too_many_labels(plan, source):
        return [problem]
    try:
        data = load(plan.data, plan.task_name, source)
    except DataError as error:
        return [_("data: {message}", message=str(error))]
    task = parts.build("tasks", plan.task_name, plan.task[plan.task_name])
    task = task.learn(data.train.targets())
    problems = _unknown_labels(plan, task)
    if plan.train.batch_size > len(data.train):
        problems.append(
            _(
                "train.batch_size: {size:,} is more than the {rows:,} training rows; write at most "
                "{rows:,}.",
                size=plan.train.batch_size,
                rows=len(data.train),
            )
        )
    return problems


def _missing_columns(plan: Plan, source: Source) -> Iterator[str]:
    for role, columns in plan.data.roles.items():
        for column in [columns] if isinstance(columns, str) else columns:
            if column not in source.columns:
                yield _(
                    "data.roles: {role}: {file} has no column {column!r}.{near}",
                    role=role,
                    file=source.name,
                    column=column,
                    near=near(column, list(source.columns)),
                )


def _too_many_labels(plan: Plan, source: Source) -> str:
    """Message about labels that are hardly any: numbers, names or texts; empty for real ones."""
    column = plan.data.roles.get("target")
    if parts.find("tasks", plan.task_name).answers is not Labels or not isinstance(column, str):
        return ""
    values = source.table.column(column)
    labels, rows = compute.count_distinct(values).as_py(), len(values) - values.null_count
    if labels <= max(MANY_LABELS * rows, 2):
        return ""
    return _(
        "task: {task} finds {labels:,} different labels in {rows:,} rows: is {column!r} "
        "(data.roles: target) the right column, or the task regression?",
        task=plan.task_name,
        labels=labels,
        rows=rows,
        column=column,
    )


def _unknown_labels(plan: Plan, task: Task) -> list[str]:
    """Labels that the plan names and no row has."""
    weights = plan.train.class_weights
    known = list(getattr(task, "types", ()) or task.choices)
    problems = [
        _("train.class_weights: no label {label!r}.{hint}", label=label, hint=near(label, known))
        for label in (weights if isinstance(weights, dict) else ())
        if label not in known
    ]
    if plan.acceptance:
        from weitiao.evaluation.acceptance import known_criteria  # imports PyTorch

        try:
            known_criteria(plan.acceptance, task)
        except PlanError as error:
            problems += error.problems
    return problems
