"""Single-label classification of a text or of a pair of texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from weitiao.data.infer.cells import label_list
from weitiao.data.infer.column_stats import FEW_CLASSES, Column
from weitiao.errors import DataError
from weitiao.example import Batch, Example, Prediction
from weitiao.i18n.messages import _, name_list
from weitiao.labels.hierarchy import Level, levels_of, separator_of, top_down, two_orders
from weitiao.losses.base import symmetric_kl
from weitiao.parts import near
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.base import Cost, Task, Threshold, balanced_weights, known_labels, softmax

if TYPE_CHECKING:
    from torch import Tensor

    from weitiao.data.infer.roles import Evidence


class Classification(Task):
    """Sentiment, topic, spam, intent, paraphrase: exactly one label a row.

    labels: in the order of the network's outputs; learned (sorted) from the training rows when
    the plan names none. The answer is the most probable label, unless thresholds or costs say
    otherwise: a label with a threshold is the answer from that score on; with costs it is the
    answer that costs least on average.
    """

    roles: ClassVar[tuple[str, ...]] = ("text",)
    optional_roles: ClassVar[tuple[str, ...]] = ("text_pair",)
    metrics: ClassVar[tuple[str, ...]] = (
        "accuracy",
        "macro_f1",
        "micro_f1",
        "weighted_f1",
        "mcc",
        "roc_auc",
    )
    losses: ClassVar[tuple[str, ...]] = ("cross_entropy",)
    answers: ClassVar[type[Answers]] = Labels
    problem_type: ClassVar[str] = "single_label_classification"
    small_batches: ClassVar[bool] = True
    soft: ClassVar[bool] = True
    labels: tuple[str, ...] = Field((), description="in the order of the outputs; empty: learned")
    thresholds: dict[str, Threshold] = Field(
        {}, description="label -> it is given from this score on"
    )
    costs: dict[str, dict[str, Cost]] = Field(
        {}, description="truth -> answer -> what this mistake costs; what is not named costs 1"
    )
    abstain: float = Field(0.0, ge=0, lt=1, description="below this score no answer is given")
    separator: str = Field("", description="stands between the levels of labels that are paths")
    top_down: bool = Field(False, description="of paths: the likeliest parent, then its child")

    @property
    def outputs(self) -> int:
        return len(self.labels)

    @property
    def choices(self) -> tuple[str, ...]:
        return self.labels

    @property
    def default_metrics(self) -> tuple[str, ...]:
        return (*self.metrics, "hierarchical_f1") if self.separator else self.metrics

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels of labels that are paths."""
        return levels_of(self.labels, self.separator) if self.separator else ()

    @classmethod
    def level_separator(cls, labels: Sequence[str]) -> str:
        return separator_of(list(labels))

    @classmethod
    def parse_target(cls, cell: str, column: str) -> str | None:
        """A label, also as a list of one. An empty list is a row without a label."""
        listed = label_list(cell) if cell.lstrip()[:1] in ("[", "{") else None
        if listed is None:
            return str(super().parse_target(cell, column))
        if len(listed) > 1:
            raise ValueError(
                _(
                    "{column} has {count} labels ({cell}), where one is asked for; if rows have "
                    "several: --task multilabel.",
                    column=column,
                    count=len(listed),
                    cell=cell.strip()[:40],
                )
            )
        return listed[0] if listed else None

    @classmethod
    def fits(cls, column: Column) -> bool:
        return column.is_label or column.numbers is None

    @classmethod
    def guess(cls, evidence: Evidence) -> tuple[float, str] | None:
        column = evidence.target
        if column is None:
            return None
        figures = {"name": column.name, "distinct": column.distinct}
        if column.numbers is not None:
            return (0.6, _of_class_indices(column)) if column.is_class_index else None
        if column.unique_share > 0.5 and column.distinct > FEW_CLASSES:
            return None
        if pair := two_orders(column.counts):
            raise DataError(
                _(
                    "{name!r}: {one!r} stands elsewhere as {other!r}, as if a row had several "
                    "labels. Several are written with ; , | or 、 between them; if it is one label "
                    "a row: --task classification.",
                    name=column.name,
                    one=pair[0],
                    other=pair[1],
                )
            )
        one_each = _one_label_each(column)
        if one_each:
            return 0.1, one_each
        return 0.1, _(
            "{name!r} holds {distinct} different labels: {labels}",
            labels=column.most_common(),
            **figures,
        )

    def learn(self, targets: Sequence[Any]) -> Self:
        if self.labels:
            named = [*self.thresholds, *self.costs, *chain(*self.costs.values())]
            known_labels(self.labels, named)
            return self
        counts = Counter(str(target) for target in targets)
        if len(counts) < 2:
            raise DataError(
                _(
                    "Classification needs at least two labels; the training rows have only "
                    "{labels}. Is --target the right column?",
                    labels=name_list(counts, quoted=True),
                )
            )
        return self.model_copy(update={"labels": tuple(sorted(counts, key=_natural))}).learn(
            targets
        )

    def widened(self, targets: Sequence[Any]) -> Self:
        more = sorted({str(target) for target in targets} - set(self.labels))
        return self.model_copy(update={"labels": (*self.labels, *more)}) if more else self

    def indices(self, targets: Sequence[Any], ids: Sequence[str]) -> np.ndarray:
        places = {label: i for i, label in enumerate(self.labels)}
        indices = [places.get(str(target), -1) for target in targets]
        if -1 in indices:
            at = indices.index(-1)
            label = str(targets[at])
            raise DataError(
                _(
                    "{row}: the label {label!r} is not among the labels the model knows.{hint}",
                    row=ids[at],
                    label=label,
                    hint=near(label, self.labels),
                )
            )
        return np.array(indices, dtype=np.int64)

    def balanced(self, labels: np.ndarray, weights: np.ndarray | None = None) -> tuple[float, ...]:
        """Class weights as scikit-learn's "balanced": rows / (labels * rows of the label); 1 for a
        label without rows."""
        return balanced_weights(np.bincount(labels, weights, self.outputs))

    def divergence(self, first: Tensor, second: Tensor, batch: Batch) -> Tensor:
        return symmetric_kl(first, second, batch.weights)

    def score(self, logits: np.ndarray) -> np.ndarray:
        return softmax(logits)

    def decide(self, scores: Any, examples: Sequence[Example] = ()) -> list[Prediction]:
        predictions = []
        sums = [(level, level.sums(scores)) for level in self.levels]
        best_and_scores = zip(self.best(scores).tolist(), scores.tolist(), strict=True)
        for at, (best, row) in enumerate(best_and_scores):
            named = dict(zip(self.labels, row, strict=True))
            value = None if row[best] < self.abstain else self.labels[best]
            path = [(level.of[best], level, node_scores[at]) for level, node_scores in sums]
            levels = tuple(
                (level.names[node], float(node_scores[node])) for node, level, node_scores in path
            )
            predictions.append(Prediction(value, row[best], named, levels))
        return predictions

    def best(self, scores: np.ndarray) -> np.ndarray:
        """The index of the predicted label: by cost, top down, by thresholds, or argmax."""
        if self.costs:
            # Expected cost of predicting j: sum_i p_i cost[i, j] (Elkan, 2001).
            return np.asarray((scores @ self._costs()).argmin(-1))
        if not self.thresholds and self.top_down and self.separator:
            return top_down(scores, self.levels)
        if not self.thresholds:
            return np.asarray(scores.argmax(-1))
        limits = np.array([self.thresholds.get(label, np.inf) for label in self.labels])
        # A label at or above its threshold wins, by the highest ratio; otherwise the argmax of the
        # labels without a threshold (of all ratios, if every label has one).
        over = scores / limits
        rest = np.where(np.isinf(limits), scores, -1.0) if np.isinf(limits).any() else over
        return np.where(over.max(-1) >= 1, over.argmax(-1), rest.argmax(-1))

    def to_answers(self, gold: np.ndarray, scores: np.ndarray) -> Labels:
        best = self.best(scores)
        return Labels(gold, best, scores, self.labels, separator=self.separator)

    def _costs(self) -> np.ndarray:
        """The cost matrix, (gold, predicted); 0-1 loss by default."""
        costs = 1.0 - np.eye(len(self.labels))
        for gold, row in self.costs.items():
            for predicted, cost in row.items():
                costs[self.labels.index(gold), self.labels.index(predicted)] = cost
        return costs


