"""Schema of a plan (pydantic models): its sections, their fields, and where it names parts."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    WrapValidator,
    model_serializer,
    model_validator,
)

from weitiao.core.clock import seconds
from weitiao.core.fields import Fields
from weitiao.i18n.messages import Message, _, pack, restore
from weitiao.labels.renaming import LabelRules

# Where a plan names parts, and of which kind they are.
PLACES = {
    "task": "tasks",
    "data.reader": "readers",
    "data.cleaners": "cleaners",
    "data.steps": "steps",
    "model.head": "heads",
    "model.adapter": "adapters",
    "model.long_texts": "long_texts",
    "train.loss": "losses",
    "train.optimizer": "optimizers",
    "train.schedule": "schedules",
    "train.strategies": "strategies",
    "evaluate.decisions": "decisions",
    "evaluate.checks": "checks",
}
# Exactly one part stands there.
SINGLE = {"task", "model.head", "model.long_texts", "train.optimizer", "train.schedule"}
AT_MOST_ONE = {"train.loss", "data.reader", "model.adapter"}


def as_parts(value: Any) -> Any:
    """Normalize parts to {name: settings}: `name`, `[name, {name: settings}]`, `{name: null}`."""
    if value is None:
        return {}
    if isinstance(value, str):
        return {value: {}}
    if isinstance(value, list):  # `- fgm` and `- fgm: {epsilon: 0.5}`
        if not all(isinstance(one, (str, dict)) for one in value):
            return value
        value = {k: v for one in value for k, v in as_parts(one).items()}
    if isinstance(value, dict):
        return {name: {} if settings is None else settings for name, settings in value.items()}
    return value


Parts = Annotated[dict[str, dict[str, Any]], BeforeValidator(as_parts)]


def _as_seconds(value: Any) -> Any:
    """Accept `10m` and `1h30m` for seconds."""
    if not isinstance(value, str):
        return value
    in_seconds = seconds(value)
    if in_seconds is None:
        raise ValueError(_("{value!r} is not a time; write 90s, 5m or 1h30m.", value=value))
    return in_seconds


Seconds = Annotated[float, BeforeValidator(_as_seconds), Field(gt=0)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]

# Training and validation rows together: below, `train.refit: auto` trains once more on all of them;
# of more, those of validation are hardly missed.
REFIT_ROWS = 1_000
FEWEST_EPOCHS = 3  # with fewer, a small set of rows has not been learned yet


# A text that keeps its template and values, where it is a message.
Text = Annotated[
    str, WrapValidator(lambda text, check: text if isinstance(text, Message) else check(text))
]


class Section(Fields):
    """A part of the plan with settings of its own."""

    # A default is what it would be if it stood in the file (60.0, not 60): a plan that leaves it
    # out has the same hash.
    model_config = ConfigDict(validate_default=True)
    # Settings that are written only where they are set: plans from before they existed keep their
    # hash.
    unwritten: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        return {
            name: value
            for name, value in handler(self).items()
            if name not in self.unwritten
            or getattr(self, name) != fields[name].get_default(call_default_factory=True)
        }


def _as_name(value: Any) -> Any:
    """A label that YAML reads as a number or boolean, as the text that it stands for."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value


def _one_or_more(value: Any) -> Any:
    return value if isinstance(value, (list, tuple, set)) else [value]


LabelName = Annotated[str, BeforeValidator(_as_name), Field(min_length=1)]
LabelNames = Annotated[list[LabelName], BeforeValidator(_one_or_more)]


