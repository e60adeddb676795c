"""Cross-entropy of where an answer begins and where it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weitiao.losses.base import Loss

if TYPE_CHECKING:
    from torch import Tensor


class Span(Loss):
    """The mean of the cross-entropies of the first and the last token of an answer, each over all
    tokens of its row; the default for passages, as transformers' own heads have it."""

    def value(self, logits: Tensor, labels: Tensor) -> Tensor:
        """logits (rows, longest, 2), minus infinity where no token is; labels (rows, longest): 1
        where the answer begins, 2 where it ends, 3 for both, -100 for rows not to learn from."""
        told = logits.float().log_softmax(1)
        known = labels > 0
        begins = told[..., 0][known & (labels % 2 == 1)]
        ends = told[..., 1][known & (labels > 1)]
        return -(begins.sum() + ends.sum()) / 2

    def count(self, labels: Tensor) -> Tensor:
        """The rows learned from: as many as answers begin."""
        return ((labels > 0) & (labels % 2 == 1)).sum().float()
