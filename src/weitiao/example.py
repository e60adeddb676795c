"""Data classes of the pipeline: Example in, Batch, Output, Written text, Prediction out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

WINDOWS = "windows"  # beside the tensors of encoded examples: how many rows each example has
WORDS = "words"  # note of a batch: which tokens speak for words, shaped like the labels of tokens


@dataclass(frozen=True, slots=True)
class Example:
    """One example: named input texts and, when labelled, the target.

    `id` traces the row to where it came from, e.g. "reviews.csv:17" (file and line).
    """

    inputs: Mapping[str, Any]
    target: Any = None
    id: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """A mini-batch: `tensors` for the network, `labels` for the loss, `notes` to decode.

    Two layouts, told apart by `lengths`:

    - padded (`lengths` is None): tensors are (rows, longest), `attention_mask` marks real tokens;
    - packed: rows lie end to end in tensors of shape (1, tokens), `lengths` (rows,) says where one
      ends; there is no mask and `position_ids` restart in every row. Token logits and token labels
      have no first dimension then: (tokens, choices) and (tokens,).

    The convention all tasks share: logits are (..., choices), labels are (...), and a label of
    -100 (NaN where labels are real numbers) is ignored by the loss.
    """

    tensors: Mapping[str, Tensor]
    labels: Tensor | None = None
    lengths: Tensor | None = None
    notes: Mapping[str, Tensor] = field(default_factory=dict)
    windows: Tensor | None = None  # (examples,) rows that each example has, whose logits are pooled
    weights: Tensor | None = None  # how much each row counts in the loss; of tokens as the labels

    @property
    def packed(self) -> bool:
        return self.lengths is not None

    @property
    def rows(self) -> int:
        """Number of rows."""
        if self.lengths is not None:
            return len(self.lengths)
        return int(next(iter(self.tensors.values())).shape[0])

    def to(self, device: torch.device) -> Batch:
        """Move the batch to `device`."""
        tensors = {name: tensor.to(device) for name, tensor in self.tensors.items()}
        labels = None if self.labels is None else self.labels.to(device)
        lengths = None if self.lengths is None else self.lengths.to(device)
        windows = None if self.windows is None else self.windows.to(device)
        notes = {name: note.to(device) for name, note in self.notes.items()}
        weights = None if self.weights is None else self.weights.to(device)
        return Batch(tensors, labels, lengths, notes, windows, weights)

    def twice(self) -> Batch:
        """Duplicate the batch: all rows, then all rows again (for R-Drop)."""
        import torch

        along = 1 if self.packed else 0
        tensors = {name: torch.cat([tensor] * 2, along) for name, tensor in self.tensors.items()}
        labels = None if self.labels is None else torch.cat([self.labels] * 2)
        lengths = None if self.lengths is None else torch.cat([self.lengths] * 2)
        windows = None if self.windows is None else torch.cat([self.windows] * 2)
        notes = {name: torch.cat([note] * 2) for name, note in self.notes.items()}
        weights = None if self.weights is None else torch.cat([self.weights] * 2)
        return Batch(tensors, labels, lengths, notes, windows, weights)

    def embedded(self, vectors: Tensor) -> Batch:
        """The batch with `inputs_embeds` in place of token ids (for FGM and other attacks)."""
        rest = {name: tensor for name, tensor in self.tensors.items() if name != "input_ids"}
        return replace(self, tensors={**rest, "inputs_embeds": vectors})

    def row_norm(self, values: Tensor) -> Tensor:
        """The L2 norm of each row's values, as a tensor that broadcasts against `values`.

        `values` is shaped like the embedded tokens, (rows, longest, width) or (1, tokens, width).
        """
        import torch

        squares = values.float().pow(2).sum(-1)  # (rows, longest) or (1, tokens)
        if self.lengths is None:
            return squares.sum(1).sqrt()[:, None, None]
        owner = torch.repeat_interleave(
            torch.arange(len(self.lengths), device=values.device), self.lengths
        )
        sums = squares.new_zeros(len(self.lengths)).index_add(0, owner, squares[0])
        return sums.sqrt()[owner][None, :, None]


@dataclass(frozen=True, slots=True)
class Output:
    """Result of a forward pass. `loss` is a *sum* over labels: the loop divides it by the label
    count of the whole optimizer step, so micro-batches of any size add up exactly."""

    loss: Tensor
    logits: Tensor
    features: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """The prediction for one row: its value, its confidence, and the score of every label.

    levels: for hierarchical labels, the ancestors, the top first, and the label itself; each with
    its probability, which is the sum of all labels under it.
    places: for spans of a text, start and end in characters.
    reason: why there is no value, e.g. "no text".
    fields: of an answer of several columns, the text of each, None for null.
    best_known, known_score: where unknown inputs are recognized, the answer among the known labels,
    and of known inputs the proportion that looks as strange.
    """

    value: Any
    score: float = 1.0
    scores: Mapping[str, float] = field(default_factory=dict, repr=False)
    levels: tuple[tuple[str, float], ...] = ()
    places: Mapping[str, Any] = field(default_factory=dict)
    reason: str = field(default="", repr=False)
    fields: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    best_known: Any = None
    known_score: float | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A text that a network has written.

    log_probability: the mean over its tokens; tokens: how many, with the one that ends it; cut:
    whether the longest length ended it.
    """

    text: str
    log_probability: float = 0.0
    tokens: int = 0
    cut: bool = False
