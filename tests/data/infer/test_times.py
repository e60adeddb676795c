"""Timestamps of cells: every way of writing one moment gives the same seconds."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.data.infer.times import times_of
from weitiao.errors import DataError

MOMENT = datetime(2024, 5, 6, 13, 7, tzinfo=UTC)
SAME = [
    "2024-05-06 13:07", "2024-05-06T13:07:00Z", "2024-05-06T15:07+02:00", "2024/5/6 13:07",
    "2024.5.6 13:07:00", "2024年5月6日 13:07", "2024年5月6日13时7分", "2024-05-06 13：07",
    "Mon, 06 May 2024 13:07:00 +0000", "Mon, 6 May 2024 15:07:00 +0200", "1715000820",
    "1715000820000", "1715000820.0",
]  # fmt: skip


def test_ways_of_writing_one_moment():
    times = times_of(SAME, [str(at) for at in range(len(SAME))], "date")
    assert dict(zip(SAME, times, strict=True)) == dict.fromkeys(SAME, MOMENT.timestamp())


def test_days_months_and_years():
    texts = ["2024-05-01", "20240501", "2024/05", "2024年5月", "2024"]
    day, year = (datetime(2024, month, 1, tzinfo=UTC).timestamp() for month in (5, 1))
    assert times_of(texts, texts, "date").tolist() == [day] * 4 + [year]


@pytest.mark.parametrize(("texts", "month"), [(["05/06/2024", "13/06/2024"], 6),
                                              (["05/06/2024", "05/31/2024"], 5),
                                              (["5.6.2024 10:00", "30.1.2024 9:30"], 6)])  # fmt: skip
def test_day_and_month_are_told_apart_by_the_column(texts, month):
    first = datetime.fromtimestamp(times_of(texts, texts, "date")[0], UTC)
    assert (first.year, first.month) == (2024, month)


def test_day_or_month_is_asked_for():
    with pytest.raises(DataError, match="day first, or the month"):
        times_of(["05/06/2024", "07/08/2024"], ["a", "b"], "date")


@pytest.mark.parametrize("text", ["", "soon", "2024-13-01", "2024-02-30", "20241399", "13:07", "6"])
def test_what_is_no_time_is_named_or_a_number(text):
    if text == "6":  # seconds since 1970
        assert times_of([text], ["r.csv:2"], "date").tolist() == [6.0]
        return
    if text == "20241399":  # no date, so seconds
        assert times_of([text], ["r.csv:2"], "date").tolist() == [20241399.0]
        return
    with pytest.raises(DataError, match=r"r\.csv:2"):
        times_of([text], ["r.csv:2"], "date")


@settings(max_examples=50)
@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)), st.integers(-12, 12))
def test_iso_times_of_any_zone(moment, hours):
    local = (moment + timedelta(hours=hours)).replace(microsecond=0)
    zone = f"{'-' if hours < 0 else '+'}{abs(hours):02}:00"
    got = times_of([f"{local.isoformat()}{zone}"], ["a"], "date")[0]
    assert np.isclose(got, moment.replace(microsecond=0, tzinfo=UTC).timestamp())
