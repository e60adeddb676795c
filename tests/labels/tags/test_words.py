"""Words that a network can see: characters without a form do not cut or end them."""

from __future__ import annotations

import pytest

from weitiao.data.files.table import from_rows
from weitiao.data.prepare.filter import without_misfits
from weitiao.data.rows import Rows, everything
from weitiao.errors import DataError
from weitiao.example import Example
from weitiao.labels.tags.labelled import inexact_spans, labelled, misfit
from weitiao.labels.tags.words import (
    is_invisible,
    listed_places,
    split_words,
    with_words,
    word_places,
)


@pytest.mark.parametrize(
    "word",
    ["Anna\u00adstrasse", "Mu\u0308ller", "సుఖా", "សុខា", "မြန်မာ", "❤\ufe0f", "好\U000e0100", "M\ufffdller",
     "a\u2060b", "\ufeffAnna", "x\x07y", "किताब", "שָׁלוֹם", "བོད་"[:3]],
)  # fmt: skip
def test_marks_belong_to_their_word(word):
    text = f"in {word} we"
    places = split_words(text).tolist()
    assert [text[start:end] for start, end in places] == ["in", word, "we"]


def test_a_space_of_no_width_parts_words():
    assert split_words("Anna\u200bSmith").tolist() == [[0, 4], [5, 10]]
    assert split_words(" \u00ad \u200b ").tolist() == []
    assert is_invisible(" \u00ad\u200b")


@pytest.mark.parametrize(
    ("text", "tags", "names"),
    [
        ('["Anna", "\u200b", "Smith"]', ["B-x", "I-x", "I-x"], ["Anna \u200b Smith"]),
        ('["Anna", "\u00ad"]', ["B-x", "O"], ["Anna"]),
        ("小关 12号", ["B-x", "I-x", "O", "B-x", "I-x", "I-x"], ["小关", "12号"]),
        ("小关 12号", ["B-x", "I-x", "B-x", "I-x", "I-x"], ["小关", "12号"]),
    ],
)
def test_tags_count_the_words_of_the_file(text, tags, names):
    example = with_words(Example({"text": text}, tags, "rows:1", {}))
    plain = str(example.inputs["text"])
    row = labelled(plain, word_places(example), tags, {"x": 0}, False, listed_places(example))
    assert [plain[start:end] for start, end, _kind in row.spans.tolist()] == names


MISFITS = [
    ("Anna is here", [(0, 4, "x", "Bert")]),
    ("Anna is here", [(0, 40, "x")]),
    ("Anna is here", [(5, 5, "x")]),
    ("Anna is here", ["B-x", "O"]),
]


@pytest.mark.parametrize(("text", "target"), MISFITS)
def test_a_target_that_does_not_fit_its_text_is_set_aside(text, target):
    assert misfit(Example({"text": text}, target, "rows:1", {}))
    names = ("start", "end", "label", "text")
    tags = isinstance(target[0], str)
    cell = target if tags else [dict(zip(names, one, strict=False)) for one in target]
    good = ["B-x", "O", "O"] if tags else [{"start": 0, "end": 4, "label": "x"}]
    cells = [good, cell, good]
    source = from_rows([{"text": text, "label": one} for one in cells])
    roles = {"text": "text", "target": "label"}
    rows = Rows(source.table, everything(source.table), roles, "rows", "token_classification")
    history, bad = [], []
    assert len(without_misfits(rows, True, history, bad)) == 2
    assert [one.id for one in bad] == ["rows:1"]
    assert "1 row that cannot be used set aside" in history[-1]
    with pytest.raises(DataError, match="rows:1"):
        without_misfits(rows, False, [], [])


@pytest.mark.parametrize(
    ("text", "span", "told"),
    [
        ("ฉันชื่อสมชายครับ", (7, 12, "x"), "1 of 1 span begin or end inside a word"),
        ("김철수는 왔다", (0, 3, "x"), "1 of 1 span begin or end inside a word"),
        ("Anna \u00ad here", (5, 6, "x"), "1 of 1 span hold nothing that a network reads"),
        ("Anna \u200b\u200b here", (5, 7, "x"), "1 of 1 span hold nothing that a network reads"),
    ],
)
def test_spans_that_no_answer_can_name_are_told(text, span, told):
    lines = list(inexact_spans([[Example({"text": text}, [span], "rows:1", {})]]))
    assert len(lines) == 1
    assert told in lines[0]


def test_spans_between_blanks_say_nothing():
    example = Example({"text": "Anna\u200b is"}, [(0, 5, "x"), (6, 8, "x")], "rows:1", {})
    assert list(inexact_spans([[example]])) == []
