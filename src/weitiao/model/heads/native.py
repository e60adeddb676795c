"""The head that transformers has for the family."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, get_args

from weitiao.model.heads.base import Head, Shape
from weitiao.tasks.base import HeadKind

if TYPE_CHECKING:
    from torch import nn


class Native(Head):
    """transformers' own head of the family. The saved folder is plain: anybody can read it.

    When to use: always, unless another one is better in validation.
    """

    task_heads: ClassVar[tuple[HeadKind, ...]] = get_args(HeadKind)

    def module(self, shape: Shape) -> nn.Module:
        raise AssertionError("transformers builds it together with the network")
