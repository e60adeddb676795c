from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.data.files.table import from_rows
from weitiao.data.prepare import duplicates
from weitiao.data.prepare.split import sample, split, units_of
from weitiao.data.rows import Rows, everything

SIZES = st.floats(0.01, 0.4)
TARGETS = st.one_of(
    st.lists(st.sampled_from("aaaaabbbccde"), min_size=1, max_size=120),
    st.lists(st.floats(-5, 5), min_size=1, max_size=120),
    st.lists(st.lists(st.sampled_from("abc"), unique=True), min_size=1, max_size=120),
)


@given(TARGETS, SIZES, SIZES, st.integers(0, 99), st.booleans())
def test_nothing_is_lost_and_nothing_stands_twice(targets, validation, test, seed, stratify):
    parts = split(targets, len(targets), validation, test, seed, stratify)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(targets)))
    assert all(part.dtype == np.int64 and np.all(np.diff(part) > 0) for part in parts)


@given(TARGETS, SIZES, SIZES, st.integers(0, 99))
def test_the_same_seed_gives_the_same_parts(targets, validation, test, seed):
    first = split(targets, len(targets), validation, test, seed, True)
    again = split(list(targets), len(targets), validation, test, seed, True)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


@given(
    st.lists(st.sampled_from("aaaaabbbccde"), min_size=10, max_size=300),
    SIZES,
    SIZES,
    st.integers(0, 99),
)
def test_labels_keep_their_shares_to_within_one_row(targets, validation, test, seed):
    parts = split(targets, len(targets), validation, test, seed, True)
    counts = Counter(targets)
    taught = {targets[i] for i in parts[0]}
    assert taught == set(counts)
    for part, size in zip(parts[1:], (validation, test), strict=True):
        wanted = max(1, round(size * len(targets))) / len(targets)
        for label, count in counts.items():
            found = sum(targets[i] == label for i in part)
            assert found <= np.ceil(count * wanted)
            # Less only where train would have been left with nothing.
            assert found >= min(np.floor(count * wanted), max(0, count - 1) // 2)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from("ab")), min_size=1, max_size=100),
    st.integers(0, 99),
)
def test_groups_stay_together_and_train_has_every_label(rows, seed):
    groups = np.array([group for group, _ in rows])
    targets = [label for _, label in rows]
    parts = split(targets, len(rows), 0.2, 0.2, seed, True, groups)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not set(groups[parts[one]]) & set(groups[parts[other]])
    assert {targets[i] for i in parts[0]} == set(targets)


def test_another_seed_gives_other_parts():
    targets = ["a", "b"] * 50
    first, second = (split(targets, 100, 0.1, 0.1, seed, True) for seed in (1, 2))
    assert not np.array_equal(first[2], second[2])


def test_sizes_are_exact_with_many_small_labels():
    targets = [str(i % 150) for i in range(750)]
    train, validation, test = split(targets, 750, 0.1, 0.1, 13, True)
    assert (len(train), len(validation), len(test)) == (600, 75, 75)


def test_numbers_are_spread_over_the_parts():
    targets = [float(i) for i in range(1000)]
    _, validation, test = split(targets, 1000, 0.1, 0.1, 13, True)
    for part in (validation, test):
        assert np.histogram(part, 10, (0, 1000))[0].tolist() == [10] * 10


@pytest.mark.parametrize("stratify", [True, False])
def test_no_test_when_none_is_wanted(stratify):
    assert len(split(["a", "b"] * 20, 40, 0.1, 0, 1, stratify)[2]) == 0


@given(st.lists(st.sampled_from("aaaaab"), min_size=1, max_size=100), st.integers(1, 120))
def test_a_sample_has_the_size_asked_for(targets, rows):
    found = sample(targets, len(targets), rows, 5)
    assert len(found) == min(rows, len(targets))
    assert np.all(np.diff(found) > 0)


def test_rows_of_a_group_stay_together_and_an_empty_cell_is_no_group():
    people = ["ann", "", "bob", "ann", "", " "]
    rows = [{"text": f"t{n}", "label": "x", "person": who} for n, who in enumerate(people)]
    source = from_rows(rows, "rows")
    roles = {"text": "text", "target": "label", "group": "person"}
    all_rows = Rows(source.table, everything(source.table), roles, "rows", "classification")
    keys = duplicates.text_keys(source.table, ["text"], np.arange(len(rows)))
    units = units_of(all_rows, keys)
    assert units[0] == units[3]
    assert len(set(units.tolist())) == 5
