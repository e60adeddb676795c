"""Torn and foreign files in a run: one message that names the file, and other runs are shown."""

import json
import os
import shutil

import pytest
from pyarrow import parquet

import weitiao
from conftest import toy_rows
from weitiao.api import report
from weitiao.api.runs import runs
from weitiao.errors import RunError
from weitiao.run import Run

CONTENTS = {
    "a list": b"[1]\n", "torn": None, "bytes": b"\xff\x00\x81\n", "nested deep": b"[" * 100_000 + b"\n",
    "objects nested deep": b'{"a":' * 100_000 + b"\n", "a text": b'"x"\n', "null": b"null\n",
}  # fmt: skip
FILES = ("status.json", "metrics.json", "findings.json", "figures.json", "environment.json",
         "log.jsonl", "answers.parquet")  # fmt: skip
FIELDS = {
    "status.json": [{"pid": "x"}, {"state": 5}, {"step": "many"}, {"value": [1]},
                    {"state": "trained", "trained": 3}],
    "metrics.json": [{"metrics": [1]}, {"metrics": {"accuracy": "good"}}, {"primary": 3},
                     {"baselines": {"majority": 4}}, {"intervals": {"accuracy": 3}}, {"split": []}],
    "findings.json": [{"slices": {}}, {"rows": "all"}, {"groups": [3]}, {"near": [[1]]}],
    "figures.json": [{"labels": {"good": [1]}}, {"labels": [1]}, {"rows": 4}, {"lengths": 3}],
    "environment.json": [{"history": 3}, {"packages": []}, {"threads": "x"}],
    "log.jsonl": [{"step": "x"}, {"step": 10**30}, {"step": -1}, {"loss": [1]}, {"validation": 3},
                  {"validation": {"accuracy": "x"}, "best": True}],
}  # fmt: skip
CASES = [(file, name, content) for file in FILES for name, content in CONTENTS.items()]
CASES += [(file, str(one)[:40], one) for file, many in FIELDS.items() for one in many]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny_bert):
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEITIAO_CACHE", str(folder / "cache"))
        patch.setenv("WEITIAO_STATE", str(folder / "state"))
        return weitiao.fit(
            toy_rows("classification", 120), model=tiny_bert, out=folder / "runs",
            changes={"train.epochs": 1, "evaluate.bootstrap_samples": 10},
        ).run  # fmt: skip


@pytest.fixture
def run(whole, tmp_path):
    for name in ("good", "torn"):
        shutil.copytree(whole.folder, tmp_path / "runs" / name, copy_function=os.link)
    return Run(tmp_path / "runs" / "torn")


def spoil(run, file, content):
    path = run.folder / file
    raw = path.read_bytes()
    path.unlink()  # it is linked with that of the other run
    if content is None:
        content = raw[: len(raw) // 2] + (b"\n" if file == "log.jsonl" else b"")
    elif isinstance(content, dict) and file == "log.jsonl":
        content = raw + json.dumps(content).encode() + b"\n"
    elif isinstance(content, dict):
        content = json.dumps(json.loads(raw) | content).encode()
    path.write_bytes(content)


@pytest.mark.parametrize(("file", "name", "content"), CASES)
def test_a_torn_file_is_named_and_hides_no_other_run(file, name, content, run):
    spoil(run, file, content)
    listed = {one["run"]: one for one in runs(run.folder.parent)}
    assert listed[str(run.folder.parent / "good")]["state"] == "finished"
    assert len(listed) == 2
    with pytest.raises(RunError, match=file) as caught:
        report.report(run.folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("column", ["position", "target", "answer", "score", "scores", "id"])
def test_columns_of_another_kind(column, run):
    path = run.folder / "answers.parquet"
    table = parquet.read_table(path)
    path.unlink()
    import pyarrow as pa

    foreign = pa.array([float("nan")] * len(table))
    place = table.column_names.index(column)
    parquet.write_table(table.set_column(place, column, foreign), path)
    with pytest.raises(RunError, match=r"answers\.parquet"):
        report.report(run.folder)


def test_seeds_that_are_missing_are_named(tmp_path, tiny_bert):
    from conftest import toy_plan
    from weitiao.api import evaluate
    from weitiao.results.records import SeedRun, SeedsRecord

    run = Run.create(tmp_path / "runs", "toy", toy_plan("classification", tiny_bert))
    SeedsRecord(requested=3, seed=7, runs=[SeedRun(seed=7, folder="a", validation=0.5)]).write(run)
    for final in (False, True):
        with pytest.raises(RunError, match="1 of 3 .* 8, 9 missing.* --resume"):
            evaluate.evaluate(run.folder, final=final)
