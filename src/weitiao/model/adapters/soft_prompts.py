"""Soft prompts: learned vectors in front of every text, as input embeddings or as keys and values.

The forward pass of the network gets them from outside; nothing inside it is changed. Numbers and
files are those of peft's prompt_tuning and prefix_tuning. They cannot become weights of the
network, so the saved folder needs weitiao or peft.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from weitiao.errors import PlanError
from weitiao.i18n.messages import _
from weitiao.model.adapters.base import Adapter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

# Families whose heads pool the right token with vectors in front of padded rows.
FAMILIES = ("bert", "roberta", "xlm-roberta", "camembert", "electra", "ernie")
PROMPT_ONLY = ("distilbert", "albert")  # their attention takes no keys from outside


class _SoftPrompt(Adapter):
    """Vectors in front of every text, registered as the parameter `native.prompt`."""

    merges: ClassVar[bool] = False
    families: ClassVar[tuple[str, ...]] = FAMILIES
    num_virtual_tokens: int

    @property
    def positions(self) -> int:
        return self.num_virtual_tokens

    def inject(self, native: Any) -> dict[str, Any] | None:
        from torch import nn

        self._check_family(native)
        native.register_parameter("prompt", nn.Parameter(self._initial(native)))
        # An instance attribute hides the method of the class.
        native.forward = partial(_forward, native, native.forward, self._prepend)
        return self._config(native)

    def tensors(self, native: Any) -> dict[str, Tensor]:
        return {"prompt_embeddings": native.prompt.detach()}

    def restore(self, native: Any, tensors: Mapping[str, Tensor]) -> None:
        native.prompt.data.copy_(tensors["prompt_embeddings"])

    @abstractmethod
    def _initial(self, native: Any) -> Tensor:
        """The vectors before training, (num_virtual_tokens, width)."""

    @abstractmethod
    def _prepend(self, native: Any, rows: int, inputs: dict[str, Any]) -> dict[str, Any]:
        """The keyword arguments of a forward pass with the vectors in front of `rows` rows."""

    def _config(self, native: Any) -> dict[str, Any]:
        """The content of peft's adapter_config.json."""
        from weitiao.model import tuners

        return {
            "task_type": tuners.task_type(native),
            "inference_mode": True,
            "num_virtual_tokens": self.num_virtual_tokens,
            "num_transformer_submodules": 1,
            "num_attention_heads": native.config.num_attention_heads,
            "num_layers": native.config.num_hidden_layers,
        }

    def _check_family(self, native: Any) -> None:
        """Raise PlanError, with the reason, for a family in which this adapter does not work."""
        family = native.config.model_type
        if family in self.families:
            return
        why = {
            "deberta-v2": _("its attention reads places relative to the text"),
            "xlnet": _("it has a memory of its own, and pads in front"),
            "modernbert": _("most of its layers see their neighbours alone"),
        }.get(
            family,
            _("its native head or attention does not expect vectors in front of padded rows"),
        )
        name = "prompt_tuning" if isinstance(self, PromptTuning) else "prefix_tuning"
        message = _(
            "model.adapter: {adapter} does not work with {family}: {why}. Take lora.",
            adapter=name,
            family=family,
            why=why,
        )
        raise PlanError([message])


