"""What a task is: how rows become token ids, what is minimised, how scores become answers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from weitiao.errors import DataError
from weitiao.example import Batch, Example, Output, Prediction
from weitiao.messages import tell
from weitiao.parts import Part, near

if TYPE_CHECKING:
    from torch import Tensor

    from weitiao.losses.base import Loss

Share = Annotated[float, Field(gt=0, lt=1)]
Cost = Annotated[float, Field(ge=0)]
LossFn = Callable[[Any, Batch], Output]  # (network, batch) -> Output


@dataclass(frozen=True, slots=True)
class Judged:
    """Answers beside the truth, as arrays, for the metrics.

    kind "single":     targets, values (n,) int indices into `labels`; scores (n, labels)
    kind "multilabel": targets, values (n, labels) of 0 and 1; scores (n, labels)
    kind "number":     targets, values, scores (n,) float
    """

    kind: Literal["single", "multilabel", "number"]
    targets: np.ndarray
    values: np.ndarray
    scores: np.ndarray
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """How rows share a batch, and what the family of the network wants of it."""

    packed: bool = False
    padding: Mapping[str, int] = field(default_factory=dict)  # tensor name -> value
    left: bool = False  # pad on the left (XLNet, decoders)
    first_position: int | None = None  # explicit position_ids from here on (RoBERTa's start at 2)


class Task(Part):
    """The meaning of rows. Fields are learned from the training rows, or set in the plan."""

    roles: ClassVar[tuple[str, ...]]  # the texts a row has, in the order the network reads them
    optional_roles: ClassVar[tuple[str, ...]] = ()
    metrics: ClassVar[tuple[str, ...]]  # the first one picks the best model
    losses: ClassVar[tuple[str, ...]]  # the first one is the default
    kind: ClassVar[Literal["single", "multilabel", "number"]]  # the shape of its answers
    problem_type: ClassVar[str]  # what transformers calls it
    backbone: ClassVar[Literal["encoder", "seq2seq"]] = "encoder"

    @property
    @abstractmethod
    def outputs(self) -> int:
        """How many numbers the head gives for a row."""

    @property
    def head(self) -> str:
        """The head this task needs, by name; empty where the plan may choose."""
        return ""

    @property
    def choices(self) -> tuple[str, ...]:
        """The labels, in the order of the head's numbers; empty for numbers."""
        return ()

    @abstractmethod
    def learn(self, targets: Sequence[Any]) -> Self:
        """The task for this data, e.g. with its label set. Raises DataError when impossible."""

    def widened(self, targets: Sequence[Any]) -> Self:
        """The task with the labels of these targets added behind its own, for judging only."""
        return self

    @abstractmethod
    def indices(self, targets: Sequence[Any], ids: Sequence[str]) -> np.ndarray:
        """Targets as the loss wants them, (n,) or (n, outputs).

        Raises DataError naming the row (from `ids`) whose target does not fit.
        """

    def balanced(self, labels: np.ndarray) -> tuple[float, ...]:
        """The weight of each label that makes all count alike; empty where there are none."""
        return ()

    def texts(self, examples: Sequence[Example]) -> list[list[str]]:
        """One list of texts for each role the rows have, in the network's order."""
        present = [r for r in (*self.roles, *self.optional_roles) if r in examples[0].inputs]
        return [[str(example.inputs[role]) for example in examples] for role in present]

    def encode(
        self, examples: Sequence[Example], tokenizer: Any, max_length: int
    ) -> dict[str, list[list[int]]]:
        """Ragged arrays: input_ids, and token_type_ids where the family has them."""
        encoded = tokenizer(
            *self.texts(examples),
            truncation=True,
            max_length=max_length,
            return_attention_mask=False,
        )
        return filled({name: list(values) for name, values in encoded.items()}, tokenizer)

    def collate(
        self,
        rows: Mapping[str, Sequence[np.ndarray]],
        labels: np.ndarray | None,
        layout: Layout,
    ) -> Batch:
        """Encoded rows as one batch, padded for the general path or packed for the fast one."""
        make = _packed if layout.packed else _padded
        tensors, lengths = make(rows, layout)
        return Batch(tensors, None if labels is None else _tensor(labels), lengths)

    def loss(self, net: Any, batch: Batch, cost: Loss) -> Output:
        """One forward pass; the loss is summed over labels."""
        assert batch.labels is not None
        logits = net(batch)
        return Output(cost.value(logits, batch.labels), logits)

    @abstractmethod
    def divergence(self, first: Tensor, second: Tensor, batch: Batch) -> Tensor:
        """How far two outputs for the same rows disagree, summed over rows (R-Drop, distillation).

        `first` and `second` are logits (rows, outputs).
        """

    def fold(self, weight: Any, bias: Any) -> tuple[Any, Any, Self]:
        """Move what the task knows of the scale of its numbers into the last linear layer.

        Returns weight, bias and the task that goes with them, so that the saved folder alone
        gives the right numbers to anybody who reads it.
        """
        return weight, bias, self

    @abstractmethod
    def score(self, logits: np.ndarray) -> np.ndarray:
        """Logits (n, outputs) as scores (n, outputs): probabilities, or numbers in the target's
        own unit."""

    @abstractmethod
    def decide(self, scores: np.ndarray) -> list[Prediction]:
        """One prediction per row of scores."""

    @abstractmethod
    def judge(self, labels: np.ndarray, scores: np.ndarray) -> Judged:
        """Truth (from `labels`) and answers (from `scores`), for the metrics."""

    def plainly(self) -> Self:
        """The same task with the likeliest answers: no thresholds, costs or abstaining of its own.
        Baselines are judged so, since what was chosen for one model's scores fits no other's."""
        chosen = {"thresholds": {}, "costs": {}, "abstain": 0.0}
        own = {name: value for name, value in chosen.items() if name in type(self).model_fields}
        return self.model_copy(update=own)

    def describe(self) -> Mapping[str, Any]:
        """What of config.json says this task: id2label, label2id, problem_type."""
        names = self.choices or tuple(f"LABEL_{i}" for i in range(self.outputs))
        return {
            "id2label": dict(enumerate(names)),
            "label2id": {name: i for i, name in enumerate(names)},
            "problem_type": self.problem_type,
        }


