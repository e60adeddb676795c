"""A passage in windows: what is the same for all of them is found once, and nothing is said."""

import pytest
from transformers import AutoTokenizer

from conftest import make_tokenizer
from weitiao.labels.passages import windows


@pytest.fixture
def words(tmp_path):
    make_tokenizer(tmp_path)
    return AutoTokenizer.from_pretrained(tmp_path)


def test_the_blanks_of_a_passage_are_found_once_for_all_windows_and_questions(words, monkeypatch):
    """Else the cost grows with the square of its length."""
    seen, find = [], windows._blanks
    monkeypatch.setattr(windows, "_blanks", lambda text: seen.append(text) or find(text))
    passage, other = "the film was good " * 100, "  bad\troom "
    made = windows.windows_of(["which"] * 3, [passage, other, passage], [None] * 3, words, (40, 8))
    assert made["windows"][0] > 10
    assert seen == [passage, other]
    begin, end = (made[name][made["windows"][0]] for name in ("starts", "ends"))
    assert [other[b - 1 : e] for b, e in zip(begin, end, strict=True) if b] == ["bad", "room"]


def test_a_long_question_is_no_remark_of_transformers(words):
    """It would be in English, whatever the user speaks."""
    question = "which film was good " * 40
    windows.windows_of([question], ["the film"], [None], words, (40, 8))
    assert not words.deprecation_warnings
    words(question)
    assert words.deprecation_warnings, "the question is not long"
