"""Packed batches come in few sizes, and what fills them up changes nothing."""

from __future__ import annotations

from itertools import pairwise

import pytest

from weitiao.model.fast.fused import beyond


def test_sizes_are_few_and_hardly_larger() -> None:
    sizes = {tokens: tokens + beyond(tokens) for tokens in range(1, 20_000)}
    assert all(size % 8 == 0 and size >= tokens for tokens, size in sizes.items())
    assert all(size <= tokens * 33 / 32 + 1 for tokens, size in sizes.items() if tokens >= 256)
    assert len({sizes[tokens] for tokens in range(550, 950)}) <= 30
    ordered = [sizes[tokens] for tokens in sorted(sizes)]
    assert all(a <= b for a, b in pairwise(ordered))


@pytest.mark.parametrize("tokens", [1, 8, 255, 256, 257, 1024])
def test_a_full_size_needs_nothing(tokens: int) -> None:
    assert beyond(tokens + beyond(tokens)) == 0
