"""LoRA: each weight W learns as W + B A, with B and A narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from weitiao.model.adapters.base import Adapter

if TYPE_CHECKING:
    from torch import Tensor


class LoRA(Adapter):
    """A product of two narrow matrices is learned beside each linear layer (Hu et al. 2022).

    The layers are all those of the blocks (Dettmers et al. 2023), unless target_modules names
    some. When to use: large networks, little memory, or many tasks from one checkpoint. With
    lora_dropout 0 own kernels train it too.
    """

    dora: ClassVar[bool] = False
    r: int = Field(8, gt=0, description="the width of the narrow matrices")
    lora_alpha: float = Field(16, gt=0, description="what is learned counts lora_alpha / r times")
    lora_dropout: float = Field(
        0.0, ge=0, lt=1, description="dropout of what enters it; above 0 own kernels cannot run it"
    )
    use_rslora: bool = Field(False, description="count lora_alpha / sqrt(r) times instead")
    target_modules: list[str] = Field(
        [], description="names of layers, e.g. [query, value]; empty: all of the blocks"
    )

    def put(self, native: Any) -> dict[str, Any] | None:
        from weitiao.model.peft import layers as tuners

        return tuners.inject(native, self._peft(native))

    def size(self, hidden: int, inner: int, layers: int) -> int:
        return layers * self.r * (8 * hidden + 2 * (hidden + inner))

    def tensors(self, native: Any) -> dict[str, Tensor]:
        from weitiao.model.peft import layers as tuners

        return tuners.tensors(native)

    def _peft(self, native: Any) -> Any:
        from weitiao.model.peft import layers as tuners

        name = type(self).__name__.lower()
        return tuners.peft(name).LoraConfig(
            r=self.r,
            lora_alpha=self.lora_alpha,
            lora_dropout=self.lora_dropout,
            use_rslora=self.use_rslora,
            use_dora=self.dora,
            fan_in_fan_out=tuners.is_transposed(native),
            target_modules=tuners.targets(native, name, self.target_modules),
        )
