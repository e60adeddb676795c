"""Kinds of files from public reports of peers (dev/reports.md, the last table), with variations."""

from __future__ import annotations

import json
import random

import pytest

from weitiao.data.files.open import open_source
from weitiao.data.infer.roles import guess_roles, guess_task
from weitiao.data.prepare.profile import profile
from weitiao.errors import DataError

NAMES = ["Anna", "Boris", "Carla", "Elena"]


def text(n):
    return f"text number {n} of a long row"


def look(path):
    source = open_source(str(path))
    roles = guess_roles(source.table, {}).roles
    task, _why = guess_task(source.table, roles)
    return profile(source, roles, task)


def sentences(count=24):
    words = lambda n: [("We", "O"), ("met", "O"), (NAMES[n % 4], "B-PER"), (f"n{n}", "O")]  # noqa: E731
    return [words(n)[: 3 + n % 2] for n in range(count)]


@pytest.mark.parametrize("blank", ["", "   ", "\t", " \t "])
def test_sentences_are_parted_by_lines_of_blanks(blank, tmp_path):
    path = tmp_path / "a.conll"
    parts = ["\n".join(" ".join(pair) for pair in one) for one in sentences()]
    path.write_text(f"\n{blank}\n".join(parts), encoding="utf-8")
    assert look(path).rows == 24


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("mark", [" ", "\t"])
def test_sentences_begin_where_the_numbers_of_their_words_do(first, mark, tmp_path):
    path = tmp_path / "a.conll"
    lines = [
        mark.join((str(at), *pair)) for one in sentences() for at, pair in enumerate(one, first)
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    seen = look(path)
    assert (seen.rows, seen.task) == (24, "token_classification")


def test_numbers_that_are_words_begin_no_sentence(tmp_path):
    path = tmp_path / "a.conll"
    one = "1 CD O\n5 CD O\n1 CD O\n2 CD O\n1 CD O\nAnna NN B-PER\nBoris NN B-PER"
    path.write_text("\n\n".join([one] * 12), encoding="utf-8")
    assert look(path).rows == 12


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.ndjson"])
def test_a_list_of_objects_is_read_whatever_it_is_called(indent, name, tmp_path):
    rows = [{"data": text(n), "label": [["good", "bad"][n % 2]]} for n in range(20)]
    (tmp_path / name).write_text(json.dumps(rows, indent=indent), encoding="utf-8")
    seen = look(tmp_path / name)
    assert (seen.rows, seen.task) == (20, "classification")


@pytest.mark.parametrize("every", [1, 7])
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_byte_order_mark_before_a_row_is_no_part_of_it(every, quote, tmp_path):
    path = tmp_path / "a.csv"
    rows = [f"{quote}{['true', 'false'][n % 2]}{quote},{text(n)}" for n in range(24)]
    lines = ["\ufefflabel,text", *("\ufeff" * (n % every == 0) + row for n, row in enumerate(rows))]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert {*look(path).shares} == {"true", "false"}


@pytest.mark.parametrize("cell", ["inf", "-inf", "NINF", "Infinity", "1.2.3"])
def test_a_cell_among_numbers_is_named(cell, tmp_path):
    path, rng = tmp_path / "a.csv", random.Random(1)
    cells = [cell if n < 3 else f"{rng.random():.4f}" for n in range(40)]
    path.write_text(
        "text,score\n" + "\n".join(f"{text(n)},{one}" for n, one in enumerate(cells)), "utf-8"
    )
    with pytest.raises(DataError, match="holds numbers, but also") as caught:
        look(path)
    assert cell in str(caught.value)
    assert "--skip-bad" in str(caught.value)


@pytest.mark.parametrize("mark", ["\n", " \n", "\r\n"])
def test_labels_in_lines_of_a_cell_are_several(mark, tmp_path):
    path = tmp_path / "a.csv"
    sets = [["MM", "PR"], ["PR"], ["MM"], ["MM", "XX"], ["XX", "PR"]]
    lines = [f'{text(n)},"{mark.join(sets[n % 5])}"' for n in range(40)]
    path.write_bytes(("text,label\n" + "\n".join(lines)).encode())
    seen = look(path)
    assert seen.task == "multilabel"
    assert {*seen.shares} == {"MM", "PR", "XX"}


@pytest.mark.parametrize("empty", [1, 3])
@pytest.mark.parametrize("names", ["v1,v2", "V1,V2", "c0,c1"])
def test_a_header_over_empty_columns_is_one(empty, names, tmp_path):
    path = tmp_path / "spam.csv"
    rows = [f'{["ham", "spam"][n % 3 == 0]},"{text(n)}, then"{"," * empty}' for n in range(60)]
    rows[40] = f'ham,"{text(99)}"{"," * empty}a rest'
    path.write_bytes(f"{names}{',' * empty}\r\n{chr(13)}{chr(10)}".encode().rstrip() + b"\r\n"
                     + "\r\n".join(rows).encode("latin-1"))  # fmt: skip
    seen = look(path)
    assert (seen.rows, {*seen.shares}) == (60, {"ham", "spam"})


def test_flags_of_which_each_row_has_one_are_told(tmp_path):
    path = tmp_path / "a.csv"
    lines = [f"{text(n)},{int(n % 3 == 0)},{int(n % 3 == 1)},{int(n % 3 == 2)}" for n in range(30)]
    path.write_text("text,food,room,price\n" + "\n".join(lines), encoding="utf-8")
    seen = look(path)
    assert seen.task == "multilabel"
    assert any("exactly one of the 3 labels" in line for line in seen.history)
    path.write_text("text,food,room,price\n" + "\n".join([*lines, f"{text(99)},1,1,0"]), "utf-8")
    assert not any("exactly one" in line for line in look(path).history)
