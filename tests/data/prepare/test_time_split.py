"""Temporal split: nothing in train is newer than validation, nothing there newer than the test."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.data.files.table import from_rows
from weitiao.data.prepare.load import load
from weitiao.data.prepare.time_split import described, split_by_time
from weitiao.errors import DataError
from weitiao.planfile.plan import DataPlan


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 30)), min_size=3, max_size=80),
    st.sampled_from([(0.1, 0.1), (0.3, 0.3), (0.2, 0.0), (0.0, 0.2)]),
)
def test_parts_are_ordered_by_time_and_keep_units_together(rows, sizes):
    times, units = (np.array(column) for column in zip(*rows, strict=True))
    parts = split_by_time(times.astype(float), units, *sizes)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(rows)))
    newest = {unit: times[units == unit].max() for unit in units}
    placed = [{int(unit) for unit in units[part]} for part in parts]
    assert not (placed[0] & placed[1])
    assert not (placed[1] & placed[2])
    assert not (placed[0] & placed[2])
    for before, after in ((0, 1), (1, 2), (0, 2)):
        if placed[before] and placed[after]:
            assert max(newest[u] for u in placed[before]) <= min(newest[u] for u in placed[after])


def test_rows_of_one_day_are_not_parted():
    times = np.repeat([1.0, 2.0, 3.0, 4.0, 5.0], 20)
    parts = split_by_time(times, np.arange(100), 0.1, 0.1)
    assert [set(times[part]) for part in parts] == [{1.0, 2.0, 3.0}, {4.0}, {5.0}]


def test_one_moment_for_all_rows_still_gives_three_parts():
    assert [len(part) for part in split_by_time(np.zeros(50), np.arange(50), 0.1, 0.2)] == [
        35, 5, 10,
    ]  # fmt: skip


def test_a_long_moment_is_parted_rather_than_taken_whole():
    times = np.repeat([1.0, 2.0, 3.0], [5, 85, 10])
    assert [len(part) for part in split_by_time(times, np.arange(100), 0.1, 0.1)] == [80, 10, 10]


def test_numbers_that_are_no_times_stay_numbers():
    weeks = np.repeat(np.arange(1.0, 11.0), 10)
    parts = split_by_time(weeks, np.arange(100), 0.1, 0.1)
    assert "train 1 to 8, validation 9, test 10" in described(weeks, parts, "week")


def rows(n=60):
    return [{"text": f"text number {at}", "target": "ab"[at % 2],
             "day": f"2024-{1 + at % 12:02}-{1 + at // 12:02}"} for at in range(n)]  # fmt: skip


def plan(**more):
    roles = {"text": "text", "target": "target", "time": "day"}
    return DataPlan(path="memory:x", roles=roles, validation_size=0.2, test_size=0.2, **more)


def test_the_role_time_splits_by_time():
    data = load(plan(), "classification", from_rows(rows()))
    days = [
        [data.train.table.column("day")[int(at)].as_py() for at in part.indices]
        for part in (data.train, data.validation, data.sealed_test)
    ]
    assert max(days[0]) < min(days[1]) <= max(days[1]) < min(days[2])
    assert any("split by time, column 'day': train 2024-01-01 to" in one for one in data.history)
    assert not any("seed" in one for one in data.history)
    again = load(plan(split_seed=99), "classification", from_rows(rows()[::-1]))
    assert sorted(again.sealed_test.targets()) == sorted(data.sealed_test.targets())


def test_a_row_without_a_time_is_named():
    some = rows()
    some[7]["day"] = None
    with pytest.raises(DataError, match="role time: 1 cell hold"):
        load(plan(), "classification", from_rows(some))
