"""Reading somebody's checkpoint: quietly, and with one short message when it cannot be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from safetensors import SafetensorError
from transformers import AutoTokenizer
from transformers.utils import logging

from weitiao.errors import ModelError


def load_tokenizer(path: str, revision: str | None) -> Any:
    """The fast tokenizer of a checkpoint. Raises ModelError when it has none."""
    with quiet(), readable(path):
        return AutoTokenizer.from_pretrained(path, revision=revision)


def room(max_length: int, tokenizer: Any, config: Any) -> int:
    """The length in tokens, within what the network has positions for."""
    positions = getattr(config, "max_position_embeddings", None) or max_length
    offset = (
        (config.pad_token_id or 0) + 1 if config.model_type in ("roberta", "xlm-roberta") else 0
    )
    return int(min(max_length, tokenizer.model_max_length, positions - offset))


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
    except (OSError, ValueError, KeyError, SafetensorError, json.JSONDecodeError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"the checkpoint {checkpoint!r} cannot be loaded: {first} "
            "Give a folder, a name on the hub, or one of `weitiao parts models`."
        ) from error
