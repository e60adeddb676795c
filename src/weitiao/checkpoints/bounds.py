"""Bounds of a checkpoint's settings: what its weights cannot hold is refused before a network is
built or a tokenizer grows.

A config.json may ask for a million layers; transformers would build them, and only then compare
them with the weights. The bounds are wide: they tell an absurd file from an unusual one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weitiao.errors import ModelError
from weitiao.i18n.messages import _

MAX_CONFIG_BYTES = 20_000_000  # config.json with the names of many labels
MAX_TOKENIZER_CONFIG_BYTES = 100_000_000
MAX_LAYERS = 1_000
SANE_LAYERS, SANE_WIDTH = 64, 256  # up to these transformers compares with the weights itself
MAX_LABELS = 100_000
MAX_POSITIONS = 100_000_000  # of networks that compute positions instead of storing them
MIN_TOKENS = 2  # a text between two special tokens has no room in less
SLACK = 8  # settings may be so many times larger than what the weights have: packed formats

LAYERS = ("num_hidden_layers", "n_layers", "n_layer", "num_layers", "encoder_layers")
WIDTHS = (
    "hidden_size", "dim", "d_model", "n_embd", "embedding_size", "intermediate_size", "hidden_dim",
    "n_inner", "d_ff", "d_inner", "vocab_size", "type_vocab_size", "relative_attention_num_buckets",
    "num_attention_heads", "n_heads", "n_head", "num_key_value_heads",
)  # fmt: skip
POSITIONS = ("max_position_embeddings", "n_positions")


@dataclass(frozen=True)
class Shapes:
    """What the weights of a checkpoint hold, by the headers of their files."""

    tensors: int
    widest: int  # the largest dimension of a tensor
    positions: int  # rows of the largest table of positions; 0 without one

    @classmethod
    def of(cls, files: Iterable[Path]) -> Shapes | None:
        """Read the headers of safetensors files; None without any."""
        shapes = {name: shape for path in files for name, shape in _header(path).items()}
        if not shapes:
            return None
        tables = [s[0] for n, s in shapes.items() if len(s) == 2 and "position_embed" in n]
        widest = max((size for shape in shapes.values() for size in shape), default=1)
        return cls(len(shapes), widest, max(tables, default=0))


def _header(path: Path) -> dict[str, list[int]]:
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))  # `check_weights` has bounded and parsed it
    return {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}


def check_settings(config: Mapping[str, Any], path: Path, shapes: Shapes | None) -> None:
    """Raise ModelError for a setting that is no number, or more than the weights can hold.

    shapes: of the weights; None when they are not known yet.
    """
    most = dict.fromkeys(LAYERS, MAX_LAYERS) | dict.fromkeys(POSITIONS, MAX_POSITIONS)
    most |= dict.fromkeys(WIDTHS, 10**8) | {"num_labels": MAX_LABELS}
    if shapes:
        # Every layer has a tensor of its own; families that share one layer (ALBERT) say so.
        if "num_hidden_groups" not in config:
            most |= dict.fromkeys(LAYERS, min(MAX_LAYERS, max(SANE_LAYERS, shapes.tensors)))
        most |= dict.fromkeys(WIDTHS, max(SANE_WIDTH, SLACK * shapes.widest))
        if shapes.positions:
            most |= dict.fromkeys(POSITIONS, SLACK * shapes.positions)
    for name, limit in most.items():
        value = config.get(name)
        if value is not None:
            _check(name, value, limit, path, least=0 if name == "type_vocab_size" else 1)
    for name in ("id2label", "label2id"):
        labels = config.get(name)
        if isinstance(labels, dict | list) and len(labels) > MAX_LABELS:
            raise _absurd(path, name, f"{len(labels):,}", MAX_LABELS)
    inner = config.get("text_config")
    if isinstance(inner, dict):
        check_settings(inner, path, shapes)


def _check(name: str, value: Any, limit: int, path: Path, least: int = 1) -> None:
    if isinstance(value, list) and value and all(type(one) is int for one in value):
        value = max(value)  # some families give one for each layer
    if type(value) is not int or value < least:
        raise ModelError(
            _(
                "{path}: {name} is {value}; it must be a whole number above 0.",
                path=path,
                name=name,
                value=repr(value)[:60],
            )
        )
    if value > limit:
        raise _absurd(path, name, f"{value:,}"[:40], limit)


def _absurd(path: Path, name: str, value: str, limit: int) -> ModelError:
    return ModelError(
        _(
            "{path}: {name} is {value}, more than these weights can hold (at most {limit:,}). Is "
            "it the config.json of these weights?",
            path=path,
            name=name,
            value=value,
            limit=limit,
        )
    )


def check_model_max_length(value: Any, checkpoint: str) -> None:
    """Raise ModelError unless a tokenizer's model_max_length is a number that leaves room for text.

    A tokenizer without a limit says 1e30.
    """
    number = (
        isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
    )
    if not number or value < MIN_TOKENS:
        raise ModelError(
            _(
                "{checkpoint}: model_max_length of its tokenizer (tokenizer_config.json) is "
                "{value}; it must be a number of tokens. Mend or remove it.",
                checkpoint=checkpoint,
                value=repr(value)[:60],
            )
        )


def read_json(path: Path, most: int) -> Any:
    """Parse a JSON file of at most `most` bytes. Raises ValueError."""
    if path.stat().st_size > most:
        raise ValueError(_("more than {limit:,} bytes", limit=most))
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError(_("nested too deeply")) from None
