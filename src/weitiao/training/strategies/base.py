"""A strategy changes how a model learns. It may use any of these verbs, each a no-op here.

start       look at the model                    once, before training    freeze, R-Drop
groups      who learns, how fast, when           once, before training    layer-wise decay
loss        what is minimised                    every micro-batch        R-Drop, FGM, distillation
update      what happens around backward         every update             perturbed weights (AWP)
after_step  what else happens to the weights     every update             EMA
evaluating  which weights are judged and kept    every evaluation         EMA
state       what a resumed run must get back     every checkpoint         EMA

Watching (logs, progress bars, early stopping, pruning, saving) is no strategy: whoever runs the
loop sees every step and does it there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, ClassVar

from weitiao.parts import Part
from weitiao.tasks.base import LossFn, Task
from weitiao.training.groups import Group

if TYPE_CHECKING:
    from torch import Tensor

    from weitiao.model.net import Net

ForwardBackward = Callable[[], Any]  # leaves the gradients of one update; returns its loss


class Strategy(Part):
    """One way to learn differently; strategies of a plan wrap each other in its order."""

    # Whether it is right where each process holds a part of every weight (`train.sharding`).
    shards: ClassVar[bool] = False

    def start(self, net: Net, task: Task) -> None:
        """See the network and the task before training. Raises PlanError when it cannot work."""

    def groups(self, groups: list[Group]) -> list[Group]:
        """The groups, changed."""
        return groups

    def loss(self, inner: LossFn) -> LossFn:
        """A loss function around `inner`. It must not change weights in place: backward needs
        them (use `update` for that). Losses are sums over rows."""
        return inner

    def update(self, inner: ForwardBackward) -> ForwardBackward:
        """A function around `inner`, which adds the gradients of one whole update."""
        return inner

    def after_step(self, net: Net, progress: float) -> None:
        """Act after an update of the weights; `progress` goes from 0 to 1."""

    def evaluating(self, net: Net) -> AbstractContextManager[None]:
        """A context in which `net` has the weights to judge and keep."""
        return nullcontext()

    def state(self) -> Mapping[str, Tensor]:
        """Tensors a checkpoint must hold."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state` gave."""
