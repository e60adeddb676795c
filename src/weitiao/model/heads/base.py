"""Base class of heads: layers from the hidden states of a network to logits."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from weitiao import parts
from weitiao.i18n.messages import _
from weitiao.parts import Part
from weitiao.tasks.base import HeadKind

if TYPE_CHECKING:
    from torch import nn

Pooling = Literal["auto", "first", "mean", "max", "attention", "last"]


@dataclass(frozen=True)
class Shape:
    """Dimensions of a head: those of the network below it, and the number of logits."""

    width: int  # hidden size
    layers: int  # hidden states: the embeddings and one a layer
    outputs: int
    dropout: float
    initializer_range: float  # standard deviation of new weights
    reads_last: bool  # only the last token of a row attends to all others (decoders, XLNet)


class Head(Part):
    """One way from hidden states to logits. All but `native`, and `mean` where it folds, are ours:
    the saved folder is then not a plain transformers folder, and `weitiao.load` reads it."""

    every_layer: ClassVar[bool] = False  # reads the hidden states of all layers, not of the last
    task_heads: ClassVar[tuple[HeadKind, ...]] = ("sequence",)  # of Task.head: where it fits

    @abstractmethod
    def module(self, shape: Shape) -> nn.Module:
        """The layers of the head, newly initialized. See `weitiao.model.head_layers.PooledHead`."""

    @classmethod
    def per_token(cls) -> bool:
        """Whether it gives logits for each token instead of each text."""
        return "sequence" not in cls.task_heads


def resolve_pooling(pooling: Pooling, shape: Shape) -> str:
    """Pooling method; `auto` is the last token where only that one attends to all others, else
    the mean."""
    if pooling != "auto":
        return pooling
    return "last" if shape.reads_last else "mean"


def misfit(name: str, head: HeadKind) -> str:
    """Why this head does not fit tasks with this kind of head; empty if it does."""
    part: type[Head] = parts.find("heads", name)
    if head in part.task_heads:
        return ""
    if head != "sequence" and not part.per_token():
        return _(
            "model.head: {name} gives one answer a text, and this task answers for "
            "tokens; leave it out.",
            name=name,
        )
    return _(
        "model.head: {name} is for tagging, and this is another task; leave it out.", name=name
    )