def _one_label_each(column: Column) -> str:
    """Why cells that are lists are one label each; empty for cells that are no lists."""
    lists = [label_list(cell) for cell in column.counts]
    if not all(one is not None and len(one) < 2 for one in lists) or not any(lists):
        return ""
    return _(
        "the cells of {name!r} are lists of at most one label: {labels}; an empty one is a row "
        "without a label",
        name=column.name,
        labels=column.most_common(),
    )


def _of_class_indices(column: Column) -> str:
    """Why whole numbers are taken as labels."""
    numbers = {"name": column.name, "distinct": column.distinct}
    if column.distinct > FEW_CLASSES:
        assert column.numbers is not None
        return _(
            "{name!r} numbers {distinct} classes from {low:g} to {high:g} without a gap; if these "
            "are amounts: --task regression",
            low=min(column.numbers),
            high=max(column.numbers),
            **numbers,
        )
    if column.distinct > 2:
        return _(
            "{name!r} holds {distinct} different whole numbers ({labels}); if their order "
            "matters: --task regression",
            labels=column.most_common(),
            **numbers,
        )
    return _(
        "{name!r} holds {distinct} different whole numbers ({labels})",
        labels=column.most_common(),
        **numbers,
    )


def _natural(label: str) -> tuple[int, float, str]:
    """Numbers in their order, before words in theirs."""
    try:
        return (0, float(label), label)
    except ValueError:
        return (1, 0.0, label)
