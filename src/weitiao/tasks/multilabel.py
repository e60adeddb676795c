"""Multi-label classification of a text or of a pair of texts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from weitiao.data.files.cells import cell_texts, position_batches
from weitiao.data.infer.cells import (
    flag,
    is_missing,
    is_object,
    label_list,
    separator_of,
    split_labels,
)
from weitiao.data.infer.column_stats import sample_positions
from weitiao.data.infer.vectors import indicators, place_names, vector_length
from weitiao.data.targets import Locate, Roles, parse_cells, target_columns
from weitiao.errors import DataError
from weitiao.example import Batch, Example, Prediction
from weitiao.i18n.messages import _, name_list
from weitiao.losses.base import weighted_sum
from weitiao.parts import near
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.base import Task, Threshold, known_labels

if TYPE_CHECKING:
    from torch import Tensor

    from weitiao.data.infer.column_stats import Column
    from weitiao.data.infer.roles import Evidence
    from weitiao.data.rows import Rows

DEFAULT_THRESHOLD = 0.5
FEWEST_POSITIVES = 20  # validation rows of a label; with fewer, its own threshold would be noise
FEW_SEVERAL = 0.02  # of the rows: with lists of two labels or more, no slips
VECTOR_ROWS = 500  # looked at, whether cells are vectors of 0 and 1


class Multilabel(Task):
    """Tags, toxicity kinds, several topics at once: each label is there or not.

    A label is given from its threshold on, which validation rows choose unless the plan sets one. A
    row's target is a list of labels.
    """

    roles: ClassVar[tuple[str, ...]] = ("text",)
    optional_roles: ClassVar[tuple[str, ...]] = ("text_pair",)
    metrics: ClassVar[tuple[str, ...]] = (
        "micro_f1",
        "macro_f1",
        "weighted_f1",
        "accuracy",
        "roc_auc",
    )
    losses: ClassVar[tuple[str, ...]] = ("bce",)
    answers: ClassVar[type[Answers]] = LabelSets
    flag_columns: ClassVar[bool] = True
    label_sets: ClassVar[bool] = True
    problem_type: ClassVar[str] = "multi_label_classification"
    labels: tuple[str, ...] = Field((), description="in the order of the outputs; empty: learned")
    threshold: float = Field(
        DEFAULT_THRESHOLD, gt=0, lt=1, description="a label is given from here on"
    )
    thresholds: dict[str, Threshold] = Field(
        {}, description="label -> it is given from this score on"
    )
    tune: bool = Field(
        True, description="choose the thresholds on validation, unless the plan gives one"
    )
    abstain: float = Field(0.0, ge=0, lt=1, description="below this score no answer is given")
    separator: str = Field(
        "", description="stands between labels in tables; empty: as in the training rows, or JSON"
    )

    @property
    def outputs(self) -> int:
        return len(self.labels)

    @property
    def choices(self) -> tuple[str, ...]:
        return self.labels

    @classmethod
    def parse_target(cls, cell: str, column: str) -> list[str]:
        return split_labels(cell)

    @classmethod
    def read_targets(
        cls,
        table: Any,
        roles: Roles,
        positions: np.ndarray,
        locate: Locate,
        wrong: dict[int, str] | None = None,
    ) -> list[Any]:
        """Also of one column of 0 and 1 for each label, which is then called like its column, and
        of one column of vectors of 0 and 1, whose labels are called by their place."""
        columns = target_columns(roles)
        if isinstance(roles["target"], str):
            length = vector_length(_filled_cells(table, columns[0]))
            if not length:
                return super().read_targets(table, roles, positions, locate, wrong)
            names = place_names(columns[0], length)

            def of_vector(cell: str) -> list[str] | None:
                if is_missing(cell):
                    return None
                marks = indicators(cell)
                if marks is None or len(marks) != length:
                    raise ValueError(
                        _(
                            "{column} is {cell!r}, where other rows have a vector of {count} "
                            "times 0 or 1.",
                            column=columns[0],
                            cell=cell.strip()[:40],
                            count=length,
                        )
                    )
                return [name for name, mark in zip(names, marks, strict=True) if mark]

            return parse_cells(table, columns, positions, of_vector, locate, wrong)

        def parse(*cells: str) -> list[str] | None:
            return _of_flags(columns, cells)

        return parse_cells(table, columns, positions, parse, locate, wrong)

    @classmethod
    def unlabelled_message(cls, rows: str) -> str:
        return _(
            "{rows} without a target, not used for training or evaluation; write [] where a row "
            "has none of the labels",
            rows=rows,
        )

    @classmethod
    def fewest_labels(cls, targets: Sequence[Any]) -> int:
        return 1

    @classmethod
    def problems(cls, rows: Rows, targets: Sequence[Any]) -> Iterator[str]:
        columns = target_columns(rows.roles)
        if len(columns) > 1 and targets and all(len(target) == 1 for target in targets):
            yield _(
                "each row has exactly one of the {count} labels; where that is always so, give one "
                "column with the label's name: a classification chooses one for each row",
                count=len(columns),
            )

    @classmethod
    def recognizes(cls, column: Column) -> bool:
        """Cells of labels that stand together in several combinations: 体育、财经."""
        return column.numbers is None and column.distinct > 1 and bool(_why_label_lists(column))

    @classmethod
    def guess(cls, evidence: Evidence) -> tuple[float, str] | None:
        columns = target_columns(evidence.roles)
        if len(columns) > 1:
            names = name_list(columns)
            return 0.9, _(
                "the target has {count} columns: {names}", count=len(columns), names=names
            )
        column = evidence.target
        if column is None:
            return None
        if length := vector_length(column.values):
            places = place_names(column.name, length)
            return 0.9, _(
                "the cells of {name!r} are vectors of 0 and 1, e.g. {example}: the {count} labels "
                "are called by their place, {first} to {last}; for names, give a column of 0 and 1 "
                "for each label",
                name=column.name,
                example=column.example,
                count=length,
                first=places[0],
                last=places[-1],
            )
        if column.numbers is not None:
            return None
        reason = _why_label_lists(column)
        return (0.5, reason) if reason else None

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
                    labels=name_list(counts, quoted=True),
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

    def spelled_like(self, rows: Rows) -> Self:
        column = rows.roles["target"]
        if self.separator or not isinstance(column, str):
            return self
        separator = separator_of(_filled_cells(rows.table, column))
        if any(mark in label for label in self.labels for mark in separator.strip()):
            return self  # a label with a comma is whole only in a list
        return self.model_copy(update={"separator": separator})

    def written(self, value: Any) -> Any:
        """As the training rows spell it: a;b, or a list; [] for none of the labels."""
        return self.separator.join(value) if value and self.separator else value

    def indices(self, targets: Sequence[Any], ids: Sequence[str]) -> np.ndarray:
        places = {label: i for i, label in enumerate(self.labels)}
        indicators = np.zeros((len(targets), len(self.labels)), dtype=np.float32)
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
                indicators[row, places[str(label)]] = 1
        return indicators

    def balanced(self, labels: np.ndarray, weights: np.ndarray | None = None) -> tuple[float, ...]:
        """pos_weight of BCE: negatives / positives of each label, from 0.01 to 100."""
        rows = np.ones(len(labels)) if weights is None else weights
        positives = rows @ labels
        positives = np.where(positives > 0, positives, 1.0)
        return tuple(((rows.sum() - positives) / positives).clip(0.01, 100).tolist())

    def divergence(self, first: Tensor, second: Tensor, batch: Batch) -> Tensor:
        """Symmetric KL of the Bernoulli of each label: sum of (p - q) (logit p - logit q) / 2."""
        a, b = first.float(), second.float()
        return weighted_sum((a.sigmoid() - b.sigmoid()) * (a - b), batch.weights) / 2

    def score(self, logits: np.ndarray) -> np.ndarray:
        from scipy.special import expit

        return np.asarray(expit(logits))

    def decide(self, scores: Any, examples: Sequence[Example] = ()) -> list[Prediction]:
        predictions = []
        predicted = scores >= self.limits
        # The confidence of the whole set is that of its least certain label.
        confidence = np.where(predicted, scores, 1 - scores).min(-1)
        for chosen, lowest, row in zip(
            predicted, confidence.tolist(), scores.tolist(), strict=True
        ):
            value = [
                label
                for label, is_predicted in zip(self.labels, chosen, strict=True)
                if is_predicted
            ]
            by_label = dict(zip(self.labels, row, strict=True))
            predictions.append(
                Prediction(None if lowest < self.abstain else value, lowest, by_label)
            )
        return predictions

    def decisions_for(self, planned: Mapping[str, Any]) -> Mapping[str, Any]:
        """The thresholds with the best F1, where the plan leaves them open."""
        is_open = self.tune and self.threshold == DEFAULT_THRESHOLD and not self.thresholds
        return planned or ({"best_f1": {"fewest": FEWEST_POSITIVES}} if is_open else {})

    @property
    def limits(self) -> np.ndarray:
        """The decision threshold of each label, (labels,)."""
        return np.array([self.thresholds.get(label, self.threshold) for label in self.labels])

    def to_answers(self, gold: np.ndarray, scores: np.ndarray) -> LabelSets:
        values = (scores >= self.limits).astype(np.int64)
        return LabelSets(gold.astype(np.int64), values, scores, self.labels)


def _filled_cells(table: Any, column: str) -> Iterator[str]:
    """The filled cells of rows all over the table: targets are read batch by batch, and looking at
    all rows each time would take quadratic time."""
    for span in position_batches(sample_positions(table.num_rows, VECTOR_ROWS), VECTOR_ROWS // 5):
        for cell in cell_texts(table.column(column), span):
            if not is_missing(cell):
                yield cell


def _of_flags(columns: Sequence[str], cells: Sequence[str]) -> list[str] | None:
    """The labels whose cell is 1; None where all cells are empty."""
    if all(is_missing(cell) for cell in cells):
        return None
    flags = [flag(cell) for cell in cells]
    if None in flags:
        wrong = flags.index(None)
        raise ValueError(
            _(
                "{column} is {cell!r}; with several target columns each cell is 0 or 1.",
                column=columns[wrong],
                cell=cells[wrong][:40],
            )
        )
    return [name for name, is_set in zip(columns, flags, strict=True) if is_set]


def _why_label_lists(column: Column) -> str:
    """Why cells are lists of labels; empty when they hold one label each."""
    if any(map(is_object, column.counts)):
        return ""
    cells = {cell: split_labels(cell) for cell in column.counts}
    listed = {cell: label_list(cell) for cell in column.counts}
    bare = all(cell[:1] == "[" and cell[-1:] == "]" for cell in cells)  # [sport, money]
    lists = sum(n for cell, n in column.counts.items() if bare or listed[cell] is not None)
    several = sum(n for cell, n in column.counts.items() if len(listed[cell] or ()) > 1)
    if several >= FEW_SEVERAL * len(column.values) or lists >= 0.9 * len(column.values):
        if all(len(pieces) < 2 for pieces in cells.values()):
            return ""  # one label each: an empty list is a row that nobody has labelled
        return _(
            "the cells of {name!r} are lists, e.g. {example}",
            name=column.name,
            example=column.example,
        )
    owners: dict[str, set[str]] = defaultdict(set)
    uses: Counter[str] = Counter()
    for cell, pieces in cells.items():
        for piece in pieces:
            owners[piece].add(cell)
            uses[piece] += column.counts[cell]
    multiple = [cell for cell, pieces in cells.items() if len(pieces) > 1]
    proportion = sum(column.counts[cell] for cell in multiple) / len(column.values)
    # "Arts, crafts" is one label with a comma: its pieces occur in no other cell. In label sets
    # most pieces occur in other combinations too.
    shared_pieces = sum(len(owners[p]) > 1 for cell in multiple for p in cells[cell])
    total = sum(len(cells[cell]) for cell in multiple)
    if not multiple or proportion < 0.02 or shared_pieces < 0.6 * total:
        return ""
    if len(owners) > len(cells) or sum(uses.values()) < 3 * len(owners):
        return ""
    return _(
        "{share:.0%} of the cells of {name!r} hold several labels (e.g. {example!r}), made of "
        "{count} different ones",
        share=proportion,
        name=column.name,
        example=multiple[0],
        count=len(owners),
    )
