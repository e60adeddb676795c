"""Argilla's responses, Prodigy's options, cards of datasets, totals: what a file declares is obeyed."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from weitiao.data.files.open import open_source
from weitiao.data.infer.roles import guess_roles, guess_task
from weitiao.data.rows import Rows, everything
from weitiao.errors import DataError


def read(path, **known):
    source = open_source(str(path))
    roles = guess_roles(source.table, known).roles
    task = guess_task(source.table, roles)[0]
    targets = Rows(source.table, everything(source.table), roles, "rows", task).targets()
    return targets, "\n".join(source.history)


def lines(path, rows):
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def text(n):
    return f"text number {n} of a long row"


SAID = [["a", "a", "b"], ["a", "b"], ["b"], ["b", "b"], ["a"]] * 4
STATUS = [["submitted"] * 3, ["submitted", "discarded"], ["draft"], ["submitted"] * 2,
          ["submitted"]] * 4  # fmt: skip
DECIDED = ["a", "a", None, "b", "a"] * 4


def responses(n, **more):
    return [
        {"value": value, "status": status, "user_id": "u", **more}
        for value, status in zip(SAID[n], STATUS[n], strict=True)
    ]


ARGILLA = {
    "records": lambda n: {"fields": {"text": text(n)}, "responses": {"q": responses(n)},
                          "suggestions": {"q": {"value": "b"}}, "status": "completed"},
    "lists": lambda n: {"text": text(n), "q": responses(n), "q-suggestion": "b"},
    "flat": lambda n: {"text": text(n), "q.responses": SAID[n], "q.responses.status": STATUS[n],
                       "q.responses.users": ["u"] * len(SAID[n]), "q.suggestion": "b"},
}  # fmt: skip


@pytest.mark.parametrize("layout", ARGILLA)
@pytest.mark.parametrize("ending", ["jsonl", "json", "parquet"])
def test_responses_of_argilla(tmp_path, layout, ending):
    rows = [ARGILLA[layout](n) for n in range(20)]
    path = tmp_path / f"rows.{ending}"
    if ending == "parquet":
        if layout == "records":
            pytest.skip("Argilla writes no such table")
        parquet.write_table(pa.Table.from_pylist(rows), path)
    elif ending == "json":
        path.write_text(json.dumps(rows), encoding="utf-8")
    else:
        lines(path, rows)
    targets, said = read(path, target="q")
    assert targets == DECIDED
    assert "suggestions of a model are no labels" in said
    assert "8 rows with several annotators: 4 agree, 4 by majority" in said


def test_responses_of_argilla_without_a_status_count_as_submitted(tmp_path):
    rows = [
        {"text": text(n), "q.responses": ["a", "a", "b"], "q.responses.users": ["u", "v", "w"]}
        for n in range(20)
    ]
    targets, _said = read(lines(tmp_path / "rows.jsonl", rows), target="q")
    assert targets == ["a"] * 20


@pytest.mark.parametrize("ids", [["A", "B"], [1, 2], ["sport", "money"]])
@pytest.mark.parametrize("many", [False, True])
def test_options_of_prodigy_have_names(tmp_path, ids, many):
    options = [{"id": one, "text": name} for one, name in zip(ids, ["Sport", "Money"], strict=True)]
    rows = [
        {"text": text(n), "options": options, "accept": ids if many and n % 3 == 0 else [ids[n % 2]]}
        for n in range(12)
    ]  # fmt: skip
    targets, said = read(lines(tmp_path / "rows.jsonl", rows), target="accept")
    assert targets[:2] == ([["Sport", "Money"], ["Money"]] if many else ["Sport", "Money"])
    assert "the options are called by their texts" in said


def test_one_label_that_is_accepted_or_rejected(tmp_path):
    rows = [{"text": text(n), "label": "SPAM", "answer": ["accept", "reject"][n % 2]}
            for n in range(12)]  # fmt: skip
    path = lines(tmp_path / "rows.jsonl", rows)
    with pytest.raises(DataError, match="--target answer learns their decisions"):
        read(path)
    assert read(path, target="answer")[0][:2] == ["accept", "reject"]


CARD = """---
dataset_info:
{config}  features:
  - name: text
    dtype: string
  - name: label
    {kind}:
      class_label:
        names:
          '0': low
          '1': 'high'
