"""Any number of labels for one text, or for a pair of texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from weitiao.errors import DataError
from weitiao.example import Batch, Example, Prediction
from weitiao.i18n.messages import _
from weitiao.parts import near
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.base import Share, Task, known_labels

if TYPE_CHECKING:
    from torch import Tensor


class Multilabel(Task):
    """Tags, toxicity kinds, several topics at once: each label is there or not.

    threshold: a label is given from this probability on. A row's target is a list of labels.
    """

    roles: ClassVar[tuple[str, ...]] = ("text",)
    optional_roles: ClassVar[tuple[str, ...]] = ("text_pair",)
    metrics: ClassVar[tuple[str, ...]] = (
        "micro_f1", "macro_f1", "weighted_f1", "accuracy", "roc_auc",
    )  # fmt: skip
    losses: ClassVar[tuple[str, ...]] = ("bce",)
    answers: ClassVar[type[Answers]] = LabelSets
    problem_type: ClassVar[str] = "multi_label_classification"
    labels: tuple[str, ...] = Field((), description="in the order of the outputs; empty: learned")
    threshold: float = Field(0.5, gt=0, lt=1, description="a label is given from here on")
    thresholds: dict[str, Share] = Field({}, description="label -> it is given from this score on")
    abstain: float = Field(0.0, ge=0, lt=1, description="below this score no answer is given")

    @property
    def outputs(self) -> int:
        return len(self.labels)

    @property
    def choices(self) -> tuple[str, ...]:
        return self.labels

    def learn(self, targets: Sequence[Any]) -> Self:
        if self.labels:
            known_labels(self.labels, self.thresholds)
            return self
        counts = Counter(str(label) for target in targets for label in target)
        if len(counts) < 2:
            raise DataError(
                _(
                    "Multilabel needs at least two labels; the training rows have only {labels}. "
                    "Is --target the right column?",
                    labels=", ".join(map(repr, counts)),
                )
                if counts
                else _(
                    "Multilabel needs at least two labels; no training row has any. "
                    "Is --target the right column?"
                )
            )
        return self.model_copy(update={"labels": tuple(sorted(counts))}).learn(targets)

    def widened(self, targets: Sequence[Any]) -> Self:
        more = sorted({str(label) for target in targets for label in target} - set(self.labels))
        return self.model_copy(update={"labels": (*self.labels, *more)}) if more else self

    def indices(self, targets: Sequence[Any], ids: Sequence[str]) -> np.ndarray:
        places = {label: i for i, label in enumerate(self.labels)}
        found = np.zeros((len(targets), len(self.labels)), dtype=np.float32)
        for row, target in enumerate(targets):
            for label in target:
                if str(label) not in places:
                    raise DataError(
                        _(
                            "{row}: the label {label!r} is not among the labels the model "
                            "knows.{hint}",
                            row=ids[row],
                            label=str(label),
                            hint=near(str(label), self.labels),
                        )
                    )
                found[row, places[str(label)]] = 1
        return found

    def balanced(self, labels: np.ndarray) -> tuple[float, ...]:
        """Rows without the label for each row with it, at most 100."""
        given = labels.sum(0).clip(1)
        return tuple(((len(labels) - given) / given).clip(0.01, 100).tolist())

    def divergence(self, first: Tensor, second: Tensor, batch: Batch) -> Tensor:
        """Symmetric KL of the Bernoulli of each label: sum of (p - q) (logit p - logit q) / 2."""
        a, b = first.float(), second.float()
        return ((a.sigmoid() - b.sigmoid()) * (a - b)).sum() / 2

    def score(self, logits: np.ndarray) -> np.ndarray:
        from scipy.special import expit

        return np.asarray(expit(logits))

    def decide(self, scores: Any, examples: Sequence[Example] = ()) -> list[Prediction]:
        answers = []
        given = scores >= self.limits
        # How sure the whole set is: its least certain yes or no.
        sure = np.where(given, scores, 1 - scores).min(-1)
        for chosen, least, row in zip(given, sure.tolist(), scores.tolist(), strict=True):
            value = [label for label, yes in zip(self.labels, chosen, strict=True) if yes]
            named = dict(zip(self.labels, row, strict=True))
            answers.append(Prediction(None if least < self.abstain else value, least, named))
        return answers

    @property
    def limits(self) -> np.ndarray:
        """From which score on each label is given, (labels,)."""
        return np.array([self.thresholds.get(label, self.threshold) for label in self.labels])

    def judge(self, labels: np.ndarray, scores: np.ndarray) -> LabelSets:
        values = (scores >= self.limits).astype(np.int64)
        return LabelSets(labels.astype(np.int64), values, scores, self.labels)
