"""Reading somebody's checkpoint: quietly, and with one short message when it cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

import torch
from transformers import (
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)
from transformers.utils import logging

from weitiao import disk
from weitiao.errors import ModelError, WeitiaoError
from weitiao.foreign import said
from weitiao.messages import tell
from weitiao.model.catalogue import CATALOGUE
from weitiao.model.offline import Source
from weitiao.model.packed import OFFSET

# What a task asks for -> who makes the network with that head.
HEADS = {
    "sequence": AutoModelForSequenceClassification,
    "tokens": AutoModelForTokenClassification,
    "spans": AutoModelForQuestionAnswering,
}


def load_tokenizer(path: str, revision: str | None) -> Any:
    """The fast tokenizer of a checkpoint. Raises ModelError when it has none."""
    with quiet(), readable(path):
        return AutoTokenizer.from_pretrained(
            disk.plain(path), revision=revision, trust_remote_code=False
        )


def network(source: Source, config: Any, head: str = "sequence") -> Any:
    """The native network with its native head: a fresh one, unless the checkpoint has that head.

    Raises ModelError when a weight below the head is missing or has another shape: it would be a
    random one, without a word.
    """
    native, told = HEADS[head].from_pretrained(
        disk.plain(source.path_or_name),
        revision=source.revision,
        config=config,
        trust_remote_code=False,
        dtype=torch.float32,
        ignore_mismatched_sizes=True,
        output_loading_info=True,
    )
    below = f"{native.base_model_prefix}."
    for name, found, wanted in sorted(told["mismatched_keys"]):
        if name.startswith(below):
            raise ModelError(
                tell(
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
            tell(
                "{checkpoint}: {count} weights of the network are not in the file, {name} for "
                "one. Is config.json that of these weights?",
                checkpoint=source.path_or_name,
                count=f"{len(missing):,} / {len(learned):,}",
                name=missing[0],
            )
        )
    return native


def pad(tokenizer: Any, config: Any) -> None:
    """Give a tokenizer without padding (GPT-2's) the end-of-text token for it.

    Raises ModelError when it has neither.
    """
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise ModelError(tell("this tokenizer has no padding token; take another checkpoint."))
        tokenizer.pad_token = tokenizer.eos_token
    if getattr(config, "pad_token_id", None) is None:
        config.pad_token_id = tokenizer.pad_token_id


def room(max_length: int, tokenizer: Any, config: Any) -> int:
    """The length in tokens, within what the network has positions for."""
    positions = getattr(config, "max_position_embeddings", None) or 0
    if config.model_type in OFFSET:
        positions -= (config.pad_token_id or 0) + 1
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
        hint = tell(" Did you mean {name!r}?", name=close[0]) if close else ""
        raise ModelError(
            tell(
                "the checkpoint {checkpoint!r} cannot be loaded: {reason}{hint} "
                "Give a folder, a name on the hub, or one of `weitiao parts models`.",
                checkpoint=checkpoint,
                reason=said(error),
                hint=hint,
            )
        ) from error
