"""Linear-chain conditional random field: tags are scored as a sequence (Lafferty et al. 2001).

The score of a sequence y of n tags is

    s(y) = sum_t scores[t, y_t] + sum_t transitions[y_t-1, y_t]

with a boundary state before the first and after the last tag. Both outputs are logits of single
tags, so that losses and decoding need not know of chains:

- training, with gold tags: the logits of tag t given the gold tag t - 1 and the scores of all that
  follows. By the chain rule p(y) = prod_t p(y_t | y_t-1), the sum of their cross-entropies is
  -log p(y), the negative log-likelihood of the CRF;
- prediction: log p(y_t) of each tag, its marginal over all sequences (forward-backward algorithm).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from weitiao.model.head_layers import TokenClassifier, Tokens, linear
from weitiao.tasks.base import IGNORED


class LinearChainCrf(TokenClassifier):
    """A linear-chain CRF head: logits of tokens, and a score for each transition between tags."""

    def __init__(self, width: int, outputs: int, dropout: float, initializer_range: float) -> None:
        super().__init__(linear(width, outputs, initializer_range), dropout)
        # (tags + 1, tags + 1), from row to column; the last one is the boundary of a row.
        self.transitions = nn.Parameter(torch.zeros(outputs + 1, outputs + 1))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Read heads of version 0.1, which called the transitions `moves`."""
        if (old := state_dict.pop(f"{prefix}moves", None)) is not None:
            state_dict[f"{prefix}transitions"] = old
        super()._load_from_state_dict(state_dict, prefix, *args)

    def chain_logits(
        self, logits: Tensor, tokens: Tokens, labels: Tensor | None, words: Tensor
    ) -> Tensor:
        """Logits given the gold tag before, or log marginals, in the shape of `logits`.

        logits: (rows, longest, tags), or packed (tokens, tags). labels: the same without the last
        dimension, -100 for tokens outside the chain; None in prediction. words: bool of the same
        shape, the tokens of the chain in prediction (the first piece of each word). Tokens outside
        the chain keep their logits.
        """
        real = slice(None) if tokens.mask is None else tokens.mask
        flat = logits[real].float()
        linked = (words if labels is None else labels != IGNORED)[real]
        if not bool(linked.any()):
            return logits
        index, lengths = _grid_index(tokens.row_ids[linked], len(tokens.lengths))
        scores = flat.new_zeros(len(lengths), int(lengths.max()), flat.shape[-1])
        scores = scores.index_put(index, flat[linked])
        gold = None
        if labels is not None:
            gold = labels.new_zeros(scores.shape[:2]).index_put(index, labels[real][linked])
        chained = chain_logits(scores, lengths, self.transitions, gold)[index]
        flat = flat.index_put((linked.nonzero()[:, 0],), chained)
        return flat if tokens.mask is None else logits.float().index_put((tokens.mask,), flat)


def chain_logits(
    scores: Tensor, lengths: Tensor, transitions: Tensor, gold: Tensor | None
) -> Tensor:
    """CRF forward-backward algorithm: logits given the gold tag before, or (gold None) log
    marginals, (rows, steps, tags).

    scores: (rows, steps, tags); lengths: (rows,); transitions: (tags + 1, tags + 1), from row to
    column, the last one being the boundary; gold: (rows, steps). Values beyond a row's length are
    undefined.
    """
    inner, first, last = transitions[:-1, :-1], transitions[-1, :-1], transitions[:-1, -1]
    steps = scores.shape[1]
    # Backward pass: beta[t, y] = logsumexp_z (transitions[y, z] + scores[t+1, z] + beta[t+1, z]),
    # from right to left; at the end of each row it is the transition to the boundary, and `where`
    # leaves it there in all steps beyond the row. In log space, since the products of hundreds of
    # probabilities underflow.
    betas = [last.expand(len(scores), -1)]
    for step in range(steps - 1, 0, -1):
        beta = torch.logsumexp(inner + (scores[:, step] + betas[-1])[:, None], -1)
        betas.append(torch.where((lengths > step)[:, None], beta, last))
    future = scores + torch.stack(betas[::-1], 1)
    if gold is not None:
        # p(y_t | y_t-1) is proportional to exp(transitions[y_t-1, y_t] + scores[t] + beta[t]): with
        # the gold tag before, the forward pass is not needed.
        entering = torch.cat([first.expand(len(scores), 1, -1), inner[gold[:, :-1]]], 1)
        return entering + future
    # Forward pass: alpha[t, z] = logsumexp_y (alpha[t-1, y] + scores[t-1, y] + transitions[y, z]).
    alphas = [first.expand(len(scores), -1)]
    for step in range(1, steps):
        alpha = alphas[-1] + scores[:, step - 1]
        alphas.append(torch.logsumexp(alpha[:, :, None] + inner, 1))
    return (torch.stack(alphas, 1) + future).log_softmax(-1)


def _grid_index(row_ids: Tensor, rows: int) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """The index of each chained token in a grid (rows, steps), and the links of each row."""
    lengths = torch.bincount(row_ids, minlength=rows)
    starts = lengths.cumsum(0) - lengths
    return (row_ids, torch.arange(len(row_ids), device=row_ids.device) - starts[row_ids]), lengths