class PrefixTuning(_SoftPrompt):
    """Prefix tuning: learned keys and values in front of those of the text, in every layer (Li and
    Liang 2021; Liu et al. 2022 call it P-tuning v2).

    They cannot become plain weights: the saved folder needs weitiao, or peft. Rows run padded.
    When to use: as prompt_tuning, and it learns more.
    """

    rate_factor: ClassVar[float] = 30.0
    recomputes: ClassVar[bool] = False  # transformers then drops past_key_values
    num_virtual_tokens: int = Field(20, gt=0, description="keys and values of every layer")

    def size(self, hidden: int, inner: int, layers: int) -> int:
        return self.num_virtual_tokens * layers * 2 * hidden

    def _initial(self, native: Any) -> Tensor:
        import torch

        layers, hidden = native.config.num_hidden_layers, native.config.hidden_size
        # N(0, 1), as nn.Embedding is initialized in peft.
        return torch.randn(self.num_virtual_tokens, layers * 2 * hidden)

    def _prepend(self, native: Any, rows: int, inputs: dict[str, Any]) -> dict[str, Any]:
        from transformers import DynamicCache

        config, count = native.config, len(native.prompt)
        heads, layers = config.num_attention_heads, config.num_hidden_layers
        # (count, 2 layers, heads, width) -> (2 layers, rows, heads, count, width)
        vectors = native.prompt.view(count, 2 * layers, heads, -1).permute(1, 2, 0, 3)
        pairs = vectors[:, None].expand(-1, rows, -1, -1, -1).unflatten(0, (layers, 2))
        cache = DynamicCache()
        for layer in range(layers):
            cache.update(pairs[layer, 0], pairs[layer, 1], layer)
        # Without position_ids transformers itself starts behind the cache.
        if "position_ids" in inputs:
            inputs["position_ids"] = inputs["position_ids"] + count
        return {**inputs, "past_key_values": cache}

    def _config(self, native: Any) -> dict[str, Any]:
        hidden = native.config.hidden_size
        return {
            "peft_type": "PREFIX_TUNING",
            **super()._config(native),
            "token_dim": hidden,
            "encoder_hidden_size": hidden,
            "prefix_projection": False,
        }


class PromptTuning(_SoftPrompt):
    """Prompt tuning: learned input embeddings (soft prompts) in front of every text (Lester et al.
    2021).

    They cannot become plain weights: the saved folder needs weitiao, or peft. Rows run padded.
    When to use: hardly any memory, and a large network; small ones learn little this way.
    """

    rate_factor: ClassVar[float] = 100.0
    families: ClassVar[tuple[str, ...]] = (*FAMILIES, *PROMPT_ONLY)
    num_virtual_tokens: int = Field(20, gt=0, description="vectors in front of every text")

    def size(self, hidden: int, inner: int, layers: int) -> int:
        return self.num_virtual_tokens * hidden

    def _initial(self, native: Any) -> Tensor:
        import torch

        # Embeddings drawn from the vocabulary: a better start than noise (Lester et al., 3.2).
        embeddings = native.get_input_embeddings()
        ids = torch.randint(embeddings.num_embeddings, (self.num_virtual_tokens,))
        return embeddings.weight.detach()[ids].clone()

    def _prepend(self, native: Any, rows: int, inputs: dict[str, Any]) -> dict[str, Any]:
        import torch

        ids = inputs.pop("input_ids", None)
        words = native.get_input_embeddings()(ids) if ids is not None else inputs["inputs_embeds"]
        types = inputs.get("token_type_ids")
        if types is not None:
            front = types.new_zeros(rows, len(native.prompt))
            inputs["token_type_ids"] = torch.cat([front, types], 1)
        if "position_ids" in inputs:  # the prompt takes the first positions, the text those after
            positions, count = inputs["position_ids"], len(native.prompt)
            front = positions[:, :1] + torch.arange(count, device=positions.device)
            inputs["position_ids"] = torch.cat([front, positions + count], 1)
        prompt = native.prompt.expand(rows, -1, -1)
        return {**inputs, "inputs_embeds": torch.cat([prompt, words], 1)}

    def _config(self, native: Any) -> dict[str, Any]:
        return {
            "peft_type": "PROMPT_TUNING",
            **super()._config(native),
            "token_dim": native.prompt.shape[1],
            "prompt_tuning_init": "RANDOM",
        }


def _forward(native: Any, inner: Any, prepend: Any, **inputs: Any) -> Any:
    """The network's own forward pass `inner`, with the prompt in front and in the mask."""
    import torch

    texts = inputs.get("input_ids")
    texts = inputs["inputs_embeds"] if texts is None else texts
    rows, count = len(texts), len(native.prompt)
    mask = inputs.get("attention_mask")
    if mask is None:
        mask = torch.ones(texts.shape[:2], dtype=torch.long, device=texts.device)
    mask = torch.cat([mask.new_ones(rows, count), mask], 1)
    return inner(**prepend(native, rows, {**inputs, "attention_mask": mask}))
