"""Columns by which a file itself says what its rows are for: its split, annotators' decisions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from weitiao.data.infer.column_names import plain, words

if TYPE_CHECKING:
    from weitiao.data.infer.column_stats import Column

SPLIT_COLUMN = "split"  # the name of the column that files of a folder get
_SPLIT_NAMES = set(
    words("split set subset partition part dataset_split data_split fold 划分 数据集 集合")
)
_WORDS_OF_PARTS = {
    "train": words("train training trn train_set 训练 训练集"),
    "validation": words("validation valid val dev development eval validate 验证 验证集 开发集"),
    "test": words("test testing tst test_set holdout 测试 测试集"),
}
_PARTS = {word: part for part, all_words in _WORDS_OF_PARTS.items() for word in all_words}
_FLAG = re.compile(r"is_?(train|training|valid|validation|val|dev|test)")
_TRUE, _FALSE = {"1", "1.0", "true", "yes"}, {"0", "0.0", "false", "no"}
_IN_NAME = re.compile(r"[-_.\s]+")
_DECISIONS = {
    "answer": (["accept"], ["reject", "ignore"]),  # Prodigy
    "status": (  # Argilla
        ["submitted", "validated", "completed"],
        ["discarded", "draft", "pending", "default", "rejected"],
    ),
}
UNDECIDED = {"ignore", "draft", "pending", "default"}  # no decision, where decisions are learned
_TELLING = {"accept", "reject", "submitted", "validated", "discarded"}  # said of annotations only


def part_of(word: str) -> str:
    """The part that a word names: "train", "validation", "test", or "" for other words.

    >>> part_of("Train"), part_of("dev"), part_of("测试集"), part_of("sport")
    ('train', 'validation', 'test', '')
    """
    return _PARTS.get(word.strip().lower(), "")


def part_of_file(name: str) -> str:
    """The part that a file's name, or that of its folder, names; "" where none or several do.

    >>> part_of_file("x/test.csv"), part_of_file("data/train-00000-of-00001.parquet")
    ('test', 'train')
    >>> part_of_file("sst_dev.tsv"), part_of_file("x/valid/data.arrow"), part_of_file("a.csv")
    ('validation', 'validation', '')
    """
    *folders, file = name.split("/")
    for pieces in (_IN_NAME.split(file)[:-1], folders):
        parts = {part_of(piece) for piece in pieces} - {""}
        if parts:
            return parts.pop() if len(parts) == 1 else ""
    return ""


def flag_part(name: str, value: str) -> str:
    """The part of a row by a column is_test, is_valid or is_train of true and false; "" for none.

    >>> flag_part("is_test", "True"), flag_part("is_valid", "0"), flag_part("is_train", "false")
    ('test', 'train', 'test')
    """
    match = _FLAG.fullmatch(name.strip().lower())
    part = part_of(match[1]) if match else ""
    if not part or value.strip().lower() not in {*_TRUE, *_FALSE}:
        return ""
    if value.strip().lower() in _TRUE:
        return part
    return "test" if part == "train" else "train"


def part_in(name: str, value: str) -> str:
    """The part that a cell of a column of parts names, by a word or by a flag."""
    return flag_part(name, value) if _FLAG.fullmatch(name.strip().lower()) else part_of(value)


def is_split(name: str, values: Iterable[str]) -> bool:
    """Whether a column declares the parts: its name says so, and train and another part occur."""
    if _FLAG.fullmatch(name.strip().lower()):
        flags = {flag_part(name, value) for value in values}
        return "" not in flags and len(flags) == 2
    if plain(name) not in _SPLIT_NAMES:
        return False
    parts = {part_of(value) for value in values}
    return "train" in parts and len(parts - {""}) > 1


def decision_of(name: str, values: Iterable[str]) -> list[str]:
    """The decisions in a column of annotators' decisions that do not accept a row; else nothing.

    >>> decision_of("answer", ["accept", "reject"]), decision_of("answer", ["yes", "no"])
    (['reject'], [])
    """
    last = name.strip().lower().replace("_", ".").rpartition(".")[2]
    if last not in _DECISIONS:
        return []
    seen = {value.strip().lower() for value in values}
    accepted, others = _DECISIONS[last]
    if not seen <= {*accepted, *others} or not seen & _TELLING:
        return []
    return [one for one in others if one in seen]


def declaring(columns: Mapping[str, Column]) -> set[str]:
    """Columns that say what rows are for, and so are no text and no target."""
    splits = {name for name, column in columns.items() if is_split(name, column.counts)}
    decisions = {name for name, column in columns.items() if decision_of(name, column.counts)}
    return splits | decisions if len(columns) - len(splits) - len(decisions) > 1 else splits
