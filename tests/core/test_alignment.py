"""Alignments map spans both ways and compose; edits are applied exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.core.alignment import Alignment, Edit, edited

TEXTS = st.text("ab é😀\u0301\n", max_size=20)


@st.composite
def edits_of(draw, text):
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    puts = draw(st.lists(st.text("xyz", max_size=3), min_size=8, max_size=8))
    pairs = zip(places[::2], places[1::2], puts, strict=False)
    return [Edit(start, end, put) for start, end, put in pairs]


@st.composite
def changes(draw):
    text = draw(TEXTS)
    return text, draw(edits_of(text))


def is_sound(alignment, length):
    starts, ends = alignment.starts.tolist(), alignment.ends.tolist()
    assert alignment.length == length
    assert starts == sorted(starts)
    assert ends == sorted(ends)
    assert all(0 <= start <= end <= length for start, end in zip(starts, ends, strict=True))


@settings(max_examples=50, deadline=None)
@given(changes())
def test_edits_are_applied_and_aligned(change):
    text, edits = change
    new, alignment = edited(text, edits)
    assert len(new) == len(alignment)
    is_sound(alignment, len(text))
    expected, done = "", 0
    for start, end, put in edits:
        expected += text[done:start] + put
        done = end
    assert new == expected + text[done:]
    # What no edit touches stands for itself.
    touched = {place for start, end, _ in edits for place in range(start, end)}
    for place, (start, end) in enumerate(zip(alignment.starts, alignment.ends, strict=True)):
        if end - start == 1 and start not in touched:
            assert new[place] == text[start]


@settings(max_examples=50, deadline=None)
@given(changes(), st.data())
def test_composition_is_one_change_after_the_other(change, data):
    text, edits = change
    middle, first = edited(text, edits)
    new, second = edited(middle, data.draw(edits_of(middle)))
    whole = first.then(second)
    assert len(whole) == len(new)
    is_sound(whole, len(text))
    for place in range(len(new)):
        start, end = second.starts[place], second.ends[place]
        if start < end:
            assert (whole.starts[place], whole.ends[place]) == first.to_source(start, end)


@settings(max_examples=50, deadline=None)
@given(changes(), st.data())
def test_spans_go_both_ways(change, data):
    text, edits = change
    _, alignment = edited(text, edits)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    ((low, high),) = alignment.from_source([[start, end]]).tolist()
    assert 0 <= low <= high <= len(alignment)
    if low < high:
        overlap = (alignment.ends > start) & (alignment.starts < end)
        assert np.flatnonzero(overlap).tolist() == list(range(low, high))
        back = alignment.to_source(low, high)
        assert back[0] < end
        assert back[1] > start


def test_a_replacement_stands_for_all_that_it_replaced():
    text, alignment = edited("see http://a.b now", [Edit(4, 14, "[url]")])
    assert text == "see [url] now"
    assert alignment.to_source(4, 9) == (4, 14)
    assert alignment.from_source([[4, 8], [15, 18], [0, 3]]).tolist() == [[4, 9], [10, 13], [0, 3]]


def test_what_was_put_in_stands_for_nothing():
    text, alignment = edited("ab", [Edit(1, 1, " ")])
    assert text == "a b"
    assert alignment.to_source(1, 2) == (1, 1)
    assert alignment.to_source(0, 3) == (0, 2)


def test_origins_of_older_cleaners_are_alignments():
    alignment = Alignment.of_origins([0, 2, 2], 3)
    assert alignment.to_source(1, 3) == (2, 3)
    assert Alignment.of_origins(alignment, 3) is alignment
    assert Alignment.identity(3) == Alignment.of_origins([0, 1, 2], 3)


def test_edits_out_of_order_are_a_bug():
    with pytest.raises(AssertionError):
        edited("abc", [Edit(1, 2, ""), Edit(0, 1, "")])
