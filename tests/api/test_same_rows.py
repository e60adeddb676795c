"""Rows of a run that are opened again: the same, or refused by name."""

import json

import pytest

from weitiao.api.inputs import same_rows
from weitiao.data.prepare.load import load
from weitiao.errors import RunError
from weitiao.planfile.sections import DataPlan
from weitiao.run import Run

LINES = [f"the film number {n} was {'good' if n % 2 else 'bad'},{n % 2}" for n in range(40)]


def loaded(path):
    plan = DataPlan(path=str(path), roles={"text": "text", "target": "label"})
    return load(plan, "classification")


@pytest.fixture
def trained(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("\n".join(["text,label", *LINES, ""]), encoding="utf-8")
    data = loaded(file)
    folder = tmp_path / "run"
    folder.mkdir()
    record = {"data": data.fingerprint, "rows": data.digests, "history": list(data.history)}
    (folder / "environment.json").write_text(json.dumps(record), encoding="utf-8")
    return file, Run(folder)


@pytest.mark.parametrize(
    "lines",
    [
        [*LINES, "one film more,1"],
        LINES[:-1],
        [line.replace("film", "book") for line in LINES],
        [*LINES[:5], LINES[5].replace("good,1", "good,0"), *LINES[6:]],
        LINES[::-1],
    ],
    ids=["appended", "one less", "another file", "a label", "order"],
)
def test_changed_rows_are_told(trained, lines):
    file, run = trained
    file.write_text("\n".join(["text,label", *lines, ""]), encoding="utf-8")
    with pytest.raises(RunError, match="have changed since it was trained.*rows.csv: 40 rows"):
        same_rows(run, loaded(file))


def test_the_same_rows_elsewhere_are_the_same(trained, tmp_path):
    file, run = trained
    data = loaded(file)
    assert same_rows(run, data) is data
    objects = [dict(zip(("text", "label"), line.rsplit(",", 1), strict=True)) for line in LINES]
    other = tmp_path / "other.jsonl"
    other.write_text("\n".join(map(json.dumps, objects)), encoding="utf-8")
    data = loaded(other)
    assert same_rows(run, data) is data


def test_a_run_without_a_fingerprint_is_believed(trained):
    file, run = trained
    (run.folder / "environment.json").write_text("{}", encoding="utf-8")
    data = loaded(file)
    assert same_rows(run, data) is data
