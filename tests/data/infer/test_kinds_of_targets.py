"""Targets that are told, asked for, or read in one way only: vectors, ids, printed lists."""

from __future__ import annotations

import pytest

from weitiao.data.files.table import from_rows
from weitiao.data.infer.roles import guess_roles, guess_task
from weitiao.data.rows import Rows, everything
from weitiao.errors import DataError


def read(cells, count=30, **others):
    """The task that is guessed for these target cells, and the targets."""
    rows = [
        {"text": f"the film number {n} was seen", "label": cells[n % len(cells)], **others}
        for n in range(count)
    ]
    source = from_rows(rows)
    roles = guess_roles(source.table, {}).roles
    task, why = guess_task(source.table, roles)
    targets = Rows(source.table, everything(source.table), roles, "rows", task).targets()
    return task, targets[: len(cells)], why


@pytest.mark.parametrize(
    "cells",
    [
        ["[0, 1, 1]", "[1, 0, 0]", "[0, 0, 0]"],
        ["0,1,1", "1,0,0", "0,0,0"],
        ["[0. 1. 1.]", "[1. 0. 0.]", "[0. 0. 0.]"],
        ["011", "100", "000"],
        ["0|1|1", "1|0|0", "0|0|0"],
        ["[False True True]", "[True False False]", "[False False False]"],
        [[0, 1, 1], [1, 0, 0], [0, 0, 0]],
        ["array([0, 1, 1])", "array([1, 0, 0])", "array([0, 0, 0])"],
    ],
    ids=str,
)
def test_vectors_are_labels_by_place(cells):
    task, targets, why = read(cells)
    assert (task, targets) == ("multilabel", [["label[1]", "label[2]"], ["label[0]"], []])
    assert "by their place" in why


def test_lists_of_ids_are_no_vectors():
    assert read([[0, 1], [1], [0], [2, 0]])[1] == [["0", "1"], ["1"], ["0"], ["2", "0"]]
    assert read(["100", "101", "110"])[0] == "classification"  # numbers: none begins with 0


@pytest.mark.parametrize("cells", [["1,2", "3", "2,3"], ["0,15", "27", "3,10"], ["7", "8，9", "1"]])
def test_ids_with_commas_are_asked_for(cells):
    with pytest.raises(DataError, match="--task regression or --task multilabel"):
        read(cells)


@pytest.mark.parametrize(
    "cells", [["1,25", "0,05", "3"], ["4,5", "3,0", "2,5"], ["1,5", "-2", "3"]]
)
def test_amounts_with_commas_are_numbers(cells):
    assert read(cells, 60)[0] == "regression"


@pytest.mark.parametrize(
    "cells",
    [
        ["['sport']", "['sport', 'money']", "[]"],
        ["['sport']", "['sport' 'money']", "[]"],
        ["['sport',]", "('sport', 'money')", "[]"],
        ['["sport"]', '["sport", "money"]', "[]"],
        ["[sport]", "[sport, money]", "[]"],
        ["array(['sport'], dtype=object)", "{'sport', 'money'}", "[]"],
    ],
    ids=str,
)
def test_printed_lists_are_lists(cells):
    task, targets, _why = read(cells)
    assert (task, targets) == ("multilabel", [["sport"], ["sport", "money"], []])


@pytest.mark.parametrize(
    "cells", [["['a']", "['b']", "[]"], [["a"], ["b"], []], ["['a']", "b", ""]]
)
def test_lists_of_one_are_that_label(cells):
    task, targets, _why = read(cells)
    assert (task, targets) == ("classification", ["a", "b", None])


@pytest.mark.parametrize(
    ("words", "tags"),
    [
        ("['Anna' 'is' 'here']", "['B-PER' 'O' 'O']"),
        ("['Anna', 'is', 'here']", "['B-PER', 'O', 'O']"),
        ('["Anna", "is", "here"]', "array(['B-PER', 'O', 'O'], dtype=object)"),
    ],
)
def test_printed_tags_are_tags(words, tags):
    source = from_rows([{"tokens": words, "ner_tags": tags}] * 12)
    roles = guess_roles(source.table, {}).roles
    assert roles == {"text": "tokens", "target": "ner_tags"}
    assert guess_task(source.table, roles)[0] == "token_classification"


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("ner_tags", "[1 0 0]"),
        ("ner_tags", "[1, 0, 0]"),
        ("entities", '[{"label": 1, "start_offset": 0, "end_offset": 4}]'),
        ("entities", "[[0, 4, 7]]"),
    ],
)
def test_numbers_for_names_are_asked_for(column, cell):
    text = '["Anna", "is", "here"]' if column == "ner_tags" else "Anna is here"
    source = from_rows([{"tokens": text, column: cell}] * 12)
    with pytest.raises(DataError, match="write (their )?names"):
        guess_task(source.table, guess_roles(source.table, {}).roles)


@pytest.mark.parametrize("name", ["label", "Target", "标签"])
def test_an_empty_target_is_told(name):
    rows = [{"text": f"film number {n} was nice", name: None, "grade": n % 3} for n in range(20)]
    with pytest.raises(DataError, match=f"{name}' is empty"):
        guess_roles(from_rows(rows).table, {})


def test_one_cell_among_vectors_that_is_none_is_named():
    rows = [{"text": f"film number {n}", "label": "[0, 1, 1]"} for n in range(3000)]
    rows[1001]["label"] = "[0, 1]"
    source = from_rows(rows)
    roles = {"text": "text", "target": "label"}
    view = Rows(source.table, everything(source.table), roles, "rows", "multilabel")
    with pytest.raises(DataError, match=r"rows:1001: label is '\[0, 1\]', where other rows"):
        view.targets()


@pytest.mark.parametrize("unit", ["分", " 分", "星", "颗星"])
def test_ratings_with_a_unit_are_numbers(unit):
    task, targets, why = read([f"{value}{unit}" for value in ("4.5", "3", "2.5", "1")])
    assert (task, targets) == ("regression", [4.5, 3.0, 2.5, 1.0])
    assert "with fractions from 1 to 4.5" in why


def test_whole_ratings_with_a_unit_here_and_there_are_no_labels():
    task, targets, why = read(["5", "5分", "3", "暂无"])
    assert (task, targets) == ("regression", [5.0, 5.0, 3.0, None])
    assert "2 different whole numbers" in why
    assert "some have a unit (5分)" in why
    assert read(["5分", "4分", "3分"])[0] == "classification"


@pytest.mark.parametrize("name", ["相似度", "similarity_score"])
def test_degrees_of_similarity_are_numbers_and_sameness_is_a_label(name):
    def guessed(cells):
        rows = [
            {
                "句子1": f"第 {n} 部电影很好看",
                "句子2": f"第 {n} 部片子不错",
                name: cells[n % len(cells)],
            }
            for n in range(60)
        ]
        source = from_rows(rows)
        return guess_task(source.table, guess_roles(source.table, {}).roles)[0]

    assert guessed([0, 1, 2, 3, 4, 5]) == "regression"
    assert guessed([0, 1]) == "classification"
