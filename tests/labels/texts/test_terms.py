"""Placeholders and terms of a glossary in texts."""

import random
import re
import time

import pytest

from weitiao.labels.texts.terms import (
    LETTER,
    Terms,
    held,
    placeholders,
    terms_in,
)
from weitiao.tasks.translation import Translation


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hi {name}, {0} and {} and {{user.name}}", ["{name}", "{0}", "{}", "{{user.name}}"]),
        ("${price} and $5", ["${price}"]),
        ("%s of %d, %1$s, %(count)d, %.2f, %@", ["%s", "%d", "%1$s", "%(count)d", "%.2f", "%@"]),
        ("100% sure, 50% discount", []),
        ("<b>bold</b> <br/> a < b > c <3", ["<b>", "</b>", "<br/>"]),
        ('<a href="x">here</a>', ['<a href="x">', "</a>"]),
        ("See https://a.org/x?y=1. Or http://b.de/.", ["https://a.org/x?y=1", "http://b.de/"]),
        ("请看https://a.cn/好，谢谢{name}", ["https://a.cn/好", "{name}"]),
        ("{a} {a}", ["{a}", "{a}"]),
        ("nothing { here } or {two words}", []),
    ],
)
def test_placeholders(text, found):
    assert placeholders(text) == found


GLOSSARY = {"house": "Haus", "white house": "Weißes Haus", "C++": "C++", "猫": "cat", "don": "Don"}


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The House.", ["Haus"]),
        ("the houses, a warehouse", []),
        ("The White House", ["Weißes Haus"]),
        ("White House, house, house", ["Weißes Haus", "Haus"]),
        ("We write C++.", ["C++"]),
        ("一只小猫坐着", ["cat"]),
        ("我喜欢house和猫", ["Haus", "cat"]),
        ("", []),
    ],
)
def test_terms(text, terms):
    assert terms_in(text, GLOSSARY) == terms


def one_by_one(text, glossary):
    """As the terms were once looked for: a regular expression each, the longest first."""
    letter, wanted = LETTER.pattern, {}
    for source in sorted(glossary, key=len, reverse=True):
        before = f"(?<!{letter})" if re.match(letter, source) else ""
        behind = f"(?!{letter})" if re.match(letter, source[-1:]) else ""
        pattern = f"{before}{re.escape(source)}{behind}"
        text, count = re.subn(pattern, "\0", text, flags=re.IGNORECASE)
        if count:
            wanted[glossary[source]] = None
    return list(wanted)


@pytest.mark.parametrize("letters", ["ab +", "aA猫 _", "iIıİsſß-", "kKKσςΣ é", "a猫カ한1."])
def test_terms_are_those_of_a_search_for_each(letters):
    draw = random.Random(letters)

    def text(most):
        return "".join(draw.choices(letters, k=draw.randint(1, most)))

    for _ in range(150):
        glossary = {text(4): text(2) for _ in range(draw.randint(1, 8))}
        for _ in range(3):
            row = text(24)
            assert terms_in(row, glossary) == one_by_one(row, glossary), (row, glossary)


def test_thousands_of_terms_are_found_in_no_time():
    glossary = {f"the word {n}": f"Wort {n}" for n in range(5000)}
    rows = [
        f"the word {n} is the word {n + 1}, and the words of the wordy " * 20 for n in range(50)
    ]
    begun = time.perf_counter()
    terms = Terms(glossary)
    found = [terms.wanted_in(row) for row in rows]
    assert time.perf_counter() - begun < 10
    assert found[7] == ["Wort 7", "Wort 8"]


def test_a_copied_task_with_another_glossary_looks_for_that_one():
    task = Translation(glossary={"cat": "Katze"})
    assert task.required("a cat and a dog") == ["Katze"]
    other = task.model_copy(update={"glossary": {"dog": "Hund"}})
    assert other.required("a cat and a dog") == ["Hund"]
    assert task.required("a cat and a dog") == ["Katze"]


def test_held():
    assert held(["{a}", "{a}", "b"], "{ a } b") == 2
    assert held([], "x") == 0
    assert held(["Weißes Haus"], "das WeißesHaus") == 1
