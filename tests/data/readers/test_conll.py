"""Files of a word and its tag a line: what fuzzing found."""

from __future__ import annotations

import json

import pytest

from weitiao.data.files.open import open_source
from weitiao.errors import DataError


def test_a_sentence_of_blanks_alone_is_told(tmp_path):
    path = tmp_path / "rows.conll"
    path.write_text("Rome B-place\nis O\n\n O\n O\n\nhere O\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"rows\.conll:4: line 5 has 1 columns, not 2"):
        open_source(str(path), {})
    found = open_source(str(path), {}, skip_bad=True)
    assert found.table.num_rows == 2


def test_a_blank_among_words_is_left_out(tmp_path):
    path = tmp_path / "rows.conll"
    path.write_text("Rome B-place\n O\nis O\n", encoding="utf-8")
    (row,) = open_source(str(path), {}).table.to_pylist()
    assert row["tags"] == '["B-place", "O"]'


def test_comments_without_a_sentence_are_no_row(tmp_path):
    path = tmp_path / "rows.conllu"
    word = "1\tHe\the\tPRON\t_\t_\t0\troot\t_\t_\n"
    path.write_text(f"# newdoc\n# text = x y z\n\n# text = He\n{word}\n# end\n", encoding="utf-8")
    (row,) = open_source(str(path), {}).table.to_pylist()
    assert row["tokens"] == '["He"]'


def test_a_word_that_is_a_hash_is_no_comment_among_more_columns(tmp_path):
    path = tmp_path / "rows.conll"
    told = "paid VBD B-VP O\n# # B-NP B-MONEY\n1.5 CD I-NP I-MONEY\n\n# # O O\n. . O O\n\n"
    path.write_text(told + "# some words only\na b O O\n", encoding="utf-8")
    rows = open_source(str(path), {}).table.to_pylist()
    assert [row["tokens"] for row in rows] == ['["paid", "#", "1.5"]', '["#", "."]', '["a"]']


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("Paid VBD VBD\n# # NN\n1.5 CD CD\n\n", ["Paid", "#", "1.5"]),
        ("Issue NN\n# NN\n12 CD\n\n", ["Issue", "#", "12"]),
        ("10\u00a0000 O\nkm O\n\n", ["10\u00a0000", "km"]),
        ("Anna\u3000Li B-x\nis O\n\n", ["Anna\u3000Li", "is"]),
    ],
)
def test_signs_and_blanks_that_do_not_break_are_words(tmp_path, lines, words):
    path = tmp_path / "rows.conll"
    path.write_text(lines * 2, encoding="utf-8")
    cells = open_source(str(path)).table.column("tokens").to_pylist()
    assert [json.loads(cell) for cell in cells] == [words] * 2
