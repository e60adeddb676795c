"""The contrastive loss of questions and passages: the others of a batch are the wrong ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from weitiao.losses.base import Loss

if TYPE_CHECKING:
    from torch import Tensor


class Contrastive(Loss):
    """Multiple negatives ranking loss (Henderson et al. 2017; InfoNCE, Oord et al. 2018): the
    cross-entropy of the right passage among all passages of the batch; the default for retrieval.

    A passage that is right for another question of the batch too is no negative. temperature: of
    cosines; lower looks harder at the nearest wrong passages.
    """

    temperature: float = Field(0.05, gt=0, le=1, description="of cosines; lower is harder")

    def value(self, logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        """The summed loss.

        logits: unit vectors; questions and their passages in turns, (2 * rows, width), then further
        passages. labels: (rows, 3) the passage of each row by number, and the number of a hard
        negative, -1 for none; see `Retrieval.labels_for`.
        """
        import torch

        rows = len(labels)
        questions = logits[0 : 2 * rows : 2].float()
        passages = torch.cat([logits[1 : 2 * rows : 2], logits[2 * rows :]]).float()
        own, hard = labels[:, 0], labels[:, 2]
        numbers = torch.cat([own, hard[hard >= 0]])
        similar = questions @ passages.T / self.temperature
        places = torch.arange(rows, device=labels.device)
        same = own[:, None] == numbers[None, :]
        same[places, places] = False
        log_probabilities = similar.masked_fill(same, -torch.inf).log_softmax(1)
        losses = -log_probabilities[places, places]
        return losses.sum() if weights is None else (losses * weights).sum()

    def count(self, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        return labels.new_tensor(len(labels)).float() if weights is None else weights.sum()
