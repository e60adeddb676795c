"""Parameter groups of the optimizer by depth: learning rate, weight decay, schedule."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

# ALBERT's layers share their weights: its depth is that of a group of layers.
LAYER = re.compile(r"(?:^|\.)(?:layer|layers|block|blocks|h|albert_layer_groups)\.(\d+)\.")
# GPT-2 calls its embeddings wte and wpe; the relative positions of MPNet and DeBERTa serve every
# layer, so they count as embeddings.
EMBEDDINGS = re.compile(
    r"embed|(?:^|\.)w[tp]e\.|mask_emb|relative_attention_bias|encoder\.LayerNorm"
)
# The final norm of decoders and ModernBERT.
LAST_NORM = re.compile(r"\.(?:model|transformer|base)\.(?:norm|final_norm|ln_f)\.")
HEAD = re.compile(r"(?:^|\.)native\.head\.")  # one of ours, whatever its layers are called


def _always(progress: float) -> float:
    return 1.0


@dataclass(frozen=True)
class Group:
    """Parameters with the same learning rate and weight decay.

    depth: 0 for embeddings, then the layers, the head last; the norm behind the layers counts as
    the last of them. scale: factor of the rate, while progress goes from 0 to 1; 0 is frozen.
    """

    names: tuple[str, ...]
    params: tuple[nn.Parameter, ...]
    depth: int
    learning_rate: float
    weight_decay: float
    scale: Callable[[float], float] = _always

    def options(self) -> dict[str, Any]:
        """The group as torch.optim takes it."""
        return {
            "params": list(self.params),
            "lr": self.learning_rate,
            "weight_decay": self.weight_decay,
        }


def merged(groups: Sequence[Group]) -> list[Group]:
    """The groups, with those of equal rates and decay joined: an optimizer does them in one pass.

    The joined ones have no one depth; theirs is that of the first.
    """
    members: dict[tuple[float, float, Callable[[float], float]], list[Group]] = {}
    for group in groups:
        key = (group.learning_rate, group.weight_decay, group.scale)
        members.setdefault(key, []).append(group)
    return [
        replace(
            same[0],
            names=tuple(name for group in same for name in group.names),
            params=tuple(param for group in same for param in group.params),
        )
        for same in members.values()
    ]


def top_of(net: nn.Module) -> int:
    """The depth of the head: one more than the number of layers."""
    layers = [
        int(match[1])
        for name, _ in net.named_parameters()
        if (match := LAYER.search(name)) and not HEAD.search(name)
    ]
    return max(layers, default=-1) + 2


def depth_of(name: str, top: int) -> int:
    """How deep a parameter lies: 0 for embeddings, 1 for the first layer, `top` for the head."""
    if HEAD.search(name):
        return top
    match = LAYER.search(name)
    if match:
        return int(match[1]) + 1
    if LAST_NORM.search(name):
        return top - 1
    return 0 if EMBEDDINGS.search(name) else top


def groups_of(net: nn.Module, learning_rate: float, weight_decay: float) -> list[Group]:
    """Parameter groups by depth and weight decay; biases and norms are not decayed (Devlin et al.
    2019): they are the one-dimensional parameters."""
    top = top_of(net)
    members: dict[tuple[int, float], list[tuple[str, nn.Parameter]]] = {}
    for name, param in net.named_parameters():
        if param.requires_grad:
            decay = weight_decay if param.ndim > 1 else 0.0
            members.setdefault((depth_of(name, top), decay), []).append((name, param))
    return [
        Group(tuple(n for n, _ in group), tuple(p for _, p in group), depth, learning_rate, decay)
        for (depth, decay), group in sorted(members.items(), key=lambda item: item[0])
    ]
