"""Quirks of model families: padding token and side, pair separators, caches, causal attention."""

from __future__ import annotations

from typing import Any

from weitiao.errors import ModelError, PlanError
from weitiao.i18n.messages import _
from weitiao.labels.texts.languages import language_behind

# Causal decoders: a token attends to those before it, so heads read the last one.
DECODERS = ("gpt2", "llama", "qwen2", "qwen3", "smollm3", "gemma3_text")
ABSOLUTE = {"gpt2"}  # decoders whose position ids count padding on the left too
XLNET = "xlnet"
# The families that every task is tested with, in the order of the docs.
ENCODERS = (
    *("bert", "roberta", "xlm-roberta", "electra", "albert"),
    *("deberta-v2", "mpnet", "distilbert", "ernie", "modernbert"),
)
TRIED = (*ENCODERS, *DECODERS, XLNET)
# Families whose position ids start after the padding index.
OFFSET = {"roberta", "xlm-roberta", "camembert", "mpnet"}
# Families whose layers transformers cannot compute again in the backward pass.
NO_RECOMPUTATION = {"albert", "mpnet", "xlnet"}

# Families that write, and whose logits are a linear layer of the last hidden states, nothing more.
LINEAR_OUTPUT = (
    *("marian", "bart", "mbart", "t5", "mt5", "m2m_100", "gpt2", "llama", "qwen2", "qwen3"),
    *("smollm3", "gemma3_text", "bert", "roberta"),
)

# Suffixes of parameters that only pre-training uses, such as XLNet's embedding of masked words.
UNUSED_PARAMETERS = ("mask_emb",)


def freeze_unused(native: Any) -> None:
    """Freeze parameters that never get a gradient; DDP would hang waiting for them."""
    # DDP counts the gradients of a backward pass and is done when all have come.
    for name, param in native.named_parameters():
        if name.endswith(UNUSED_PARAMETERS):
            param.requires_grad_(False)


def reads_last(config: Any) -> bool:
    """Whether heads of this family pool the last token of a text: decoders and XLNet."""
    # Families outside DECODERS are sorted by transformers' own mappings: some, such as BERT, have a
    # class for causal language models too, but also one for masked ones.
    from transformers.models.auto import modeling_auto as auto

    name = str(config.model_type)
    causal = name in auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    bidirectional = name in auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    return name in {*DECODERS, XLNET} or (causal and not bidirectional)


def has_linear_output(native: Any) -> bool:
    """Whether logits of tokens are just a linear layer of the hidden states."""
    from torch import nn

    config = getattr(native.config, "decoder", None) or native.config  # of a pair: its decoder
    if not hasattr(config, "model_type"):
        config = native.config
    plain = str(config.model_type) in LINEAR_OUTPUT
    capped = getattr(config, "final_logit_softcapping", None)
    return plain and not capped and type(native.get_output_embeddings()) is nn.Linear


def has_head(config: Any, kind: str = "SEQUENCE_CLASSIFICATION") -> bool:
    """Whether transformers has a head of this kind for the family."""
    from transformers.models.auto import modeling_auto as auto

    names = getattr(auto, f"MODEL_FOR_{kind}_MAPPING_NAMES", {})
    return str(config.model_type) in names


def configure_padding(tokenizer: Any, config: Any) -> None:
    """Set padding token and side, switch caches off, and separate the texts of a pair.

    Raises ModelError for a tokenizer that has no token to pad with.
    """
    _set_padding_token(tokenizer, config)
    if config.model_type == XLNET:  # its head reads the last position of a row
        tokenizer.padding_side = "left"
        config.use_mems_eval = config.use_mems_train = False  # no memory across rows
    elif reads_last(config):
        config.use_cache = False  # keys and values are cached for generation only
        if config.model_type in ABSOLUTE:
            tokenizer.padding_side = "right"
        _separate_pairs(tokenizer)
    else:  # an encoder numbers positions from the left, whatever its tokenizer says
        tokenizer.padding_side = "right"


def can_write(config: Any) -> bool:
    """Whether a family writes texts: encoder-decoders and causal networks."""
    from transformers.models.auto import modeling_auto as auto

    family = str(config.model_type)
    if config.is_encoder_decoder:
        return family in auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES
    # Some encoders have a class for causal language models, too, which nobody has trained.
    encoder = family in auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES and family not in DECODERS
    return family in auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and not encoder


