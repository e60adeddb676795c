"""Adapters that merge into the weights of the network: LoRA, DoRA, (IA)3 and BitFit.

Each amounts to other weights of the same network (see `weitiao.model.tuners.effective`), so the
saved folder is a plain transformers folder and inference costs nothing more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from weitiao.errors import PlanError
from weitiao.i18n.messages import _
from weitiao.model.adapters.base import Adapter

if TYPE_CHECKING:
    from torch import Tensor


class _PeftAdapter(Adapter):
    """An adapter that peft injects."""

    def inject(self, native: Any) -> dict[str, Any] | None:
        from weitiao.model import tuners

        return tuners.inject(native, self._config(native))

    def tensors(self, native: Any) -> dict[str, Tensor]:
        from weitiao.model import tuners

        return tuners.tensors(native)

    def _config(self, native: Any) -> Any:
        """peft's config object for this network."""
        raise NotImplementedError


class LoRA(_PeftAdapter):
    """Low-rank adaptation (LoRA): each linear layer learns a low-rank update, the product of two
    narrow matrices (Hu et al. 2022).

    The layers are all those of the blocks (Dettmers et al. 2023), unless target_modules names
    some. When to use: large networks, little memory, or many tasks from one checkpoint. With
    lora_dropout 0 own kernels train it too.
    """

    dora: ClassVar[bool] = False
    r: int = Field(8, gt=0, description="rank of the update")
    lora_alpha: float = Field(16, gt=0, description="the update is multiplied by lora_alpha / r")
    lora_dropout: float = Field(
        0.0, ge=0, lt=1, description="dropout of what enters it; above 0 own kernels cannot run it"
    )
    use_rslora: bool = Field(
        False, description="multiply by lora_alpha / sqrt(r) instead (rank-stabilized LoRA)"
    )
    target_modules: list[str] = Field(
        [], description="names of layers, e.g. [query, value]; empty: all of the blocks"
    )

    def size(self, hidden: int, inner: int, layers: int) -> int:
        # A is (r, in), B (out, r): four layers of hidden x hidden, two of hidden x inner a block.
        return layers * self.r * (8 * hidden + 2 * (hidden + inner))

    def _config(self, native: Any) -> Any:
        from weitiao.model import tuners

        name = type(self).__name__.lower()
        return tuners.peft(name).LoraConfig(
            r=self.r,
            lora_alpha=self.lora_alpha,
            lora_dropout=self.lora_dropout,
            use_rslora=self.use_rslora,
            use_dora=self.dora,
            fan_in_fan_out=tuners.has_conv1d(native),
            target_modules=tuners.lora_targets(native, name, self.target_modules),
        )


class DoRA(LoRA):
    """DoRA, weight-decomposed LoRA: a low-rank update of the direction of each layer's weights, and
    one number for the norm of each row (Liu et al. 2024).

    When to use: where LoRA of a small r falls short of training everything. Slower than LoRA
    outside own kernels.
    """

    dora: ClassVar[bool] = True

    def size(self, hidden: int, inner: int, layers: int) -> int:
        # The magnitudes: one for each output of the six layers of a block.
        return super().size(hidden, inner, layers) + layers * (5 * hidden + inner)


class IA3(_PeftAdapter):
    """(IA)3: one learned factor for each dimension of the keys, the values and the inside of the
    feed-forward layers (Liu et al. 2022); some thousand weights in all.

    When to use: very few rows, or hundreds of tasks from one checkpoint.
    """

    rate_factor: ClassVar[float] = 30.0
    target_modules: list[str] = Field(
        [], description="names of layers; empty: keys, values and the end of the feed-forward part"
    )
    feedforward_modules: list[str] = Field(
        [], description="those of target_modules whose input is scaled, not their output"
    )

    def size(self, hidden: int, inner: int, layers: int) -> int:
        return layers * (2 * hidden + inner)

    def _config(self, native: Any) -> Any:
        from weitiao.model import tuners

        unknown = set(self.feedforward_modules) - set(self.target_modules)
        if unknown:
            message = _(
                "model.adapter.ia3: {name} is not among target_modules.", name=sorted(unknown)[0]
            )
            raise PlanError([message])
        scaled, feedforward = tuners.ia3_targets(
            native, self.target_modules, self.feedforward_modules
        )
        return tuners.peft("ia3").IA3Config(
            target_modules=scaled,
            feedforward_modules=feedforward,
            fan_in_fan_out=tuners.has_conv1d(native),
        )


class Bitfit(Adapter):
    """BitFit: only the biases and the head are trained (Ben Zaken et al. 2022). No parameters are
    added, so every layout runs it and inference costs the same.

    When to use: the least memory in networks that have biases (BERT and its kin; llama has none).
    """

    def inject(self, native: Any) -> dict[str, Any] | None:
        from weitiao.model.adapted import in_head

        biases = [
            param
            for name, param in native.named_parameters()
            if name.endswith("bias") and not in_head(name, native)
        ]
        if not biases:
            message = _(
                "model.adapter: bitfit: {family} has no biases; take lora.",
                family=native.config.model_type,
            )
            raise PlanError([message])
        for param in biases:
            param.requires_grad_(True)
        return None

    def size(self, hidden: int, inner: int, layers: int) -> int:
        # Five layers and two LayerNorms of width hidden, and one layer of width inner.
        return layers * (7 * hidden + inner)
