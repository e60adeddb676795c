"""Rows of a validation or test file: what is kept apart from training, and what is told."""

from __future__ import annotations

import json

import pytest

from weitiao.data.files.table import from_rows
from weitiao.data.prepare.load import load
from weitiao.errors import DataError
from weitiao.planfile.plan import DataPlan

ROLES = {"text": "text", "target": "label"}


def loaded(path, table, rows, *, part="validation", roles=ROLES, task="classification"):
    path.write_text(table, encoding="utf-8")
    plan = DataPlan(path="-", roles=roles, **{f"{part}_path": str(path)})
    return load(plan, task, from_rows(rows))


@pytest.mark.parametrize("part", ["validation", "test"])
def test_groups_of_the_file_are_not_learned(part, tmp_path):
    rows = [{"text": f"t{i}", "label": "ab"[i % 2], "person": f"p{i // 4}"} for i in range(60)]
    rows[-1]["person"] = ""
    table = "text,label,person\nv1,a,p0\nv2,b,p1\nv3,b,\n"
    data = loaded(tmp_path / "dev.csv", table, rows, part=part, roles=ROLES | {"group": "person"})
    assert f"8 rows left out whose passage or group also stands in the {part} file" in data.history
    assert not {e.inputs["text"] for e in data.train.examples()} & {f"t{i}" for i in range(8)}
    loaded(tmp_path / "dev.csv", "text,label\nv1,a\n", rows, roles=ROLES | {"group": "person"})


def test_passages_of_the_file_are_not_learned(tmp_path):
    rows = [{"question": f"q{i}", "context": f"Bern{i // 4}.", "answer": f"Bern{i // 4}"}
            for i in range(40)]  # fmt: skip
    roles = {"question": "question", "context": "context", "target": "answer"}
    table = "question,context,answer\nwhat,Bern0.,Bern0\n"
    data = loaded(tmp_path / "dev.csv", table, rows, roles=roles, task="question_answering")
    assert "Bern0." not in {example.inputs["context"] for example in data.train.examples()}


def test_odd_labels_and_few_rows_of_a_validation_file_are_told(tmp_path):
    rows = [{"text": f"t{i}", "label": "ab"[i % 2]} for i in range(40)]
    told = loaded(tmp_path / "dev.csv", "text,label\nv1,A\nv2,c\nv3,c\nv4,a\n", rows).history
    odd = "the validation has 2 labels that no training row has: 'A', 'c' (in 3 rows)"
    assert odd in told
    assert any(line.startswith("the labels 'A' and 'a' differ only") for line in told)
    assert any(line.startswith("the validation file has 4 rows only") for line in told)


def several(n, labels):
    return {"text": f"t{n}", "label": labels[n % 2] if n % 3 else ";".join(labels)}


def names(n, labels):
    spans = [{"start": 0, "end": 4, "label": labels[n % 2]}]
    return {"text": f"Anna{n} came", "label": json.dumps(spans)}


@pytest.mark.parametrize("part", ["test", "validation"])
@pytest.mark.parametrize(
    ("task", "make", "learned", "others", "likeness"),
    [
        ("classification", None, ("pos", "neg"), ("Positive", "Negative"), "meant as 'pos'"),
        ("classification", None, ("0", "1"), ("-1", "-1"), ""),
        ("classification", None, ("好评", "差评"), ("好", "差"), "meant as '好评'"),
        ("multilabel", several, ("Sport", "Money"), ("sport", "money"), "meant as 'Sport'"),
        ("token_classification", names, ("PER", "LOC"), ("person", "place"), "meant as 'PER'"),
    ],
)
def test_a_file_without_a_known_label_is_refused_before_training(
    task, make, learned, others, likeness, part, tmp_path
):
    make = make or (lambda n, labels: {"text": f"t{n}", "label": labels[n % 2]})
    rows, lines = [make(n, learned) for n in range(40)], [make(n, others) for n in range(90, 99)]
    file = tmp_path / "other.jsonl"
    with pytest.raises(DataError, match="no training row has any label of the") as caught:
        loaded(file, "\n".join(map(json.dumps, lines)), rows, part=part, task=task)
    assert str(caught.value).startswith(f"{file}: ")
    assert likeness in str(caught.value)
    assert "leave this file out" in str(caught.value)
    lines.append(make(100, (learned[0], others[0])))
    loaded(file, "\n".join(map(json.dumps, lines)), rows, part=part, task=task)


def test_a_declared_part_without_a_known_label_is_refused(tmp_path):
    rows = [{"text": f"t{n}", "label": "ab"[n % 2], "split": "train"} for n in range(40)]
    rows += [{"text": f"u{n}", "label": "cd"[n % 2], "split": "test"} for n in range(9)]
    with pytest.raises(DataError, match="data.declared_split=false"):
        load(DataPlan(path="-", roles=ROLES), "classification", from_rows(rows))


@pytest.mark.parametrize(
    ("task", "labels", "hidden"),
    [("classification", ("0", "1"), -1), ("regression", (0.5, 4.25), -1.0)],
)
def test_hidden_labels_of_a_declared_test_are_left_out(task, labels, hidden):
    rows = [{"text": f"t{n}", "label": labels[n % 2], "split": "train"} for n in range(40)]
    rows += [{"text": f"u{n}", "label": hidden, "split": "test"} for n in range(9)]
    data = load(DataPlan(path="-", roles=ROLES), task, from_rows(rows))
    assert any("the test has hidden labels (9 rows of -1)" in line for line in data.history)
    assert not any(one.inputs["text"].startswith("u") for one in data.sealed_test.examples())
    assert len(data.train) + len(data.validation) + len(data.sealed_test) == 40


@pytest.mark.parametrize("own", [-1, 1])
def test_a_label_of_minus_one_that_is_learned_is_a_label(own):
    rows = [{"text": f"t{n}", "label": [own, -own][n % 2], "split": "train"} for n in range(40)]
    rows += [{"text": f"u{n}", "label": -1, "split": "test"} for n in range(9)]
    data = load(DataPlan(path="-", roles=ROLES), "classification", from_rows(rows))
    assert len(data.sealed_test) == 9


def test_numbers_of_a_test_file_are_no_labels(tmp_path):
    rows = [{"text": f"t{n}", "label": str(n / 7)} for n in range(40)]
    loaded(tmp_path / "t.csv", "text,label\nv,99.5\n", rows, part="test", task="regression")


def test_a_missing_column_is_named_with_its_file(tmp_path):
    rows = [{"text": f"t{i}", "label": "ab"[i % 2]} for i in range(40)]
    with pytest.raises(DataError, match=r"dev\.csv: role target: no column called 'label'"):
        loaded(tmp_path / "dev.csv", "text,lab\nv1,a\n", rows)