def configure_writing(tokenizer: Any, config: Any) -> None:
    """Set padding token and side of a network that writes. Raises ModelError for an encoder."""
    family, causal = str(config.model_type), not config.is_encoder_decoder
    if not can_write(config):
        raise ModelError(
            _(
                "{family} is an encoder: it reads texts and does not write any. Take an "
                "encoder-decoder (marian, t5, bart, ...), a causal network (qwen, llama, ...), or "
                "begin from nothing: --model new:marian",
                family=family,
            )
        )
    size = getattr(config, "vocab_size", None) or len(tokenizer)
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id >= size:
        tokenizer.pad_token = _padding_token(tokenizer, size)
    if getattr(config, "pad_token_id", None) in (None, -1):
        config.pad_token_id = tokenizer.pad_token_id
    # Whoever generates from the saved folder pads on the left, or continues padding.
    tokenizer.padding_side = "left" if causal else "right"


def decoder_start(config: Any, tokenizer: Any = None) -> int | None:
    """The token that a decoder of its own begins with; None of a causal network, -1 of mBART where
    the tokenizer does not know languages: what ends a target begins it."""
    if not config.is_encoder_decoder:
        return None
    if tokenizer is not None and (language := language_behind(tokenizer)) is not None:
        return language
    start = getattr(config, "decoder_start_token_id", None)
    if config.model_type == "mbart" and start is None:
        return -1
    decoder = getattr(config, "decoder", None)  # of a pair of encoders
    names = ((decoder, "bos_token_id"), (config, "bos_token_id"))
    for one in (start, *(getattr(of, name, None) for of, name in names)):
        if one is not None:
            return int(one)
    raise ModelError(
        _("config.json names no token that the decoder begins with (decoder_start_token_id).")
    )


def _set_padding_token(tokenizer: Any, config: Any) -> None:
    size = getattr(config, "vocab_size", None) or len(tokenizer)
    pad_id = tokenizer.pad_token_id
    # An added [PAD] often lies one past the embedding table, which would have to be resized.
    if pad_id is None or pad_id >= size:
        tokenizer.pad_token = _padding_token(tokenizer, size)
    # Native heads of decoders find a text's last token by config.pad_token_id, so there it has to
    # be the tokenizer's even where the config names another.
    if getattr(config, "pad_token_id", None) in (None, -1) or reads_last(config):
        config.pad_token_id = tokenizer.pad_token_id


def _padding_token(tokenizer: Any, size: int) -> str:
    """A special token to pad with: one that does not end texts, if possible.

    The head of a decoder reads the last token that is not padding, so padding with the token that
    the tokenizer appends to every text would hide that token.
    """
    known = [
        token
        for token in (tokenizer.eos_token, tokenizer.unk_token, tokenizer.bos_token)
        if token is not None and tokenizer.convert_tokens_to_ids(token) < size
    ]
    if not known:
        raise ModelError(_("this tokenizer has no padding token; take another checkpoint."))
    last = tokenizer("a")["input_ids"][-1:]
    distinct = [token for token in known if [tokenizer.convert_tokens_to_ids(token)] != last]
    return str((distinct or known)[0])


def _separate_pairs(tokenizer: Any) -> None:
    """Put a token between the texts of a pair: decoders' tokenizers concatenate them directly."""
    from tokenizers import processors

    backend = getattr(tokenizer, "backend_tokenizer", None)
    separator = tokenizer.eos_token or tokenizer.pad_token
    number = tokenizer.convert_tokens_to_ids(separator)
    if backend is None or _separates(tokenizer):
        return
    own, with_special = backend.post_processor, tokenizer("a")["input_ids"]
    without = tokenizer("a", add_special_tokens=False)["input_ids"]
    if with_special != without:  # it adds special tokens, which our template would lose
        return
    template = processors.TemplateProcessing(
        single="$A", pair=f"$A {separator} $B", special_tokens=[(separator, number)]
    )
    backend.post_processor = template if own is None else processors.Sequence([own, template])


def _separates(tokenizer: Any) -> bool:
    one = tokenizer("a", add_special_tokens=False)["input_ids"]
    return len(tokenizer("a", "a")["input_ids"]) > len(tokenizer("a")["input_ids"]) + len(one)


def set_attention(native: Any, attention: str) -> None:
    """Make the attention of a decoder bidirectional, where the plan says `full`.

    Raises PlanError for other families.
    """
    if attention == "native":
        return
    family = str(native.config.model_type)
    if family not in DECODERS:
        message = _(
            "model.attention: full is for decoders ({families}); {family} attends as it was "
            "trained to: leave the setting out.",
            families=", ".join(DECODERS),
            family=family,
        )
        raise PlanError([message])
    # transformers builds the mask from `config.is_causal`. Without padding it builds none, and then
    # the attention function reads `is_causal` of the layer: both must change.
    native.config.is_causal = False
    for module in native.modules():
        if isinstance(getattr(module, "is_causal", None), bool):
            module.is_causal = False
