"""The plan: one frozen object that says everything about a run. YAML in, YAML out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from weitiao import parts, planfile
from weitiao.errors import PartError, PlanError


def _as_parts(value: Any) -> Any:
    """Accept `name`, `[name, {name: settings}, ...]` and `{name: null}` for `{name: settings}`."""
    if value is None:
        return {}
    if isinstance(value, str):
        return {value: {}}
    if isinstance(value, list):  # `- fgm` and `- fgm: {epsilon: 0.5}`
        if not all(isinstance(one, (str, dict)) for one in value):
            return value
        value = {k: v for one in value for k, v in _as_parts(one).items()}
    if isinstance(value, dict):
        return {name: {} if settings is None else settings for name, settings in value.items()}
    return value


Parts = Annotated[dict[str, dict[str, Any]], BeforeValidator(_as_parts)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DataPlan(Section):
    """Which rows, what their columns mean, how they are split."""

    path: str = Field(description="file with the rows, or sample:NAME")
    test_path: str | None = Field(None, description="file with test rows; else they are split off")
    roles: dict[str, str | list[str]] = Field(
        description="role -> column, e.g. {text: review, target: stars}"
    )
    max_rows: int | None = Field(None, gt=0, description="use a seeded sample of this many rows")
    deduplicate: bool = Field(True, description="drop exact duplicates before splitting")
    validation_size: float = Field(0.1, gt=0, lt=1, description="share of rows for validation")
    test_size: float = Field(0.1, ge=0, lt=1, description="share of rows sealed for the end")
    split_seed: int = Field(13, ge=0, description="seed of the split alone")
    cleaners: Parts = Field({}, description="text -> text, in training and in use")
    steps: Parts = Field({}, description="rows -> rows, in training only")


class ModelPlan(Section):
    """Which pre-trained network. Its head is the native one of its family."""

    checkpoint: str = Field(description="catalogue name, hub name, or folder")
    revision: str | None = Field(None, description="branch, tag or commit on the hub")
    max_length: int = Field(128, ge=8, description="tokens a row may have; the rest is cut off")
    dropout: float | None = Field(None, ge=0, lt=1, description="overrides the checkpoint's own")


class TrainPlan(Section):
    """How it learns."""

    epochs: float = Field(3, gt=0, le=1000, description="passes over the training rows")
    batch_size: int = Field(32, gt=0, description="rows in one update, over all processes")
    micro_batch_tokens: int = Field(
        8192, gt=0, description="tokens that go through the network at once; memory, not results"
    )
    learning_rate: float = Field(5e-5, gt=0, le=10, description="highest rate of the schedule")
    weight_decay: float = Field(0.01, ge=0, description="not on biases and norms")
    warmup_ratio: float = Field(0.1, ge=0, lt=1, description="share of the updates to warm up")
    max_grad_norm: float = Field(1.0, ge=0, description="clip the gradient here; 0 for never")
    evaluations: int = Field(10, gt=0, description="how often validation is judged, evenly spaced")
    patience: int = Field(0, ge=0, description="stop after so many evaluations without gain; 0: no")
    seed: int = Field(13, ge=0, description="head, dropout and order of the rows")
    precision: Literal["fp32", "bf16"] = Field("fp32", description="arithmetic of the network")
    layout: Literal["auto", "padded", "packed"] = Field(
        "auto", description="how rows share a batch"
    )
    save_seconds: float = Field(60, ge=0, description="least time between two checkpoints in last/")
    budget: float | None = Field(None, gt=0, description="seconds the whole training may take")
    class_weights: Literal["none", "balanced"] | dict[str, float] = Field(
        "none", description="what a mistake on each label costs"
    )
    loss: Parts = Field({}, description="empty: the task's own")
    optimizer: Parts = {"adamw": {}}
    schedule: Parts = {"linear": {}}
    strategies: Parts = {}


class EvaluatePlan(Section):
    """How it is judged."""

    metrics: list[str] = Field([], description="empty: the task's own; the first picks the best")
    bootstrap_samples: int = Field(1000, ge=0, description="resamples behind each 95 % interval")
    baselines: bool = Field(True, description="judge majority and TF-IDF beside the model")


class Reason(Section):
    """Why a value stands in the plan."""

    value: Any
    reason: str
    evidence: str = ""


class Plan(Section):
    """Everything about one run."""

    task: Parts
    data: DataPlan
    model: ModelPlan
    train: TrainPlan = TrainPlan()
    evaluate: EvaluatePlan = EvaluatePlan()
    why: dict[str, Reason] = {}
    expect: dict[str, Any] = {}

    @property
    def task_name(self) -> str:
        return next(iter(self.task))

    @classmethod
    def load(cls, path: str | Path, changes: Mapping[str, Any] | None = None) -> Self:
        """The plan in a YAML file, with `changes` by dotted path, e.g. {"train.epochs": 5}.

        Raises PlanError with every problem at once, each with its line.
        """
        raw, lines = planfile.read(path)
        for key, value in (changes or {}).items():
            _set(raw, key, value)
        return cls.parse(raw, str(path), lines)

    @classmethod
    def parse(
        cls, raw: Mapping[str, Any], source: str = "", lines: Mapping[str, int] | None = None
    ) -> Self:
        """A plan from plain values. Raises PlanError with every problem at once."""
        problems = _problems_of_parts(raw)
        try:
            plan = cls(**raw)
        except ValidationError as error:
            known = parts.problems_of(error, cls)
            problems = [(path, _renamed(path, text)) for path, text in known] + problems
        else:
            odd = [path for path in plan.why if not plan._has(path)]
            problems += [("why", f"no setting called {path!r}.") for path in odd]
        if problems:
            raise PlanError([_located(p, text, lines or {}) for p, text in problems], source)
        return plan

    def with_(self, changes: Mapping[str, Any]) -> Self:
        """A new, validated plan: plan.with_({"train.learning_rate": 3e-5})."""
        raw = self.model_dump()
        for path, value in changes.items():
            _set(raw, path, value)
        return type(self).parse(raw)

    def get(self, path: str) -> Any:
        """The value at a dotted path: plan.get("train.epochs")."""
        node: Any = self.model_dump()
        for key in path.split("."):
            node = node[key]
        return node

    def _has(self, path: str) -> bool:
        try:
            self.get(path)
        except (KeyError, TypeError):
            return False
        return True

    def save(self, path: str | Path) -> None:
        """Write the plan as YAML, the reasons as comments beside the values."""
        raw = self.model_dump()
        planfile.write(path, raw, {key: self._comment(key) for key in self.why})

    def _comment(self, path: str) -> str:
        reason = self.why[path]
        if self.get(path) != reason.value:
            return f"set by you (weitiao would take {reason.value}: {reason.reason})"
        return reason.reason + (f" [{reason.evidence}]" if reason.evidence else "")

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """JSON Schema of a plan file."""
        return cls.model_json_schema()


# What a plan may name, and which kind of part it is.
_PLACES = [
    ("task", "tasks"),
    ("data.cleaners", "cleaners"),
    ("data.steps", "steps"),
    ("train.loss", "losses"),
    ("train.optimizer", "optimizers"),
    ("train.schedule", "schedules"),
    ("train.strategies", "strategies"),
]
_SINGLE = {"task", "train.optimizer", "train.schedule"}
_AT_MOST_ONE = {"train.loss"}
_ABSENT = ()  # nothing stands there, not even null

# Names of transformers' TrainingArguments and of its scripts, and what they are called here.
ALIASES = {
    "num_train_epochs": "train.epochs",
    "per_device_train_batch_size": "train.batch_size",
    "train_batch_size": "train.batch_size",
    "gradient_accumulation_steps": "train.batch_size (rows of one whole update; "
    "train.micro_batch_tokens says how many tokens go through the network at once)",
    "per_device_eval_batch_size": "train.micro_batch_tokens",
    "lr": "train.learning_rate",
    "warmup_steps": "train.warmup_ratio",
    "lr_scheduler_type": "train.schedule",
    "optim": "train.optimizer",
    "early_stopping_patience": "train.patience",
    "metric_for_best_model": "evaluate.metrics (the first one)",
    "eval_steps": "train.evaluations",
    "max_seq_length": "model.max_length",
    "model_name_or_path": "model.checkpoint",
    "pretrained_model_name_or_path": "model.checkpoint",
    "train_file": "data.path",
    "test_file": "data.test_path",
    "bf16": "train.precision: bf16",
    "fp16": "train.precision: bf16",
    "label_smoothing_factor": "train.loss: {cross_entropy: {label_smoothing: ...}}",
    "seed": "train.seed",
    "data_seed": "train.seed",
}


def _renamed(path: str, text: str) -> str:
    name = path.rpartition(".")[2]
    if text.startswith("no such setting") and name in ALIASES:
        return f"transformers' {name} is called {ALIASES[name]} here."
    return text


def _located(path: str, text: str, lines: Mapping[str, int]) -> str:
    at = path
    while at and at not in lines:
        at = at.rpartition(".")[0]
    where = f"line {lines[at]}, " if at else ""
    return f"{where}{path}: {text}" if path else text


def _problems_of_parts(raw: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with the named parts, found in the raw values so that all is said at once."""
    problems = []
    for place, kind in _PLACES:
        node: Any = raw
        for key in place.split("."):
            node = node.get(key, _ABSENT) if isinstance(node, Mapping) else _ABSENT
        chosen = _as_parts(node)
        if not isinstance(chosen, dict):
            continue
        if (place in _SINGLE and len(chosen) != 1) or (place in _AT_MOST_ONE and len(chosen) > 1):
            problems.append((place, f"names {len(chosen)} parts; exactly one can be used."))
        for name, settings in chosen.items():
            if not isinstance(settings, dict):
                problems.append((f"{place}.{name}", "its settings must be a mapping, name: value."))
                continue
            try:
                parts.build(kind, str(name), settings)
            except PartError as error:
                problems += [
                    (f"{place}.{path}" if path else place, t) for path, t in error.problems
                ]
    return problems + _problems_of_metrics(raw)


def _problems_of_metrics(raw: Mapping[str, Any]) -> list[tuple[str, str]]:
    section = raw.get("evaluate")
    chosen = section.get("metrics") if isinstance(section, dict) else None
    known = parts.names("metrics")
    return [
        ("evaluate.metrics", f"no metric called {name!r}.{parts.near(str(name), known)}")
        for name in (chosen if isinstance(chosen, list) else [])
        if name not in known
    ]


def _set(raw: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    node: Any = raw
    for parent in parents:
        if node.get(parent) is None:
            node[parent] = {}
        elif not isinstance(node[parent], dict):
            node[parent] = _as_parts(node[parent])
        if not isinstance(node[parent], dict):
            raise PlanError(
                [f"{path}: {parent} holds a single value, nothing can be set below it."]
            )
        node = node[parent]
    node[last] = value
