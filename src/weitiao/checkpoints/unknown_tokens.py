"""The share of [UNK] among the tokens of texts: what becomes one, the network never sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

LOW_UNKNOWN = 0.02  # proportion of unknown tokens below which the loss hardly matters
HIGH_UNKNOWN = 0.2


def unknown_share(tokenizer: Any, texts: Sequence[str]) -> float:
    """The proportion of unknown tokens, [UNK]."""
    if tokenizer.unk_token_id is None:
        return 0.0
    ids = [one for encoded in token_ids(tokenizer, texts) for one in encoded]
    return ids.count(tokenizer.unk_token_id) / max(len(ids), 1)


def token_ids(tokenizer: Any, texts: Sequence[str], special: bool = False) -> list[list[int]]:
    """The ids of each text, not truncated."""
    from weitiao.checkpoints.verify import quiet

    with quiet():  # transformers warns of texts over the maximum length; here they are counted
        encoded = tokenizer(list(texts), add_special_tokens=special, truncation=False)
    return list(encoded["input_ids"])
