"""Lengths of texts in tokens, and what truncation costs, before there is a plan."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from weitiao.checkpoints.catalogue import default_for
from weitiao.data.files.cells import cell_texts
from weitiao.data.rows import Rows
from weitiao.data.targets import reader_of
from weitiao.errors import WeitiaoError
from weitiao.labels.tags.words import text_of
from weitiao.planning.facts import sampled

MOST_ROWS = 20_000  # of more, so many at even distances are counted
MOST_CHARACTERS = 100_000  # of a text
MOST_IN_ALL = 40_000_000  # characters
LIMITS = (32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)


@dataclass(frozen=True, eq=False)
class TokenLengths:
    """Tokens (rows,) of some rows by the tokenizer of a checkpoint; total: rows in all."""

    checkpoint: str
    tokens: np.ndarray
    total: int

    def cut(self, limit: int) -> tuple[float, float]:
        """Share of the rows that are longer than a limit, and share of all tokens behind it."""
        over = np.maximum(self.tokens - limit, 0)
        return float((over > 0).mean()), float(over.sum() / max(1, self.tokens.sum()))

    @property
    def limits(self) -> list[tuple[int, float, float]]:
        """Limits that cut something, with both shares, and the first that cuts nothing."""
        listed = []
        for limit in LIMITS:
            listed.append((limit, *self.cut(limit)))
            if not listed[-1][1]:
                break
        return listed


def token_lengths(rows: Rows, language: str, checkpoint: str | None = None) -> TokenLengths | None:
    """Count tokens with the tokenizer of a checkpoint, by default that of the rows' language; None
    where it cannot be had."""
    if not len(rows) or not rows.text_roles:
        return None
    from weitiao.checkpoints.load import load_tokenizer
    from weitiao.checkpoints.resolve import resolve

    name = checkpoint or default_for(language)
    positions = np.unique(sampled(len(rows), MOST_ROWS))
    listed = reader_of(rows.task).head == "tokens"
    columns = [cell_texts(rows.table.column(c), rows.indices[positions]) for c in rows.text_columns]
    pieces = [[(text_of(t) if listed else t)[:MOST_CHARACTERS] for t in one] for one in columns]
    every = 1 + sum(len(text) for one in pieces for text in one) // MOST_IN_ALL
    with suppress(WeitiaoError, OSError, ImportError):
        source = resolve(name, None)
        trusted = source.kind in ("package", "new")
        tokenizer = load_tokenizer(source.path_or_name, source.revision, trusted=trusted)
        return TokenLengths(name, _counted(tokenizer, [one[::every] for one in pieces]), len(rows))
    return None


def _counted(tokenizer: object, roles: Sequence[Sequence[str]]) -> np.ndarray:
    """Tokens of each row: of its texts together, with the tokens that a model adds."""
    special = int(tokenizer.num_special_tokens_to_add(pair=len(roles) > 1))  # type: ignore[attr-defined]
    counts = np.full(len(roles[0]), special, np.int64)
    for texts in roles:
        for start in range(0, len(texts), 512):
            ids = tokenizer(  # type: ignore[operator]
                list(texts[start : start + 512]), add_special_tokens=False, verbose=False
            )["input_ids"]
            counts[start : start + 512] += [len(one) for one in ids]
    return counts
