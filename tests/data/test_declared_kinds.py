"""Kinds of public reports: what is silent elsewhere is read as meant here, or refused by name."""

from __future__ import annotations

import json

import pytest

from weitiao.data.files.open import open_source
from weitiao.data.infer.roles import guess_roles, guess_task
from weitiao.data.prepare.profile import profile
from weitiao.data.rows import Rows, everything
from weitiao.errors import DataError


def text(n):
    return f"text number {n} of a long row"


def look(path, **known):
    source = open_source(str(path))
    roles = guess_roles(source.table, known).roles
    task, why = guess_task(source.table, roles)
    return profile(source, roles, task, {"task": why})


def lines(path, rows):
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("cells", [("True", "False"), ("1", "0"), ("yes", "no")])
@pytest.mark.parametrize("name", ["is_test", "is_valid", "is_train", "isTest"])
def test_flags_say_the_part(tmp_path, name, cells):
    rows = [{"text": text(n), "label": "ab"[n % 2], name: cells[n % 4 > 0]} for n in range(24)]
    said = "".join(look(lines(tmp_path / "rows.jsonl", rows)).history)
    train = 6 if name == "is_train" else 18
    assert f"split by the column {name!r}: {train} train" in said


@pytest.mark.parametrize("suffix", ["_text", "_name", "_str"])
def test_names_beside_numbers_are_the_labels(tmp_path, suffix):
    rows = [{"text": text(n), "label": n % 2, f"label{suffix}": ["low", "high"][n % 2]}
            for n in range(12)]  # fmt: skip
    assert look(lines(tmp_path / "a.jsonl", rows)).labels == {"low": 6, "high": 6}
    for row in rows[:3]:  # no names of the numbers: another column
        row[f"label{suffix}"] = "other"
    assert look(lines(tmp_path / "b.jsonl", rows)).labels == {"0": 6, "1": 6}


@pytest.mark.parametrize("roles", [("user", "assistant"), ("human", "gpt"), ("system", "user")])
def test_turns_of_conversations_are_no_labels(tmp_path, roles):
    rows = [{"role": roles[n % 2], "content": text(n)} for n in range(12)]
    with pytest.raises(DataError, match="cannot tell which column is the target"):
        look(lines(tmp_path / "rows.jsonl", rows))
    assert look(tmp_path / "rows.jsonl", target="role").labels == {roles[0]: 6, roles[1]: 6}


@pytest.mark.parametrize("slip", [0, [1, 0], "[1, 0, 1, 1]"])
def test_a_slip_among_vectors_is_named(tmp_path, slip):
    rows = [{"text": text(n), "labels": [n % 2, 1, 0]} for n in range(80)]
    rows[7]["labels"] = slip
    with pytest.raises(DataError, match=r"rows.jsonl:8: .* a vector of 3 times"):
        look(lines(tmp_path / "rows.jsonl", rows))


GLUED = ["__label__a__label__b {}", "__label__a __label__b {}", "__label__a, __label__b, {}"]


@pytest.mark.parametrize("line", GLUED)
def test_labels_of_fasttext(tmp_path, line):
    rows = [(line if n % 3 == 0 else "__label__a {}").format(text(n)) for n in range(24)]
    (tmp_path / "rows.txt").write_text("\n".join(rows))
    assert look(tmp_path / "rows.txt").labels == {"a": 24, "b": 8}


def answer(n, start, held="Anna Rossi"):
    passage = f"The tower {n} was built by Anna Rossi. It stands in Oslo."
    return {"question": "Who?", "context": passage,
            "answers": {"text": [held], "answer_start": [start(passage)]}}  # fmt: skip


STARTS = {
    "right": (lambda passage: passage.index("Anna"), "Anna Rossi", ""),
    "beside": (lambda passage: passage.index("Anna") + 1, "Anna Rossi", "the nearest place"),
    "zero": (lambda passage: 0, "Anna Rossi", "the nearest place"),
    "case": (lambda passage: passage.index("Anna"), "anna rossi", "do not stand in the context"),
}


@pytest.mark.parametrize("kind", STARTS)
def test_places_of_answers(tmp_path, kind):
    start, held, said = STARTS[kind]
    rows = [answer(n, start, held) for n in range(12)]
    known = look(lines(tmp_path / "rows.jsonl", rows))
    assert known.task == "question_answering"
    assert len(known.history) == (2 if said else 1)
    assert said in known.history[-1]


@pytest.mark.parametrize("held", ["\u200b", "\u00ad", " \u200b"])
def test_answers_that_nothing_reads_are_counted(tmp_path, held):
    rows = [{"question": "Which sign?", "context": f"Row {n}: {held} here", "answers":
             {"text": [held], "answer_start": [len(f"Row {n}: ")]}} for n in range(12)]  # fmt: skip
    history = "".join(look(lines(tmp_path / "rows.jsonl", rows)).history)
    assert "12 rows whose answers hold nothing that a network reads" in history


@pytest.mark.parametrize(
    "first", ["a lovely film of today", "这部电影真的很好看", "Is it good or not?"]
)
def test_a_text_a_line(tmp_path, first):
    (tmp_path / "rows.txt").write_text(f"{first}\nan awful one\nbad\n", encoding="utf-8")
    assert open_source(str(tmp_path / "rows.txt")).table.to_pydict()["column1"][0] == first


@pytest.mark.parametrize("first", ["text", "review_body", "评论"])
def test_a_name_above_a_text_a_line(tmp_path, first):
    (tmp_path / "rows.csv").write_text(f"{first}\na lovely film of today\nan awful one\n")
    assert open_source(str(tmp_path / "rows.csv")).columns == [first]


@pytest.mark.parametrize(("words", "said"), [(100, False), (600, True), (2000, True)])
def test_texts_that_are_cut_are_said(tmp_path, words, said):
    rows = [{"text": f"{n} " + "words " * words, "label": "ab"[n % 2]} for n in range(12)]
    history = look(lines(tmp_path / "rows.jsonl", rows)).history
    assert any("are not read unless model.long_texts" in line for line in history) == said


def test_rows_two_levels_down(tmp_path):
    rows = [{"text": text(n), "intent": "ab"[n % 2]} for n in range(12)]
    (tmp_path / "nlu.json").write_text(
        json.dumps({"rasa_nlu_data": {"common_examples": rows, "synonyms": []}})
    )
    assert look(tmp_path / "nlu.json").labels == {"a": 6, "b": 6}


@pytest.mark.parametrize("cell", ['{"choices": ["a", "b"]}', '["a", "b"]', "['a' 'b']"])
def test_lists_among_names(tmp_path, cell):
    rows = [{"text": text(n), "topic": cell if n % 3 == 0 else "a"} for n in range(12)]
    source = open_source(str(lines(tmp_path / "rows.jsonl", rows)))
    view = Rows(source.table, everything(source.table), {"text": "text", "target": "topic"}, "r",
                guess_task(source.table, {"text": "text", "target": "topic"})[0])  # fmt: skip
    assert view.targets()[:2] == [["a", "b"], ["a"]]
