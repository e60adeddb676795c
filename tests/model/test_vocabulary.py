"""Cross-entropy in chunks is torch's, in value and in every gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from weitiao.model import vocabulary


def both(hidden, weight, bias, labels, smoothing):
    """(loss, gradients) by torch and by ours."""
    results = []
    for ours in (False, True):
        leaves = [one.clone().requires_grad_() for one in (hidden, weight, bias)]
        if ours:
            loss = vocabulary.cross_entropy(*leaves, labels, smoothing)
        else:
            logits = leaves[0] @ leaves[1].T + leaves[2]
            loss = cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing)
        (0.37 * loss).backward()
        results.append((loss.detach(), [leaf.grad for leaf in leaves]))
    return results


@settings(deadline=None, max_examples=25)
@given(
    tokens=st.integers(1, 40),
    size=st.integers(2, 60),
    smoothing=st.sampled_from([0.0, 0.1, 0.5]),
    seed=st.integers(0, 1000),
)
def test_it_is_torchs_in_value_and_gradients(tokens, size, smoothing, seed):
    torch.manual_seed(seed)
    hidden, weight = torch.randn(tokens, 8), torch.randn(size, 8)
    bias, labels = torch.randn(size), torch.randint(size, (tokens,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vocabulary, "FEWEST_TOKENS", 7)  # several chunks, the last one short
        patch.setattr(vocabulary, "LOGITS_AT_ONCE", 1)
        (value, slopes), (own, own_slopes) = both(hidden, weight, bias, labels, smoothing)
    torch.testing.assert_close(own, value, rtol=1e-5, atol=1e-4)
    for one, other in zip(own_slopes, slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_frozen_weights_get_no_gradient_and_a_missing_bias_is_none():
    torch.manual_seed(1)
    hidden = torch.randn(9, 8, requires_grad=True)
    weight, labels = torch.randn(50, 8), torch.randint(50, (9,))
    loss = vocabulary.cross_entropy(hidden, weight, None, labels)
    loss.backward()
    assert weight.grad is None
    wanted = torch.autograd.grad(cross_entropy(hidden @ weight.T, labels, reduction="sum"), hidden)[
        0
    ]
    torch.testing.assert_close(hidden.grad, wanted)


def test_no_labels_is_no_loss():
    empty = torch.zeros(0, dtype=torch.long)
    hidden = torch.zeros(0, 4, requires_grad=True)
    assert vocabulary.cross_entropy(hidden, torch.randn(5, 4), None, empty) == 0


def test_in_bf16_it_is_as_near_as_bf16_is():
    torch.manual_seed(2)
    hidden, weight, labels = torch.randn(300, 64), torch.randn(900, 64), torch.randint(900, (300,))
    exact = cross_entropy(hidden @ weight.T, labels, reduction="sum")
    leaf = weight.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        own = vocabulary.cross_entropy(hidden, leaf, None, labels)
    own.backward()
    assert own.dtype == torch.float32
    torch.testing.assert_close(own, exact, rtol=1e-2, atol=0)
    assert leaf.grad.dtype == torch.float32
