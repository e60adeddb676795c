import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.model.batching import by_length
from weitiao.train.batches import Stream

lengths_of_rows = st.lists(st.integers(1, 60), min_size=1, max_size=70).map(np.array)


def stream(lengths, batch_size=8, tokens=100, packed=False, seed=1):
    return Stream(lengths, seed, batch_size, tokens, packed)


@given(lengths_of_rows, st.integers(1, 20))
@settings(max_examples=50, deadline=None)
def test_every_epoch_holds_every_row_once_and_updates_are_full(lengths, batch_size):
    n = len(lengths)
    order = stream(lengths, batch_size)
    updates = [order.rows_of(u) for u in range(-(-3 * n // batch_size))]
    assert all(len(rows) == batch_size for rows in updates)
    flat = np.concatenate(updates)
    for epoch in range(3):
        assert sorted(flat[epoch * n : (epoch + 1) * n]) == list(range(n))


@given(lengths_of_rows, st.integers(0, 30))
@settings(max_examples=50, deadline=None)
def test_an_update_does_not_depend_on_the_ones_before(lengths, update):
    walked = stream(lengths)
    for before in range(update):
        walked.rows_of(before)
    assert walked.rows_of(update).tolist() == stream(lengths).rows_of(update).tolist()


@given(lengths_of_rows, st.integers(1, 4), st.booleans(), st.integers(1, 12))
@settings(max_examples=80, deadline=None)
def test_processes_share_an_update_and_have_equally_many_micro_batches(
    lengths, world, packed, batch_size
):
    batch_size = max(batch_size, world)
    order = stream(lengths, batch_size, 100, packed)
    shares = order.micros(2, world)
    assert len({len(share) for share in shares}) == 1
    real = np.concatenate([m.positions for share in shares for m in share if m.real])
    assert sorted(real) == sorted(order.rows_of(2))
    for micro in (m for share in shares for m in share):
        sizes = lengths[micro.positions]
        cost = sizes.sum() if packed else sizes.max() * len(sizes)
        assert cost <= 100 or len(sizes) == 1


def test_epochs_and_seeds_differ():
    lengths = np.full(64, 5)
    one, two = stream(lengths), stream(lengths, seed=2)
    assert one.rows_of(0).tolist() != one.rows_of(8).tolist()
    assert one.rows_of(0).tolist() != two.rows_of(0).tolist()


@given(lengths_of_rows, st.integers(1, 200), st.booleans())
@settings(max_examples=50, deadline=None)
def test_groups_by_length_hold_every_row_once_within_the_budget(lengths, tokens, packed):
    groups = list(by_length(lengths, tokens, packed))
    assert sorted(np.concatenate(groups)) == list(range(len(lengths)))
    for group in groups:
        sizes = lengths[group]
        cost = sizes.sum() if packed else sizes.max() * len(sizes)
        assert cost <= tokens or len(group) == 1
