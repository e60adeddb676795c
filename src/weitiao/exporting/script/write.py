"""Code verb: a plan as a short script of PyTorch and transformers, to learn from or take away."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from weitiao import parts
from weitiao.checkpoints.families import reads_last
from weitiao.checkpoints.load import load_config
from weitiao.checkpoints.resolve import resolve
from weitiao.core import notice
from weitiao.core.atomic import replace_text
from weitiao.data.prepare.load import Data, load
from weitiao.data.prepare.run_steps import run_steps
from weitiao.data.rows import Rows
from weitiao.errors import PlanError, RunError
from weitiao.evaluation.metrics.base import metrics_of
from weitiao.exporting.script.pieces import METRICS, Recipe, quoted
from weitiao.exporting.script.rows import Reading, reading_of
from weitiao.exporting.script.script import text_of
from weitiao.i18n.messages import _, plural
from weitiao.i18n.system import said
from weitiao.model.model import Model
from weitiao.model.net import set_dropout
from weitiao.planfile.plan import Plan
from weitiao.planning.check import check
from weitiao.tasks.base import Task
from weitiao.training import linear_start
from weitiao.version import __version__

KINDS = {
    "single_label_classification": "one",
    "multi_label_classification": "several",
    "regression": "number",
}
LOSSES = {"cross_entropy", "bce", "mse"}
SCHEDULES = {
    "constant": "1.0",
    "linear": "{floor} + {rest} * (1 - progress)",
    "cosine": "{floor} + {rest} * (1 + math.cos(math.pi * progress)) / 2",
}


@dataclass(frozen=True)
class Script:
    """A script that was written. files: it, and what it reads; left_out: what of the plan it does
    not do."""

    path: Path
    files: tuple[Path, ...]
    left_out: tuple[str, ...]
    lines: int

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "script": str(self.path),
            "files": [str(path) for path in self.files],
            "left_out": [str(line) for line in self.left_out],
            "lines": self.lines,
        }


def code(
    plan: Plan | str | Path,
    output: str | Path = "train.py",
    *,
    changes: Mapping[str, Any] | None = None,
    force: bool = False,
) -> Script:
    """Write a plan as a plain script of PyTorch and transformers: the same rows, split, network,
    recipe and metric, without weitiao.

    plan: a Plan or a file; changes: of it, e.g. {"train.epochs": 5}. Beside the script it writes
    the places of the rows, or the rows themselves. force: overwrite the script. Raises PlanError
    for what cannot be said in such a script.
    """
    plan = plan.with_(changes or {}) if isinstance(plan, Plan) else Plan.load(plan, changes)
    path = Path(output)
    if path.exists() and not force:
        raise RunError(_("{file} exists; --force overwrites it.", file=path))
    check(plan)
    refuse(plan)
    with notice.during(_("reading rows and checkpoint")):
        data = load(plan.data, plan.task_name)
        done: list[str] = []
        train = run_steps(data.train.weighing(), plan.data.steps, plan.train.seed, done)
        model = Model.start(plan, train, data.validation)
    own = path.with_name(f"{path.stem}-rows.jsonl")
    split = path.with_name(f"{path.stem}-split.json")
    reading = reading_of(model, data, train, own)
    recipe = recipe_of(model, data, train, reading, path, split)
    text = text_of(recipe, _title(plan, done))
    files = {path: text}
    if reading.kind == "own":
        files[own] = "\n".join(reading.lines) + "\n"
    else:
        files[split] = json.dumps(reading.split) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            replace_text(file, content)
    except OSError as error:
        message = _("{file}: cannot be written: {reason}.", file=path, reason=said(error))
        raise RunError(message) from None
    return Script(path, tuple(files), recipe.left_out, text.count("\n"))


def refuse(plan: Plan) -> None:
    """Raises PlanError with all of the plan that a plain script cannot say."""
    task: Task = parts.build("tasks", plan.task_name, plan.task[plan.task_name])
    kind = kind_of(task)
    problems = []
    if kind is None or task.own_head:
        problems.append(
            _(
                "weitiao code: {task} has no such script; it is for one label or several, numbers, "
                "pairs of texts that are read together, and tags.",
                task=plan.task_name,
            )
        )
    own = {
        "model.head": next(iter(plan.model.head)) not in ("native", "mean"),
        "model.adapter": bool(plan.model.adapter),
        "model.long_texts": "head" not in plan.model.long_texts,
        "model.attention": plan.model.attention != "native",
        "model.quantization": plan.model.quantization != "none",
        "train.loss": not {*plan.train.loss} <= LOSSES,
        "train.optimizer": next(iter(plan.train.optimizer)) not in ("adamw", "adam", "sgd"),
        "train.schedule": next(iter(plan.train.schedule)) not in SCHEDULES,
        "model.checkpoint": plan.model.checkpoint.startswith("new:"),
        **{
            f"data.roles.{role}": role in plan.data.roles
            for role in ("weight", "annotators", "probabilities")
        },
    }
    problems += [
        _(
            "weitiao code: a plain script has no {setting} like this; change it, or train with "
            "weitiao.",
            setting=name,
        )
        for name, holds in own.items()
        if holds and kind is not None
    ]
    metric = next(iter(metrics_of(task, plan.evaluate.metrics)), "")
    if kind is not None and metric not in METRICS:
        problems.append(
            _(
                "weitiao code: the script has no metric {metric}; name another one first in "
                "evaluate.metrics.",
                metric=metric,
            )
        )
    if problems:
        raise PlanError(problems)


def kind_of(task: Task) -> str | None:
    """What a row's answer is, by which the script differs; None where there is no script."""
    if task.head == "tokens":
        return "tags"
    return KINDS.get(task.problem_type) if task.head == "sequence" and not task.writes else None