---
"""


@pytest.mark.parametrize("card", ["yaml", "configs", "sequence", "infos", "info"])
@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_names_of_classes_stand_in_the_card(tmp_path, card, ending):
    folder = tmp_path / "hub"
    folder.mkdir()
    names = {"features": {"label": {"names": ["low", "high"], "_type": "ClassLabel"}}}
    if card == "info":
        (folder / "dataset_info.json").write_text(json.dumps(names))
    elif card == "infos":
        (folder / "dataset_infos.json").write_text(json.dumps({"default": names}))
    else:
        kind = "sequence" if card == "sequence" else "dtype"
        text_of = CARD.format(config="", kind=kind)
        if card == "configs":
            text_of = text_of.replace("  features", "- config_name: x\n  features")
        (folder / "README.md").write_text(text_of, encoding="utf-8")
    listed = card == "sequence"
    for part in ("train", "test"):
        values = [[n % 2, 1] if listed else n % 2 for n in range(12)]
        rows = [{"text": f"{part} {text(n)}", "label": one} for n, one in enumerate(values)]
        if ending == "jsonl":
            lines(folder / f"{part}.jsonl", rows)
        else:
            cells = [f'{row["text"]},"{row["label"]}"' for row in rows]
            (folder / f"{part}.csv").write_text("\n".join(["text,label", *cells]))
    targets, said = read(folder)
    assert targets[:2] == ([["low", "high"], ["high"]] if listed else ["low", "high"])
    assert "the numbers of 'label' are replaced by the names of their classes" in said


FOOTERS = {
    "(60 rows)": "", "60 rows selected.": "", "(12 rows affected)": "",
    "12 rows in set (0.02 sec)": "", "Total|12": "Total | 12", "合计|12": "合计 | 12",
    "Grand Total|": None,
}  # fmt: skip


@pytest.mark.parametrize("footer", FOOTERS)
def test_totals_and_counts_below_a_table(tmp_path, footer):
    rows = [f"{text(n)}|{['good', 'bad'][n % 2]}" for n in range(12)]
    path = tmp_path / "rows.txt"
    path.write_text("\n".join(["text|label", *rows, footer, ""]), encoding="utf-8")
    targets, said = read(path)
    assert [one for one in targets if one] == ["good", "bad"] * 6
    if FOOTERS[footer]:
        assert f"the last row is a total and left out: {FOOTERS[footer]}" in said
    elif FOOTERS[footer] == "":
        assert "rulers and counts of rows: 1 line" in said


@pytest.mark.parametrize("last", ["total failure|4.5", "sum of all|bad", "mean|9"])
def test_rows_that_are_no_totals_stay(tmp_path, last):
    rows = [f"{text(n)}|{n % 4 + 0.5}" for n in range(12)]
    path = tmp_path / "rows.txt"
    path.write_text("\n".join(["text|score", *rows, last]), encoding="utf-8")
    assert len(open_source(str(path)).table) == 13


@pytest.mark.parametrize(
    "cell", [[{"name": "a"}], {"name": {"de": [1]}}, [{"user": "u", "says": "a"}, {"user": "v"}]]
)
@pytest.mark.parametrize("task", ["classification", "multilabel"])
def test_objects_are_no_labels(tmp_path, cell, task):
    path = lines(
        tmp_path / "rows.jsonl", [{"text": text(n), "x": json.dumps(cell)} for n in range(9)]
    )
    source = open_source(str(path))
    with pytest.raises(DataError, match="is an object and no label"):
        Rows(source.table, everything(source.table), {"text": "text", "target": "x"}, "r", task
             ).targets()  # fmt: skip


@pytest.mark.parametrize("value", [{"a": 1, "b": 0}, {"a": 1.0, "b": 0.0}, {"a": True, "b": False}])
@pytest.mark.parametrize("name", ["label", "cats"])
def test_objects_of_flags_are_labels(tmp_path, name, value):
    swapped = dict(zip(value, reversed(value.values()), strict=True))
    rows = [{"text": text(n), name: [value, swapped][n % 2]} for n in range(12)]
    targets, _said = read(lines(tmp_path / "rows.jsonl", rows))
    assert targets[:2] == [[f"{name}.a"], [f"{name}.b"]]


def test_shares_of_labels_are_asked_for(tmp_path):
    rows = [{"text": text(n), "label": {"a": 0.7, "b": 0.1 * (n % 3)}} for n in range(12)]
    rows[0]["label"]["a"] = 0.2
    with pytest.raises(DataError, match="several numbers in each row"):
        read(lines(tmp_path / "rows.jsonl", rows))


VALUES = {
    "labels": ({"labels": ["x"]}, "x"), "taxonomy": ({"taxonomy": [["a", "b"]]}, "a/b"),
    "textarea": ({"text": ["free"]}, "free"),
}  # fmt: skip


@pytest.mark.parametrize("kind", VALUES)
def test_values_without_a_place_are_of_the_whole_task(tmp_path, kind):
    value, label = VALUES[kind]
    rows = [
        {"data": {"text": text(n)}, "annotations": [
            {"result": [{"from_name": "s", "value": value if n % 2 else {"choices": ["y"]}}]}]}
        for n in range(12)
    ]  # fmt: skip
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    assert read(tmp_path / "rows.json")[0][:2] == ["y", label]
