"""Glossaries of files and of plans."""

import os

import pytest

from weitiao.errors import PlanError
from weitiao.labels.texts.glossary import read_glossary
from weitiao.tasks.translation import Translation


def test_files(tmp_path):
    (tmp_path / "a.csv").write_text('house,Haus\n"a, b","c, d"\n\n', encoding="utf-8-sig")
    assert read_glossary(str(tmp_path / "a.csv")) == {"house": "Haus", "a, b": "c, d"}
    (tmp_path / "a.tsv").write_text("source\ttarget\n猫\tcat\n")
    assert read_glossary(str(tmp_path / "a.tsv")) == {"猫": "cat"}
    (tmp_path / "b.csv").write_text("house,Haus\nlonely\n")
    with pytest.raises(PlanError, match="line 2 has no source term and target term"):
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


def of(tmp_path, text, *languages, name="terms.csv"):
    (tmp_path / name).write_text(text, "utf-8")
    return read_glossary(str(tmp_path / name), *languages)


@pytest.mark.parametrize(
    ("header", "languages", "swapped"),
    [
        ("de,en", ("en", "de"), True), ("en,de", ("en", "de"), False),
        ("German,English", ("en", "de"), True), ("德文,英文", ("eng_Latn", ""), True),
        ("de,en", ("", "de"), True), ("de,en", ("", ""), False), ("de,no", ("nb", "de"), True),
        ("target,source", ("en", "de"), True), ("译文,原文", ("", ""), True),
        ("Source term,Target term", ("", ""), False), ("原文术语,译文术语", ("", ""), False),
        ("source_text,target_text", ("", ""), False), ("译文术语,原文术语", ("", ""), True),
    ],
)  # fmt: skip
def test_the_header_says_which_column_is_the_source(tmp_path, header, languages, swapped):
    pair = {"Haus": "house"} if not swapped else {"house": "Haus"}
    assert of(tmp_path, f"{header}\nHaus,house\n", *languages) == pair


def test_a_header_of_other_languages_is_refused(tmp_path):
    with pytest.raises(PlanError, match="languages en and fr, but .* from en into de"):
        of(tmp_path, "en,fr\nhouse,maison\n", "en", "de")


def test_an_entry_that_is_called_like_languages_is_one(tmp_path):
    assert of(tmp_path, "German,Deutsch\n", "en", "de") == {"German": "Deutsch"}


@pytest.mark.parametrize("row", ['" ",Haus', 'house," "', "\u3000,Haus", "house"])
def test_empty_terms_are_refused_with_their_line(tmp_path, row):
    with pytest.raises(PlanError, match="line 5 has no source term and target term"):
        of(tmp_path, f'en,de\n"a\nb",c\n\n{row}\n')
    with pytest.raises(PlanError, match="entry 2 has an empty term"):
        Translation(glossary={"a": "b", " ": "Haus"}).learn([])
    assert of(tmp_path, "house,Haus\n , \n,\n") == {"house": "Haus"}


def test_two_translations_of_a_term_are_refused_with_their_lines(tmp_path):
    with pytest.raises(PlanError, match="lines 2 and 4 translate 'House' by 'Haus' and by 'Heim'"):
        of(tmp_path, "en,de\nhouse,Haus\ncat,Katze\nHouse,Heim\n")
    with pytest.raises(PlanError, match="entries 1 and 2 translate 'House'"):
        Translation(glossary={"house": "Haus", "House": "Heim"}).learn([])
    twice = of(tmp_path, "house,Haus\nhouse,Haus\nHouse,Haus\n")
    assert twice == {"house": "Haus", "House": "Haus"}


def test_the_languages_of_the_task_read_its_glossary(tmp_path):
    (tmp_path / "terms.csv").write_text("de,en\nHaus,house\n")
    settings = {"source_language": "en", "target_language": "de"}
    task = Translation(glossary=str(tmp_path / "terms.csv"), **settings).learn([])
    assert task.required("a house") == ["Haus"]
