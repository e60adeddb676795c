"""The head that transformers has for the family."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, get_args

from weitiao.model.heads.base import Head, Shape
from weitiao.tasks.base import Kind

if TYPE_CHECKING:
    from torch import nn


class Native(Head):
    """transformers' own head of the family. The saved folder is plain: anybody can read it.

    When to use: always, unless another one is better in validation.
    """

    kinds: ClassVar[tuple[Kind, ...]] = get_args(Kind)

    def module(self, shape: Shape) -> nn.Module:
        raise AssertionError("transformers builds it together with the network")
