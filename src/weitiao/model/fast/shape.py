"""Module map of the BERT layout: where transformers' families have the same modules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from weitiao.model.fast.layer import LayerSpec, layer_params
from weitiao.model.tuners import is_reparameterized

# Families whose encoder is exactly BERT's; distilbert has other names for the same modules.
BERT = {"bert", "roberta", "xlm-roberta", "camembert", "electra", "ernie"}
VECTOR_WIDTH = 16  # of the kernels: hidden sizes are multiples of it
BERT_MODULES = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "out": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm2": "output.LayerNorm",
}
DISTILBERT_MODULES = {
    "query": "attention.q_lin",
    "key": "attention.k_lin",
    "value": "attention.v_lin",
    "out": "attention.out_lin",
    "norm1": "sa_layer_norm",
    "up": "ffn.lin1",
    "down": "ffn.lin2",
    "norm2": "output_layer_norm",
}


@dataclass(frozen=True)
class BertModules:
    """The modules of a network of BERT's layout."""

    words: nn.Embedding
    positions: nn.Embedding
    types: nn.Embedding | None
    norm: nn.LayerNorm
    dropout: float
    layers: tuple[tuple[LayerSpec, dict[str, nn.Module]], ...]  # modules: query, key, ...


def is_bert(config: Any) -> bool:
    """Whether a config is of BERT's layout: bidirectional, exact GELU, widths that kernels take."""
    family = str(config.model_type)
    activation = config.activation if family == "distilbert" else getattr(config, "hidden_act", "")
    causal = getattr(config, "is_decoder", False) or getattr(config, "add_cross_attention", False)
    plain = getattr(config, "position_embedding_type", "absolute") in (None, "absolute")
    other = causal or getattr(config, "use_task_id", False) or not plain
    if family not in {*BERT, "distilbert"} or activation != "gelu" or other:
        return False
    distil = family == "distilbert"
    width = config.dim if distil else config.hidden_size
    inner = config.hidden_dim if distil else config.intermediate_size
    projected = getattr(config, "embedding_size", width) != width
    return not (projected or width % VECTOR_WIDTH or inner % VECTOR_WIDTH)


def bert_modules(base: Any, config: Any) -> BertModules | None:
    """The modules of a base model; None when it is not of this layout, by its config or because an
    adapter was injected that kernels cannot run."""
    if not is_bert(config):
        return None
    distil = config.model_type == "distilbert"
    inner = base.transformer.layer if distil else base.encoder.layer
    candidates = [_layer(i, layer, config, distil) for i, layer in enumerate(inner)]
    layers = tuple(layer for layer in candidates if layer is not None)
    if len(layers) != len(candidates):
        return None
    e = base.embeddings
    types = getattr(e, "token_type_embeddings", None)
    rate = config.dropout if distil else config.hidden_dropout_prob
    return BertModules(
        e.word_embeddings, e.position_embeddings, types, e.LayerNorm, float(rate), layers
    )


def _layer(
    number: int, layer: Any, config: Any, distil: bool
) -> tuple[LayerSpec, dict[str, nn.Module]] | None:
    names = DISTILBERT_MODULES if distil else BERT_MODULES
    modules = {part: layer.get_submodule(path) for part, path in names.items()}
    plain = all(
        # The exact type: a subclass (quantized, wrapped) computes something else.
        type(module) is (nn.LayerNorm if part.startswith("norm") else nn.Linear)
        or is_reparameterized(module)
        for part, module in modules.items()
    )
    if not plain:
        return None
    if any(param is None for param in layer_params(modules)):
        return None
    return LayerSpec(
        number,
        config.n_heads if distil else config.num_attention_heads,
        float(layer.get_submodule(names["norm1"]).eps),
        float(config.attention_dropout if distil else config.attention_probs_dropout_prob),
        float(config.dropout if distil else config.hidden_dropout_prob),
    ), modules
