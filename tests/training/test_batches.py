import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.data.files.samples import open_sample
from weitiao.model.batching import by_length
from weitiao.training.batches import Stream

lengths_of_rows = st.lists(st.integers(1, 60), min_size=1, max_size=70).map(np.array)


def stream(lengths, batch_size=8, tokens=100, packed=False, seed=1, buckets=True):
    return Stream(lengths, seed, batch_size, tokens, packed, buckets)


def padding(lengths, updates):
    """Share of tokens that are padding when each update is one padded batch."""
    sizes = lengths[np.stack(updates)]
    return (sizes.max(1) * sizes.shape[1]).sum() / sizes.sum() - 1


def whole_epochs(order, n, epochs=3):
    return [order.rows_of(u) for u in range(epochs * n // order.batch_size)]


@given(lengths_of_rows, st.integers(1, 20), st.booleans())
@settings(max_examples=50, deadline=None)
def test_every_epoch_holds_every_row_once_and_updates_are_full(lengths, batch_size, buckets):
    n = len(lengths)
    order = stream(lengths, batch_size, buckets=buckets)
    updates = [order.rows_of(u) for u in range(-(-3 * n // batch_size))]
    assert all(len(rows) == batch_size for rows in updates)
    flat = np.concatenate(updates)
    for epoch in range(3):
        assert sorted(flat[epoch * n : (epoch + 1) * n]) == list(range(n))


@given(lengths_of_rows, st.integers(0, 30), st.booleans())
@settings(max_examples=50, deadline=None)
def test_an_update_does_not_depend_on_the_ones_before(lengths, update, buckets):
    walked = stream(lengths, buckets=buckets)
    for before in range(update):
        walked.rows_of(before)
    alone = stream(lengths, buckets=buckets).rows_of(update)
    assert walked.rows_of(update).tolist() == alone.tolist()


@given(st.integers(2000, 9000), st.integers(0, 10**6), st.sampled_from([8, 16, 32]))
@settings(max_examples=15, deadline=None)
def test_buckets_pad_less_than_a_twentieth(rows, seed, batch_size):
    """Lengths spread like those of sst2 (median 22, 99 % at most 52), whatever their number."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.gamma(5.2, 4.5, rows).round().astype(int), 4, 67)
    order = stream(lengths, batch_size, seed=seed)
    assert padding(lengths, whole_epochs(order, rows)) < 0.05
    at_random = stream(lengths, batch_size, seed=seed, buckets=False)
    assert padding(lengths, whole_epochs(at_random, rows)) > 0.5


@pytest.mark.parametrize(("sample", "longest"), [("tweets", 64), ("bbc-news", 256)])
def test_buckets_pad_little_on_real_rows(sample, longest):
    """Tweets, and news of up to thousands of words cut at 256."""
    texts = open_sample(sample).table["text"].to_pylist()[:2200]
    lengths = np.array([min(len(text.split()) + 2, longest) for text in texts])
    for batch_size in (16, 32):
        order = stream(lengths, batch_size)
        assert padding(lengths, whole_epochs(order, len(lengths))) < 0.05


def test_buckets_hold_other_rows_each_epoch_in_another_order():
    rng = np.random.default_rng(0)
    lengths = rng.integers(5, 60, 640)
    order = stream(lengths, 32)
    epochs = [[order.rows_of(20 * epoch + u) for u in range(20)] for epoch in range(2)]
    together = [{frozenset(update.tolist()) for update in epoch} for epoch in epochs]
    assert not together[0] & together[1]
    means = [[lengths[update].mean() for update in epoch] for epoch in epochs]
    assert means[0] != sorted(means[0])
    assert abs(np.corrcoef(*means)[0, 1]) < 0.7  # long ones come at other times


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


def test_rows_of_one_length_are_any_rows():
    """Buckets without a choice are random batches: every pair of rows meets sooner or later."""
    order = stream(np.full(12, 7), 4)
    met = {(int(a), int(b)) for u in range(90) for a in order.rows_of(u) for b in order.rows_of(u)}
    assert len(met) == 12 * 12


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
