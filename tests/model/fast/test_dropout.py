"""Dropout of own kernels: which numbers are kept follows from seeds, and looks like chance."""

import pytest
import torch

from kernel_inputs import dropped, masks_of
from weitiao.model.fast.kernels import Dropout, NormParams
from weitiao.model.fast.layer import LayerCall, LayerSpec
from weitiao.model.fast.select import kernels
from weitiao.model.packed import Packing

HEADS, DEPTH = 4, 16


def echoes(mask):
    """The strongest likeness of a mask to itself, some places on, in standard deviations."""
    numbers = mask.flatten().double()
    numbers = (numbers - numbers.mean()) / numbers.std()
    count = len(numbers)
    power = torch.fft.rfft(numbers, 2 * count).abs().square()
    found = torch.fft.irfft(power, 2 * count)[1 : count // 2]
    pairs = count - torch.arange(1, count // 2)
    return float((found.abs() / pairs.sqrt()).max())


def likeness(one, other):
    """How alike two masks are, in standard deviations."""
    one, other = ((m.flatten() > 0).double() for m in (one, other))
    one, other = one - one.mean(), other - other.mean()
    return float((one * other).mean() / (one.std() * other.std()) * len(one) ** 0.5)


def tokens_mask(own, drop, width=48, tokens=400):
    return dropped(own, tokens, width, drop)


def attention_mask(own, drop, length=70, rows=1):
    return masks_of(own, [length] * rows, HEADS, DEPTH, drop)


def test_the_measure_sees_a_copy():
    mask = (torch.rand(400, 48, generator=torch.Generator().manual_seed(0)) > 0.1).float()
    assert echoes(mask) < 6
    mask[1:, :8] = mask[:-1, 40:]
    assert echoes(mask) > 12


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5])
def test_the_share_asked_for_is_dropped_and_the_mean_stays(rate, own_kernels):
    own = kernels(torch.float32)
    masks = [tokens_mask(own, Dropout(rate, 1, 2)), attention_mask(own, Dropout(rate, 1, 2))[0]]
    for mask in masks:
        count = mask.numel()
        off = 5 * (rate * (1 - rate) / count) ** 0.5
        assert abs(float((mask == 0).double().mean()) - rate) < off
        assert abs(float(mask.mean()) - 1) < off / (1 - rate)


@pytest.mark.parametrize("width", [16, 32, 48, 80])
def test_no_part_of_a_mask_repeats_another(width, own_kernels):
    for rate in (0.1, 0.5):
        assert echoes(tokens_mask(kernels(torch.float32), Dropout(rate, 3, 1), width)) < 6.5


@pytest.mark.parametrize("length", [8, 15, 16, 17, 32, 48, 64, 65])
def test_no_part_of_a_mask_of_attention_repeats_another(length, own_kernels):
    masks = attention_mask(kernels(torch.float32), Dropout(0.3, 3, 1), length, rows=3)
    for head in range(HEADS):
        if length > 15:
            assert echoes(masks[0][head]) < 6.5
    parts = torch.stack(masks).flatten(0, 1)  # rows and heads
    for i in range(len(parts)):
        for j in range(i):
            assert abs(likeness(parts[i], parts[j])) < 5
    assert echoes(parts) < 6.5


def test_masks_follow_from_seed_and_place_alone(own_kernels):
    own = kernels(torch.float32)
    for make in (tokens_mask, lambda *given: attention_mask(*given)[0]):
        mask = make(own, Dropout(0.3, 7, 1))
        assert torch.equal(make(own, Dropout(0.3, 7, 1)), mask)
        assert torch.equal(make(kernels(torch.bfloat16), Dropout(0.3, 7, 1)) > 0, mask > 0)
        for other in (
            Dropout(0.3, 8, 1),
            Dropout(0.3, 7, 2),
            Dropout(0.3, 7 + 2**40, 1),
            Dropout(0.3, 2**62 - 1, 1),
        ):
            assert abs(likeness(make(own, other), mask)) < 5


def test_every_place_of_every_layer_has_a_mask_of_its_own(own_kernels):
    own, drops = kernels(torch.float32), []
    for number in range(3):
        call = LayerCall(
            LayerSpec(number, HEADS, 1e-12, 0.3, 0.3), own, None, None, 5, True, False, False
        )
        drops += [call.dropout(place) for place in range(3)]
    assert len(set(drops)) == len(drops) == 9
    assert Dropout(0.3, 5, 0) not in drops  # that of the embeddings
    masks = [
        tokens_mask(own, drop, tokens=40)
        for drop in [Dropout(0.3, 5, 0), *drops]
        if (drop.stream - 1) % 4
    ]
    masks += [attention_mask(own, drop, 40)[0].flatten()[:1920] for drop in drops[::3]]
    for i in range(len(masks)):
        for j in range(i):
            assert abs(likeness(masks[i], masks[j])) < 5
    resting = LayerCall(
        LayerSpec(0, HEADS, 1e-12, 0.3, 0.3), own, None, None, 5, False, False, False
    )
    assert resting.dropout(0).rate == resting.dropout(1).rate == 0


def test_a_slope_is_that_of_the_numbers_that_were_kept(own_kernels):
    """By finite differences: what goes in is moved, the mask stays."""
    own, drop = kernels(torch.float32), Dropout(0.4, 13, 4)
    generator = torch.Generator().manual_seed(0)
    packing = Packing(torch.tensor([5, 9]))
    q, k, v, way, slope = (torch.randn(14, 32, generator=generator) for _ in range(5))
    norm = NormParams(torch.ones(32), torch.zeros(32), 1e-12)

    def along(act, step=1e-2):
        return float(((act(step) - act(-step)).double() * slope).sum() / (2 * step))

    def attended(step, part):
        moved = [x + step * way * (i == part) for i, x in enumerate((q, k, v))]
        return own.attend(*moved, packing, 2, drop)[0]

    out, kept = own.attend(q, k, v, packing, 2, drop)
    assert ((out - own.attend(q, k, v, packing, 2, Dropout())[0]).abs() > 1e-3).any()
    into = [torch.empty_like(q) for _ in range(3)]
    own.attend_back(slope, q, k, v, into, kept, packing, 2, drop)
    for part, found in enumerate(into):
        told = along(lambda step, part=part: attended(step, part))
        assert float((found * way).sum()) == pytest.approx(told, rel=2e-2, abs=2e-2)

    _, kept = own.add_norm(q, k, norm, drop)
    ds, da, _ = own.add_norm_back(slope, None, kept, norm, drop)
    for found, told in (
        (da, along(lambda step: own.add_norm(q + step * way, k, norm, drop)[0])),
        (ds, along(lambda step: own.add_norm(q, k + step * way, norm, drop)[0])),
    ):
        assert float((found * way).sum()) == pytest.approx(told, rel=2e-2, abs=2e-2)