class LabelsPlan(Section):
    """Names of labels, also of the types of tags: the rows' own -> those that are learned."""

    unwritten: ClassVar[frozenset[str]] = frozenset({"rename", "merge", "drop", "keep", "unknown"})
    rename: dict[LabelName, LabelName] = Field({}, description="old name -> new name")
    merge: dict[LabelName, LabelNames] = Field(
        {}, description="new name -> the labels that become it"
    )
    drop: LabelNames = Field(
        [], description="labels that are left out: with their rows, of several labels alone"
    )
    keep: LabelNames = Field([], description="the only labels that are not left out; empty: all")
    unknown: LabelNames = Field(
        [],
        description="labels of unknown inputs: not learned; they choose and test evaluate.unknown",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        olds = Counter([*self.rename, *chain(*self.merge.values())])
        twice = [name for name, count in olds.items() if count > 1]
        if twice:
            raise ValueError(
                _("the label {label!r} gets two new names; name it once.", label=twice[0])
            )
        news = [(new, old) for old, new in self.rules.names.items() if new != old]
        if chained := [new for new, old in news if new in olds and self.rules.names[new] != new]:
            raise ValueError(
                _(
                    "the label {label!r} is a new name and an old one: files in either spelling "
                    "could not be told apart. Take names that no row has.",
                    label=chained[0],
                )
            )
        if both := [name for name in self.drop if name in self.keep]:
            raise ValueError(
                _("the label {label!r} is in keep and in drop; take it out of one.", label=both[0])
            )
        return self

    @property
    def rules(self) -> LabelRules:
        """The rules by label."""
        merged = {old: new for new, olds in self.merge.items() for old in olds}
        return LabelRules({**self.rename, **merged}, tuple(self.drop), tuple(self.keep))


class DataPlan(Section):
    """Data: files, column roles, splits."""

    unwritten: ClassVar[frozenset[str]] = frozenset(
        {"labels", "corrections", "correct_test", "near_duplicates", "fold"}
    )
    path: str | list[str] = Field(
        description="file with the rows, several files, a folder, a pattern like data/*.csv, or "
        "sample:NAME"
    )
    test_path: str | list[str] | None = Field(
        None, description="file with test rows; empty: split off"
    )
    validation_path: str | list[str] | None = Field(
        None, description="file with validation rows; empty: split off"
    )
    reader: Parts = Field(
        {}, description="format and its options, e.g. {xlsx: {sheet: May}}; empty: detected"
    )
    skip_bad: bool = Field(
        False, description="set rows aside that cannot be read, instead of stopping at the first"
    )
    roles: dict[str, str | list[str]] = Field(
        description="role -> column, e.g. {text: review, target: stars}; columns: [price, brand] "
        "are read as text before the text"
    )
    max_rows: int | None = Field(None, gt=0, description="use a seeded sample of this many rows")
    deduplicate: bool = Field(True, description="drop exact duplicates before splitting")
    near_duplicates: float | None = Field(
        None,
        ge=0.2,
        le=1,
        description="Jaccard similarity of shingles from which rows are near duplicates: they stay "
        "in one part of the split, and are left out where they stand in a test or validation file",
    )
    validation_size: float = Field(0.1, gt=0, lt=1, description="proportion of rows for validation")
    test_size: float = Field(
        0.1, ge=0, lt=1, description="proportion of rows for the sealed test set"
    )
    declared_split: bool = Field(
        True, description="use the parts that a column such as split, or names of files, declare"
    )
    split_seed: int = Field(13, ge=0, description="seed of the split alone")
    fold: str | None = Field(
        None,
        pattern=r"^[1-9]\d{0,2}/([2-9]|[1-9]\d{1,2})$",
        examples=["2/5"],
        description="the test is one of several parts of the rows, e.g. 2/5, instead of test_size: "
        "cross-validation (`folds` of an experiment file)",
    )
    labels: LabelsPlan = Field(
        LabelsPlan(), description="labels that are renamed, merged or left out"
    )
    corrections: str | list[str] | None = Field(
        None, description="file of `weitiao review` with decisions about rows, or several"
    )
    correct_test: bool = Field(
        False, description="apply corrections to rows of the sealed test, too; this is reported"
    )
    cleaners: Parts = Field({}, description="text -> text, in training and in use")
    steps: Parts = Field({}, description="rows -> rows, in training only")


class ModelPlan(Section):
    """Pre-trained model and what is built on it."""

    checkpoint: str = Field(description="catalogue name, hub name, or folder")
    revision: str | None = Field(None, description="branch, tag or commit on the hub")
    max_length: int = Field(128, ge=8, description="maximum tokens per input sequence")
    long_texts: Parts = Field(
        {"head": {}},
        description="what is read of longer rows: head, tail, head_tail, or windows (all of it)",
    )
    dropout: float | None = Field(None, ge=0, lt=1, description="overrides the checkpoint's own")
    head: Parts = Field(
        {"native": {}},
        description="output head; native: the one of transformers",
    )
    attention: Literal["native", "full"] = Field(
        "native", description="full: bidirectional attention in a decoder"
    )
    adapter: Parts = Field(
        {}, description="parameter-efficient fine-tuning, e.g. lora; empty: all weights learn"
    )
    quantization: Literal["none", "nf4"] = Field(
        "none", description="nf4: hold the weights in 4 bits under an adapter (QLoRA; CUDA only)"
    )


class TrainPlan(Section):
    """Training settings."""

    epochs: float = Field(3, gt=0, le=1000, description="passes over the training rows")
    truncate_to: int | None = Field(
        None,
        ge=8,
        description="maximum tokens of a text in training, where it is cut shorter than "
        "predictions read it (model.max_length)",
    )
    batch_size: int = Field(32, gt=0, description="rows per optimizer step, over all processes")
    micro_batch_tokens: Annotated[int, Field(gt=0)] | Literal["auto"] = Field(
        "auto",
        description="maximum tokens per forward pass; affects memory, not the result; auto: as "
        "many as fit, measured",
    )
    gradient_checkpointing: bool = Field(
        False,
        description="recompute activations in the backward pass: far less memory, a third slower",
    )
    learning_rate: float = Field(
        5e-5, gt=0, le=10, description="peak learning rate of the schedule"
    )
    weight_decay: float = Field(0.01, ge=0, description="not on biases and norms")
    linear_start: bool = Field(
        True,
        description="fit the output layer to the features of the frozen network before training "
        "(linear probing, then fine-tuning)",
    )
    refit: Literal["auto", "always", "never"] = Field(
        "auto",
        description="train once more on training and validation rows, with what was chosen, and "
        "keep that model; auto: below 1,000 rows, or up to 10,000 in time that a budget leaves; "
        "not with a validation file",
    )
    warmup_ratio: float = Field(0.1, ge=0, lt=1, description="proportion of steps for warm-up")
    max_grad_norm: float = Field(1.0, ge=0, description="clip the gradient here; 0 for never")
    evaluations: int = Field(
        10, gt=0, description="number of evaluations on validation, evenly spaced"
    )
    patience: int = Field(
        0, ge=0, description="stop after this many evaluations without improvement; 0: never"
    )
    seed: int = Field(13, ge=0, description="random seed of head, dropout and row order")
    precision: Literal["auto", "fp32", "onednn", "bf16"] = Field(
        "auto",
        description="numeric precision; auto: the fastest that is accurate on this machine, "
        "measured once; onednn: fp32 whose matrix products may be rounded",
    )
    layout: Literal["auto", "padded", "packed", "fused"] = Field(
        "auto",
        description="how rows run: padded (any network), packed (end to end, no padding), fused "
        "(packed, through own kernels, on a processor); auto: the last of these that can",
    )
    sharding: Literal["none", "full"] = Field(
        "none",
        description="full: weights, gradients and moments are spread over the processes, for "
        "networks too large for one card (FSDP; several CUDA cards)",
    )
    save_seconds: float = Field(60, ge=0, description="least time between two checkpoints in last/")
    budget: Seconds | None = Field(
        None, description="time the whole training may take: seconds, or 90s, 10m, 1h30m"
    )
    class_weights: Literal["none", "balanced"] | dict[str, Weight] = Field(
        "none", description="weight of each label in the loss"
    )
    loss: Parts = Field({}, description="empty: the task's own")
    optimizer: Parts = Field({"adamw": {}}, description="optimizer and its settings")
    schedule: Parts = Field({"linear": {}}, description="learning rate schedule after the warm-up")
    strategies: Parts = Field({}, description="training strategies, applied in this order")


class EvaluatePlan(Section):
    """Evaluation settings."""

    unwritten: ClassVar[frozenset[str]] = frozenset({"weighted", "unknown", "keep_known"})
    metrics: list[str] = Field([], description="empty: the task's own; the first picks the best")
    bootstrap_samples: int = Field(1000, ge=0, description="resamples behind each 95 % interval")
    baselines: bool = Field(
        True, description="evaluate majority, TF-IDF and frozen-encoder baselines, too"
    )
    calibration: bool = Field(
        True, description="fit a temperature on validation and fold it into the saved model"
    )
    decisions: Parts = Field(
        {}, description="thresholds, costs and abstaining, chosen on validation; empty: likeliest"
    )
    unknown: Literal["none", "auto", "max_probability", "energy", "mahalanobis"] = Field(
        "none",
        description="answer `unknown` to inputs that belong to none of the labels, by this score; "
        "auto: chosen on rows of data.labels.unknown, else on held-out labels",
    )
    keep_known: float = Field(
        0.95, gt=0, lt=1, description="proportion of known inputs that evaluate.unknown answers"
    )
    findings: bool = Field(
        True, description="look for weak slices, group mistakes, try changed texts, explain some"
    )
    checks: Parts = Field({}, description="changed texts that are tried; empty: all that fit")
    weighted: bool = Field(
        False,
        description="also report the metrics with each row counted by its weight (data.roles)",
    )


class Reason(Section):
    """Reason for a value of the plan."""

    value: Any = Field(description="recommended value")
    reason: Text = Field(description="why")
    evidence: Text = Field("", description="supporting figures")
    # In files only: once read, the texts carry them (see Message).
    messages: dict[str, Any] = Field(
        {}, exclude=True, description="templates and values of these texts, for other languages"
    )

    @model_validator(mode="before")
    @classmethod
    def _with_messages(cls, raw: Any) -> Any:
        """Restore messages from the plain texts and templates of a plan's file."""
        if not isinstance(raw, dict) or not isinstance(raw.get("messages"), dict):
            return raw
        texts = {key: value for key, value in raw.items() if key != "messages"}
        packed = raw["messages"]
        return texts | {
            name: restore({**packed[name], "text": texts[name]})
            for name in packed.keys() & texts.keys() & {"reason", "evidence"}
            if isinstance(packed[name], dict)
        }

    def stored(self) -> dict[str, Any]:
        """Plain values for a file, with the templates and values of the messages apart."""
        # Apart, so that the texts stay readable in the YAML, and editable: see i18n.restore.
        raw = self.model_dump()
        packed = {name: pack(raw[name]) for name in ("reason", "evidence")}
        messages = {
            name: {key: value for key, value in one.items() if key != "text"}
            for name, one in packed.items()
            if isinstance(one, dict)
        }
        return raw | ({"messages": messages} if messages else {})
