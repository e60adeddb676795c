"""Dropout from fewer random bits: the right share, the right scale, repeatable."""

import pytest
import torch
from torch import nn

from weitiao.model.quick_dropout import QuickDropout, mask


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_share_and_the_mean_are_right(p):
    torch.manual_seed(1)
    ones = torch.ones(1000, 301, requires_grad=True)
    with QuickDropout():
        dropped = nn.Dropout(p)(ones)
    assert float((dropped == 0).float().mean()) == pytest.approx(p, abs=0.005)
    assert float(dropped.detach().mean()) == pytest.approx(1.0, abs=0.02)
    dropped.sum().backward()
    torch.testing.assert_close(ones.grad, dropped.detach())


def test_places_are_independent():
    torch.manual_seed(2)
    kept = mask((4000, 8), 0.3).float()
    apart = torch.corrcoef(kept.T) - torch.eye(8)
    assert float(apart.abs().max()) < 0.08


def test_it_is_off_where_torchs_is_off():
    inputs = torch.randn(5, 5)
    with QuickDropout():
        assert nn.Dropout(0.5).eval()(inputs) is inputs
        assert torch.equal(nn.functional.dropout(inputs, 0.0), inputs)
        assert not nn.functional.dropout(inputs, 1.0).any()


def test_the_same_seed_gives_the_same_masks():
    def drawn():
        torch.manual_seed(3)
        return mask((7, 5), 0.4)

    assert torch.equal(drawn(), drawn())
    assert drawn().shape == (7, 5)
