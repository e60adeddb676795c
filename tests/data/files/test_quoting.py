"""Quotation marks beside tabs: do they enclose fields, or stand in the texts?"""

from __future__ import annotations

import csv
import io

import pytest

from weitiao.data.files.open import open_source
from weitiao.errors import DataError

ROWS = [[f"row number {n} is long", ["pos", "neg"][n % 2]] for n in range(8)]


def read(tmp_path, text, **reader):
    path = tmp_path / "a.tsv"
    path.write_text(text, encoding="utf-8")
    source = open_source(str(path), reader)
    return [list(row) for row in zip(*source.table.to_pydict().values(), strict=True)], source


def written(rows):
    file = io.StringIO()
    csv.writer(file, delimiter="\t", lineterminator="\n").writerows([["text", "label"], *rows])
    return file.getvalue()


@pytest.mark.parametrize(
    "text",
    ["a tab\there and\na break", "a\tb\nc\td\te\nf\tg", 'he "said"\tso\nand left', "\t\n", "x\n\ty",
     "one\ttwo\nthree\nfour\tfive"],
)  # fmt: skip
@pytest.mark.parametrize("place", [0, 4, 8])
def test_a_tab_and_a_line_break_in_one_field(tmp_path, text, place):
    rows = [*ROWS[:place], [text, "pos"], *ROWS[place:]]
    assert [row[:2] for row in read(tmp_path, written(rows))[0]] == rows


@pytest.mark.parametrize(
    "lines",
    ['"It begins here\tpos\nand ends here"\tneg', '"One\tneg\ntwo"\tpos\n"three\tpos\nfour"\tneg'],
)
def test_a_quotation_over_two_rows_is_text(tmp_path, lines):
    table, source = read(tmp_path, written(ROWS) + lines + "\n")
    assert [row[:2] for row in table[8:]] == [line.split("\t") for line in lines.split("\n")]
    assert "taken as part of the text" in "".join(source.history)


@pytest.mark.parametrize(
    "rows",
    [
        [["a\tnew\nb", "other"]],  # neither reading has a label that is known
        [["x\ty\nz", "w"], ["p\tq\nr", "s"]],
    ],
)
def test_what_both_readings_allow_is_refused_by_name(tmp_path, rows):
    text = written([*ROWS, *rows])
    with pytest.raises(DataError, match=r"a\.tsv:10: a quotation mark opens here"):
        read(tmp_path, text)
    by_hand = {"tsv": {"quotes": "doubled"}}
    assert [row[:2] for row in read(tmp_path, text, **by_hand)[0]] == [*ROWS, *rows]
    literal = read(tmp_path, text, tsv={"quotes": "literal"})[0]
    assert len(literal) == len(ROWS) + 2 * len(rows)


def test_quotation_marks_inside_texts_mean_that_they_enclose_nothing(tmp_path):
    text = "text\tlabel\n" + "".join(f'he said "{a}" to me\t{b}\n' for a, b in ROWS)
    table, _source = read(tmp_path, text + '"A new\tlabel\nand one"\tmore\n')
    assert [row[1] for row in table[-2:]] == ["label", "more"]
