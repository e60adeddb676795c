"""Reading somebody's checkpoint: quietly, and with one short message when it cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any

import torch
from transformers import (
    AutoModel,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)
from transformers.utils import logging

from weitiao.checkpoints.catalogue import CATALOGUE
from weitiao.checkpoints.families import OFFSET
from weitiao.checkpoints.resolve import Source, has_adapter
from weitiao.core import disk
from weitiao.errors import ModelError, PlanError, WeitiaoError
from weitiao.i18n.messages import _
from weitiao.i18n.system import said

FEWEST = 8  # positions that an adapter leaves to texts: as few as model.max_length may be

# What a task asks for -> who makes the network with that head.
HEADS = {
    "sequence": AutoModelForSequenceClassification,
    "tokens": AutoModelForTokenClassification,
    "spans": AutoModelForQuestionAnswering,
    "none": AutoModel,
}


def load_tokenizer(path: str, revision: str | None) -> Any:
    """The fast tokenizer of a checkpoint. Raises ModelError when it has none."""
    with quiet(), readable(path):
        return AutoTokenizer.from_pretrained(
            disk.plain(path), revision=revision, trust_remote_code=False
        )


def network(source: Source, config: Any, head: str = "sequence", quantization: str = "none") -> Any:
    """The native network with its native head: a fresh one, unless the checkpoint has that head.
    head: a key of HEADS.

    Raises ModelError when a weight below the head is missing or has another shape: it would be a
    random one, without a word; and when it comes with an adapter.
    """
    native, told = HEADS[head].from_pretrained(
        disk.plain(source.path_or_name),
        revision=source.revision,
        config=config,
        trust_remote_code=False,
        dtype=torch.float32,
        ignore_mismatched_sizes=True,
        output_loading_info=True,
        **({"quantization_config": quantized()} if quantization == "nf4" else {}),
    )
    if native._hf_peft_config_loaded:
        raise has_adapter(source.path_or_name)
    below = f"{native.base_model_prefix}." if head != "none" else ""
    for name, found, wanted in sorted(told["mismatched_keys"]):
        if name.startswith(below):
            raise ModelError(
                _(
                    "{checkpoint}: the weight {name} has the shape {found}, but config.json asks "
                    "for {wanted}.",
                    checkpoint=source.path_or_name,
                    name=name,
                    found=tuple(found),
                    wanted=tuple(wanted),
                )
            )
    learned = {name for name, _ in native.named_parameters() if name.startswith(below)}
    missing = sorted(name for name in learned & set(told["missing_keys"]) if "pooler" not in name)
    if missing:
        raise ModelError(
            _(
                "{checkpoint}: {count} weights of the network are not in the file, {name} for "
                "one. Is config.json that of these weights?",
                checkpoint=source.path_or_name,
                count=f"{len(missing):,} / {len(learned):,}",
                name=missing[0],
            )
        )
    return native


def quantized() -> Any:
    """How transformers holds weights in 4 bits (Dettmers et al. 2023). Raises PlanError without a
    CUDA card or bitsandbytes."""
    if not torch.cuda.is_available():
        told = _(
            "model.quantization: nf4 needs a CUDA card. On a processor leave it out: "
            "model.adapter: lora alone holds no gradients or moments of the frozen weights; "
            "or take a smaller checkpoint."
        )
        raise PlanError([told])
    if find_spec("bitsandbytes") is None:
        told = _('model.quantization: nf4 needs a package more: pip install "weitiao[cuda]".')
        raise PlanError([told])
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def room(max_length: int, tokenizer: Any, config: Any, taken: int = 0) -> int:
    """The length in tokens, within what the network has positions for; some may be taken.

    Raises PlanError when those leave hardly any.
    """
    positions = getattr(config, "max_position_embeddings", None) or 0
    if config.model_type in OFFSET:
        positions -= (config.pad_token_id or 0) + 1
    if taken and 0 < positions < taken + FEWEST:
        told = _(
            "model.adapter: num_virtual_tokens: {taken} of the {positions} positions of this "
            "network leave too few for texts; take at most {most}.",
            taken=taken,
            positions=positions,
            most=max(positions - FEWEST, 0),
        )
        raise PlanError([told])
    positions -= taken
    limits = [max_length, tokenizer.model_max_length, *([positions] if positions > 0 else [])]
    return int(min(limits))


@contextmanager
def quiet() -> Iterator[None]:
    """transformers' remarks about new heads are no news here; errors still are."""
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()


@contextmanager
def readable(checkpoint: str) -> Iterator[None]:
    """What a checkpoint cannot do, as one short message."""
    try:
        yield
    except WeitiaoError:
        raise
    except Exception as error:  # what broken files raise inside transformers has no common class
        close = get_close_matches(checkpoint, CATALOGUE, n=1)
        hint = _(" Did you mean {name!r}?", name=close[0]) if close else ""
        raise ModelError(
            _(
                "the checkpoint {checkpoint!r} cannot be loaded: {reason}{hint} "
                "Give a folder, a name on the hub, or one of `weitiao parts models`.",
                checkpoint=checkpoint,
                reason=said(error),
                hint=hint,
            )
        ) from error
