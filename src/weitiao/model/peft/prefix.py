"""Learned vectors in front of every text, as words or as keys and values: the forward pass of a
native network is given them, and nothing inside it is changed.

The numbers are those of peft's prompt_tuning and prefix_tuning, whose files these adapters write.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from weitiao.errors import PlanError
from weitiao.i18n.messages import _
from weitiao.model.peft import layers as tuners

# Families whose heads read what they should with vectors in front of padded rows.
FAMILIES = ("bert", "roberta", "xlm-roberta", "camembert", "electra", "ernie")
ALSO_WORDS = ("distilbert", "albert")  # these take no keys from outside


def refuse(adapter: str, native: Any) -> None:
    """Raise PlanError, with the reason, for a family in which this adapter does not work."""
    family = native.config.model_type
    if family in FAMILIES or (adapter == "prompt_tuning" and family in ALSO_WORDS):
        return
    why = {
        "deberta-v2": _("its attention reads places relative to the text"),
        "xlnet": _("it has a memory of its own, and pads in front"),
        "modernbert": _("most of its layers see their neighbours alone"),
    }.get(family, _("its native head or attention does not expect vectors in front of padded "
                       "rows"))  # fmt: skip
    told = _("model.adapter: {adapter} does not work with {family}: {why}. Take lora.",
                adapter=adapter, family=family, why=why)  # fmt: skip
    raise PlanError([told])


def words_like(words: nn.Embedding, count: int) -> Tensor:
    """Vectors of words drawn from the vocabulary: a better start than noise (Lester et al.)."""
    drawn = torch.randint(words.num_embeddings, (count,))
    return words.weight.detach()[drawn].clone()


Entering = Callable[..., dict[str, Any]]


def put(native: Any, start: Tensor, entering: Entering) -> None:
    """Register the vectors as `native.prompt`, and let every pass enter through `entering`."""
    native.register_parameter("prompt", nn.Parameter(start))
    native.forward = partial(_forward, native, native.forward, entering)


def _forward(native: Any, inner: Any, entering: Entering, **tensors: Any) -> Any:
    seen = tensors.get("input_ids")
    seen = tensors["inputs_embeds"] if seen is None else seen
    rows, count = len(seen), len(native.prompt)
    mask = tensors.get("attention_mask")
    mask = (
        torch.ones(seen.shape[:2], dtype=torch.long, device=seen.device) if mask is None else mask
    )
    mask = torch.cat([mask.new_ones(rows, count), mask], 1)
    return inner(**entering(native, rows, {**tensors, "attention_mask": mask}))


def in_front(native: Any, rows: int, tensors: dict[str, Any]) -> dict[str, Any]:
    """The vectors as words."""
    ids = tensors.pop("input_ids", None)
    words = native.get_input_embeddings()(ids) if ids is not None else tensors["inputs_embeds"]
    types = tensors.get("token_type_ids")
    if types is not None:
        front = types.new_zeros(rows, len(native.prompt))
        tensors["token_type_ids"] = torch.cat([front, types], 1)
    if "position_ids" in tensors:  # theirs come first, and the text follows
        places, count = tensors["position_ids"], len(native.prompt)
        front = places[:, :1] + torch.arange(count, device=places.device)
        tensors["position_ids"] = torch.cat([front, places + count], 1)
    return {**tensors, "inputs_embeds": torch.cat([native.prompt.expand(rows, -1, -1), words], 1)}


def as_keys(native: Any, rows: int, tensors: dict[str, Any]) -> dict[str, Any]:
    """The vectors as keys and values of every layer."""
    from transformers import DynamicCache

    config, count = native.config, len(native.prompt)
    heads, layers = config.num_attention_heads, config.num_hidden_layers
    # (count, 2 layers, heads, width) -> (2 layers, rows, heads, count, width)
    each = native.prompt.view(count, 2 * layers, heads, -1).permute(1, 2, 0, 3)
    pairs = each[:, None].expand(-1, rows, -1, -1, -1).unflatten(0, (layers, 2))
    cache = DynamicCache()
    for number in range(layers):
        cache.update(pairs[number, 0], pairs[number, 1], number)
    if "position_ids" in tensors:
        tensors["position_ids"] = tensors["position_ids"] + count
    return {**tensors, "past_key_values": cache}


def told(kind: str, native: Any, count: int) -> dict[str, Any]:
    """What adapter_config.json says of these vectors."""
    config = native.config
    found = {
        "peft_type": kind,
        "task_type": tuners.task_type(native),
        "inference_mode": True,
        "num_virtual_tokens": count,
        "token_dim": config.hidden_size if kind == "PREFIX_TUNING" else native.prompt.shape[1],
        "num_transformer_submodules": 1,
        "num_attention_heads": config.num_attention_heads,
        "num_layers": config.num_hidden_layers,
    }
    if kind == "PREFIX_TUNING":
        return {**found, "encoder_hidden_size": config.hidden_size, "prefix_projection": False}
    return {**found, "prompt_tuning_init": "RANDOM"}
