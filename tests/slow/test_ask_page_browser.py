"""The page of answers in a real browser: quiet, narrow, accessible, in both languages."""

# ruff: noqa: F401, F811 - imported fixtures

import pytest

from report_browser import Seen, browser, needs_axe, pytestmark
from weitiao.i18n.messages import speaking
from weitiao.reporting import ask_page
from weitiao.search.index import Found
from weitiao.search.reading import Answer, Sentence
from weitiao.search.store import Stored

EVIL = "<img src=x onerror='window.hurt = 1'>"


def found(n, text, document):
    return Found(Stored(n, document, 0, len(text), f"Title {n} 标题", text), 0.9 - n / 10)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """An answer, none, passages alone; texts of documents that are hostile or long."""
    sources = (
        found(1, "The tower was built in 1889 by Eiffel. " * 20 + EVIL, "towers/a-long-name.md"),
        found(2, "东方明珠塔建于一九九四年，位于上海。" + "x" * 400, "塔.txt"),
    )
    said = (Sentence("1889", 0, 1.0, True), Sentence("一九九四年", 1, 0.4, False))
    answers = [
        Answer("When was it built? " * 8, "1889 一九九四年", 0.9, True, sources, said, "1889"),
        Answer(f"Who? {EVIL}", "", 0.2, False, sources, (), "Nothing"),
        Answer("哪一年？", "", 0.0, True, sources, ()),
        Answer("Nothing at all", "", 0.0, False, (), ()),
    ]
    root, made = tmp_path_factory.mktemp("ask"), {}
    for language in ("zh", "en"):
        with speaking(language):
            made[language] = ask_page.write(answers, root / f"{language}.html")
    return made


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 360])
def test_it_is_quiet_and_never_wider_than_the_screen(language, scheme, width, pages, browser):
    seen = Seen(browser, pages[language], width, scheme)
    seen.check()
    assert seen.view.evaluate("document.documentElement.scrollWidth") <= width
    assert seen.view.locator("main img").count() == 0
    seen.view.close()


@needs_axe
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(language, scheme, pages, browser):
    seen = Seen(browser, pages[language], scheme=scheme)
    for details in seen.view.locator("details").all():
        details.evaluate("one => { one.open = true; }")
    assert seen.serious() == []
    seen.view.close()
