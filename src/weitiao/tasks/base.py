"""Base class of tasks: encoding of examples, labels and loss, predictions from logits."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol, Self

import numpy as np
from pydantic import Field

from weitiao.core.batch_layout import Layout, filled, grid, packed, padded, tensor
from weitiao.core.ragged import Ragged
from weitiao.data.infer.cells import is_missing, is_object, label, object_message
from weitiao.data.targets import Locate, Roles, missing_markers, parse_cells, target_columns
from weitiao.errors import DataError
from weitiao.example import Batch, Example, Output, Prediction
from weitiao.i18n.messages import _
from weitiao.parts import Part, near
from weitiao.tasks.answers.base import Answers

if TYPE_CHECKING:
    from torch import Tensor

    from weitiao.data.cache.encoded import Encoded
    from weitiao.data.infer.column_stats import Column
    from weitiao.data.infer.roles import Evidence, Guess
    from weitiao.data.rows import Rows
    from weitiao.losses.base import Loss

Threshold = Annotated[float, Field(gt=0, lt=1)]
Cost = Annotated[float, Field(ge=0)]
LossFn = Callable[[Any, Batch], Output]  # (network, batch) -> Output
# Which of transformers' heads: one vector a text, one a token, two numbers a token, or the next
# token of a text.
HeadKind = Literal["sequence", "tokens", "spans", "text"]
IGNORED = -100  # a label that says: nothing to learn here


class Labelled(Protocol):
    """Labelled rows, as tasks read them."""

    def targets(self) -> list[Any]: ...
    def ids(self) -> list[str]: ...
    def batches(self) -> Iterator[list[Example]]: ...


class Task(Part):
    """The meaning of rows. Fields are learned from the training rows, or set in the plan."""

    roles: ClassVar[tuple[str, ...]]  # the texts a row has, in the order the network reads them
    optional_roles: ClassVar[tuple[str, ...]] = ()
    metrics: ClassVar[tuple[str, ...]]  # the first one picks the best model
    losses: ClassVar[tuple[str, ...]]  # the first one is the default
    answers: ClassVar[type[Answers]]  # what its predictions are: see weitiao.tasks.answers
    numeric: ClassVar[bool] = False  # targets are numbers
    flag_columns: ClassVar[bool] = False  # the target may be several columns of 0 and 1
    one_target: ClassVar[bool] = True  # a text with two targets is a doubt; translations differ
    label_sets: ClassVar[bool] = False  # a target is a set of labels: their order says nothing
    field_columns: ClassVar[bool] = False  # the target may be several columns, fields of one answer
    head: ClassVar[HeadKind] = "sequence"
    notes: ClassVar[tuple[str, ...]] = ()  # what `encode` gives beside what the network reads
    soft: ClassVar[bool] = False  # targets may be shares of labels
    problem_type: ClassVar[str]  # what transformers calls it
    pipeline_tag: ClassVar[str] = "text-classification"  # what the hub calls it
    small_batches: ClassVar[bool] = False  # half the size was measured to help in few steps

    @property
    @abstractmethod
    def outputs(self) -> int:
        """The number of logits for a row, or for a token."""

    @property
    def per_token(self) -> bool:
        """Whether logits are per token: ragged, and an example may be several windows."""
        return self.head != "sequence"

    @property
    def writes(self) -> bool:
        """Whether the answer is a text that the network writes, token by token."""
        return self.head == "text"

    @property
    def own_head(self) -> str:
        """The head of ours that this task needs, by name; empty where the plan may choose."""
        return ""

    @property
    def choices(self) -> tuple[str, ...]:
        """The labels, in the order of the logits; empty for numbers."""
        return ()

    @property
    def default_metrics(self) -> tuple[str, ...]:
        """The metrics of an evaluation where the plan names none."""
        return self.metrics

    @classmethod
    def parse_target(cls, cell: str, column: str) -> Any:
        """The target that a cell holds, None for unlabelled. Raises ValueError saying what is
        wrong. A task whose target is one cell overrides this alone."""
        if is_object(cell):
            raise ValueError(object_message(cell))
        return label(cell)

    @classmethod
    def cell_parser(cls, table: Any, column: str) -> Callable[[str], Any]:
        """What parses a cell of the target column; for a task whose cells explain one another."""
        return lambda cell: cls.parse_target(cell, column)

    @classmethod
    def read_targets(
        cls,
        table: Any,
        roles: Roles,
        positions: np.ndarray,
        locate: Locate,
        wrong: dict[int, str] | None = None,
    ) -> list[Any]:
        """One target per position, None where unlabelled. A cell that does not fit goes to `wrong`
        (position -> reason); without it, DataError."""
        (column,) = target_columns(roles)
        parsed = cls.cell_parser(table, column)

        def parse(cell: str) -> Any:
            return None if is_missing(cell, among_numbers=cls.numeric) else parsed(cell)

        return parse_cells(table, [column], positions, parse, locate, wrong)

    def spelled_like(self, rows: Rows) -> Self:
        """The task with what `written` needs to know of how these rows spell their targets."""
        return self

    def written(self, value: Any) -> Any:
        """A prediction's value as a cell of a table without lists; a list becomes JSON."""
        return value

    @classmethod
    def missing_markers(cls, table: Any, roles: Roles, at: np.ndarray) -> Counter[str]:
        """Non-empty target cells that are read as unlabelled (NULL, #N/A), with their counts."""
        columns = target_columns(roles)
        if len(columns) > 1:
            return Counter()
        return missing_markers(table, columns[0], at, among_numbers=cls.numeric)

    @classmethod
    def unlabelled_message(cls, rows: str) -> str:
        """What the history says of unlabelled rows. rows: "3 rows"."""
        return _("{rows} without a target, not used for training or evaluation", rows=rows)

    @classmethod
    def row_labels(cls, targets: Sequence[Any]) -> list[Any] | None:
        """The label (or list of labels) of each row; None where targets are no labels."""
        return None if cls.numeric else list(targets)

    @classmethod
    def label_counts(cls, targets: Sequence[Any]) -> dict[str, int]:
        """Label -> how many rows have it, the most frequent first; empty where there are none."""
        labels = cls.row_labels(targets) or []
        flat = (one for row in labels for one in (row if isinstance(row, list) else [row]))
        return dict(Counter(flat).most_common())

    @classmethod
    def level_separator(cls, labels: Sequence[str]) -> str:
        """What separates the levels of hierarchical labels; empty for flat ones."""
        return ""

    @classmethod
    def strata(cls, targets: Sequence[Any]) -> Sequence[Any]:
        """The stratum of each row for the stratified split: a label, labels, or a number."""
        return cls.row_labels(targets) or list(targets)

    @classmethod
    def check_learnable(cls, targets: Sequence[Any], file: str) -> None:
        """Raises DataError where all targets are the same, so that there is nothing to learn."""
        if cls.numeric:
            if len(set(targets)) < 2:
                raise DataError(
                    _(
                        "{file}: every target is {target:g}: there is nothing to learn.",
                        file=file,
                        target=targets[0],
                    )
                )
            return
        labels = cls.label_counts(targets)
        if len(labels) < cls.fewest_labels(targets):
            raise DataError(
                _(
                    "{file}: every target is {label!r}: there is nothing to learn. Is the target "
                    "role right?",
                    file=file,
                    label=next(iter(labels)),
                )
                if labels
                else _(
                    "{file}: no row has a label: there is nothing to learn. Is the target role "
                    "right?",
                    file=file,
                )
            )

    @classmethod
    def fewest_labels(cls, targets: Sequence[Any]) -> int:
        """The number of distinct labels it takes; 1 where a row may also have none of them."""
        return 2

    @classmethod
    def misfits(cls, rows: Rows) -> Iterator[tuple[int, str]]:
        """Rows whose target does not fit their texts: the position among `rows`, and the reason."""
        yield from ()

    @classmethod
    def problems(cls, rows: Rows, targets: Sequence[Any]) -> Iterator[str]:
        """Oddities of labelled rows, each a line of the data's history. They stop nothing."""
        yield from ()

    @classmethod
    def recognizes(cls, column: Column) -> bool:
        """Whether a column's cells can hardly be anything but a target of this task."""
        return False

    @classmethod
    def fits(cls, column: Column) -> bool:
        """Whether a column can be the target, where the user has named this task."""
        return True

    @classmethod
    def guess_roles(cls, evidence: Evidence, named: bool) -> Guess | None:
        """Roles that this task recognizes by the cells, before columns are guessed by their names.

        evidence.roles are the user's and stand. named: whether the user has named this task.
        """
        return None

    @classmethod
    def guess(cls, evidence: Evidence) -> tuple[float, str] | None:
        """The confidence from 0 to 1 that these roles are meant for this task, and the reason.

        The task with the highest confidence is taken where the user names none.
        """
        return None

    @classmethod
    def named_reason(cls, evidence: Evidence) -> str:
        """The reason that a plan gives for a task that the user has named."""
        return _("given by you")

    @abstractmethod
    def learn(self, targets: Sequence[Any]) -> Self:
        """The task for this data, e.g. with its label set. Raises DataError when impossible."""

    def widened(self, targets: Sequence[Any]) -> Self:
        """The task with unknown labels of these targets appended, for evaluation only."""
        return self

    @abstractmethod
    def indices(self, targets: Sequence[Any], ids: Sequence[str]) -> np.ndarray:
        """Targets as label tensors for the loss, (n,) or (n, outputs).

        Raises DataError naming the row (from `ids`) whose target does not fit. Tasks whose targets
        are positions in the texts override `gold` and `labels_for` instead.
        """

    def gold(self, rows: Labelled) -> Any:
        """The gold target of each row, as `to_answers` reads it; supports len and row indexing."""
        return self.indices(rows.targets(), rows.ids())

    def labels_for(self, encoded: Encoded, gold: Any) -> Any:
        """Labels for the loss, one entry an encoded row: an array, or labels of tokens as Ragged,
        aligned with input_ids (-100 is ignored by the loss)."""
        return gold

    @property
    def encoding(self) -> str:
        """The cache key of the encoding: every setting of the task that changes input_ids."""
        return type(self).__name__

    def adapt(self, tokenizer: Any) -> None:
        """Change a tokenizer so that its tokens end where predictions may end; saved with it."""

    def for_network(self, config: Any) -> Self:
        """The task with what it must know of the network that it is learned by."""
        return self

    @property
    def contrasts(self) -> bool:
        """Whether the loss of a row depends on the others of its batch."""
        return False

    def further(self, labels: Any) -> np.ndarray:
        """Rows that are read beside those of a batch, e.g. hard negatives, by their labels."""
        return np.zeros(0, np.int64)

    def overlap(self, room: np.ndarray) -> np.ndarray:
        """The overlap (stride) of two windows in tokens, by the tokens each has for the text."""
        return np.zeros_like(room)

    def read(self, examples: Sequence[Example]) -> Sequence[Example]:
        """The examples with plain texts, also where cells are lists of words."""
        return examples

    def balanced(self, labels: Any, weights: np.ndarray | None = None) -> tuple[float, ...]:
        """Class weights inverse to frequency; empty where there are none. weights: of the rows."""
        return ()

    def texts(self, examples: Sequence[Example]) -> list[list[str]]:
        """One list of texts for each role the rows have, in the network's order."""
        present = [r for r in (*self.roles, *self.optional_roles) if r in examples[0].inputs]
        return [[str(example.inputs[role]) for example in examples] for role in present]

    def encode(
        self, examples: Sequence[Example], tokenizer: Any, max_length: int
    ) -> dict[str, list[list[int]]]:
        """Ragged arrays: input_ids, and token_type_ids where the family has them.

        A task of tokens may give several encoded rows for an example whose text is too long: then
        `WINDOWS` holds how many each example has; and arrays named in `notes`, aligned with the
        ids, which the network does not read. Where there are cleaners, meta["alignment"][role]
        (`core.alignment`) aligns a text with the text as it came, meta["raw"][role].
        """
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
        labels: np.ndarray | Ragged | None,
        layout: Layout,
    ) -> Batch:
        """Collate encoded rows into a batch, padded or packed.

        Labels of tokens are (rows, longest) or (tokens,), as the logits are without their last
        dimension.
        """
        read = {name: values for name, values in rows.items() if name not in self.notes}
        make = packed if layout.packed else padded
        tensors, lengths = make(read, layout)
        if isinstance(labels, Ragged):
            flat = labels.values.astype(np.int64)
            labels = flat if layout.packed else grid(flat, labels.lengths, layout.left, IGNORED)
        notes = self.noted(rows, layout)
        return Batch(tensors, None if labels is None else tensor(labels), lengths, notes)

    def noted(self, rows: Mapping[str, Any], layout: Layout) -> Mapping[str, Tensor]:
        """Tensors for heads that are no inputs of the network: see `Batch.notes`."""
        return {}

    def loss(self, net: Any, batch: Batch, cost: Loss) -> Output:
        """One forward pass; the loss is summed over labels."""
        assert batch.labels is not None
        logits = net(batch)
        return Output(cost.value(logits, batch.labels, *weights_of(batch)), logits)

    @abstractmethod
    def divergence(self, first: Tensor, second: Tensor, batch: Batch) -> Tensor:
        """Symmetric divergence of two outputs for the same rows, summed over rows (R-Drop,
        distillation): logits (rows, outputs)."""

    def fold(self, weight: Any, bias: Any) -> tuple[Any, Any, Self]:
        """Fold the scale of the targets into the last linear layer.

        Returns weight, bias and the task for them, so that the saved folder alone predicts in the
        target's unit.
        """
        return weight, bias, self

    @abstractmethod
    def score(self, logits: np.ndarray) -> np.ndarray:
        """Logits (n, outputs) as scores (n, outputs): probabilities, or numbers in the target's
        own unit."""

    def merged(self, logits: Any, encoded: Encoded) -> Any:
        """The logits of all encoded rows as scores, one entry an example.

        A task of tokens gets Ragged logits, aligned with the ids of `encoded`, and puts the windows
        of an example together. What it gives has `len`, and picking rows works on it.
        """
        return self.score(logits)

    @abstractmethod
    def decide(self, scores: Any, examples: Sequence[Example] = ()) -> list[Prediction]:
        """One prediction per entry of scores; tasks of tokens find the places in the examples."""

    @abstractmethod
    def to_answers(self, gold: Any, scores: Any) -> Answers:
        """Predictions from scores, aligned with the targets that `gold` returned, for metrics."""

    def in_unit(self, labels: np.ndarray) -> np.ndarray:
        """Labels of the loss in the unit of the target, whatever scale the network learns."""
        return labels

    def decisions_for(self, planned: Mapping[str, Any]) -> Mapping[str, Any]:
        """The decision rules to tune on validation rows: those of the plan, or the task's own."""
        return planned

    def without_decisions(self) -> Self:
        """The task with plain argmax predictions: no thresholds, costs or abstention.

        For baselines: rules that were tuned on the scores of one model fit no other's."""
        chosen = {"thresholds": {}, "costs": {}, "abstain": 0.0}
        own = {name: value for name, value in chosen.items() if name in type(self).model_fields}
        return self.model_copy(update=own)

    def describe(self) -> Mapping[str, Any]:
        """The entries of config.json: id2label, label2id, problem_type."""
        names = self.choices or tuple(f"LABEL_{i}" for i in range(self.outputs))
        return {
            "id2label": dict(enumerate(names)),
            "label2id": {name: i for i, name in enumerate(names)},
            "problem_type": self.problem_type,
        }


def weights_of(batch: Batch) -> tuple[Tensor, ...]:
    """The weights of a batch as the last argument of a loss, which is left out where there are
    none: losses of other packages may not know it."""
    return () if batch.weights is None else (batch.weights,)


def known_labels(labels: Sequence[str], named: Iterable[str]) -> None:
    """Raises DataError when a setting names a label that the rows do not have."""
    for name in named:
        if name not in labels:
            raise DataError(
                _(
                    "the task's settings name the label {label!r}, which no row has.{hint}",
                    label=name,
                    hint=near(name, labels),
                )
            )


def balanced_weights(counts: np.ndarray) -> tuple[float, ...]:
    """total / (labels that occur * count) of each label, 1 where it does not occur."""
    occurs = counts > 0
    weights = counts.sum() / (occurs.sum() * np.where(occurs, counts, 1))
    return tuple(np.where(occurs, weights, 1.0).tolist())


def softmax(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last dimension; the maximum is subtracted so that exp cannot overflow."""
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(-1, keepdims=True))
