"""Semantic textual similarity of two texts: a cross-encoder, or a bi-encoder with cosine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from weitiao.core.batch_layout import Layout, filled
from weitiao.core.ragged import Ragged
from weitiao.example import Batch, Example
from weitiao.tasks.regression import Regression

if TYPE_CHECKING:
    from weitiao.data.infer.roles import Evidence

PART = "part"  # which of the two texts a token belongs to


class Similarity(Regression):
    """A number for a pair of texts. `pair` reads both together; `cosine` reads each alone, so that
    the vectors of many texts can be kept and compared.

    cosine (Reimers, Gurevych, 2019): targets are scaled from their range to [0, 1]; the loss is the
    squared error of the cosine.
    """

    optional_roles: ClassVar[tuple[str, ...]] = ()
    roles: ClassVar[tuple[str, ...]] = ("text", "text_pair")
    metrics: ClassVar[tuple[str, ...]] = ("pearson", "spearman", "mae", "rmse")
    way: Literal["pair", "cosine"] = Field(
        "pair", description="pair: both texts together; cosine: each alone, then their cosine"
    )

    @property
    def own_head(self) -> str:
        return "cosine" if self.way == "cosine" else ""

    @classmethod
    def guess(cls, evidence: Evidence) -> None:
        """Never: numbers of pairs may mean anything, so regression is guessed."""
        return

    def learn(self, targets: Sequence[Any]) -> Self:
        learned = super().learn(targets)
        if self.way == "pair":
            return learned
        values = np.array([float(target) for target in targets])
        low, high = float(values.min()), float(values.max())
        return learned.model_copy(update={"mean": low, "std": high - low})

    def encode(
        self, examples: Sequence[Example], tokenizer: Any, max_length: int
    ) -> dict[str, list[list[int]]]:
        """For `cosine` the two texts are encoded separately and concatenated in a row."""
        if self.way == "pair":
            return super().encode(examples, tokenizer, max_length)
        each = []
        for texts in self.texts(examples):
            encoded = tokenizer(
                texts, truncation=True, max_length=max_length, return_attention_mask=False
            )
            each.append(filled({name: list(v) for name, v in encoded.items()}, tokenizer))
        first, second = each
        joined = {
            name: [[*a, *b] for a, b in zip(first[name], second[name], strict=True)]
            for name in first
        }
        lengths = zip(first["input_ids"], second["input_ids"], strict=True)
        joined[PART] = [[0] * len(a) + [1] * len(b) for a, b in lengths]
        return joined

    def collate(
        self,
        rows: Mapping[str, Sequence[np.ndarray]],
        labels: np.ndarray | Ragged | None,
        layout: Layout,
    ) -> Batch:
        """For `cosine` every row becomes two, at even and odd positions of the batch."""
        if PART not in rows:
            return super().collate(rows, labels, layout)
        starts = [int((part == 0).sum()) for part in rows[PART]]
        halves = {
            name: [
                half
                for row, start in zip(values, starts, strict=True)
                for half in (row[:start], row[start:])
            ]
            for name, values in rows.items()
            if name != PART
        }
        return super().collate(halves, labels, layout)

    def fold(self, weight: Any, bias: Any) -> tuple[Any, Any, Self]:
        """The task keeps the range of a cosine."""
        return (weight, bias, self) if self.way == "cosine" else super().fold(weight, bias)
