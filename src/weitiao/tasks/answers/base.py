"""Answers: predictions aligned with gold targets, and everything that depends on their type.

Metrics, report, comparison, slices, calibration and files of predictions ask the object; none of
them knows which answer classes there are. Members by caller:

| Caller | Members |
|---|---|
| metrics, decisions, heads of tables | `unit`, `label_counts`, `has_label`, `numeric` |
| evaluate (the metric everybody understands), compare without a plan | `plain_metric`, `metrics` |
| intervals (resampling) | `interchangeable`, `take` |
| calibration | `probabilities`; then `claims`, `nll`, `brier`, `tempered`, `cross_entropy`, `known` |
| report: mistakes, closest calls, weak slices | `right`, `confidence`, `has_confidence`, `losses`, `mistakes`, `closest_calls`, `mistake_confidence`, `changed`, `plain` |
| compare, McNemar, seeds that learned nothing | `differs`, `constant` |
| `predict` in Python | `as_returned` |
| experiments with folds | `followed_by` |
| answers.parquet | `kind`, `columns`, `column`, `from_arrow`, `values_of` |
| rows in common with other runs and files | `has_gold`, `answered`, `gold_keys`, `gold_differs`, `aligned`, `unlisted`, `often_empty`, `from_cells` |
| HTML page | `spelled`; presentation of its own is registered in `reporting` by class |

A class of another package needs `kind` and, where an answer is no plain value, `right`, `column` and
`values_of`; it may as well extend `Numbers` or another one of these. A task names its class in
`Task.answers`, by which answers.parquet is read back.
"""  # noqa: E501 - a table

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from weitiao.core.ragged import Ragged

if TYPE_CHECKING:
    import pyarrow as pa

LOWEST_PROBABILITY = 1e-30  # a float32 score below is 0; its logarithm must stay finite


