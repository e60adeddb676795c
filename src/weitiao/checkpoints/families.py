"""What each family of networks wants: padding, separators, memory, and which way it attends."""

from __future__ import annotations

from typing import Any

from weitiao.errors import ModelError, PlanError
from weitiao.i18n.messages import _

# Families that read left to right. Each token sees those before it, so heads read the last one.
DECODERS = ("gpt2", "llama", "qwen2", "qwen3", "smollm3", "gemma3_text")
ABSOLUTE = {"gpt2"}  # of these, places are counted from the left edge, padding included
XLNET = "xlnet"
# The families that every task is tried with, in the order of the docs.
ENCODERS = (
    "bert", "roberta", "xlm-roberta", "electra", "albert", "deberta-v2", "mpnet", "distilbert",
    "ernie", "modernbert",
)  # fmt: skip
TRIED = (*ENCODERS, *DECODERS, XLNET)
# Families whose position ids start after the padding index.
OFFSET = {"roberta", "xlm-roberta", "camembert", "mpnet"}

# Weights of pre-training alone, by the end of their name: no fine-tuning ever reads them.
UNREAD = ("mask_emb",)  # XLNet's vector in place of a word that it predicts


def rest(native: Any) -> None:
    """Let weights that nothing reads not learn: several processes would wait for their gradient."""
    for name, param in native.named_parameters():
        if name.endswith(UNREAD):
            param.requires_grad_(False)


def reads_last(config: Any) -> bool:
    """Whether heads of this family read the last token of a text: decoders and XLNet."""
    from transformers.models.auto import modeling_auto as auto

    name = str(config.model_type)
    left_to_right = name in auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    both_ways = name in auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    return name in {*DECODERS, XLNET} or (left_to_right and not both_ways)


def has_head(config: Any, kind: str = "SEQUENCE_CLASSIFICATION") -> bool:
    """Whether transformers has a head of this kind for the family."""
    from transformers.models.auto import modeling_auto as auto

    names = getattr(auto, f"MODEL_FOR_{kind}_MAPPING_NAMES", {})
    return str(config.model_type) in names


def settle(tokenizer: Any, config: Any) -> None:
    """Make tokenizer and config fit for rows that are padded together, and for pairs.

    Raises ModelError for a tokenizer that has no token to pad with.
    """
    _pad(tokenizer, config)
    if config.model_type == XLNET:  # its head reads the last place of a row
        tokenizer.padding_side = "left"
        config.use_mems_eval = config.use_mems_train = False  # a row remembers no other row
    elif reads_last(config):
        config.use_cache = False  # for writing on, which nobody does here
        if config.model_type in ABSOLUTE:
            tokenizer.padding_side = "right"
        _part(tokenizer)
    else:  # an encoder counts places from the left edge, whatever its tokenizer says
        tokenizer.padding_side = "right"


def _pad(tokenizer: Any, config: Any) -> None:
    size = getattr(config, "vocab_size", None) or len(tokenizer)
    given = tokenizer.pad_token_id
    if given is None or given >= size:  # one past the table would need a table of another size
        tokenizer.pad_token = _padding(tokenizer, size)
    if getattr(config, "pad_token_id", None) in (None, -1) or reads_last(config):
        config.pad_token_id = tokenizer.pad_token_id


def _padding(tokenizer: Any, size: int) -> str:
    """The token to pad with, of those that there are: one that does not end texts, if possible.

    The head of a decoder reads the last token that is no padding.
    """
    known = [
        token
        for token in (tokenizer.eos_token, tokenizer.unk_token, tokenizer.bos_token)
        if token is not None and tokenizer.convert_tokens_to_ids(token) < size
    ]
    if not known:
        raise ModelError(_("this tokenizer has no padding token; take another checkpoint."))
    last = tokenizer("a")["input_ids"][-1:]
    apart = [token for token in known if [tokenizer.convert_tokens_to_ids(token)] != last]
    return str((apart or known)[0])


def _part(tokenizer: Any) -> None:
    """Let a pair have a token between its texts: the tokenizers of decoders glue them together."""
    from tokenizers import processors

    backend = getattr(tokenizer, "backend_tokenizer", None)
    between = tokenizer.eos_token or tokenizer.pad_token
    number = tokenizer.convert_tokens_to_ids(between)
    if backend is None or _separates(tokenizer):
        return
    own, alone = backend.post_processor, tokenizer("a")["input_ids"]
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    if alone != bare:  # it adds something of its own, which a template would lose
        return
    parted = processors.TemplateProcessing(
        single="$A", pair=f"$A {between} $B", special_tokens=[(between, number)]
    )
    backend.post_processor = parted if own is None else processors.Sequence([own, parted])


def _separates(tokenizer: Any) -> bool:
    one = tokenizer("a", add_special_tokens=False)["input_ids"]
    return len(tokenizer("a", "a")["input_ids"]) > len(tokenizer("a")["input_ids"]) + len(one)


def attend(native: Any, attention: str) -> None:
    """Let a decoder attend both ways, where a plan says `full`. Raises PlanError elsewhere.

    transformers makes the mask from `config.is_causal`; where it makes none (nothing is padded),
    the attention function asks the layer.
    """
    if attention == "native":
        return
    family = str(native.config.model_type)
    if family not in DECODERS:
        told = _(
            "model.attention: full is for decoders ({families}); {family} attends as it was "
            "trained to: leave the setting out.",
            families=", ".join(DECODERS),
            family=family,
        )
        raise PlanError([told])
    native.config.is_causal = False
    for module in native.modules():
        if isinstance(getattr(module, "is_causal", None), bool):
            module.is_causal = False
