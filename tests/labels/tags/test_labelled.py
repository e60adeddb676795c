"""The right answers of one row."""

import pytest

from weitiao.labels.tags.cells import answer_of, written
from weitiao.labels.tags.labelled import labelled
from weitiao.labels.tags.words import split_words


def test_blanks_at_the_ends_of_a_span_do_not_count():
    text = "  Anna Smith lives"
    row = labelled(text, split_words(text), [(0, 13, "PER")], {"PER": 0}, plain=False)
    assert [text[start:end] for start, end, _ in row.spans.tolist()] == ["Anna Smith"]


def test_places_behind_an_emoji_are_found_by_the_text_of_the_span():
    text = "\U0001f600\U0001f600 Anna lives"
    target = answer_of('[{"start": 5, "end": 9, "label": "PER", "text": "Anna"}]')
    row = labelled(text, split_words(text), target, {"PER": 0}, plain=False)
    assert row.spans.tolist() == [[3, 7, 0]]
    assert written(target) == [{"start": 5, "end": 9, "label": "PER", "text": "Anna"}]
    with pytest.raises(ValueError, match="should hold 'Bern', but 'na l' stands there"):
        labelled(text, split_words(text), [(5, 9, "PER", "Bern")], {"PER": 0}, plain=False)


def test_numbers_are_no_tags():
    with pytest.raises(ValueError, match="numbers instead of tags"):
        answer_of("[0, 1, 0]")