def recipe_of(
    model: Model, data: Data, train: Rows, reading: Reading, path: Path, split: Path
) -> Recipe:
    """Everything that the script says."""
    plan, task = model.plan, model.task
    kind = kind_of(task) or ""
    source = resolve(plan.model.checkpoint, plan.model.revision)
    config = load_config(source)
    metric, judge = next(iter(metrics_of(task, plan.evaluate.metrics).items()))
    last = reads_last(config)
    probed = plan.train.linear_start and linear_start.possible(model) and not last
    left_out = _left_out(plan, task, last)
    settings = plan.train
    rate_of_head, head_rate = settings.strategies.get("head_rate"), None
    if rate_of_head is not None:
        head_rate = parts.build("strategies", "head_rate", rate_of_head).learning_rate
    mean = "mean" in model.head
    changed = _config_changes(load_config(source), plan.model.dropout)
    constants = {
        "CHECKPOINT": quoted(source.path_or_name),
        "ROWS": _beside(reading.path, path),
        **({} if reading.kind == "own" else {"SPLIT": _beside(split, path)}),
        "OUT": _beside(path.with_name(f"{path.stem}-model"), path),
        **({"CONFIG": _mapping(changed)} if changed else {}),
        **_of_answers(task, model),
        **({"DROPOUT": model.net.native.head.inner[1].p} if mean else {}),
        "SEED, MAX_LENGTH": f"{settings.seed}, {int(model.tokenizer.model_max_length)}",
        "EPOCHS, BATCH_SIZE": f"{settings.epochs:g}, {settings.batch_size}",
        "LEARNING_RATE, WEIGHT_DECAY": f"{settings.learning_rate}, {settings.weight_decay}",
        **({"HEAD_RATE": head_rate} if head_rate else {}),
        "WARMUP": settings.warmup_ratio,
        **({"MAX_NORM": settings.max_grad_norm} if settings.max_grad_norm else {}),
        "EVALUATIONS, METRIC": f"{settings.evaluations}, {quoted(metric)}",
    }
    loss = next(iter(settings.loss.values()), {})
    return Recipe(
        kind=kind,
        constants=constants,
        texts=reading.texts,
        target=reading.target,
        reading=reading.kind,
        encoding=reading.encoding,
        delimiter=reading.delimiter,
        metric=metric,
        lower_is_better=not judge.higher_is_better,
        mean=mean,
        changes_config=bool(changed),
        optimizer=_optimizer(plan),
        schedule=_schedule(plan),
        head_rate=head_rate,
        linear_start=probed,
        no_padding=_lacks_padding(source),
        label_smoothing=float(loss.get("label_smoothing", 0.0)),
        class_weights=model.weights,
        patience=settings.patience,
        clips=bool(settings.max_grad_norm),
        left_out=tuple(left_out),
    )


def _of_answers(task: Any, model: Model) -> dict[str, Any]:
    """Constants about the targets: labels and their weights, or mean and deviation."""
    if task.numeric:
        return {"MEAN, STD": f"{task.mean!r}, {task.std!r}", "OUTPUTS": 1}
    constants: dict[str, Any] = {"LABELS": _list(task.labels), "OUTPUTS": "len(LABELS)"}
    if model.weights:
        constants["WEIGHTS"] = f"torch.tensor({[round(one, 6) for one in model.weights]})"
    return constants


