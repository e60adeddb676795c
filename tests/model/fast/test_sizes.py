"""Packed batches come in few sizes, and what fills them up is no more than it must be."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.model.fast.fused import filler_rows


def whole(tokens: int) -> int:
    return tokens + sum(filler_rows(tokens, 32, vary=False))


def test_sizes_are_few_and_hardly_larger() -> None:
    sizes = {tokens: whole(tokens) for tokens in range(1, 20_000)}
    assert all(size % 8 == 0 and size >= tokens for tokens, size in sizes.items())
    assert all(size <= tokens * 33 / 32 + 1 for tokens, size in sizes.items() if tokens >= 256)
    assert len({sizes[tokens] for tokens in range(550, 950)}) <= 30
    ordered = [sizes[tokens] for tokens in sorted(sizes)]
    assert all(a <= b for a, b in pairwise(ordered))


@pytest.mark.parametrize("tokens", [1, 8, 255, 256, 257, 1024])
def test_a_full_size_needs_nothing(tokens: int) -> None:
    assert filler_rows(whole(tokens), 32, vary=False) == []


@given(tokens=st.integers(1, 20_000), share=st.floats(0, 1), vary=st.booleans())
def test_rows_come_in_few_sizes_too(tokens: int, share: float, vary: bool) -> None:
    rows = max(1, round(tokens * share))
    nothing = filler_rows(tokens, rows, vary)
    assert all(length > 0 for length in nothing)
    more, all_rows = sum(nothing), rows + len(nothing)
    # At most one step beyond what is needed for both: a 32nd, or eight where a batch is small.
    assert more <= 2 * max(8, tokens / 16) + len(nothing)
    if vary:
        assert all_rows % 8 == 0
        assert all_rows <= rows + 2 * max(8, rows / 32)
    else:
        assert len(nothing) <= 1
    assert (tokens + more) % 8 == 0


def test_many_batches_of_answers_have_few_shapes() -> None:
    """8,192 tokens at most, of rows of any length: as `by_length` makes them."""
    shapes = {
        (8192 - lost + sum(nothing), rows + len(nothing))
        for lost in range(0, 120, 7)
        for rows in range(60, 800)
        for nothing in [filler_rows(8192 - lost, rows, vary=True)]
    }
    assert len({tokens for tokens, _ in shapes}) <= 3
    assert len({rows for _, rows in shapes}) <= 90
