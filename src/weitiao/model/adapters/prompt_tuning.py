"""Prompt tuning: learned vectors in front of every text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from weitiao.model.adapters.base import Adapter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class PromptTuning(Adapter):
    """Learned vectors stand in front of every text, as words would (Lester et al. 2021).

    They cannot become plain weights: the saved folder needs weitiao, or peft. Rows run padded.
    When to use: hardly any memory, and a large network; small ones learn little this way.
    """

    faster: ClassVar[float] = 100.0
    merges: ClassVar[bool] = False
    num_virtual_tokens: int = Field(20, gt=0, description="vectors in front of every text")

    @property
    def places(self) -> int:
        return self.num_virtual_tokens

    def put(self, native: Any) -> dict[str, Any] | None:
        from weitiao.model.peft import prefix

        prefix.refuse("prompt_tuning", native)
        words = native.get_input_embeddings()
        prefix.put(native, prefix.words_like(words, self.places), prefix.in_front)
        return prefix.told("PROMPT_TUNING", native, self.places)

    def size(self, hidden: int, inner: int, layers: int) -> int:
        return self.places * hidden

    def tensors(self, native: Any) -> dict[str, Tensor]:
        return {"prompt_embeddings": native.prompt.detach()}

    def restore(self, native: Any, tensors: Mapping[str, Tensor]) -> None:
        native.prompt.data.copy_(tensors["prompt_embeddings"])
