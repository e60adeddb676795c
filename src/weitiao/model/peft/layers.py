"""peft's tuners in our networks: which layers they go into, and what their weights amount to.

LoRA, DoRA and (IA)3 are other weights in disguise: `effective` gives those, differentiable. So own
kernels train through them as through any weights, and a saved folder holds them as plain ones.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from weitiao.errors import PlanError
from weitiao.i18n.messages import _

ACTIVE = "default"  # peft's name of the only adapter

# family -> (layers of the blocks, of these: keys and values, of these: the end of the feed-forward
# part), each by the end of its name. A dot before the number keeps `output.dense` of BERT apart
# from `attention.output.dense`.
_BERT = (
    ("self.query", "self.key", "self.value", "output.dense", "intermediate.dense"),
    ("self.key", "self.value"),
    (".output.dense",),
)
_LLAMA = (
    ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
    ("k_proj", "v_proj"),
    ("down_proj",),
)
FAMILIES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    **dict.fromkeys(("bert", "roberta", "xlm-roberta", "camembert", "electra", "ernie"), _BERT),
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3", "smollm3"), _LLAMA),
    **dict.fromkeys(("gemma2", "gemma3_text"), _LLAMA),
    "deberta-v2": (
        ("query_proj", "key_proj", "value_proj", "output.dense", "intermediate.dense"),
        ("key_proj", "value_proj"),
        (".output.dense",),
    ),
    "distilbert": (
        ("q_lin", "k_lin", "v_lin", "out_lin", "ffn.lin1", "ffn.lin2"),
        ("k_lin", "v_lin"),
        ("ffn.lin2",),
    ),
    "mpnet": (
        ("attn.q", "attn.k", "attn.v", "attn.o", "intermediate.dense", "output.dense"),
        ("attn.k", "attn.v"),
        (".output.dense",),
    ),
    "albert": (
        ("attention.query", "attention.key", "attention.value", "attention.dense", "ffn",
         "ffn_output"),
        ("attention.key", "attention.value"),
        ("ffn_output",),
    ),
    "modernbert": (
        ("attn.Wqkv", "attn.Wo", "mlp.Wi", "mlp.Wo"),  # queries lie in one matrix with the keys
        ("attn.Wqkv",),
        ("mlp.Wo",),
    ),
    "gpt2": (
        ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"),
        ("attn.c_attn",),
        ("mlp.c_proj",),
    ),
    # The attention of xlnet is no layers but bare weights, which adapters cannot take.
    "xlnet": (("ff.layer_1", "ff.layer_2"), (), ("ff.layer_2",)),
}  # fmt: skip


def peft(adapter: str) -> Any:
    """The package peft. Raises PlanError when it is not installed."""
    if find_spec("peft") is None:
        told = _(
            'model.adapter: {adapter} needs a package more: pip install "weitiao[adapters]".',
            adapter=adapter,
        )
        raise PlanError([told])
    import peft

    return peft


def targets(native: Any, adapter: str, wanted: list[str]) -> list[str]:
    """The full names of the layers that LoRA goes into. Raises PlanError when there are none."""
    ends = wanted or list(FAMILIES.get(native.config.model_type, (("",),))[0])
    return _named(native, adapter, ends)


def scaled(native: Any, wanted: list[str], inside: list[str]) -> tuple[list[str], list[str]]:
    """The full names of the layers that (IA)3 scales; those whose input is scaled once more."""
    family = native.config.model_type
    if not wanted and family not in FAMILIES:
        told = _("model.adapter: ia3 does not know the layers of {family}: name target_modules "
                    "and feedforward_modules.", family=family)  # fmt: skip
        raise PlanError([told])
    if not wanted:
        _unused, outside, ends = FAMILIES[family]
        found = _named(native, "ia3", list(ends))
        found = [name for name in found if ".attention." not in name]
        return sorted({*found, *(_named(native, "ia3", list(outside)) if outside else ())}), found
    return _named(native, "ia3", wanted), _named(native, "ia3", inside) if inside else []


def _named(native: Any, adapter: str, ends: list[str]) -> list[str]:
    known = [
        name
        for name, module in native.base_model.named_modules(prefix=native.base_model_prefix)
        if isinstance(module, nn.Linear) or is_conv(module)
    ]
    known = [name for name in known if "pooler" not in name]
    found = [name for name in known if any(_ends(name, end) for end in ends)]
    if not found:
        told = _("model.adapter: {adapter}: no layer is called {name}; for example {known} is.",
                    adapter=adapter, name=", ".join(ends), known=known[-1] if known else "-",
                    )  # fmt: skip
        raise PlanError([told])
    return found


def _ends(name: str, end: str) -> bool:
    return not end or f".{name}".endswith(end if end.startswith(".") else f".{end}")


def is_conv(module: Any) -> bool:
    """Whether a module is a linear layer as GPT-2 spells it, its weight transposed."""
    from transformers.pytorch_utils import Conv1D

    return isinstance(module, Conv1D)


def is_transposed(native: Any) -> bool:
    return any(is_conv(module) for module in native.modules())


def inject(native: Any, config: Any) -> dict[str, Any]:
    """Put peft's layers around those that `config` names; only their new weights learn.

    Returns what adapter_config.json says, so that peft itself can put them on the checkpoint.
    """
    import peft

    peft.inject_adapter_in_model(config, native)
    found: dict[str, Any] = json.loads(json.dumps(config.to_dict(), default=sorted))
    return {**found, "task_type": task_type(native), "inference_mode": True}


def task_type(native: Any) -> str:
    """What peft calls the kind of model that an adapter is for: it loads it as such a one."""
    name = type(native).__name__
    if name.endswith("ForTokenClassification"):
        return "TOKEN_CLS"
    return "QUESTION_ANS" if name.endswith("ForQuestionAnswering") else "SEQ_CLS"


def tensors(native: Any) -> dict[str, Tensor]:
    """The weights of the tuners, as peft's files name them."""
    import peft

    found: dict[str, Tensor] = peft.get_peft_model_state_dict(native, adapter_name=ACTIVE)
    return found


