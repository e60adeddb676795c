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

    A passage that is right for another question of the batch too is no negative, nor is another
    right passage of the same question. temperature: of cosines; lower looks harder at the nearest
    wrong passages.
    """

    temperature: float = Field(0.05, gt=0, le=1, description="of cosines; lower is harder")

    def value(self, logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        """The summed loss.

        logits: unit vectors; questions and their passages in turns, (2 * rows, width), then further
        passages. labels: (rows, 5) numbers of passage and question of each row, and of its hard
        negative; see `Retrieval.labels_for`.
        """
        import torch

        rows = len(labels)
        places = torch.arange(rows, device=labels.device)
        losses = -self.similarities(logits, labels).log_softmax(1)[places, places]
        return losses.sum() if weights is None else (losses * weights).sum()

    def similarities(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(rows, passages): cosines over the temperature, -inf where a passage is right for the
        question and not its own. Arguments as for `value`."""
        import torch

        rows = len(labels)
        questions = logits[0 : 2 * rows : 2].float()
        passages = torch.cat([logits[1 : 2 * rows : 2], logits[2 * rows :]]).float()
        hard = labels[labels[:, 2] >= 0]
        passage = torch.cat([labels[:, 0], hard[:, 3]])
        question = torch.cat([labels[:, 1], hard[:, 4]])
        right = labels[:, :1] == passage[None, :]
        right |= labels[:, 1:2] == question[None, :]
        places = torch.arange(rows, device=labels.device)
        right[places, places] = False
        return (questions @ passages.T / self.temperature).masked_fill(right, -torch.inf)

    def count(self, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        return labels.new_tensor(len(labels)).float() if weights is None else weights.sum()
