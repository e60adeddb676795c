"""BitFit: only the biases learn."""

from __future__ import annotations

from typing import Any

from weitiao.errors import PlanError
from weitiao.i18n.messages import _
from weitiao.model.adapters.base import Adapter


class BitFit(Adapter):
    """Only the biases and the head learn (Ben Zaken et al. 2022). Nothing is added, so every
    layout runs it and answers cost what they did.

    When to use: the least memory in networks that have biases (BERT and its kin; llama has none).
    """

    def put(self, native: Any) -> dict[str, Any] | None:
        from weitiao.model.peft.runtime import in_head

        biases = [
            param
            for name, param in native.named_parameters()
            if name.endswith("bias") and not in_head(name, native)
        ]
        if not biases:
            told = _("model.adapter: bitfit: {family} has no biases; take lora.",
                        family=native.config.model_type)  # fmt: skip
            raise PlanError([told])
        for param in biases:
            param.requires_grad_(True)
        return None

    def size(self, hidden: int, inner: int, layers: int) -> int:
        return layers * (7 * hidden + inner)
