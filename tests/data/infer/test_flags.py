"""Columns of flags that say nothing are left out with a word."""

from __future__ import annotations

import pytest

from weitiao.data.files.table import from_rows
from weitiao.data.infer.roles import guess_roles


def guess(**columns):
    """Roles of 30 rows; columns: the value of each row by its number."""
    rows = [
        {"text": f"a long text number {n} of it", **{name: of(n) for name, of in columns.items()}}
        for n in range(30)
    ]
    guessed = guess_roles(from_rows(rows).table, {})
    return guessed.roles["target"], guessed.reasons["target"]


@pytest.mark.parametrize(
    ("same", "left_out"),
    [
        (lambda n: 0, True), (lambda n: "0", True), (lambda n: 1, True), (lambda n: 0.0, True),
        (lambda n: None, True), (lambda n: "", True), (lambda n: "no", False),
        (lambda n: "2024", False),
    ],
    ids=["0", "'0'", "1", "0.0", "None", "empty", "a word", "a year"],
)  # fmt: skip
def test_a_flag_that_is_never_set_is_said(same, left_out):
    target, why = guess(toxic=lambda n: n % 2, threat=same, insult=lambda n: n // 3 % 2)
    assert target == ["toxic", "insult"]
    assert ("left out, as they hold one value: threat" in why) == left_out


def test_of_a_single_flag_those_that_are_never_set_are_said():
    target, why = guess(toxic=lambda n: n % 2, threat=lambda n: 0, insult=lambda n: 0)
    assert target == "toxic"
    assert "left out, as they hold one value: threat, insult" in why


def test_flags_in_an_object_are_said_with_their_object():
    rows = [{"text": f"a long text {n} of it", "cats": {"a": n % 2, "b": n // 3 % 2, "c": 0}}
            for n in range(30)]  # fmt: skip
    guessed = guess_roles(from_rows(rows).table, {})
    assert guessed.roles["target"] == ["cats.a", "cats.b"]
    assert guessed.reasons["target"].endswith("hold one value: cats.c")


def test_an_empty_column_elsewhere_is_no_flag():
    _target, why = guess(
        toxic=lambda n: n % 2, insult=lambda n: n // 3 % 2, user=lambda n: f"u{n}",
        note=lambda n: None,
    )  # fmt: skip
    assert "left out" not in why
