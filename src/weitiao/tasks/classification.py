"""One label for one text, or for a pair of texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from weitiao.errors import DataError
from weitiao.example import Batch, Prediction
from weitiao.messages import tell
from weitiao.parts import near
from weitiao.tasks.base import Judged, Task

if TYPE_CHECKING:
    from torch import Tensor


class Classification(Task):
    """Sentiment, topic, spam, intent, paraphrase: exactly one label a row.

    labels: in the order of the network's outputs; learned (sorted) from the training rows when
    the plan names none.
    """

    roles: ClassVar[tuple[str, ...]] = ("text",)
    optional_roles: ClassVar[tuple[str, ...]] = ("text_pair",)
    metrics: ClassVar[tuple[str, ...]] = (
        "accuracy", "macro_f1", "micro_f1", "weighted_f1", "mcc", "roc_auc",
    )  # fmt: skip
    losses: ClassVar[tuple[str, ...]] = ("cross_entropy",)
    kind: ClassVar[Literal["single", "multilabel", "number"]] = "single"
    problem_type: ClassVar[str] = "single_label_classification"
    labels: tuple[str, ...] = Field((), description="in the order of the outputs; empty: learned")

    @property
    def outputs(self) -> int:
        return len(self.labels)

    @property
    def choices(self) -> tuple[str, ...]:
        return self.labels

    def learn(self, targets: Sequence[Any]) -> Self:
        if self.labels:
            return self
        counts = Counter(str(target) for target in targets)
        if len(counts) < 2:
            raise DataError(
                tell(
                    "Classification needs at least two labels; the training rows have only "
                    "{labels}. Is --target the right column?",
                    labels=", ".join(map(repr, counts)),
                )
            )
        return self.model_copy(update={"labels": tuple(sorted(counts, key=_natural))})

    def widened(self, targets: Sequence[Any]) -> Self:
        more = sorted({str(target) for target in targets} - set(self.labels))
        return self.model_copy(update={"labels": (*self.labels, *more)}) if more else self

    def indices(self, targets: Sequence[Any], ids: Sequence[str]) -> np.ndarray:
        places = {label: i for i, label in enumerate(self.labels)}
        found = [places.get(str(target), -1) for target in targets]
        if -1 in found:
            at = found.index(-1)
            label = str(targets[at])
            raise DataError(
                tell(
                    "{row}: the label {label!r} is not among the labels the model knows.{hint}",
                    row=ids[at],
                    label=label,
                    hint=near(label, self.labels),
                )
            )
        return np.array(found, dtype=np.int64)

    def balanced(self, labels: np.ndarray) -> tuple[float, ...]:
        """rows / (labels * rows of the label), as scikit-learn's "balanced"; 1 for a label that
        has no row."""
        counts = np.bincount(labels, minlength=self.outputs)
        weights = len(labels) / ((counts > 0).sum() * counts.clip(1))
        return tuple(np.where(counts > 0, weights, 1.0).tolist())

    def divergence(self, first: Tensor, second: Tensor, batch: Batch) -> Tensor:
        from torch.nn.functional import kl_div

        a, b = first.float().log_softmax(-1), second.float().log_softmax(-1)
        one = kl_div(a, b, log_target=True, reduction="sum")
        return (one + kl_div(b, a, log_target=True, reduction="sum")) / 2

    def score(self, logits: np.ndarray) -> np.ndarray:
        shifted = np.exp(logits - logits.max(-1, keepdims=True))
        return np.asarray(shifted / shifted.sum(-1, keepdims=True))

    def decide(self, scores: np.ndarray) -> list[Prediction]:
        answers = []
        for best, row in zip(scores.argmax(-1).tolist(), scores.tolist(), strict=True):
            named = dict(zip(self.labels, row, strict=True))
            answers.append(Prediction(self.labels[best], row[best], named))
        return answers

    def judge(self, labels: np.ndarray, scores: np.ndarray) -> Judged:
        return Judged("single", labels, scores.argmax(-1), scores, self.labels)


def _natural(label: str) -> tuple[int, float, str]:
    """Numbers in their order, before words in theirs."""
    try:
        return (0, float(label), label)
    except ValueError:
        return (1, 0.0, label)
