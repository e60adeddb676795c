"""Cells that no program wrote: each is read as a text, or told; none breaks."""

from __future__ import annotations

import pytest

from weitiao.labels.passages.golds import parse_answers
from weitiao.tasks.question_answering import parse_golds


@pytest.mark.parametrize(
    "cell",
    ["[" * 100_000, '{"text": "a", "answer_start": 1e999}', '[[1e999, "a"]]', '{"text": 5}', "[1]"],
)
def test_what_is_no_answer_in_json_is_a_text(cell):
    assert parse_answers(cell) == ((None, cell),)


@pytest.mark.parametrize("start", ["inf", "nan", "1e999", "x"])
def test_a_start_that_is_no_number_is_told(start):
    with pytest.raises(ValueError, match="no number"):
        parse_golds("Paris", "Paris", start)
