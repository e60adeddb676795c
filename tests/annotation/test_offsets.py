"""UTF-16 units and code points: exact for every text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.annotation.offsets import Offsets
from weitiao.errors import DataError

texts = st.text(
    st.one_of(st.sampled_from("a中😀𠮷👩‍👩‍👧\u0301\r\n"), st.characters(exclude_categories=["Cs"]))
)


def units_of(text):
    return len(text.encode("utf-16-le")) // 2


@given(texts, st.data())
def test_both_ways_agree_with_the_encoding(text, data):
    offsets = Offsets(text)
    point = data.draw(st.integers(0, len(text)))
    unit = units_of(text[:point])
    assert offsets.to_units(point) == unit
    assert offsets.to_points(unit) == point
    assert offsets.units == units_of(text)


@given(texts)
def test_the_middle_of_a_character_is_refused(text):
    offsets, raw = Offsets(text), text.encode("utf-16-le")
    for unit in range(units_of(text) + 1):
        inside = unit < units_of(text) and 0xDC <= raw[2 * unit + 1] <= 0xDF
        if inside:
            with pytest.raises(DataError, match="inside a character"):
                offsets.to_points(unit)
        else:
            offsets.to_points(unit)
    for outside in (-1, units_of(text) + 1):
        with pytest.raises(DataError, match="outside"):
            offsets.to_points(outside)


def test_the_quote_is_checked():
    offsets = Offsets("a😀b")
    offsets.check(1, 2, "😀")
    with pytest.raises(DataError, match="Load the page again"):
        offsets.check(1, 2, "b")
