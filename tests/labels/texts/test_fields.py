"""Objects out of what a network wrote, also where it is not quite one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.labels.texts.fields import object_of

FIELDS = ["name", "the date", "年龄"]


@given(st.text(max_size=60))
def test_every_text_is_an_object_with_the_fields(text):
    assert list(json.loads(object_of(text, FIELDS))) == FIELDS


@given(st.tuples(*[st.one_of(st.none(), st.integers(-99, 99), st.text(max_size=9))] * 3))
def test_an_object_stays_as_it_is(values):
    text = json.dumps(dict(zip(FIELDS, values, strict=True)), ensure_ascii=False)
    assert object_of(f" {text}\n", FIELDS) == text


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('{"the date": "May", "name": "Li", "年龄": 3}', ["Li", "May", 3]),  # another order
        ('"name": "Li", "the date": "May", "年龄": 3', ["Li", "May", 3]),  # no braces
        ('{ " name " : " li " , " the date " : null', ["li", None, None]),  # blanks, and cut
        ('{"name": "Li", "the date": "Ma', ["Li", "Ma", None]),
        ("Li, in May", [None, None, None]),
        ('{"name": NaN, "the date": "May", "年龄": 1e999}', ["NaN", "May", "1e999"]),
    ],
)
def test_fields_are_read_out_of_what_is_no_object(text, values):
    assert json.loads(object_of(text, FIELDS)) == dict(zip(FIELDS, values, strict=True))
