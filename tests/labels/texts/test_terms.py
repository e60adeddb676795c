"""Placeholders and terms of a glossary in texts."""

import os

import pytest

from weitiao.errors import PlanError
from weitiao.labels.texts.terms import held, placeholders, read_glossary, terms_in


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


def test_held():
    assert held(["{a}", "{a}", "b"], "{ a } b") == 2
    assert held([], "x") == 0
    assert held(["Weißes Haus"], "das WeißesHaus") == 1


def test_files(tmp_path):
    (tmp_path / "a.csv").write_text('house,Haus\n"a, b","c, d"\n\n', encoding="utf-8-sig")
    assert read_glossary(str(tmp_path / "a.csv")) == {"house": "Haus", "a, b": "c, d"}
    (tmp_path / "a.tsv").write_text("source\ttarget\n猫\tcat\n")
    assert read_glossary(str(tmp_path / "a.tsv")) == {"猫": "cat"}
    (tmp_path / "b.csv").write_text("house,Haus\nlonely\n")
    with pytest.raises(PlanError, match="entry 2 has no source term and target term"):
        read_glossary(str(tmp_path / "b.csv"))
    with pytest.raises(PlanError, match="cannot be read"):
        read_glossary(str(tmp_path / "none.csv"))
    (tmp_path / "c.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlanError, match="cannot be read"):
        read_glossary(str(tmp_path / "c.csv"))
    (tmp_path / "d.csv").write_text("\n")
    with pytest.raises(PlanError, match="no terms"):
        read_glossary(str(tmp_path / "d.csv"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name")
def test_a_glossary_is_a_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (str(tmp_path / "pipe.csv"), "/dev/zero"):
        with pytest.raises(PlanError, match="cannot be read"):
            read_glossary(path)
