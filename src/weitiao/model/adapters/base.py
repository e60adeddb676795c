"""An adapter decides which few weights of a network learn; the head always does."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from weitiao.parts import Part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class Adapter(Part):
    """Settings of an adapter, which `put` builds into a network."""

    faster: ClassVar[float] = 10.0  # the learning rate, beside that of all weights
    merges: ClassVar[bool] = True  # into the weights: the saved folder is then a plain one
    recomputes: ClassVar[bool] = True  # what it adds is there when layers are computed again

    @property
    def places(self) -> int:
        """Positions it takes from the texts."""
        return 0

    @abstractmethod
    def put(self, native: Any) -> dict[str, Any] | None:
        """Build it into a network all of whose weights stand still. Raises PlanError.

        Returns what peft's adapter_config.json says; None where peft has no such adapter.
        """

    @abstractmethod
    def size(self, hidden: int, inner: int, layers: int) -> int:
        """About how many weights learn, the head apart."""

    def tensors(self, native: Any) -> dict[str, Tensor]:
        """The adapter's own weights, as peft's files name them, below the network."""
        return {}

    def restore(self, native: Any, tensors: Mapping[str, Tensor]) -> None:
        """Take back what `tensors` gave. Only for one that does not merge."""
        raise NotImplementedError
