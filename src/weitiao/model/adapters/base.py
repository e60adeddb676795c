"""Base class of adapters (PEFT): which few weights of a network learn. The head always does."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from weitiao.parts import Part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class Adapter(Part):
    """Settings of an adapter, which `inject` builds into a network."""

    rate_factor: ClassVar[float] = 10.0  # learning rate, relative to that of full fine-tuning
    merges: ClassVar[bool] = True  # into the weights: the saved folder is then a plain one
    recomputes: ClassVar[bool] = True  # works with gradient checkpointing

    @property
    def positions(self) -> int:
        """Positions it takes from the texts."""
        return 0

    @abstractmethod
    def inject(self, native: Any) -> dict[str, Any] | None:
        """Build it into a network all of whose weights are frozen. Raises PlanError.

        Returns the content of peft's adapter_config.json; None where peft has no such adapter.
        """

    @abstractmethod
    def size(self, hidden: int, inner: int, layers: int) -> int:
        """About how many parameters learn, without the head.

        hidden: hidden size; inner: width of the feed-forward layers.
        """

    def tensors(self, native: Any) -> dict[str, Tensor]:
        """The adapter's own weights by peft's names, without the prefix of the base model."""
        return {}

    def restore(self, native: Any, tensors: Mapping[str, Tensor]) -> None:
        """Load what `tensors` gave. Only for an adapter that does not merge."""
        raise NotImplementedError