def filled(encoded: dict[str, list[list[int]]], tokenizer: Any) -> dict[str, list[list[int]]]:
    """Rows without any token (an empty text, where the family adds none) get one of padding."""
    ids = encoded["input_ids"]
    empty = [at for at, row in enumerate(ids) if not row]
    for name, values in encoded.items():
        for at in empty:
            values[at] = [tokenizer.pad_token_id if name == "input_ids" else 0]
    return encoded


def sure_of(judged: Judged) -> np.ndarray:
    """How sure each answer is, (n,): its score; of several labels, the least certain yes or no."""
    if judged.kind == "number":
        return judged.values
    if judged.kind == "multilabel":
        given = judged.values.astype(bool)
        return np.asarray(np.where(given, judged.scores, 1 - judged.scores).min(1))
    return np.asarray(judged.scores[np.arange(len(judged.values)), judged.values])


def rows_right(judged: Judged) -> np.ndarray:
    """Whether each row's answer is right, (n,); of several labels, all of them."""
    right = judged.targets == judged.values
    return np.asarray(right.all(1) if judged.kind == "multilabel" else right)


def known_labels(labels: Sequence[str], named: Iterable[str]) -> None:
    """Raises DataError when a setting names a label that the rows do not have."""
    for name in named:
        if name not in labels:
            told = tell("the task's settings name the label {label!r}, which no row has.{hint}",
                        label=name, hint=near(name, labels))  # fmt: skip
            raise DataError(told)


def _tensor(array: np.ndarray) -> Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(array))


def _padded(
    rows: Mapping[str, Sequence[np.ndarray]], layout: Layout
) -> tuple[dict[str, Tensor], None]:
    lengths = np.array([len(ids) for ids in rows["input_ids"]])
    shape = (len(lengths), int(lengths.max()))
    columns = np.arange(shape[1])[None, :]
    first = shape[1] - lengths if layout.left else np.zeros_like(lengths)
    mask = (columns >= first[:, None]) & (columns < (first + lengths)[:, None])
    arrays: dict[str, np.ndarray] = {}
    for name, values in rows.items():
        arrays[name] = np.full(shape, layout.padding.get(name, 0), dtype=np.int64)
        arrays[name][mask] = np.concatenate(values)
    arrays["attention_mask"] = mask.astype(np.int64)
    if layout.first_position is not None:
        positions = (columns - first[:, None]).clip(0) + layout.first_position
        # A padding position keeps the padding index, as the families count them.
        arrays["position_ids"] = np.where(mask, positions, max(layout.first_position - 1, 0))
    return {name: _tensor(array) for name, array in arrays.items()}, None


def _packed(
    rows: Mapping[str, Sequence[np.ndarray]], layout: Layout
) -> tuple[dict[str, Tensor], Tensor]:
    lengths = np.array([len(ids) for ids in rows["input_ids"]], dtype=np.int64)
    arrays = {name: np.concatenate(values).astype(np.int64) for name, values in rows.items()}
    positions = np.arange(lengths.sum()) - np.repeat(lengths.cumsum() - lengths, lengths)
    arrays["position_ids"] = positions + (layout.first_position or 0)
    return {name: _tensor(array[None]) for name, array in arrays.items()}, _tensor(lengths)
