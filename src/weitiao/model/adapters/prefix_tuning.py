"""Prefix tuning: learned keys and values in front of every layer's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from weitiao.model.adapters.base import Adapter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class PrefixTuning(Adapter):
    """Learned keys and values stand in front of those of the text, in every layer (Li and Liang
    2021; Liu et al. 2022 call it P-tuning v2).

    They cannot become plain weights: the saved folder needs weitiao, or peft. Rows run padded.
    When to use: as prompt_tuning, and it learns more.
    """

    faster: ClassVar[float] = 30.0
    merges: ClassVar[bool] = False
    recomputes: ClassVar[bool] = False  # transformers drops keys from outside then
    num_virtual_tokens: int = Field(20, gt=0, description="keys and values of every layer")

    @property
    def places(self) -> int:
        return self.num_virtual_tokens

    def put(self, native: Any) -> dict[str, Any] | None:
        import torch

        from weitiao.model.peft import prefix

        prefix.refuse("prefix_tuning", native)
        layers, hidden = native.config.num_hidden_layers, native.config.hidden_size
        start = torch.randn(self.places, layers * 2 * hidden)  # as nn.Embedding begins
        prefix.put(native, start, prefix.as_keys)
        return prefix.told("PREFIX_TUNING", native, self.places)

    def size(self, hidden: int, inner: int, layers: int) -> int:
        return self.places * layers * 2 * hidden

    def tensors(self, native: Any) -> dict[str, Tensor]:
        return {"prompt_embeddings": native.prompt.detach()}

    def restore(self, native: Any, tensors: Mapping[str, Tensor]) -> None:
        native.prompt.data.copy_(tensors["prompt_embeddings"])
