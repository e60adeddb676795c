"""Each kernel, in C++ and in PyTorch, against plain formulas under autograd, row by row."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.nn.functional import gelu, layer_norm

from kernel_inputs import EPS, drawn, dropped, masks_of, norm_of, packing_of
from weitiao.model.fast.kernels import Dropout, EmbeddingTables
from weitiao.model.fast.select import kernels

DTYPES = [torch.float32, torch.bfloat16]
LENGTHS = [1, 15, 16, 17, 64, 65, 200]
WIDTHS = [16, 32, 48]
cheap = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=["fp32", "bf16"])


def assert_near(found, wanted, dtype, name="", least=1e-6):
    """In fp32 to the last digits; in bf16, of which a number has 8 bits, by what is off in all.
    least: of what size `wanted` is taken, where it may be nearly nothing by taking differences."""
    found, wanted = found.detach().float(), wanted.detach().float()
    if dtype == torch.float32:
        torch.testing.assert_close(
            found, wanted, rtol=1e-4, atol=2e-5 * float(1 + wanted.abs().max())
        )
        return
    off = (found - wanted).norm() / max(float(wanted.norm()), float(least))
    assert off < 1.5e-2, f"{name}: {off}"


# --- attention


def rows_attended(q, k, v, lengths, heads, masks=None, first=False):
    """Attention inside each row, one row at a time; masks: by row, what dropout multiplies by."""
    out, start = [], 0
    for row, length in enumerate(lengths):
        here = slice(start, start + length)
        asking = q[row : row + 1] if first else q[here]
        one, other, third = (
            x.unflatten(1, (heads, -1)).transpose(0, 1) for x in (asking, k[here], v[here])
        )
        shares = (one @ other.mT * one.shape[-1] ** -0.5).softmax(-1)
        if masks is not None:
            shares = shares * masks[row]
        out.append((shares @ third).transpose(0, 1).flatten(1))
        start += length
    return torch.cat(out)


def check_attention(own, lengths, heads, depth, drop=None, first=False):
    tokens, width = sum(lengths), heads * depth
    drop = drop or Dropout()
    masks = masks_of(own, lengths, heads, depth, drop, first) if drop.rate else None
    # As a layer gives them: parts of one product, so lines are farther apart than they are wide.
    asked = len(lengths) if first else tokens
    given = [drawn(n, 3 * width, dtype=own.dtype, seed=i) for i, n in enumerate((asked, tokens))]
    q, k, v = given[0][:, :width], given[1][:, width : 2 * width], given[1][:, 2 * width :]
    grad = drawn(asked, width, dtype=own.dtype, seed=5)
    leaves = [x.clone().requires_grad_() for x in (q, k, v)]
    wanted = rows_attended(*leaves, lengths, heads, masks, first)
    gradients = torch.autograd.grad(wanted, leaves, grad)

    line = [x.to(own.dtype) for x in given]
    q, k, v = line[0][:, :width], line[1][:, width : 2 * width], line[1][:, 2 * width :]
    out, kept = own.attend(q, k, v, packing_of(lengths), heads, drop)
    assert_near(out, wanted, own.dtype, "out")
    into = [torch.full_like(x, float("nan")) for x in line]
    into = (into[0][:, :width], into[1][:, width : 2 * width], into[1][:, 2 * width :])
    sums = own.attend_back(
        grad.to(own.dtype), q, k, v, into, kept, packing_of(lengths), heads, drop
    )
    for name, one, other, total in zip("qkv", into, gradients, sums, strict=True):
        # A query that sees one key alone has no slope: what is left of it is rounding.
        assert_near(one, other, own.dtype, f"d{name}", least=0.3 * grad.norm())
        # Of keys the sum is nothing but rounding: what is added to all of them changes no share.
        if name != "k":
            least = 0.3 * grad.norm()
            assert_near(total, other.sum(0), own.dtype, f"sum of d{name}", least)


@pytest.mark.parametrize("depth", [8, 24, 64])
@pytest.mark.parametrize("first", [False, True], ids=["all tokens", "first tokens"])
@dtypes
def test_attention(dtype, first, depth, own_kernels):
    own = kernels(dtype)
    assert own.name.startswith(own_kernels)
    for length in LENGTHS:
        check_attention(own, [length], 2, depth, first=first)
    check_attention(own, [17, 1, 200, 16, 64, 65, 15, 2], 2, depth, first=first)
    check_attention(own, [5, 5, 5], 2, depth, first=first)


@cheap
@given(
    lengths=st.lists(st.integers(1, 70), min_size=1, max_size=6),
    heads=st.integers(1, 3),
    depth=st.sampled_from([8, 16, 24, 40]),
    first=st.booleans(),
)
def test_attention_of_any_rows(lengths, heads, depth, first, own_kernels):
    check_attention(kernels(torch.float32), lengths, heads, depth, first=first)


@pytest.mark.parametrize("first", [False, True], ids=["all tokens", "first tokens"])
@dtypes
def test_attention_with_dropout_uses_the_same_mask_backward(dtype, first, own_kernels):
    own = kernels(dtype)
    for length in (1, 15, 17, 64, 65):
        check_attention(own, [length], 2, 24, Dropout(0.3, 11, 5), first)
    check_attention(own, [17, 1, 70, 16, 33], 2, 24, Dropout(0.1, 3, 9), first)


def test_one_query_of_huge_scores_still_gives_shares(own_kernels):
    own = kernels(torch.float32)
    q, k, v = (scale * drawn(20, 16, seed=i) for i, scale in enumerate((300.0, 300.0, 1.0)))
    out, _ = own.attend(q, k, v, packing_of([13, 7]), 2, Dropout())
    torch.testing.assert_close(out, rows_attended(q, k, v, [13, 7], 2), rtol=1e-3, atol=1e-3)


# --- what happens to each token by itself


@pytest.mark.parametrize("rate", [0.0, 0.25])
@pytest.mark.parametrize("more", [False, True], ids=["one slope", "two slopes"])
@pytest.mark.parametrize("width", WIDTHS)
@dtypes
def test_add_and_norm(dtype, width, more, rate, own_kernels):
    own, norm, drop = kernels(dtype), norm_of(width), Dropout(rate, 21, 6)
    for tokens in LENGTHS:
        a, x, dy, second = (drawn(tokens, width, dtype=dtype, seed=i) for i in range(4))
        out, kept = own.add_norm(a.to(dtype), x.to(dtype), norm, drop)
        ds, da, sums = own.add_norm_back(
            dy.to(dtype), second.to(dtype) if more else None, kept, norm, drop
        )
        mask = dropped(own, tokens, width, drop)
        leaves = [t.clone().requires_grad_() for t in (x, a, norm.weight, norm.bias)]
        one, other, weight, bias = leaves
        wanted = layer_norm(one + other * mask, (width,), weight, bias, EPS)
        assert_near(out, wanted, dtype, "out")
        slopes = torch.autograd.grad(wanted, leaves, dy + second if more else dy)
        found = (ds, da, sums[0], sums[1])
        for name, got, slope in zip(("x", "a", "weight", "bias"), found, slopes, strict=True):
            assert_near(got, slope, dtype, name)
        scale = slopes[1].abs().sum(0).max()  # the sum over tokens may be nearly nothing
        torch.testing.assert_close(sums[2] / scale, slopes[1].sum(0) / scale,
                                   rtol=0, atol=1e-5 if dtype == torch.float32 else 1e-2)  # fmt: skip


@dtypes
def test_sums_over_many_tokens_lose_nothing(dtype, own_kernels):
    """torch adds the slopes of a norm's weights up in bf16 if the numbers are: of 8,000 tokens half
    got lost."""
    own, tokens, norm = kernels(dtype), 8000, norm_of(32)
    x, zero = drawn(tokens, 32, dtype=dtype), torch.zeros(tokens, 32, dtype=dtype)
    dy = (drawn(tokens, 32, seed=1) + 0.3).to(dtype)
    leaves = [t.clone().requires_grad_() for t in (norm.weight, norm.bias)]
    wanted = torch.autograd.grad(layer_norm(x, (32,), *leaves, EPS), leaves, dy.float())
    _, kept = own.add_norm(zero, x.to(dtype), norm, Dropout())
    sums = own.add_norm_back(dy, None, kept, norm, Dropout())[2]
    for total, slope in zip(sums, wanted, strict=False):
        assert (total - slope).norm() < 1e-3 * slope.norm()
    _, columns = own.gelu_back(torch.ones_like(x).to(dtype), x.to(dtype))
    leaf = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(gelu(leaf).sum(), leaf)
    assert (columns - slope.sum(0)).norm() < 1e-3 * slope.sum(0).norm()


@pytest.mark.parametrize("width", WIDTHS)
@dtypes
def test_gelu(dtype, width, own_kernels):
    own = kernels(dtype)
    for tokens in LENGTHS:
        x, dy = (drawn(tokens, width, dtype=dtype, seed=i) * (4 - 3 * i) for i in range(2))
        leaf = x.clone().requires_grad_()
        wanted = gelu(leaf)
        (slope,) = torch.autograd.grad(wanted, leaf, dy)
        assert_near(own.gelu(x.to(dtype)), wanted, dtype)
        dx, sums = own.gelu_back(dy.to(dtype), x.to(dtype))
        assert_near(dx, slope, dtype)
        assert_near(sums, slope.sum(0), dtype)


def test_gelu_of_every_size_of_number(own_kernels):
    x = torch.cat(
        [torch.linspace(-12, 12, 3999), torch.tensor([0.0]), 10.0 ** torch.arange(-38.0, 18)]
    )
    x = x[: len(x) // 16 * 16].view(-1, 16)
    torch.testing.assert_close(kernels(torch.float32).gelu(x), gelu(x), rtol=1e-4, atol=2e-6)
    rough = kernels(torch.bfloat16)
    x16 = x.bfloat16()  # which is a 256th off by itself
    leaf = x16.float().requires_grad_()
    wanted = gelu(leaf)
    (slope,) = torch.autograd.grad(wanted.sum(), leaf)
    torch.testing.assert_close(rough.gelu(x16).float(), wanted.detach(), rtol=5e-3, atol=4e-4)
    dx, _ = rough.gelu_back(torch.ones_like(x16), x16)
    torch.testing.assert_close(dx.float(), slope, rtol=5e-3, atol=1e-3)


@pytest.mark.parametrize("kinds", ["types", "no types", "no table"])
@pytest.mark.parametrize("width", WIDTHS)
@dtypes
def test_embedding(dtype, width, kinds, own_kernels):
    own = kernels(dtype)
    words, places = drawn(30, width, seed=3), drawn(210, width, seed=4)
    table = None if kinds == "no table" else drawn(2, width, seed=5)
    for tokens in LENGTHS:
        generator = torch.Generator().manual_seed(tokens)
        ids = torch.randint(30, (tokens,), generator=generator)
        types = torch.randint(2, (tokens,), generator=generator) if kinds == "types" else None
        positions, dy = torch.arange(tokens), drawn(tokens, width, dtype=dtype, seed=6)
        norm = norm_of(width)
        for drop in (Dropout(), Dropout(0.25, 5, 0)):
            out, kept = own.embed(
                ids, positions, types, EmbeddingTables(words, places, table, norm), drop
            )
            clean, _ = own.embed(
                ids, positions, types, EmbeddingTables(words, places, table, norm), Dropout()
            )
            mask = torch.where(out == 0, 0.0, 1 / (1 - drop.rate))
            summed = words[ids] + places[positions]
            if table is not None:
                summed = summed + (table[0] if types is None else table[types])
            leaves = [t.clone().requires_grad_() for t in (summed, norm.weight, norm.bias)]
            wanted = layer_norm(leaves[0], (width,), *leaves[1:], EPS)
            assert_near(clean, wanted, dtype)
            assert_near(out, wanted * mask, dtype)
            slopes = torch.autograd.grad(wanted * mask, leaves, dy)
            found = own.embed_back(dy.to(dtype), kept, norm, drop)
            for got, slope in zip(found, slopes, strict=True):
                assert got.dtype == torch.float32
                assert_near(got, slope, dtype)


@dtypes
def test_copies_are_those_of_torch_to_the_last_bit(dtype, own_kernels):
    shapes = [(1,), (7,), (16,), (33, 48), (129, 80)]
    masters = [drawn(*shape, seed=9) for shape in shapes]
    for some in (masters, [masters[-1].t()]):  # and one that is not in order
        copies = [torch.zeros(m.shape, dtype=dtype) for m in some]
        kernels(dtype).copy(some, copies)
        for copy, master in zip(copies, some, strict=True):
            assert torch.equal(copy, master.to(dtype))


@dtypes
def test_what_is_not_a_number_stays_so(dtype, own_kernels):
    """A run that diverges is noticed by its loss: no kernel may make a number of it."""
    own, norm = kernels(dtype), norm_of(32)
    broken = drawn(5, 32, dtype=dtype).to(dtype)
    broken[2, 7] = float("nan")
    good = drawn(5, 32, dtype=dtype, seed=1).to(dtype)
    assert own.gelu(broken)[2].isnan().any()
    assert own.add_norm(broken, good, norm, Dropout())[0][2].isnan().all()
    for three in ((broken, good, good), (good, broken, good), (good, good, broken)):
        assert own.attend(*three, packing_of([5]), 2, Dropout())[0].isnan().any()
