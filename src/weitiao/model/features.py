"""Features of the output layer: what the last linear layer of a network reads of each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from weitiao.data.cache.encoded import Encoded
from weitiao.example import Batch
from weitiao.model.model import Model


def output_layer(model: Model) -> nn.Linear | None:
    """The layer from features to logits; None where the logits are no linear function of them
    (a cosine, a chain of tags)."""
    if model.net.crf is not None:
        return None
    found = model.net.last_linear(model.task.outputs)
    return None if found is None else found[1]


def features(model: Model, encoded: Encoded, positions: Sequence[int] | np.ndarray) -> Any:
    """The features of rows, without dropout: (n, width), float32; of tasks of tokens Ragged, with
    as many as each row has tokens. Where windows are pooled, the mean of an example's windows."""
    layer = output_layer(model)
    assert layer is not None, "output_layer comes first"
    seen: list[Tensor] = []
    hook = layer.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))

    def run(batch: Batch) -> Tensor:
        seen.clear()
        model.net(batch)
        return _of_rows(model, seen[0].float(), batch)

    try:
        return model.in_batches(run, model.net, layer.in_features, encoded, positions)
    finally:
        hook.remove()


def _of_rows(model: Model, hidden: Tensor, batch: Batch) -> Tensor:
    """(rows, width), or (tokens, width) of tasks of tokens, from what the layer got."""
    mask = batch.tensors.get("attention_mask")
    if model.task.per_token:
        return hidden[0] if mask is None or batch.packed else hidden[mask.bool()]
    if hidden.dim() == 3:  # a decoder's layer runs over all tokens; its answer is the last one's
        assert mask is not None, "these families are padded"
        places = torch.arange(mask.shape[1], device=mask.device)
        hidden = hidden[torch.arange(len(hidden)), (places * mask).argmax(1)]
    if batch.windows is not None:
        hidden = torch.segment_reduce(hidden, "mean", lengths=batch.windows, axis=0)
    return hidden
