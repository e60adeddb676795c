"""Cells that no program wrote: each is read as a text, or told; none breaks."""

from __future__ import annotations

import pytest

from weitiao.labels.passages.golds import parse_answers
from weitiao.tasks.question_answering import parse_golds


@pytest.mark.parametrize(
    "cell",
    ["[" * 100_000, '{"text": "a", "answer_start": 1e999}', '[[1e999, "a"]]', "[citation needed]"],
)
def test_what_is_no_answer_in_json_is_a_text(cell):
    assert parse_answers(cell) == ((None, cell),)


@pytest.mark.parametrize(
    ("cell", "texts"),
    [
        ("[1889]", ["1889"]), ('["Paris", 1889]', ["Paris", "1889"]), ("[1889.0, 0.5]", ["1889", "0.5"]),
        ("[null]", []), ('["", " ", null, NaN]', []), ('[null, "Paris"]', ["Paris"]),
        ('{"text": 1889}', ["1889"]), ('{"text": null}', []), ('[{"text": 1889}]', ["1889"]),
        ('{"text": [1889, null], "answer_start": [3, 4]}', ["1889"]), ("[[3, 1889]]", ["1889"]),
        ("[true]", ["true"]), ("['a' 1]", ["a", "1"]),
    ],
)  # fmt: skip
def test_numbers_are_their_text_and_null_is_no_answer(cell, texts):
    answers = parse_answers(cell)
    assert answers is not None
    assert [text for _at, text in answers] == texts


@pytest.mark.parametrize("start", ["inf", "nan", "1e999", "x"])
def test_a_start_that_is_no_number_is_told(start):
    with pytest.raises(ValueError, match="no number"):
        parse_golds("Paris", "Paris", start)
