"""Facts of a design document: what was measured for it, and is in no other file. They are written
beside the document (plan.facts.json), where its figures can be looked up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from weitiao.core import atomic
from weitiao.errors import RunError
from weitiao.i18n.messages import _
from weitiao.i18n.system import said


class _Fact(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FileFact(_Fact):
    """A file of rows. role: data, test or validation."""

    role: str
    path: str
    bytes: int
    sha256: str


class FindingFact(_Fact):
    """A finding of `look`."""

    kind: str
    severity: str
    rows: int
    sentence: Any
    remedy: Any = ""


class LookFacts(_Fact):
    """What `look` says of the rows."""

    rows: int
    unlabelled: int
    empty_texts: int
    bad: int
    duplicates: int
    conflicts: int
    leaks: int | None = None
    columns: list[str]
    label_count: int
    labels: dict[str, int]  # the most frequent
    imbalance: float
    numbers: dict[str, float]
    characters: dict[str, dict[str, int]]  # role -> p50, p90, p99, max
    languages: dict[str, float]
    tokens: dict[str, Any]  # p50, p90, p99, max, and what each length cuts
    findings: list[FindingFact]


class CheckpointFacts(_Fact):
    """The pre-trained model. parameters counts values, head included."""

    name: str
    kind: str = ""
    family: str = ""
    parameters: int = 0
    trainable: int = 0
    layers: int = 0
    hidden_size: int = 0
    max_length: int = 0
    vocabulary: int = 0
    head: str = ""
    outputs: int = 0
    licence: str = ""
    sha256: str = ""
    hashed: str = ""  # the file that the hash is of


class Candidate(_Fact):
    """A checkpoint that could have been taken."""

    name: str
    licence: str
    languages: list[str]
    layers: int
    parameters: int
    max_length: int
    sha256: str
    note: str


class PackageFact(_Fact):
    """An installed package that the training uses."""

    name: str
    version: str
    licence: str


class LabelFact(_Fact):
    """An output of the network for the worked row. share: of the target, 1 for its label; of spans
    the log of the sum of exp(logit) over all tokens. logit: of passages the cosine."""

    name: str
    logit: float
    share: float
    probability: float = 0.0


class GradientFact(_Fact):
    """One weight, and the derivative of the loss of the worked row with respect to it."""

    name: str
    place: list[int]
    value: float
    gradient: float
    decay: float  # weight decay that applies to it


class WorkedRow(_Fact):
    """A training row, what the untrained head says of it, and its loss. kind: of the formula."""

    id: str
    texts: dict[str, str]
    target: str
    tokens: int
    kind: str  # cross_entropy, binary, squared, span, contrastive, other
    outputs: list[LabelFact]  # the largest and the target's
    count: int  # outputs altogether
    log_sum: float = 0.0  # log of the sum of exp(logit) over all outputs
    smoothing: float = 0.0
    mean_log: float = 0.0  # mean log-probability over all outputs, for label smoothing
    weight: float = 1.0  # of the label in the loss
    temperature: float = 1.0
    unit: str = ""  # token that the outputs are about
    loss: float  # as training computes it, dropout off
    weights: GradientFact | None = None


class Derived(_Fact):
    """Numbers that follow from plan and rows."""

    train_rows: int
    steps: int  # ceil(epochs * train_rows / batch_size)
    warmup_steps: int
    rates: dict[str, float]  # step -> learning rate, as the loop sets it
    first_rate: float
    stepped: float | None = None  # the weight of `row.weights` after the first step
    chance_loss: float | None = None  # ln(outputs)
    labelled: int = 0  # rows that have a target
    label_hours: float | None = None


class Facts(_Fact):
    """All facts of a document."""

    version: int = 1
    date: str
    weitiao: str
    files: list[FileFact] = Field(default_factory=list)
    look: LookFacts | None = None
    split: dict[str, int] = Field(default_factory=dict)
    history: list[Any] = Field(default_factory=list)
    checkpoint: CheckpointFacts
    candidates: list[Candidate] = Field(default_factory=list)
    packages: list[PackageFact] = Field(default_factory=list)
    machine: dict[str, Any] = Field(default_factory=dict)
    row: WorkedRow | None = None
    derived: Derived | None = None
    label_seconds: float | None = None  # a person's, for a row; by the user
    missing: list[Any] = Field(default_factory=list)  # what could not be measured, and why
    plan: dict[str, Any] = Field(default_factory=dict)  # whole, its defaults too

    def write(self, path: Path) -> None:
        """Write the facts as JSON, whole or not at all."""
        text = json.dumps(self.model_dump(mode="json"), ensure_ascii=False, indent=1)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic.replace_text(path, text + "\n")
        except OSError as error:
            reason = said(error)
            message = _("{path}: cannot be written: {reason}.", path=path, reason=reason)
            raise RunError(message) from None
