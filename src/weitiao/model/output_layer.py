"""The output layer of a network: its features, and weights fitted to them apart from training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from weitiao.core import disk
from weitiao.data.cache.encoded import Encoded
from weitiao.errors import RunError
from weitiao.example import Batch
from weitiao.i18n.messages import _
from weitiao.model.batching import INFERENCE_TOKENS

if TYPE_CHECKING:
    from weitiao.model.model import Model


@dataclass(frozen=True)
class OutputLayer:
    """Weights of an output layer that was fitted to features of the frozen network.

    strength: C of scikit-learn, the inverse of the L2 penalty on standardised features.
    """

    weight: Tensor  # (outputs, width)
    bias: Tensor  # (outputs,)
    rows: int  # it was fitted to
    strength: float

    def put_into(self, model: Model) -> None:
        """Set the output layer of a model."""
        layer = output_layer(model)
        assert layer is not None, "`output_layer` tells whether there is one"
        with torch.no_grad():
            layer.weight.copy_(self.weight)
            if layer.bias is not None:
                layer.bias.copy_(self.bias)

    def save(self, path: Path) -> None:
        """Write it as safetensors."""
        path = Path(disk.plain(path.parent)) / path.name
        tensors = {"weight": self.weight.contiguous(), "bias": self.bias.contiguous()}
        about = {"rows": str(self.rows), "strength": repr(self.strength)}
        save_file(tensors, path, metadata=about)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote. Raises RunError where the file is damaged."""
        try:
            with safe_open(Path(disk.plain(path.parent)) / path.name, "pt") as file:
                about = file.metadata() or {}
                weight, bias = file.get_tensor("weight"), file.get_tensor("bias")
                return cls(weight, bias, int(about["rows"]), float(about["strength"]))
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise RunError(
                _("{file}: this file cannot be read ({error}).", file=path, error=error)
            ) from None


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
    return _read(model, encoded, positions, with_logits=False)


def logits_and_features(
    model: Model, encoded: Encoded, positions: Sequence[int] | np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Logits (n, outputs) and features (n, width) of rows, in one pass; of tasks whose rows have
    one answer each."""
    both = _read(model, encoded, positions, with_logits=True)
    outputs = model.task.outputs
    return both[:, :outputs], both[:, outputs:]


def _read(
    model: Model,
    encoded: Encoded,
    positions: Sequence[int] | np.ndarray | None,
    *,
    with_logits: bool,
) -> Any:
    layer = output_layer(model)
    assert layer is not None, "`output_layer` tells whether there is one"
    seen: list[Tensor] = []
    hook = layer.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))

    def run(batch: Batch) -> Tensor:
        seen.clear()
        logits = model.net(batch)
        read = _of_rows(model, seen[0].float(), batch)
        return torch.cat([logits.float(), read], 1) if with_logits else read

    width = layer.in_features + (model.task.outputs if with_logits else 0)
    try:
        # Always as many tokens at once: another number would change the last bits of a run.
        return model.in_batches(run, model.net, width, encoded, positions, tokens=INFERENCE_TOKENS)
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
