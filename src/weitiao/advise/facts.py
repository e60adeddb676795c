"""What the choices of a plan are reasoned from: the rows measured, the checkpoint, this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from weitiao.advise.cost import Speed
from weitiao.data.profile import Profile
from weitiao.sections import as_parts

SAMPLE = 2000  # rows whose tokens are counted


@dataclass(frozen=True)
class Network:
    """The size of a checkpoint. encoder: weights that every token is multiplied with."""

    checkpoint: str
    hidden_size: int
    layers: int
    encoder: int
    parameters: int
    max_length: int
    fused: bool = False  # own kernels run it here

    @property
    def inner_size(self) -> int:
        """The width inside a feed-forward part, as `encoder` tells."""
        a_layer = self.encoder // self.layers
        return (a_layer - 4 * self.hidden_size**2) // (2 * self.hidden_size)


@dataclass(frozen=True)
class Facts:
    """Everything a choice may look at. rows counts labelled rows after duplicates are gone."""

    profile: Profile
    rows: int
    tokens: np.ndarray  # (n,) tokens of sampled rows, not cut off
    network: Network
    speed: Speed
    budget: float | None = None
    adapter: str = ""  # what the user asked to learn in place of all weights

    @property
    def train_rows(self) -> int:
        """Rows left to learn from after validation and test are set apart (about)."""
        return max(1, round(self.rows * 0.8))

    def tokens_a_row(self, max_length: int) -> float:
        """Mean tokens of a row once it is cut at `max_length`."""
        return float(np.minimum(self.tokens, max_length).mean())


def network_of(checkpoint: str, revision: str | None) -> tuple[Network, Any]:
    """The size of a checkpoint from its config, and its tokenizer."""
    import torch
    from transformers import AutoConfig

    from weitiao.model.checkpoints import load_tokenizer, readable
    from weitiao.model.fast.shape import is_bert
    from weitiao.model.offline import resolve

    source = resolve(checkpoint, revision)
    tokenizer = load_tokenizer(source.path_or_name, source.revision)
    with readable(checkpoint):
        config = AutoConfig.from_pretrained(source.path_or_name, revision=source.revision)
    hidden = int(getattr(config, "hidden_size", 0) or getattr(config, "dim", 0) or 768)
    layers = int(getattr(config, "num_hidden_layers", 0) or getattr(config, "n_layers", 0) or 12)
    inner = int(getattr(config, "intermediate_size", 0) or 4 * hidden)
    encoder = layers * (4 * hidden * hidden + 2 * hidden * inner)
    words = int(getattr(config, "vocab_size", 0)) * hidden
    positions = int(getattr(config, "max_position_embeddings", 0) or 512)
    longest = min(int(tokenizer.model_max_length), positions)
    fused = is_bert(config) and not torch.cuda.is_available()
    return Network(checkpoint, hidden, layers, encoder, encoder + words, longest, fused), tokenizer


def adapter_of(changes: Mapping[str, Any]) -> str:
    """The adapter that the user named, among other changes of the plan."""
    for path, value in changes.items():
        if path == "model.adapter":
            return next(iter(as_parts(value)), "")
        if path.startswith("model.adapter."):
            return path.split(".")[2]
    return ""
