"""Passages: nothing lost, nothing twice, titles, sizes."""

import time

from hypothesis import given
from hypothesis import strategies as st

from weitiao.search.passages import LONGEST_SENTENCE, MOST_CHARACTERS, UNITS, passages_of, size_of

PIECES = [
    "# Title\n", "## Part\n", "####### seven\n", "#none\n", "One sentence. ", "What? ", "一句话。",
    "“引用。”", "word ", "\n", "\n\n", "!!! ", "... ", "---\n", "😀", "x" * 70, "长" * 300, " ; ",
    "a, " * 300, "! " * 200, "ไทย", "한국어 ", "\t",
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=20), max_size=30).map("".join)


def headings(text):
    """Offsets of characters on lines that are headings."""
    found, start = set(), 0
    for line in text.split("\n"):
        bare = line.strip()
        level = len(bare) - len(bare.lstrip("#"))
        if 1 <= level <= 6 and bare[level : level + 1] in (" ", "\t") and bare[level:].strip():
            found |= set(range(start, start + len(line)))
        start += len(line) + 1
    return found


@given(texts)
def test_every_character_that_is_not_of_a_heading_is_in_exactly_one_passage(text):
    seen = [0] * len(text)
    last = 0
    for passage in passages_of(text):
        assert passage.text == text[passage.start : passage.end] == passage.text.strip() != ""
        assert passage.start >= last
        last = passage.end
        for at in range(passage.start, passage.end):
            seen[at] += 1
    titled = headings(text)
    for at, count in enumerate(seen):
        assert count <= 1
        if not text[at].isspace() and at not in titled:
            assert count == 1, (at, text[at])


@given(texts)
def test_a_passage_is_no_longer_than_its_limit_and_not_cut_without_need(text):
    found = list(passages_of(text))
    for passage in found:
        assert size_of(passage.text) <= UNITS or size_of(passage.text) <= LONGEST_SENTENCE + 1
        assert len(passage.text) <= MOST_CHARACTERS


def test_passages_stand_under_their_headings():
    text = "Before.\n# Guide\nAll.\n## Install\nPip. Done.\n## Use\nRun.\n# End\n## Empty"
    found = [(one.title, one.text) for one in passages_of(text)]
    assert found == [
        ("", "Before."),
        ("Guide", "All."),
        ("Guide › Install", "Pip. Done."),
        ("Guide › Use", "Run."),
        ("End", "## Empty"),
    ]


def test_a_heading_that_nothing_follows_is_a_passage():
    assert [one.text for one in passages_of("# One: 12\n# Two: 34")] == ["# One: 12", "# Two: 34"]
    assert [one.title for one in passages_of("# A\n## B\n# C\ntext")] == ["A", "C"]


def test_a_heading_is_a_whole_line():
    (passage,) = passages_of("See both. # 5 is open.\n#no heading")
    assert passage.text == "See both. # 5 is open.\n#no heading"
    assert [(p.title, p.text) for p in passages_of("# Why? How\nSo.")] == [("Why? How", "So.")]


def test_sentences_stay_whole_and_fill_passages():
    text = "".join(f"This is sentence number {n} of them. " for n in range(60))
    found = list(passages_of(text))
    assert len(found) == 4
    assert all(one.text.startswith("This is") and one.text.endswith("them.") for one in found)
    chinese = list(passages_of("这是一句有十个字的话。" * 40))
    assert [size_of(one.text) for one in chinese] == [120, 120, 120, 40]
    assert all(one.text.endswith("。") for one in chinese)


def test_one_line_of_megabytes_is_cut_in_little_time():
    for line in ("x" * 2_000_000, "word " * 400_000, "字" * 500_000, "!" * 2_000_000):
        began = time.perf_counter()
        found = list(passages_of(line))
        assert time.perf_counter() - began < 10
        assert len(found) > 50
        assert max(len(one.text) for one in found) < 60 * LONGEST_SENTENCE
        assert sum(len(one.text.replace(" ", "")) for one in found) == len(line.replace(" ", ""))


def test_marks_and_endless_words_have_limits_too():
    for text in ("! " * 20_000, "a" * 50_000, "长" * 50_000):
        assert all(len(one.text) <= MOST_CHARACTERS for one in passages_of(text))
