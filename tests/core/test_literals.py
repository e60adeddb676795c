"""Lists in cells, however a program prints them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from weitiao.core.literals import CutShort, value_of

WORDS = some.text(
    some.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\x85\u2028\u2029"),
    max_size=8,
)


@given(some.lists(some.one_of(WORDS, some.integers(-9, 9), some.booleans(), some.none())))
def test_what_python_prints_is_read_as_it_was(values):
    assert value_of(repr(values)) == values
    assert value_of(repr(tuple(values)) if values else "[]") == values
    assert value_of(json.dumps(values)) == values


@given(some.lists(WORDS, min_size=1, max_size=6))
def test_numpy_puts_blanks_between(words):
    assert value_of(f"[{' '.join(map(repr, words))}]") == words
    assert value_of(f"array({words!r}, dtype=object)") == words


@pytest.mark.parametrize(
    "cell", ["[sic] a text", "[a, b]", "{name}", "[1, 2", "['a' + 'b']", "f()"]
)
def test_a_text_in_brackets_is_none(cell):
    with pytest.raises(ValueError, match="."):
        value_of(cell)


def test_what_numpy_left_out_is_told():
    with pytest.raises(CutShort):
        value_of("['O' 'O' ... 'O']")