def is_tuner(module: nn.Module) -> bool:
    """Whether a module is a layer with something of peft's around it."""
    return hasattr(module, "base_layer")


def folds(module: nn.Module) -> bool:
    """Whether a layer is, in training too, one with other weights: nothing drops out inside."""
    drops = getattr(module, "lora_dropout", None)
    inner = getattr(module, "base_layer", None)
    return type(inner) is nn.Linear and (drops is None or type(drops[ACTIVE]) is nn.Identity)


def effective(module: Any) -> tuple[Tensor, Tensor | None]:
    """Weight and bias of the plain layer that a tuner amounts to, differentiable."""
    grad = torch.is_grad_enabled()
    with torch.inference_mode(False), torch.set_grad_enabled(grad):  # kernels look at versions
        weight, bias = _unpacked(module.base_layer.weight), module.base_layer.bias
        if hasattr(module, "ia3_l"):
            return _scaled(module, weight, bias)
        turned = is_conv(module.base_layer)
        added = module.lora_B[ACTIVE].weight @ module.lora_A[ACTIVE].weight
        added = added * module.scaling[ACTIVE]
        whole = weight + (added.t() if turned else added)
        if ACTIVE not in getattr(module, "lora_magnitude_vector", {}):
            return whole, bias
        length = torch.linalg.norm(whole, dim=0 if turned else 1).detach()
        factor = module.lora_magnitude_vector[ACTIVE].weight / length
        return whole * (factor if turned else factor[:, None]), bias


def _unpacked(weight: Any) -> Tensor:
    """A weight as numbers, also when it is held in 4 bits."""
    if getattr(weight, "quant_state", None) is None:
        return weight
    from bitsandbytes.functional import dequantize_4bit

    return dequantize_4bit(weight.data, weight.quant_state).float()


def _scaled(module: Any, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
    factor = module.ia3_l[ACTIVE].flatten()
    turned = is_conv(module.base_layer)
    if module.is_feedforward:
        return weight * (factor[:, None] if turned else factor), bias
    scaled_bias = None if bias is None else bias * factor
    return weight * (factor if turned else factor[:, None]), scaled_bias


@torch.no_grad()
def plain_state(native: Any) -> dict[str, Tensor]:
    """The state of the network without tuners that computes the same."""
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
