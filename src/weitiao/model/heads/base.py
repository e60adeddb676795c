"""A head reads the hidden states of a network, and which tokens are whose; it gives the logits."""

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
    """What a head stands on, and how many numbers it gives."""

    width: int
    layers: int  # hidden states there are: the embeddings and one a layer
    outputs: int
    dropout: float
    spread: float  # of fresh weights
    last: bool  # the last token of a row has seen all others (decoders, XLNet)


class Head(Part):
    """One way from hidden states to numbers. All but `native` are ours: the saved folder is then
    no plain one, and `weitiao.load` reads it."""

    every_layer: ClassVar[bool] = False  # it reads all layers, and not the last alone
    task_heads: ClassVar[tuple[HeadKind, ...]] = ("sequence",)  # of Task.head: where it fits

    @abstractmethod
    def module(self, shape: Shape) -> nn.Module:
        """The layers of the head, with fresh weights. See `weitiao.model.pooling.Stacked`."""

    @classmethod
    def per_token(cls) -> bool:
        """Whether it answers for tokens, and not for texts."""
        return "sequence" not in cls.task_heads


def pooling_of(pooling: Pooling, shape: Shape) -> str:
    """`auto`: the last token where it has seen all others, else the mean."""
    if pooling != "auto":
        return pooling
    return "last" if shape.last else "mean"


def misfit(name: str, head: HeadKind) -> str:
    """What is wrong with this head for tasks with this kind of head; empty if nothing."""
    part: type[Head] = parts.find("heads", name)
    if head in part.task_heads:
        return ""
    if head != "sequence" and not part.per_token():
        return _("model.head: {name} gives one answer a text, and this task answers for "
                    "tokens; leave it out.", name=name)  # fmt: skip
    return _("model.head: {name} is for tagging, and this is another task; leave it out.",
                name=name)  # fmt: skip
