"""Base class of strategies, which change how a model learns. Each method is a no-op here.

start       inspect and freeze parameters        once, before training    freeze, R-Drop
groups      rates, decay, schedule               once, before training    layer-wise decay
loss        the objective                        every micro-batch        R-Drop, FGM, distillation
update      around forward and backward          every update             perturbed weights (AWP)
after_step  further changes of the weights       every update             EMA
evaluating  the weights that are evaluated       every evaluation         EMA
state       tensors of a checkpoint              every checkpoint         EMA

Logging, progress bars, early stopping and saving are no strategies: whoever runs the loop sees
every step and does it there.
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

ForwardBackward = Callable[[], Any]  # accumulates the gradients of one update; returns its loss


class Strategy(Part):
    """A training strategy; those of a plan wrap each other in its order."""

    # Whether it is correct with sharded weights (`train.sharding`).
    shards: ClassVar[bool] = False
    # Whether its loss compares the rows of an update, which must then stay together.
    whole_updates: ClassVar[bool] = False
    # Whether its loss reads the logits: those of a vocabulary are not kept otherwise.
    reads_logits: ClassVar[bool] = False

    def start(self, net: Net, task: Task) -> None:
        """Prepare network and task before training. Raises PlanError when it cannot work."""

    def groups(self, groups: list[Group]) -> list[Group]:
        """The groups, changed."""
        return groups

    def loss(self, inner: LossFn) -> LossFn:
        """A loss function around `inner`. It must not change weights in place: backward needs
        them (use `update` for that). Losses are sums over rows."""
        return inner

    def update(self, inner: ForwardBackward) -> ForwardBackward:
        """A function around `inner`, which accumulates the gradients of one whole update."""
        return inner

    def after_step(self, net: Net, progress: float) -> None:
        """Act after an update of the weights; `progress` goes from 0 to 1."""

    def evaluating(self, net: Net) -> AbstractContextManager[None]:
        """A context in which `net` has the weights to evaluate and save."""
        return nullcontext()

    def state(self) -> Mapping[str, Tensor]:
        """Tensors that a checkpoint must contain."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore what `state` returned."""
