"""The page of answers over documents: marked passages, and nothing of a document is HTML."""

import pytest

from weitiao.i18n.messages import speaking
from weitiao.reporting import ask_page
from weitiao.search.index import Found
from weitiao.search.reading import Answer, Sentence
from weitiao.search.store import Stored


def found(text, document="a.md", title=""):
    return Found(Stored(1, document, 0, len(text), title, text), 0.8)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_answer_is_marked_in_its_passage(language, tmp_path):
    answer = Answer(
        "When?", "1889", 0.9, True, (found("Built in 1889 by Eiffel.", title="Tower"),),
        (Sentence("1889", 0, 1.0, True),), "1889",
    )  # fmt: skip
    with speaking(language):
        page = ask_page.write([answer], tmp_path / "page.html").read_text(encoding="utf-8")
    assert '<mark class="p2">1889</mark>' in page
    assert "Tower" in page
    assert ("段落" in page) == (language == "zh")


def test_what_documents_say_is_escaped(tmp_path):
    evil = '<script>alert(1)</script><img src=x onerror="alert(2)">'
    answer = Answer(evil, evil, 0.9, True, (found(evil, document=evil, title=evil),),
                    (Sentence(evil, 0, 1.0, False),), evil)  # fmt: skip
    page = ask_page.write([answer], tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_documents_that_do_not_say(tmp_path):
    answer = Answer("Who?", "", 0.2, False, (found("Nothing."),), (), "Nothing")
    page = ask_page.write([answer], tmp_path / "page.html").read_text(encoding="utf-8")
    assert "The documents do not say" in page
