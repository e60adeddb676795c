"""Batch collation: encoded rows as tensors, padded to one length or packed end to end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Layout:
    """Batch layout (padded or packed), with the padding rules of the network's family."""

    packed: bool = False
    padding: Mapping[str, int] = field(default_factory=dict)  # tensor name -> value
    left: bool = False  # pad on the left (XLNet, decoders)
    first_position: int | None = None  # explicit position_ids from here on (RoBERTa's start at 2)
    decoder_start: int | None = (
        None  # id that a decoder of its own begins with; -1: each row's last
    )


def filled(encoded: dict[str, list[Any]], tokenizer: Any) -> dict[str, list[Any]]:
    """Give rows without tokens (empty texts in families without special tokens) a padding token."""
    ids = encoded["input_ids"]
    empty = [at for at, row in enumerate(ids) if not row]
    for name, values in encoded.items():
        for at in empty:
            values[at] = [tokenizer.pad_token_id if name == "input_ids" else 0]
    return encoded


def tensor(array: np.ndarray) -> Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(array))


def padded(
    rows: Mapping[str, Sequence[np.ndarray]], layout: Layout
) -> tuple[dict[str, Tensor], None]:
    """Padded batch: tensors (rows, longest) int64 with `attention_mask`; no lengths."""
    lengths = np.array([len(ids) for ids in rows["input_ids"]])
    columns, first = np.arange(int(lengths.max()))[None, :], _firsts(lengths, layout.left)
    mask = real(lengths, layout.left)
    arrays: dict[str, np.ndarray] = {}
    for name, values in rows.items():
        arrays[name] = np.full(mask.shape, layout.padding.get(name, 0), dtype=np.int64)
        arrays[name][mask] = np.concatenate(values)
    arrays["attention_mask"] = mask.astype(np.int64)
    if layout.first_position is not None:
        positions = (columns - first[:, None]).clip(0) + layout.first_position
        # A padding position keeps the padding index, as the families count them.
        arrays["position_ids"] = np.where(mask, positions, max(layout.first_position - 1, 0))
    return {name: tensor(array) for name, array in arrays.items()}, None


def packed(
    rows: Mapping[str, Sequence[np.ndarray]], layout: Layout
) -> tuple[dict[str, Tensor], Tensor]:
    """Packed batch: tensors (1, tokens) int64 with `position_ids`, and lengths (rows,)."""
    lengths = np.array([len(ids) for ids in rows["input_ids"]], dtype=np.int64)
    arrays = {name: np.concatenate(values).astype(np.int64) for name, values in rows.items()}
    # cumsum - lengths is where each row begins: subtracted, positions count from 0 in every row.
    positions = np.arange(lengths.sum()) - np.repeat(lengths.cumsum() - lengths, lengths)
    arrays["position_ids"] = positions + (layout.first_position or 0)
    return {name: tensor(array[None]) for name, array in arrays.items()}, tensor(lengths)


def grid(flat: np.ndarray, lengths: np.ndarray, left: bool, fill: int) -> np.ndarray:
    """Pad flat token values (tokens,) to (rows, longest), with `fill` at padding."""
    mask = real(lengths, left)
    array = np.full(mask.shape, fill, flat.dtype)
    array[mask] = flat
    return array


def real(lengths: np.ndarray, left: bool) -> np.ndarray:
    """Attention mask (rows, longest) bool: True at tokens, False at padding."""
    columns, first = np.arange(int(lengths.max()))[None, :], _firsts(lengths, left)
    return np.asarray((columns >= first[:, None]) & (columns < (first + lengths)[:, None]))


def _firsts(lengths: np.ndarray, left: bool) -> np.ndarray:
    return lengths.max() - lengths if left else np.zeros_like(lengths)
