"""Where the parts of the BERT layout lie in transformers' networks of several families."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from weitiao.model.fast.layer import Spec, modules_params
from weitiao.model.peft.layers import folds

# Families whose encoder is exactly BERT's; distilbert is spelled in its own way.
BERT = {"bert", "roberta", "xlm-roberta", "camembert", "electra", "ernie"}
LANES = 16  # numbers at a time: widths are multiples of it
SPELLED = {
    "query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value",
    "out": "attention.output.dense", "norm1": "attention.output.LayerNorm",
    "up": "intermediate.dense", "down": "output.dense", "norm2": "output.LayerNorm",
}  # fmt: skip
DISTILBERT = {
    "query": "attention.q_lin", "key": "attention.k_lin", "value": "attention.v_lin",
    "out": "attention.out_lin", "norm1": "sa_layer_norm", "up": "ffn.lin1", "down": "ffn.lin2",
    "norm2": "output_layer_norm",
}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """A network of the BERT layout, taken apart."""

    words: nn.Embedding
    places: nn.Embedding
    kinds: nn.Embedding | None
    norm: nn.LayerNorm
    dropout: float
    layers: tuple[tuple[Spec, dict[str, nn.Module]], ...]  # modules: query, key, ...


def is_bert(config: Any) -> bool:
    """Whether a config says BERT's layout, attending both ways, in widths that kernels take."""
    family = str(config.model_type)
    activation = config.activation if family == "distilbert" else getattr(config, "hidden_act", "")
    apart = getattr(config, "is_decoder", False) or getattr(config, "add_cross_attention", False)
    plain = getattr(config, "position_embedding_type", "absolute") in (None, "absolute")
    odd = apart or getattr(config, "use_task_id", False) or not plain
    if family not in {*BERT, "distilbert"} or activation != "gelu" or odd:
        return False
    distil = family == "distilbert"
    width = config.dim if distil else config.hidden_size
    inner = config.hidden_dim if distil else config.intermediate_size
    projected = getattr(config, "embedding_size", width) != width
    return not (projected or width % LANES or inner % LANES)


def shape_of(base: Any, config: Any) -> Shape | None:
    """The parts of a base model, or None when it is not of this layout: by its config, or for
    what was put inside."""
    if not is_bert(config):
        return None
    distil = config.model_type == "distilbert"
    inner = base.transformer.layer if distil else base.encoder.layer
    found = [_layer(i, layer, config, distil) for i, layer in enumerate(inner)]
    layers = tuple(one for one in found if one is not None)
    e = base.embeddings
    kinds = getattr(e, "token_type_embeddings", None)
    if len(layers) != len(found):
        return None
    rate = config.dropout if distil else config.hidden_dropout_prob
    return Shape(e.word_embeddings, e.position_embeddings, kinds, e.LayerNorm, float(rate), layers)


def _layer(
    number: int, layer: Any, config: Any, distil: bool
) -> tuple[Spec, dict[str, nn.Module]] | None:
    names = DISTILBERT if distil else SPELLED
    modules = {part: layer.get_submodule(path) for part, path in names.items()}
    plain = all(
        type(module) is (nn.LayerNorm if part.startswith("norm") else nn.Linear) or folds(module)
        for part, module in modules.items()
    )
    if not plain:
        return None
    if any(param is None for param in modules_params(modules)):
        return None
    return Spec(
        number,
        config.n_heads if distil else config.num_attention_heads,
        float(layer.get_submodule(names["norm1"]).eps),
        float(config.attention_dropout if distil else config.attention_probs_dropout_prob),
        float(config.dropout if distil else config.hidden_dropout_prob),
    ), modules
