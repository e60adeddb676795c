"""Cross-entropy over a vocabulary, computed from the hidden states in chunks.

A vocabulary has 8,000 to 250,000 entries, so that the logits of a batch are far larger than all
else in it: written, read, normalized and differentiated in whole, they take half of the time of a
small translator, and most of the memory of a causal network. Here they exist for a few hundred
tokens at a time, which stay in the processor's cache, and their gradient is taken at once (as in
Liger Kernel, Hsu et al. 2024, and Cut Cross-Entropy, Wijmans et al. 2024).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

LOGITS_AT_ONCE = 2**20  # 4 MB in fp32: what a core's cache holds
FEWEST_TOKENS = 256  # at once: the gradient of the weights is added up for each chunk


def cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    labels: Tensor,
    label_smoothing: float = 0.0,
) -> Tensor:
    """The summed cross-entropy of softmax(hidden @ weight.T + bias), a scalar in fp32.

    hidden (tokens, width); weight (vocabulary, width); bias (vocabulary,); labels (tokens,), all of
    them known. Under autocast the products are in its precision, the softmax is in fp32.
    """
    device = hidden.device.type
    kind = hidden.dtype
    if torch.is_autocast_enabled(device):
        kind = torch.get_autocast_dtype(device)
    given = (hidden, weight, bias, labels, label_smoothing, kind)
    summed: Tensor = _Summed.apply(*given)
    return summed


def _into_slope(logits: Tensor, labels: Tensor, label_smoothing: float) -> Tensor:
    """The summed loss of these logits, which become d loss / d logits in place, but for the term of
    label smoothing that is the same for every entry. labels: (tokens, 1)."""
    highest = logits.amax(1, keepdim=True)
    correct = logits.gather(1, labels)
    if label_smoothing:
        mean = logits.mean(1, keepdim=True)
        correct = (1 - label_smoothing) * correct + label_smoothing * mean
    normalizer = logits.sub_(highest).exp_().sum(1, keepdim=True)
    # softmax - (1 - smoothing) * one_hot (- smoothing / vocabulary)
    logits.mul_(1 / normalizer)
    logits.scatter_add_(1, labels, logits.new_full((), label_smoothing - 1).expand_as(labels))
    return (highest + normalizer.log() - correct).sum()


class _Summed(torch.autograd.Function):
    """Loss and gradients in one pass; backward only scales them."""

    @staticmethod
    def forward(
        context: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        labels: Tensor,
        label_smoothing: float,
        kind: torch.dtype,
    ) -> Tensor:
        vocabulary, needed = len(weight), context.needs_input_grad
        of_bias = None
        with torch.autocast(hidden.device.type, enabled=False):
            states, table = hidden.to(kind), weight.to(kind)
            of_hidden = torch.empty_like(hidden) if needed[0] else None
            of_weight = torch.zeros_like(weight) if needed[1] else None
            if bias is not None:
                of_bias = torch.zeros_like(bias) if needed[2] else None
                bias = bias if bool(bias.any()) else None  # Marian's is 0, and never learned
            total = hidden.new_zeros((), dtype=torch.float32)
            at_once = min(max(LOGITS_AT_ONCE // vocabulary, FEWEST_TOKENS), max(len(labels), 1))
            # The same memory for every chunk: a new one would come from the system, page by page.
            wide = hidden.new_empty(at_once, vocabulary, dtype=torch.float32)
            narrow = wide if kind == torch.float32 else wide.new_empty(wide.shape, dtype=kind)
            for start in range(0, len(labels), at_once):
                part = slice(start, start + at_once)
                known = labels[part, None]
                logits, low = wide[: len(known)], narrow[: len(known)]
                torch.mm(states[part], table.T, out=low)
                if low is not logits:
                    logits.copy_(low)
                if bias is not None:
                    logits += bias
                total += _into_slope(logits, known, label_smoothing)
                if of_bias is not None:
                    of_bias += logits.sum(0)
                if low is not logits:
                    low.copy_(logits)
                if of_hidden is not None:
                    of_hidden[part] = low @ table
                if of_weight is not None:
                    of_weight += low.T @ states[part]
            # The term of smoothing is the same for every entry: it needs no pass over the logits.
            share = label_smoothing / vocabulary
            if share and of_hidden is not None:
                of_hidden -= share * weight.sum(0)
            if share and of_weight is not None:
                of_weight -= share * hidden.sum(0)
            if share and of_bias is not None:
                of_bias -= share * len(labels)
        context.save_for_backward(of_hidden, of_weight, of_bias)
        return total

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> Any:
        scaled = [
            None if one is None else one * gradient.to(one.dtype) for one in context.saved_tensors
        ]
        return (*scaled, None, None, None)
