"""Each optimizer against its own formula: decoupled decay and coupled L2 are told apart."""

import math
import mmap
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao import parts
from weitiao.errors import PlanError
from weitiao.training import update as gradients
from weitiao.training.groups import groups_of, merged
from weitiao.training.loop import set_rates
from weitiao.training.sparse_adamw import LazyAdamW

RATE, DECAY = 0.1, 0.5


def step(name, gradients, **settings):
    weight = torch.nn.Parameter(torch.tensor([2.0, -3.0]))
    recipe = parts.build("optimizers", name, settings)
    optimizer = recipe.optimizer([{"params": [weight], "lr": RATE, "weight_decay": DECAY}])
    for gradient in gradients:
        weight.grad = torch.tensor(gradient)
        optimizer.step()
    return weight.detach()


def adam(gradients, coupled):
    weight = torch.tensor([2.0, -3.0])
    first = second = torch.zeros(2)
    for i, gradient in enumerate(gradients, 1):
        gradient = torch.tensor(gradient)
        if coupled:
            gradient = gradient + DECAY * weight
        else:
            weight = weight * (1 - RATE * DECAY)
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        corrected = (first / (1 - 0.9**i), second / (1 - 0.999**i))
        weight = weight - RATE * corrected[0] / (corrected[1].sqrt() + 1e-8)
    return weight


GRADIENTS = [[0.3, -0.1], [0.2, 0.4], [-0.5, 0.1]]


@pytest.mark.parametrize(("name", "coupled"), [("adamw", False), ("adam", True)])
def test_adam_decays_inside_the_moments_and_adamw_beside_them(name, coupled):
    torch.testing.assert_close(step(name, GRADIENTS), adam(GRADIENTS, coupled))
    assert not torch.allclose(adam(GRADIENTS, True), adam(GRADIENTS, False), atol=1e-2)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_adds_the_decay_to_the_gradient(momentum):
    weight, buffer = torch.tensor([2.0, -3.0]), None
    for gradient in GRADIENTS:
        whole = torch.tensor(gradient) + DECAY * weight
        buffer = whole if buffer is None else momentum * buffer + whole
        weight = weight - RATE * buffer
    torch.testing.assert_close(step("sgd", GRADIENTS, momentum=momentum), weight)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("linear", lambda p: 1 - p),
        ("cosine", lambda p: (1 + math.cos(math.pi * p)) / 2),
        ("constant", lambda p: 1.0),
    ],
)
def test_schedules_warm_up_and_then_follow_their_formula(name, wanted):
    net = torch.nn.Linear(2, 2)
    groups = groups_of(net, RATE, DECAY)
    optimizer = torch.optim.SGD([g.options() for g in groups], lr=0.0)
    schedule = parts.build("schedules", name)
    for progress in (0.01, 0.05, 0.0999):
        rate = set_rates(optimizer, groups, progress, 0.1, schedule)
        assert rate == pytest.approx(RATE * progress / 0.1)
    for progress in (0.1, 0.3, 0.9, 1.0):
        rate = set_rates(optimizer, groups, progress, 0.1, schedule)
        assert rate == pytest.approx(RATE * wanted((progress - 0.1) / 0.9), abs=1e-9)


def test_biases_and_norms_are_not_decayed_and_every_parameter_is_in_one_group():
    net = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.LayerNorm(3))
    groups = groups_of(net, RATE, DECAY)
    for group in groups:
        for param in group.params:
            assert (group.weight_decay > 0) == (param.ndim > 1)
    found = [id(p) for group in groups for p in group.params]
    assert sorted(found) == sorted(id(p) for p in net.parameters())


