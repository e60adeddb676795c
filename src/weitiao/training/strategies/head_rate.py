"""A separate learning rate for the head, which starts from random weights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from weitiao.errors import PlanError
from weitiao.i18n.messages import _
from weitiao.tasks.base import Task
from weitiao.training.groups import Group, depth_of, top_of
from weitiao.training.strategies.base import Strategy

if TYPE_CHECKING:
    from weitiao.model.net import Net


class HeadRate(Strategy):
    """A separate, higher learning rate for the head, as is usual for taggers on pre-trained
    networks.

    When to use: tags or passages with few updates, above all on networks trained for sentence
    vectors (E5, MiniLM), whose tokens hardly differ in size.
    """

    shards: ClassVar[bool] = True
    learning_rate: float = Field(1e-2, gt=0, le=10, description="highest rate of the head")

    def start(self, net: Net, task: Task) -> None:
        top = top_of(net)
        names = [name for name, param in net.named_parameters() if param.requires_grad]
        if not any(depth_of(name, top) == top for name in names):
            problem = _(
                "train.strategies.head_rate: this head has no weights that learn; leave it out."
            )
            raise PlanError([problem])

    def groups(self, groups: list[Group]) -> list[Group]:
        top = max(group.depth for group in groups)
        return [
            replace(g, learning_rate=self.learning_rate) if g.depth == top else g for g in groups
        ]
