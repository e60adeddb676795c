"""Rows of messages become prompt and response; other rows stay what they were."""

import json

import pytest

import weitiao
from weitiao.data.files.conversations import prompt_of, turns_of
from weitiao.data.files.open import open_source
from weitiao.errors import DataError


def openai(*contents, system=""):
    turns = [
        {"role": ("user", "assistant")[at % 2], "content": one} for at, one in enumerate(contents)
    ]
    return [{"role": "system", "content": system}, *turns] if system else turns


def sharegpt(*contents):
    return [{"from": ("human", "gpt")[at % 2], "value": one} for at, one in enumerate(contents)]


def opened(folder, rows, name="a.jsonl"):
    file = folder / name
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    file.write_text("\n".join(lines) if name.endswith("l") else f"[{','.join(lines)}]")
    source = open_source(str(file))
    return source, [
        {k: v for k, v in row.items() if not k.startswith("__")} for row in source.table.to_pylist()
    ]


@pytest.mark.parametrize(("column", "spelled"), [("messages", openai), ("conversations", sharegpt)])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_both_spellings(tmp_path, column, spelled, name):
    rows = [{"id": f"x{n}", column: spelled(f"Question {n}?", f"Answer {n}.")} for n in range(5)]
    source, found = opened(tmp_path, rows, name)
    assert found[1] == {"prompt": "Question 1?", "response": "Answer 1.", "id": "x1"}
    assert any(repr(column) in line for line in source.history)


def test_longer_conversations_are_held_as_json(tmp_path):
    rows = [{"messages": openai("a", "b", "c", "d", system="s")}, {"messages": sharegpt("e", "f")}]
    _source, found = opened(tmp_path, rows)
    assert found[0]["response"] == "d"
    assert json.loads(found[0]["prompt"]) == openai("a", "b", "c", system="s")
    assert found[1] == {"prompt": "e", "response": "f"}


def test_what_stands_behind_the_last_answer_is_cut():
    assert turns_of(openai("a", "b", "c")) == openai("a", "b")


@pytest.mark.parametrize(
    "cell",
    [None, "", "text", "[]", [], {}, 3, openai("a"), openai()[:0], [{"role": "assistant",
     "content": "b"}], [{"role": "user", "content": None}], [{"role": "tool", "content": "x"}],
     [["a", "b"]], "[" * 5000],
)  # fmt: skip
def test_what_is_no_conversation(cell):
    assert turns_of(cell) is None


def test_a_conversation_as_text():
    assert turns_of(json.dumps(sharegpt("a", "b"))) == openai("a", "b")
    assert prompt_of(openai("a")) == "a"


def test_a_row_without_an_answer_is_named(tmp_path):
    rows = [{"messages": openai("a", f"b{n}")} for n in range(20)] + [{"messages": openai("a")}]
    with pytest.raises(DataError, match=r"a\.jsonl:21: no conversation that ends in an answer"):
        opened(tmp_path, rows)


@pytest.mark.parametrize("label", ["label", "Label", "target", "标签"])
def test_annotated_conversations_are_left_as_they_are(tmp_path, label):
    """They are texts to classify, as before."""
    rows = [{"messages": openai("a", f"b{n}"), label: ["good", "bad"][n % 2]} for n in range(40)]
    source, _found = opened(tmp_path, rows)
    assert not {"prompt", "response"} & set(source.columns)


def test_other_columns_of_these_names_are_left_as_they_are(tmp_path):
    rows = [{"messages": f"a text number {n}", "label": "xy"[n % 2]} for n in range(20)]
    assert opened(tmp_path, rows)[1][1] == {"messages": "a text number 1", "label": "y"}
    rows = [{"dialogue": f"a text number {n}", "kind": "xy"[n % 2]} for n in range(20)]
    assert opened(tmp_path, rows)[1][1] == {"dialogue": "a text number 1", "kind": "y"}


def test_look_says_generation(tmp_path):
    rows = [
        {"messages": openai(f"What is {n} and {n + 1} together?", f"It is {2 * n + 1}, of course.")}
        for n in range(40)
    ]
    opened(tmp_path, rows)
    seen = weitiao.look(str(tmp_path / "a.jsonl"))
    assert (seen.task, seen.roles) == ("generation", {"text": "prompt", "target": "response"})