def _lacks_padding(source: Any) -> bool:
    from weitiao.checkpoints.load import load_tokenizer

    trusted = source.kind == "package"
    return load_tokenizer(source.path_or_name, source.revision, trusted=trusted).pad_token is None


def _beside(file: Path, script: Path) -> str:
    """A path as the script writes it: from its own folder where that is possible."""
    try:
        relative = os.path.relpath(file.resolve(), script.resolve().parent)
    except ValueError:  # another drive
        return f"Path({quoted(str(file.resolve()))})"
    return f"Path(__file__).parent / {quoted(Path(relative).as_posix())}"


def _list(names: Any) -> str:
    text = json.dumps(list(names), ensure_ascii=False)
    if len(text) < 80:
        return text
    lines, line = [], ""
    for name in names:
        piece = json.dumps(name, ensure_ascii=False) + ", "
        if len(line) + len(piece) > 94:
            lines.append(line.rstrip())
            line = ""
        line += piece
    return "[\n    " + "\n    ".join([*lines, line.rstrip()]) + "\n]"


def _mapping(values: Mapping[str, Any]) -> str:
    lines = "".join(f"    {quoted(name)}: {value!r},\n" for name, value in values.items())
    return "{\n" + lines + "}"


def _config_changes(config: Any, dropout: float | None) -> dict[str, Any]:
    """The entries of config.json that the plan's dropout changes."""
    if dropout is None:
        return {}
    before = config.to_dict()
    set_dropout(config, dropout)
    after = config.to_dict()
    return {name: after[name] for name in after if after[name] != before.get(name)}


def _optimizer(plan: Plan) -> str:
    ((name, settings),) = plan.train.optimizer.items()
    recipe: Any = parts.build("optimizers", name, settings)
    if name == "sgd":
        more = ", nesterov=True" if recipe.nesterov else ""
        return f"torch.optim.SGD(groups, lr=LEARNING_RATE, momentum={recipe.momentum}{more})"
    kind = {"adamw": "AdamW", "adam": "Adam"}[name]
    return (
        f"torch.optim.{kind}(groups, lr=LEARNING_RATE, betas={tuple(recipe.betas)}, "
        f"eps={recipe.eps})"
    )


def _schedule(plan: Plan) -> str:
    ((name, settings),) = plan.train.schedule.items()
    floor = float(settings.get("floor", 0.0))
    if not floor:
        return {
            "constant": "1.0",
            "linear": "1 - progress",
            "cosine": "(1 + math.cos(math.pi * progress)) / 2",
        }[name]
    return SCHEDULES[name].format(floor=floor, rest=float(np.round(1 - floor, 12)))


def _left_out(plan: Plan, task: Task, last: bool) -> list[str]:
    """What of the plan the script does not do, by name."""
    train, evaluate = plan.train, plan.evaluate
    lines = {
        _("train.budget: all epochs are trained, however long they take"): train.budget,
        _("train.refit: validation rows are not learned in the end"): train.refit != "never",
        _("train.precision, train.layout: fp32, padded batches in random order"): True,
        _("train.truncate_to: texts are as long in training as in use"): train.truncate_to,
        _("train.gradient_checkpointing: memory is not saved"): train.gradient_checkpointing,
        _("train.sharding: one process"): train.sharding != "none",
        _("evaluate.calibration: probabilities are as the network gives them"): (
            evaluate.calibration and task.answers.probabilities
        ),
        _("evaluate.decisions: no thresholds, costs or abstaining"): evaluate.decisions,
        _("evaluate.unknown: every input gets a label"): evaluate.unknown != "none",
        _("train.linear_start: the output layer begins with random weights"): (
            train.linear_start and last
        ),
        _("optimizer.adamw.lazy_embeddings: moments of absent words move their vectors, too"): (
            train.optimizer.get("adamw", {}).get("lazy_embeddings")
        ),
    }
    listed = [text for text, holds in lines.items() if holds]
    others = [name for name in train.strategies if name != "head_rate"]
    return listed + [_("train.strategies.{name}", name=name) for name in others]


def _title(plan: Plan, steps: list[str]) -> str:
    path = plan.data.path if isinstance(plan.data.path, str) else plan.data.path[0]
    title = _(
        "Fine-tunes {model} on {rows} ({task}), by a plan of weitiao {version}; needs PyTorch, "
        "transformers and scikit-learn.",
        model=plan.model.checkpoint,
        rows=Path(path).name,
        task=plan.task_name,
        version=__version__,
    )
    if not steps:
        return title
    return _(
        "{title} The rows are written after {steps}.", title=title, steps=plural(len(steps), "step")
    )
