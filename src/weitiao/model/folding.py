"""The head `mean` as weights of transformers' own classes: one more encoder layer and native head.

In the added layer queries and keys are zero, so each token attends to all tokens of its row alike;
values are K times the identity, and K outweighs the residual connection. So the first token
becomes LayerNorm(K * mean + h) = LayerNorm(mean + h / K), and the feed-forward part, all zero,
leaves it. The native head then has to be linear: a tanh is in small arguments, and
gelu(y) - gelu(-y) = y as well as relu(y) - relu(-y) = y. Factors are powers of two, so that
`unfold(fold(x))` is `x` bit by bit.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification

from weitiao.core import disk
from weitiao.model.fast.shape import BERT_MODULES, DISTILBERT_MODULES

# Measured (dev/LOG.md): from 2^24 on, logits in fp32 differ by rounding alone; below, by h / K.
# fp16 ends at 65,504, and takes 2^10.
FACTOR = 2.0**24  # K, of the values
FP16_SCALE = 2.0**-14  # by which whoever converts to fp16 multiplies the values before
SCALE = 2.0**-12  # of what a tanh reads; |LayerNorm(x)| <= sqrt(width) keeps it in the linear part
SMALLEST_FACTOR = 2.0**4  # that is recognised: whoever needs fp16 lowers K
TOLERANCE = 2.0**-7  # of the weights of LayerNorm, which bf16 rounds
BASE, OUT = "base.", "head.out."


@dataclass(frozen=True)
class Family:
    """Where a family has its layers and its native head, by full names in the state dict.

    way: how the native head is made linear; its activation is tanh, or gelu or relu (`pairs`).
    """

    prefix: str
    layers: str
    modules: Mapping[str, str]
    dense: str
    out: str
    way: Literal["tanh", "pairs"]


def _bert(prefix: str) -> Family:
    dense = f"{prefix}.pooler.dense"
    return Family(prefix, "encoder.layer", BERT_MODULES, dense, "classifier", "tanh")


def _with_own_dense(prefix: str, way: Literal["tanh", "pairs"]) -> Family:
    dense, out = "classifier.dense", "classifier.out_proj"
    return Family(prefix, "encoder.layer", BERT_MODULES, dense, out, way)


FAMILIES = {
    "bert": _bert("bert"),
    "ernie": _bert("ernie"),
    **dict.fromkeys(("roberta", "xlm-roberta", "camembert"), _with_own_dense("roberta", "tanh")),
    "electra": _with_own_dense("electra", "pairs"),
    "distilbert": Family(
        *("distilbert", "transformer.layer", DISTILBERT_MODULES),
        *("pre_classifier", "classifier", "pairs"),
    ),
}


class NotFolded(Exception):
    """The weights are not those that `fold` gives. The argument is the name of one of them."""


def folds(config: Any, head: Mapping[str, Any], outputs: int) -> bool:
    """Whether a network with this head becomes one of transformers' classes."""
    family = FAMILIES.get(str(config.model_type))
    if "mean" not in head or family is None or getattr(config, "is_decoder", False):
        return False
    if getattr(config, "position_embedding_type", "absolute") not in (None, "absolute"):
        return False
    return family.way == "tanh" or 2 * outputs <= config.hidden_size


def is_known(config: Any) -> bool:
    """Whether a family's networks can be saved with the head `mean` as plain folders."""
    return str(config.model_type) in FAMILIES


def fold(state: Mapping[str, Tensor], config: Any) -> dict[str, Tensor]:
    """The weights of transformers' class from those of our network (`base.*` and `head.out.*`).

    The class has one layer more than `config`, which is that of our network.
    """
    family = FAMILIES[str(config.model_type)]
    below = {name: value for name, value in state.items() if name.startswith(BASE)}
    folded = {f"{family.prefix}.{n.removeprefix(BASE)}": value for n, value in below.items()}
    weight, bias = state[f"{OUT}weight"], state[f"{OUT}bias"]
    folded |= _layer(family, config, int(config.num_hidden_layers), FACTOR)
    dense = torch.zeros(weight.shape[1], weight.shape[1])
    if family.way == "tanh":
        dense, weight = dense.fill_diagonal_(SCALE), weight / SCALE
    else:
        count = len(weight)
        dense[:count], dense[count : 2 * count] = weight, -weight
        weight = _differences(count, len(dense))
    folded |= {f"{family.dense}.weight": dense, f"{family.dense}.bias": torch.zeros(len(dense))}
    return {**folded, f"{family.out}.weight": weight, f"{family.out}.bias": bias}