def test_groups_of_equal_rates_are_one_for_the_optimizer_and_compute_the_same():
    def net_of():
        torch.manual_seed(0)
        return torch.nn.ModuleDict(
            {"layer": torch.nn.ModuleList(torch.nn.Linear(3, 3) for _ in range(4))}
        )

    def trained(join):
        net = net_of()
        groups = groups_of(net, RATE, DECAY)
        slower = [replace(g, learning_rate=RATE / 2) if g.depth == 1 else g for g in groups]
        used = merged(slower) if join else slower
        optimizer = torch.optim.AdamW([g.options() for g in used], fused=True)
        for seed in range(3):
            torch.manual_seed(seed)
            x = torch.randn(5, 3)
            for layer in net["layer"]:
                x = layer(x).tanh()
            x.square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        return len(used), [p.detach() for p in net.parameters()]

    (many, apart), (few, together) = trained(False), trained(True)
    assert (many, few) == (8, 4)  # two rates, with and without decay
    assert all(torch.equal(one, other) for one, other in zip(apart, together, strict=True))


# --- vectors that are updated only where they are touched

ROWS, WIDTH = 6, 3
touches = st.lists(st.sets(st.integers(0, ROWS - 1)), min_size=1, max_size=12)


def table_optimizer(table, decay=DECAY, lazy_embeddings=True):
    recipe = parts.build("optimizers", "adamw", {"lazy_embeddings": lazy_embeddings})
    return recipe.optimizer([{"params": [table], "lr": RATE, "weight_decay": decay}])


def sparse(rows, values):
    at = torch.tensor([rows], dtype=torch.long)
    return torch.sparse_coo_tensor(at, values, (ROWS, WIDTH), check_invariants=True)


@given(touches, st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_a_row_moves_as_adamw_moves_it_in_the_updates_that_touch_it(updates, seed):
    """Without decay a row is what dense AdamW makes of its own gradients alone; with decay, its
    shrinking over all updates up to its last one is made up: checked by adding it up plainly."""
    rng = torch.Generator().manual_seed(seed)
    start = torch.randn(ROWS, WIDTH, generator=rng)
    slopes = [torch.randn(ROWS, WIDTH, generator=rng) for _ in updates]
    for decay in (0.0, DECAY):
        table = torch.nn.Parameter(start.clone())
        optimizer = table_optimizer(table, decay)
        for rows, slope in zip(updates, slopes, strict=True):
            picked = sorted(rows)
            halves = torch.cat([slope[picked], slope[picked]]) / 2  # each row comes twice
            table.grad = sparse(picked * 2, halves)
            optimizer.step()
        for row in range(ROWS):
            lone = torch.nn.Parameter(start[row].clone())
            plain = torch.optim.AdamW([lone], lr=RATE, weight_decay=0.0)
            missed = 1.0
            for rows, slope in zip(updates, slopes, strict=True):
                missed *= 1 - RATE * decay
                if row in rows:
                    with torch.no_grad():
                        lone *= missed
                    missed, lone.grad = 1.0, slope[row].clone()
                    plain.step()
            torch.testing.assert_close(table[row], lone, rtol=1e-5, atol=1e-6)


def test_when_every_row_is_touched_it_is_plain_adamw():
    start, tables = torch.randn(ROWS, WIDTH), []
    for touched in (True, False):
        table = torch.nn.Parameter(start.clone())
        optimizer = table_optimizer(table, lazy_embeddings=touched)
        for i in range(5):
            slope = torch.full((ROWS, WIDTH), 0.1 * (i - 2)) + start
            table.grad = sparse(list(range(ROWS)), slope) if touched else slope
            optimizer.step()
        tables.append(table)
    torch.testing.assert_close(tables[0], tables[1])


def test_dense_and_sparse_gradients_have_one_norm_and_are_cut_alike():
    dense, table = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(ROWS, WIDTH))
    dense.grad = torch.tensor([3.0, 0.0])
    table.grad = sparse([1, 4, 1], torch.tensor([[1.0, 0, 0], [0, 2, 0], [1, 0, 0]]))
    whole = torch.cat([dense.grad, table.grad.to_dense().flatten()])
    found = gradients.values([dense, table, torch.nn.Parameter(torch.zeros(1))])
    length = gradients.norm(found)
    assert length == pytest.approx(float(whole.norm()))
    gradients.clip(found, length, 2 * length)
    assert gradients.norm(gradients.values([dense, table])) == length
    gradients.clip(found, length, 1.0)
    now = torch.cat([dense.grad, table.grad.to_dense().flatten()])
    torch.testing.assert_close(now, whole / length)
    table.grad.values()[0, 0] = math.nan
    assert not math.isfinite(gradients.norm(gradients.values([dense, table])))


