"""Tags as a chain: what comes before a tag is part of its score (a linear-chain CRF).

Everything is said as logits of single tags, so that losses and answers need not know of chains:

- with the right tags at hand, the logits of each tag given the one before it. Their cross-entropy,
  summed over a row, is minus the log-probability of the whole row of tags, by the chain rule;
- without them, the log of each tag's own probability over all rows of tags (forward-backward).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from weitiao.model.pooling import Each, Tokens, linear
from weitiao.tasks.base import IGNORED


class Chain(Each):
    """A head for tokens, and what each tag is worth behind each other one, at the beginning and at
    the end of a row. `tell` makes logits of it."""

    def __init__(self, width: int, outputs: int, dropout: float, spread: float) -> None:
        super().__init__(linear(width, outputs, spread), dropout)
        self.moves = nn.Parameter(torch.zeros(outputs + 1, outputs + 1))  # the last: outside rows

    def tell(self, logits: Tensor, tokens: Tokens, labels: Tensor | None, told: Tensor) -> Tensor:
        """Logits of tokens, (rows, longest, tags) or (tokens, tags), as said above.

        labels: shaped like the logits without tags, -100 for tokens that are no link of the chain;
        None without right tags. told: which tokens are links then, of the same shape.
        """
        real = slice(None) if tokens.mask is None else tokens.mask
        flat = logits[real].float()
        links = (told if labels is None else labels != IGNORED)[real]
        if not bool(links.any()):
            return logits
        places, lengths = _grid(tokens.owner[links], len(tokens.lengths))
        scores = flat.new_zeros(len(lengths), int(lengths.max()), flat.shape[-1])
        scores = scores.index_put(places, flat[links])
        right = None
        if labels is not None:
            right = labels.new_zeros(scores.shape[:2]).index_put(places, labels[real][links])
        found = chained(scores, lengths, self.moves, right)[places]
        flat = flat.index_put((links.nonzero()[:, 0],), found)
        return flat if tokens.mask is None else logits.float().index_put((tokens.mask,), flat)


def chained(scores: Tensor, lengths: Tensor, moves: Tensor, right: Tensor | None) -> Tensor:
    """scores (rows, steps, tags) of each tag alone; lengths (rows,); moves (tags + 1, tags + 1), of
    a tag behind another one, the last standing for what is outside the row; right (rows, steps).

    Gives (rows, steps, tags): logits given the right tag before, or log-probabilities. What is
    beyond a row's length means nothing.
    """
    inner, first, last = moves[:-1, :-1], moves[-1, :-1], moves[:-1, -1]
    steps = scores.shape[1]
    after = [last.expand(len(scores), -1)]  # the worth of all that may follow a tag, step by step
    for step in range(steps - 1, 0, -1):
        worth = torch.logsumexp(inner + (scores[:, step] + after[-1])[:, None], -1)
        after.append(torch.where((lengths > step)[:, None], worth, last))
    ahead = scores + torch.stack(after[::-1], 1)
    if right is not None:
        moved = torch.cat([first.expand(len(scores), 1, -1), inner[right[:, :-1]]], 1)
        return moved + ahead
    before = [first.expand(len(scores), -1)]
    for step in range(1, steps):
        worth = before[-1] + scores[:, step - 1]
        before.append(torch.logsumexp(worth[:, :, None] + inner, 1))
    return (torch.stack(before, 1) + ahead).log_softmax(-1)


def _grid(owner: Tensor, rows: int) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Where each link lies among (rows, steps), and how many each row has."""
    lengths = torch.bincount(owner, minlength=rows)
    starts = lengths.cumsum(0) - lengths
    return (owner, torch.arange(len(owner), device=owner.device) - starts[owner]), lengths