def unfold(state: Mapping[str, Tensor], config: Any) -> dict[str, Tensor]:
    """The inverse of `fold`; `config` is that of `state`, with the added layer.

    Raises NotFolded.
    """
    family = FAMILIES[str(config.model_type)]
    number = int(config.num_hidden_layers) - 1
    layer = f"{family.prefix}.{family.layers}.{number}."
    check_layer({n: value for n, value in state.items() if n.startswith(layer)}, config)
    dense, weight = state[f"{family.dense}.weight"], state[f"{family.out}.weight"]
    if family.way == "tanh":
        scale = dense[0, 0]
        _equal(
            f"{family.dense}.weight", dense, torch.zeros_like(dense).fill_diagonal_(float(scale))
        )
        if not (scale > 0 and torch.frexp(scale).mantissa == 0.5):
            raise NotFolded(f"{family.dense}.weight")
        weight = weight * scale
    else:
        count = len(weight)
        pairs = torch.zeros_like(dense)
        pairs[:count], pairs[count : 2 * count] = dense[:count], -dense[:count]
        _equal(f"{family.dense}.weight", dense, pairs)
        _equal(f"{family.out}.weight", weight, _differences(count, len(dense)))
        weight = dense[:count].clone()
    _equal(f"{family.dense}.bias", state[f"{family.dense}.bias"], torch.zeros(len(dense)))
    below = {
        f"{BASE}{name.removeprefix(f'{family.prefix}.')}": value
        for name, value in state.items()
        if name.startswith(f"{family.prefix}.")
        if not name.startswith((layer, family.dense))
    }
    return {**below, f"{OUT}weight": weight, f"{OUT}bias": state[f"{family.out}.bias"]}


def check_layer(state: Mapping[str, Tensor], config: Any) -> None:
    """Raise NotFolded unless `state`, the last layer's by full names, is what `fold` adds."""
    family = FAMILIES[str(config.model_type)]
    number = int(config.num_hidden_layers) - 1
    value = f"{family.prefix}.{family.layers}.{number}.{family.modules['value']}.weight"
    if value not in state:
        raise NotFolded(value)
    factor = state[value][0, 0]
    if not factor.is_floating_point():  # quantized
        raise NotFolded(value)
    if not (factor >= SMALLEST_FACTOR and torch.frexp(factor).mantissa == 0.5):
        raise NotFolded(value)
    for name, expected in _layer(family, config, number, float(factor)).items():
        # The weights of LayerNorm may have been rounded; all others are powers of two.
        inexact = expected.ndim == 1 and bool(expected.any())
        _equal(name, state[name], expected, TOLERANCE if inexact else 0.0)


def save(state: Mapping[str, Tensor], config: Any, folder: Path) -> None:
    """Save our network as `AutoModelForSequenceClassification` reads it. See `fold`."""
    weights = fold(state, config)
    more = copy.deepcopy(config)
    more.num_hidden_layers = config.num_hidden_layers + 1
    with torch.device("meta"):  # the class writes config.json; its weights are those of `fold`
        network = AutoModelForSequenceClassification.from_config(more)
    missing = network.state_dict().keys() ^ weights.keys()
    assert not missing, f"not one to one: {sorted(missing)[:3]}"
    weights = {name: value.contiguous() for name, value in weights.items()}
    network.save_pretrained(disk.plain(folder), state_dict=weights)


def without_layer(base: Any) -> Any:
    """The base network without its last layer, which is the one that `fold` adds."""
    family = FAMILIES[str(base.config.model_type)]
    del base.get_submodule(family.layers)[-1]
    base.config.num_hidden_layers -= 1
    return base


def stripped(native: Any) -> Any:
    """A network of a folded checkpoint without the added layer and, where it has one, with a new
    native head: training starts as from the checkpoint before it was folded. Others as they are.
    """
    family = FAMILIES.get(str(native.config.model_type))
    base = native.base_model
    if family is None or not native.config.num_hidden_layers:
        return native
    state = {f"{family.prefix}.{name}": value for name, value in base.state_dict().items()}
    try:
        check_layer(state, native.config)
    except NotFolded:
        return native
    without_layer(base)
    initializer_range = float(native.config.initializer_range)
    heads = {family.dense, family.out, "pooler.dense"}
    for name, module in native.named_modules():
        if name in heads and isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=initializer_range)
            nn.init.zeros_(module.bias)
    return native


def _layer(family: Family, config: Any, number: int, factor: float) -> dict[str, Tensor]:
    """The added layer, by full names."""
    width = int(config.hidden_size)
    inner = int(getattr(config, "intermediate_size", 0) or config.hidden_dim)
    identity = torch.eye(width)
    # The second LayerNorm divides by sqrt(1 + eps) what already has the variance 1.
    eps = float(getattr(config, "layer_norm_eps", 1e-12))
    weights = {
        "query": torch.zeros(width, width),
        "key": torch.zeros(width, width),
        "value": factor * identity,
        "out": identity,
        "norm1": torch.ones(width),
        "up": torch.zeros(inner, width),
        "down": torch.zeros(width, inner),
        "norm2": torch.full((width,), (1 + eps) ** 0.5),
    }
    layer = {}
    for part, weight in weights.items():
        name = f"{family.prefix}.{family.layers}.{number}.{family.modules[part]}"
        layer[f"{name}.weight"], layer[f"{name}.bias"] = weight, torch.zeros(len(weight))
    return layer


def _differences(count: int, width: int) -> Tensor:
    """(count, width): output i is input i minus input count + i."""
    weight = torch.zeros(count, width)
    weight[:, :count].fill_diagonal_(1.0)
    weight[:, count : 2 * count].fill_diagonal_(-1.0)
    return weight


def _equal(name: str, found: Tensor, expected: Tensor, tolerance: float = 0.0) -> None:
    alike = found.shape == expected.shape
    if not alike or (found.cpu() - expected.cpu()).abs().max() > tolerance:
        raise NotFolded(name)
