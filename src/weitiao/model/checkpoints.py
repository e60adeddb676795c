"""Reading somebody's checkpoint: quietly, and with one short message when it cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from transformers import AutoTokenizer
from transformers.utils import logging

from weitiao.errors import ModelError, WeitiaoError
from weitiao.model.catalogue import CATALOGUE
from weitiao.model.packed import OFFSET


def load_tokenizer(path: str, revision: str | None) -> Any:
    """The fast tokenizer of a checkpoint. Raises ModelError when it has none."""
    with quiet(), readable(path):
        return AutoTokenizer.from_pretrained(path, revision=revision, trust_remote_code=False)


def pad(tokenizer: Any, config: Any) -> None:
    """Give a tokenizer without padding (GPT-2's) the end-of-text token for it.

    Raises ModelError when it has neither.
    """
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise ModelError("this tokenizer has no padding token; take another checkpoint.")
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
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        close = get_close_matches(checkpoint, CATALOGUE, n=1)
        hint = f"Did you mean {close[0]!r}? " if close else ""
        raise ModelError(
            f"the checkpoint {checkpoint!r} cannot be loaded: {first} {hint}"
            "Give a folder, a name on the hub, or one of `weitiao parts models`."
        ) from error
