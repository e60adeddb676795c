"""Attention of short rows: the same values as torch's, by products where these are faster."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from weitiao.model import short_attention


def grid(tokens, learns, dtype=torch.bfloat16):
    numbers = torch.randn(3, 2, tokens, 16, generator=torch.Generator().manual_seed(tokens))
    return numbers.to(dtype).requires_grad_(learns)


@pytest.fixture
def used(monkeypatch):
    """Which backends were asked for."""
    asked = []
    real = short_attention.sdpa_kernel
    monkeypatch.setattr(
        short_attention, "sdpa_kernel", lambda kinds: asked.extend(kinds) or real(kinds)
    )
    return asked


@pytest.mark.parametrize(
    ("queries", "keys", "learns", "dtype", "products"),
    [
        (20, 20, True, torch.bfloat16, True),
        (1, 40, False, torch.bfloat16, True),
        (1, 40, False, torch.float32, False),
        (20, 20, False, torch.bfloat16, False),
        (1, 200, False, torch.bfloat16, False),
        (200, 200, True, torch.bfloat16, False),
    ],
)
def test_values_are_those_of_torch(used, queries, keys, learns, dtype, products):
    query, key, value = grid(queries, learns, dtype), grid(keys, False, dtype), grid(keys, False)
    value = value.to(dtype)
    mask = torch.ones(3, 1, queries, keys, dtype=torch.bool)
    mask[1, :, :, keys // 2 :] = False  # padding
    module = SimpleNamespace(is_causal=False, num_key_value_groups=1)
    found, _ = short_attention.attention(module, query, key, value, mask)
    exact = scaled_dot_product_attention(query.float(), key.float(), value.float(), mask)
    assert torch.allclose(found.float().transpose(1, 2), exact, atol=2e-2)
    assert bool(used) == products


def test_a_network_that_computes_its_own_attention_is_left_alone():
    native = SimpleNamespace(config=SimpleNamespace(_attn_implementation="eager"))
    short_attention.install(native)  # would raise: there is no set_attn_implementation
    assert native.config._attn_implementation == "eager"