@dataclass(frozen=True, eq=False)
class Answers:
    """Gold targets and predictions, one entry a row.

    The defaults are for one plain value a row: equal is correct, the highest score the confidence.
    `targets` and `values` have the same shape, which each class describes; `targets` is None only
    where a file of predictions has no gold column.
    """

    targets: Any
    values: Any
    scores: Any = None
    labels: tuple[str, ...] = ()
    counts: Any = None  # figures of each row that cannot be recomputed from targets and values
    separator: str = ""  # between the levels of labels that are paths

    kind: ClassVar[str]  # the name in answers.parquet
    unit: ClassVar[Literal["rows", "spans"]] = "rows"  # what is counted of a label
    numeric: ClassVar[bool] = False  # answers are off by an amount, rather than right or wrong
    probabilities: ClassVar[bool] = False  # scores are (n, labels) and can be calibrated
    interchangeable: ClassVar[bool] = (
        False  # few different pairs of target and value: see resampling
    )
    often_empty: ClassVar[bool] = False  # many rows have an empty target, which identifies no row
    plain_metric: ClassVar[str] = ""  # always compared with the baselines; needs no explanation
    # Metrics of values (not of scores) for comparisons, the deciding one first; empty: the task's.
    metrics: ClassVar[tuple[str, ...]] = ()

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: np.ndarray) -> Self:
        """These rows alone."""
        scores, counts = self.scores, self.counts
        return replace(
            self,
            targets=self.targets[rows],
            values=self.values[rows],
            scores=scores[rows] if scores is not None and len(scores) else scores,
            counts=None if counts is None else counts[rows],
        )

    def followed_by(self, others: Sequence[Self]) -> Self:
        """These rows and, behind them, those of others with the same labels."""
        import pyarrow as pa

        table = pa.concat_tables([pa.table(one.columns()) for one in (self, *others)])
        return self.from_arrow(table, self.labels, self.separator)

    # --- right and wrong

    def right(self) -> np.ndarray:
        """(n,) whether each prediction is correct as a whole (exact match)."""
        return ~_unequal(self.targets, self.values)

    def differs(self, other: Self) -> np.ndarray:
        """(n,) whether two predictions for the same row differ."""
        return _unequal(self.values, other.values)

    def losses(self) -> np.ndarray:
        """(n,) the loss of each prediction: 0-1 loss, or the absolute error of a number."""
        return (~self.right()).astype(float)

    def confidence(self) -> np.ndarray:
        """(n,) the probability of each prediction; a number has none and stands for itself."""
        scores = np.asarray(self.scores, float)
        return scores if scores.ndim == 1 else scores.max(1)

    def has_confidence(self) -> np.ndarray:
        """(n,) whether a prediction has a confidence at all."""
        return np.ones(len(self.values), bool)

    def mistake_confidence(self) -> np.ndarray:
        """(n,) the confidence by which mistakes are ranked."""
        return self.confidence()

    def mistakes(self) -> np.ndarray:
        """Wrong rows, the most confident (or the largest error) first."""
        wrong = np.flatnonzero(~self.right())
        return wrong[np.argsort(-self.mistake_confidence()[wrong], kind="stable")]

    def closest_calls(self) -> np.ndarray:
        """Rows by margin, the least confident first; empty for numbers."""
        return np.argsort(self.confidence(), kind="stable")

    def changed(self, rows: np.ndarray, after: Self) -> tuple[np.ndarray, np.ndarray]:
        """Whether the predictions flip when the texts are perturbed, and whether for the worse.

        after: the predictions for the perturbed texts, one for each of `rows`.
        """
        flips = _unequal(self.values[rows], after.values)
        return flips, flips & self.right()[rows]

    def constant(self) -> Self:
        """The majority-class predictor: the most frequent target, for every row."""
        known, counts = np.unique(self.targets, return_counts=True)
        return replace(self, values=np.full(len(self), known[counts.argmax()]))

    # --- labels

    def label_counts(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """True positives, predicted and gold of each label: (samples, labels) each.

        weights: (samples, n), how often each row counts.
        """
        none = np.zeros((len(weights), 0))
        return none, none, none

    def has_label(self, at: int) -> np.ndarray:
        """(n,) whether the gold target has this label."""
        raise NotImplementedError(f"{type(self).__name__} has no labels with a score each")

    # --- calibration, where `probabilities`

    def claims(self) -> tuple[np.ndarray, np.ndarray]:
        """Predicted probabilities with their 0/1 outcomes, as a reliability diagram needs them."""
        raise NotImplementedError(f"the scores of {type(self).__name__} are no probabilities")

    def nll(self) -> float:
        """Mean negative log-likelihood of the gold targets."""
        raise NotImplementedError(f"the scores of {type(self).__name__} are no probabilities")

    def brier(self) -> float:
        """Brier score (1950): the mean squared error of the probabilities."""
        raise NotImplementedError(f"the scores of {type(self).__name__} are no probabilities")

    def tempered(self, power: float) -> Self:
        """Temperature applied to probabilities: as if the logits had been multiplied by `power`."""
        raise NotImplementedError(f"the scores of {type(self).__name__} are no probabilities")

    @classmethod
    def cross_entropy(cls, logits: np.ndarray, labels: np.ndarray, smoothing: float) -> float:
        """Cross-entropy with label smoothing, the objective of temperature scaling."""
        raise NotImplementedError(f"the scores of {cls.__name__} are no probabilities")

    @classmethod
    def known(cls, labels: np.ndarray, outputs: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows (a mask) whose labels the model has outputs for, and the labels cut to these."""
        return np.ones(len(labels), bool), labels

    # --- what `predict` returns

    @classmethod
    def as_returned(cls, values: list[Any]) -> Any:
        """Values of predictions, one a row, as `predict` returns them: a list."""
        return values

    # --- answers.parquet

    def columns(self) -> dict[str, pa.Array]:
        """The columns of answers.parquet that `from_arrow` needs."""
        import pyarrow as pa

        return {
            "target": self.column(self.targets),
            "answer": self.column(self.values),
            "score": pa.array(self.confidence(), pa.float32()),
            "scores": lists_of(self.scores),
        }

    def column(self, values: Any) -> pa.Array:
        """Values in readable form: numbers, a label, or a list of labels."""
        import pyarrow as pa

        return pa.array(values.tolist())

    @classmethod
    def from_arrow(cls, table: pa.Table, labels: tuple[str, ...], separator: str) -> Self:
        """The answers that `columns` wrote. Raises ValueError for others."""
        return cls(
            cls.values_of(table.column("target").combine_chunks(), labels),
            cls.values_of(table.column("answer").combine_chunks(), labels),
            cls._scores_of(table),
            labels,
            cls._counts_of(table),
            separator,
        )

    @classmethod
    def values_of(cls, cells: pa.Array, labels: tuple[str, ...]) -> Any:
        """Values that `column` wrote."""
        return _array(cells.to_pylist())

    @classmethod
    def _scores_of(cls, table: pa.Table) -> Any:
        lists = table.column("scores").combine_chunks()
        flat: np.ndarray = lists.flatten().to_numpy(zero_copy_only=False)
        width = len(flat) // max(table.num_rows, 1)
        return flat if width == 1 else flat.reshape(table.num_rows, width)

    @classmethod
    def _counts_of(cls, table: pa.Table) -> Any:
        return None

    # --- the same rows in other runs and files

    def has_gold(self) -> np.ndarray:
        """(n,) whether a row has a gold target."""
        return np.ones(len(self.values), bool)

    def answered(self) -> np.ndarray:
        """(n,) whether a row can be compared; a row without a number cannot."""
        return np.ones(len(self.values), bool)

    def unlisted(self) -> bool:
        """Whether some answers are none of the labels."""
        return False

    def gold_keys(self, rows: np.ndarray) -> list[Any]:
        """The gold targets of these rows by name, whatever the order of the labels."""
        return list(self.targets[rows].tolist())

    def gold_differs(self, rows: np.ndarray, other: Self, there: np.ndarray) -> np.ndarray:
        """Whether the gold target of each of these rows differs from the other's."""
        pairs = zip(self.gold_keys(rows), other.gold_keys(there), strict=True)
        return np.array([one != another for one, another in pairs])

    def aligned(
        self, gold: Self, rows: np.ndarray, places: np.ndarray, labels: tuple[str, ...]
    ) -> Self:
        """These answers to `rows` of `gold`, with its targets, and labels as places in `labels`.

        places: of each of `rows` in these answers.
        """
        counts = None if self.counts is None else self.counts[places]
        return replace(
            self,
            targets=gold.targets[rows],
            values=self.values[places],
            scores=np.zeros((len(rows), 0)),
            counts=counts,
        )

    @classmethod
    def from_cells(cls, values: Sequence[Any], targets: Sequence[Any] | None) -> Self:
        """Predictions of a file, as the task reads its targets; None is an empty cell."""
        return cls(None if targets is None else _array(targets), _array(values))

    # --- the page

    def spelled(self, value: Any) -> list[str]:
        """A value in words; of several labels, each."""
        return [str(value)]

    def plain(self, value: Any) -> Any:
        """A value for JSON."""
        return value.item() if isinstance(value, np.generic) else value


def lists_of(scores: Any, dtype: Any = np.float32) -> pa.ListArray:
    """Scores of a row as a list of numbers, whatever their shape; no scores as empty lists."""
    import pyarrow as pa

    if isinstance(scores, Ragged):
        offsets = pa.array(scores.offsets.astype(np.int32))
        return pa.ListArray.from_arrays(offsets, pa.array(scores.values, pa.float32()))
    flat = np.ascontiguousarray(scores, dtype).reshape(len(scores), -1)
    edges = np.arange(len(flat) + 1, dtype=np.int32) * flat.shape[1]
    return pa.ListArray.from_arrays(pa.array(edges), pa.array(flat.ravel()))


def names_in(*columns: Sequence[Any] | None) -> tuple[str, ...]:
    """The labels that occur in cells, sorted."""
    names: dict[str, None] = {}
    for column in columns:
        for value in column or ():
            each = value if isinstance(value, list) else [] if value is None else [value]
            names |= dict.fromkeys(map(str, each))
    return tuple(sorted(names))


def relabelled(ours: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    """For each of our labels its place in others, by case where it is not found as written; the
    last place stands for all that are not found, and for -1."""
    where = {label: at for at, label in enumerate(labels)}
    folded = {label.strip().casefold(): at for label, at in where.items()}
    last = len(labels) - 1
    places = [where.get(label, folded.get(label.strip().casefold(), last)) for label in ours]
    return np.array([*places, last])


def _array(values: Sequence[Any]) -> np.ndarray:
    """One value a row: an array of numbers or, of anything else, of objects."""
    plain = np.array(values) if all(isinstance(one, int | float) for one in values) else None
    if plain is not None and plain.ndim == 1:
        return plain
    objects = np.empty(len(values), object)
    for row, value in enumerate(values):  # at once, numpy would unpack lists of equal length
        objects[row] = value
    return objects


def _unequal(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    apart = np.asarray(one != other)
    return np.asarray(apart.any(1) if apart.ndim == 2 else apart).astype(bool)