def test_a_decay_that_takes_whole_weights_away_is_refused():
    table = torch.nn.Parameter(torch.zeros(ROWS, WIDTH))
    with pytest.raises(PlanError, match="lazy_embeddings"):
        table_optimizer(table, decay=1 / RATE)


def test_the_old_name_of_lazy_embeddings_is_accepted():
    """Plans and interrupted runs of 0.1 say `touched_rows`."""
    old = parts.build("optimizers", "adamw", {"touched_rows": True})
    assert old == parts.build("optimizers", "adamw", {"lazy_embeddings": True})
    assert not old.shards


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's count of pages")
def test_moments_of_words_that_never_come_take_no_memory():
    def resident():
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * mmap.PAGESIZE

    table = torch.nn.Parameter(torch.zeros(100_000, 256))  # 102 MB, and twice that of moments
    optimizer = LazyAdamW([table], lr=0.1)
    rows = torch.arange(0, 1000)
    values = torch.ones(1000, 256)
    table.grad = torch.sparse_coo_tensor(rows[None], values, table.shape, check_invariants=True)
    before = resident()
    optimizer.step()
    assert resident() - before < 30e6
    state = optimizer.state[table]
    assert state["exp_avg"][:1000].ne(0).all()
    assert state["exp_avg"][1000:].eq(0).all()


def _two_layers():
    net = torch.nn.Module()
    net.layers = torch.nn.ModuleList([torch.nn.Linear(6, 3)])
    net.embed = torch.nn.Embedding(7, 4)
    net.head = torch.nn.Linear(3, 2)
    return net


def orthogonal(matrix):
    """The nearest matrix with singular values of 1, by singular values."""
    left, _values, right = torch.linalg.svd(matrix, full_matrices=False)
    return left @ right


def test_muon_makes_the_momentum_of_matrices_orthogonal_and_leaves_the_rest_to_adamw():
    torch.manual_seed(0)
    net, beside = _two_layers(), _two_layers()
    beside.load_state_dict(net.state_dict())
    groups = [g.options() for g in groups_of(net, RATE, 0.0)]
    recipe = parts.build("optimizers", "muon", {"matrix_scale": 2.0})
    recipe.start(net)
    muon = recipe.optimizer(groups)
    adamw = parts.build("optimizers", "adamw").optimizer(
        [g.options() for g in groups_of(beside, RATE, 0.0)]
    )
    before = net.layers[0].weight.detach().clone()
    for param, other in zip(net.parameters(), beside.parameters(), strict=True):
        param.grad = torch.randn_like(param)
        other.grad = param.grad.clone()
    gradient = net.layers[0].weight.grad.clone()
    muon.step()
    adamw.step()
    moved = (before - net.layers[0].weight.detach()) / (2.0 * RATE * 0.2 * math.sqrt(6))
    # Five iterations bring singular values near 1, not to it.
    values = torch.linalg.svdvals(moved)
    assert values.min() > 0.6
    assert values.max() < 1.3
    assert torch.nn.functional.cosine_similarity(
        moved.flatten(), orthogonal(gradient).flatten(), dim=0
    ) > 0.95  # fmt: skip
    assert net.layers[0].weight.grad is not None  # given back
    for name, param in net.named_parameters():
        if name != "layers.0.weight":
            torch.testing.assert_close(param, beside.get_parameter(name))


def test_muon_without_matrices_is_adamw():
    torch.testing.assert_close(step("muon", GRADIENTS), adam(GRADIENTS, False))


def test_muon_keeps_its_momentum_in_the_state_that_checkpoints_hold():
    net = _two_layers()
    recipe = parts.build("optimizers", "muon")
    recipe.start(net)
    optimizer = recipe.optimizer([g.options() for g in groups_of(net, RATE, DECAY)])
    for param in net.parameters():
        param.grad = torch.ones_like(param)
    optimizer.step()
    assert set(optimizer.state[net.layers[0].weight]) == {"momentum_buffer"}
    assert set(optimizer.state[net.embed.weight]) == {"step", "exp_avg", "exp_avg_sq"}
