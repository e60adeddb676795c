"""(IA)3: keys, values and the inside of the feed-forward layers are scaled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from weitiao.errors import PlanError
from weitiao.i18n.messages import _
from weitiao.model.adapters.base import Adapter

if TYPE_CHECKING:
    from torch import Tensor


class IA3(Adapter):
    """One factor for each number of the keys, the values and the inside of the feed-forward layers
    (Liu et al. 2022): some thousand weights in all.

    When to use: very few rows, or hundreds of tasks from one checkpoint.
    """

    faster: ClassVar[float] = 30.0
    target_modules: list[str] = Field(
        [], description="names of layers; empty: keys, values and the end of the feed-forward part"
    )
    feedforward_modules: list[str] = Field(
        [], description="those of target_modules whose input is scaled, not their output"
    )

    def put(self, native: Any) -> dict[str, Any] | None:
        from weitiao.model.peft import layers as tuners

        return tuners.inject(native, self._peft(native))

    def size(self, hidden: int, inner: int, layers: int) -> int:
        return layers * (2 * hidden + inner)

    def tensors(self, native: Any) -> dict[str, Tensor]:
        from weitiao.model.peft import layers as tuners

        return tuners.tensors(native)

    def _peft(self, native: Any) -> Any:
        from weitiao.model.peft import layers as tuners

        unknown = set(self.feedforward_modules) - set(self.target_modules)
        if unknown:
            told = _("model.adapter.ia3: {name} is not among target_modules.",
                        name=sorted(unknown)[0])  # fmt: skip
            raise PlanError([told])
        scaled, inside = tuners.scaled(native, self.target_modules, self.feedforward_modules)
        return tuners.peft("ia3").IA3Config(
            target_modules=scaled,
            feedforward_modules=inside,
            fan_in_fan_out=tuners.is_transposed(native),
        )
