"""Rows of a validation or test file: what is kept apart from training, and what is told."""

from __future__ import annotations

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
    told = loaded(tmp_path / "dev.csv", "text,label\nv1,A\nv2,c\n", rows).history
    assert "the validation has 2 labels that no training row has: 'A', 'c'" in told
    assert any(line.startswith("the labels 'A' and 'a' differ only") for line in told)
    assert any(line.startswith("the validation file has 2 rows only") for line in told)


def test_a_missing_column_is_named_with_its_file(tmp_path):
    rows = [{"text": f"t{i}", "label": "ab"[i % 2]} for i in range(40)]
    with pytest.raises(DataError, match=r"dev\.csv: role target: no column called 'label'"):
        loaded(tmp_path / "dev.csv", "text,lab\nv1,a\n", rows)
