"""peft's tuner layers (LoRA, DoRA, (IA)3): where they are injected, and their effective weights.

LoRA, DoRA and (IA)3 reparameterize weights: `effective` computes those, differentiably. So own
kernels train through them as through any weights, and a saved folder holds plain weights.
"""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from weitiao.errors import PlanError
from weitiao.i18n.messages import _

ACTIVE = "default"  # peft's name of the only adapter

# Family -> the layers that (IA)3 scales, by the end of their name: (keys and values, last layer of
# the feed-forward part). peft's own table lacks half of these families, and has queries for keys
# in qwen2. A dot before the name keeps `output.dense` of BERT apart from `attention.output.dense`.
_BERT = (("self.key", "self.value"), (".output.dense",))
_LLAMA = (("k_proj", "v_proj"), ("down_proj",))
IA3_LAYERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    **dict.fromkeys(("bert", "roberta", "xlm-roberta", "camembert", "electra", "ernie"), _BERT),
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3", "smollm3"), _LLAMA),
    **dict.fromkeys(("gemma2", "gemma3_text"), _LLAMA),
    "deberta-v2": (("key_proj", "value_proj"), (".output.dense",)),
    "distilbert": (("k_lin", "v_lin"), ("ffn.lin2",)),
    "mpnet": (("attn.k", "attn.v"), (".output.dense",)),
    "albert": (("attention.key", "attention.value"), ("ffn_output",)),
    "modernbert": (("attn.Wqkv",), ("mlp.Wo",)),  # queries, keys and values are one matrix
    "gpt2": (("attn.c_attn",), ("mlp.c_proj",)),
    "xlnet": ((), ("ff.layer_2",)),  # its attention has bare parameters, which no adapter takes
}
# Blocks are numbered: what lies outside, such as a projection of the embeddings, is left alone, and
# so are the projections of positions in DeBERTa.
IN_BLOCK = re.compile(r"\.\d+\.(?!.*\.pos_(query|key)_proj$)")


def peft(adapter: str) -> Any:
    """The package peft. Raises PlanError when it is not installed."""
    if find_spec("peft") is None:
        message = _(
            'model.adapter: {adapter} needs a package more: pip install "weitiao[adapters]".',
            adapter=adapter,
        )
        raise PlanError([message])
    import peft

    return peft


def lora_targets(native: Any, adapter: str, wanted: list[str]) -> list[str]:
    """The full names of the layers with LoRA: all linear ones of the blocks, unless some are named.

    Raises PlanError when there are none.
    """
    if wanted:
        return _matching(native, adapter, wanted)
    names = _linear_layers(native)
    in_blocks = [name for name in names if IN_BLOCK.search(name)]
    return in_blocks or names or _matching(native, adapter, [""])


def ia3_targets(
    native: Any, wanted: list[str], feedforward: list[str]
) -> tuple[list[str], list[str]]:
    """The full names of the layers that (IA)3 scales, and of those whose input is scaled."""
    family = native.config.model_type
    if wanted:
        scaled = _matching(native, "ia3", wanted)
        return scaled, _matching(native, "ia3", feedforward) if feedforward else []
    if family not in IA3_LAYERS:
        message = _(
            "model.adapter: ia3 does not know the layers of {family}: name target_modules "
            "and feedforward_modules.",
            family=family,
        )
        raise PlanError([message])
    keys_values, last = (list(endings) for endings in IA3_LAYERS[family])
    inputs = [name for name in _matching(native, "ia3", last) if ".attention." not in name]
    outputs = _matching(native, "ia3", keys_values) if keys_values else []
    return sorted({*inputs, *outputs}), inputs


def _linear_layers(native: Any) -> list[str]:
    """The full names of the linear layers below the head, without the pooler."""
    return [
        name
        for name, module in native.base_model.named_modules(prefix=_prefix(native))
        if (isinstance(module, nn.Linear) or is_conv1d(module)) and "pooler" not in name
    ]


def _prefix(native: Any) -> str:
    """The name of the base network; empty where the network is its own, as a pair of encoders."""
    prefix = str(native.base_model_prefix)
    return prefix if hasattr(native, prefix) else ""


def _matching(native: Any, adapter: str, endings: list[str]) -> list[str]:
    """The linear layers whose name ends so, at a dot. Raises PlanError when there are none."""
    known = _linear_layers(native)
    suffixes = tuple(end if end.startswith(".") else f".{end}" for end in endings)
    matching = [name for name in known if f".{name}".endswith(suffixes)]
    if not matching:
        message = _(
            "model.adapter: {adapter}: no layer is called {name}; for example {known} is.",
            adapter=adapter,
            name=", ".join(endings),
            known=known[-1] if known else "-",
        )
        raise PlanError([message])
    return matching


def is_conv1d(module: Any) -> bool:
    """Whether a module is GPT-2's kind of linear layer, whose weight is (inputs, outputs)."""
    from transformers.pytorch_utils import Conv1D

    return isinstance(module, Conv1D)


