"""Rows of tags and spans as data: what is enough, and what is told of them."""

from __future__ import annotations

import json

import pytest

from weitiao.data.files.table import from_rows
from weitiao.data.infer.roles import guess_roles
from weitiao.data.prepare.load import load
from weitiao.data.rows import Rows, everything
from weitiao.errors import DataError
from weitiao.example import Example
from weitiao.planfile.plan import DataPlan
from weitiao.tasks.token_classification import TokenClassification

ROLES = {"text": "text", "target": "label"}


def loaded(path, rows):
    """Rows of (text, label) as data for tagging."""
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    return load(DataPlan(path=str(path), roles=ROLES), "token_classification")


ONE_TYPE = {
    "words without a type": lambda at: (f"ab{at} c", ["B", "S"]),
    "one span a row": lambda at: (f"Ada {at}", [[0, 3, "PER"]]),
}


@pytest.mark.parametrize("kind", ONE_TYPE)
def test_one_type_of_span_is_enough(kind, tmp_path):
    rows = [ONE_TYPE[kind](at) for at in range(20)]
    assert len(loaded(tmp_path / "rows.jsonl", rows).train) > 0


def test_one_plain_tag_is_not_enough(tmp_path):
    rows = [(f"ab{at} c", ["NOUN", "NOUN"]) for at in range(20)]
    with pytest.raises(DataError, match="every target is 'NOUN'"):
        loaded(tmp_path / "rows.jsonl", rows)


def test_rows_without_a_span_are_no_label(tmp_path):
    rows = [(f"Ada {at}", [[0, 3, "PER"]] if at else []) for at in range(20)]
    assert not any("'O'" in line for line in loaded(tmp_path / "rows.jsonl", rows).history)


def test_spans_that_cut_a_word_are_told(tmp_path):
    rows = [(f"take {at} 3.5mg daily", [[7 + (at > 9), 10 + (at > 9), "DOSE"]]) for at in range(20)]
    (line,) = [one for one in loaded(tmp_path / "rows.jsonl", rows).history if "inside" in one]
    assert line.startswith("20 of 20 spans begin or end inside a word (e.g. '3.5' in '3.5mg'")


def test_words_that_are_numbers_blanks_in_lists_and_empty_lists_are_read(tmp_path):
    rows = [
        {"tokens": '[ "Ada" , 1.50 ]', "tags": '["B-x", "O"]'},
        {"tokens": "[]", "tags": "[]"},
        {"tokens": '["b"]', "tags": '["B-y"]'},
    ]
    table = from_rows(rows).table
    roles = {"text": "tokens", "target": "tags"}
    assert guess_roles(table, {}).roles == roles
    held = Rows(table, everything(table), roles, "rows", "token_classification")
    task = TokenClassification().learn(held.targets())
    assert [e.inputs["text"] for e in task.read(held.examples())] == ["Ada 1.50", "", "b"]
    assert task.gold(held).tags.lengths.tolist() == [2, 0, 1]
    with pytest.raises(
        DataError, match="rows:7: .* has a word that is neither a text nor a number"
    ):
        task.read([Example({"text": '["abc", null]'}, id="rows:7")])
