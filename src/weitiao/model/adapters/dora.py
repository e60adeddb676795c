"""DoRA: LoRA that learns the direction of the weights, and their lengths apart."""

from __future__ import annotations

from typing import ClassVar

from weitiao.model.adapters.lora import LoRA


class DoRA(LoRA):
    """LoRA on the direction of each layer's weights, and one number for each row's length (Liu et
    al. 2024).

    When to use: where LoRA of a small r falls short of training everything. Slower than LoRA
    outside own kernels.
    """

    dora: ClassVar[bool] = True

    def size(self, hidden: int, inner: int, layers: int) -> int:
        return super().size(hidden, inner, layers) + layers * (5 * hidden + inner)