def has_conv1d(native: Any) -> bool:
    return any(is_conv1d(module) for module in native.modules())


def inject(native: Any, config: Any) -> dict[str, Any]:
    """Wrap the layers that `config` names in peft's tuners; only their new weights learn.

    Returns the content of adapter_config.json, with which peft itself loads the adapter.
    """
    import peft

    peft.inject_adapter_in_model(config, native)
    # Through JSON: peft keeps target_modules as a set, whose order would change between runs.
    settings: dict[str, Any] = json.loads(json.dumps(config.to_dict(), default=sorted))
    return {**settings, "task_type": task_type(native), "inference_mode": True}


def task_type(native: Any) -> str:
    """peft's name of the kind of model that an adapter is for."""
    name = type(native).__name__
    if writes(native):
        return "SEQ_2_SEQ_LM" if native.config.is_encoder_decoder else "CAUSAL_LM"
    if name.endswith("ForTokenClassification"):
        return "TOKEN_CLS"
    return "QUESTION_ANS" if name.endswith("ForQuestionAnswering") else "SEQ_CLS"


def writes(native: Any) -> bool:
    """Whether a network gives the next token of a text."""
    can_generate = getattr(native, "can_generate", None)
    return bool(can_generate and can_generate())


def tensors(native: Any) -> dict[str, Tensor]:
    """The weights of the tuners by the names in peft's files."""
    import peft

    state: dict[str, Tensor] = peft.get_peft_model_state_dict(native, adapter_name=ACTIVE)
    return state


def is_tuner(module: nn.Module) -> bool:
    """Whether a module is a layer wrapped by peft."""
    return hasattr(module, "base_layer")


def is_reparameterized(module: nn.Module) -> bool:
    """Whether a tuner equals a linear layer with other weights even in training (no dropout)."""
    dropout = getattr(module, "lora_dropout", None)
    inner = getattr(module, "base_layer", None)
    return type(inner) is nn.Linear and (dropout is None or type(dropout[ACTIVE]) is nn.Identity)


def effective(module: Any) -> tuple[Tensor, Tensor | None]:
    """Effective weight and bias: those of the equivalent plain layer, differentiable.

    LoRA: W + scaling * B A. DoRA: m * V / |V|, V = W + scaling * B A, with norms over the inputs
    and, as in the paper (section 4.3), without a gradient through |V|. (IA)3: W scaled by rows, or
    by columns where the input is scaled.
    """
    grad = torch.is_grad_enabled()
    # Tensors made in inference mode have no version counter, which the kernels' weight copies read.
    with torch.inference_mode(False), torch.set_grad_enabled(grad):
        weight, bias = _dequantized(module.base_layer.weight), module.base_layer.bias
        if hasattr(module, "ia3_l"):
            return _ia3_scaled(module, weight, bias)
        transposed = is_conv1d(module.base_layer)
        delta = module.lora_B[ACTIVE].weight @ module.lora_A[ACTIVE].weight
        delta = delta * module.scaling[ACTIVE]
        total = weight + (delta.t() if transposed else delta)
        if ACTIVE not in getattr(module, "lora_magnitude_vector", {}):
            return total, bias
        # A constant in backward: the direction's gradient is then scaled by m / |V| alone, which
        # saves memory at nearly the same accuracy (section 4.3).
        norm = torch.linalg.norm(total, dim=0 if transposed else 1).detach()
        factor = module.lora_magnitude_vector[ACTIVE].weight / norm
        return total * (factor if transposed else factor[:, None]), bias


def _dequantized(weight: Any) -> Tensor:
    """A weight as fp32, also when it is held in 4 bits."""
    if getattr(weight, "quant_state", None) is None:
        return weight
    from bitsandbytes.functional import dequantize_4bit

    return dequantize_4bit(weight.data, weight.quant_state).float()


def _ia3_scaled(module: Any, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
    factor = module.ia3_l[ACTIVE].flatten()
    transposed = is_conv1d(module.base_layer)
    if module.is_feedforward:  # the input is scaled: columns of the weight, and not the bias
        return weight * (factor[:, None] if transposed else factor), bias
    scaled_bias = None if bias is None else bias * factor
    return weight * (factor if transposed else factor[:, None]), scaled_bias


@torch.no_grad()
def plain_state(native: Any) -> dict[str, Tensor]:
    """The state dict of the equivalent network without tuners."""
    state = {name: value.detach() for name, value in native.state_dict().items()}
    for name, module in native.named_modules():
        if not is_tuner(module):
            continue
        for inner in module.state_dict(prefix=f"{name}."):
            del state[inner]
        weight, bias = effective(module)
        state[f"{name}.weight"] = weight.detach()
        if bias is not None:
            state[f"{name}.bias"] = bias.detach()
    return state
