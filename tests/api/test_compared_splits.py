"""Comparison on test and on validation rows, signs, and what the contenders are called."""

import json

import pytest
from huggingface_hub import ModelCard

import weitiao
from conftest import toy_rows
from judged_runs import judged_run
from weitiao.errors import WeitiaoError
from weitiao.results import run_data
from weitiao.results.run_data import VALIDATION_FILE, read_answers

TEXTS = [f"text {i}" for i in range(80)]
LABELS = [["good", "bad"][i * 7 % 2] for i in range(80)]
NUMBERS = [float(i % 9) for i in range(80)]


def two(root, targets=LABELS, task="classification", **changes):
    """Two runs of one file, numbered by themselves; the second is better, with other settings."""
    runs = [judged_run(root, TEXTS, targets, task=task, right=right, seed=seed)
            for seed, right in enumerate((0.5, 0.9))]  # fmt: skip
    runs[1].plan().with_(changes).save(runs[1].plan_path)
    return [run.folder for run in runs]


@pytest.mark.parametrize(("changes", "names"), [
    ({"train.learning_rate": 2e-5}, ("learning_rate 5e-5", "learning_rate 2e-5")),
    ({"model.head": {"mean": {}}}, ("head first token", "head mean")),
    ({"train.strategies": {"rdrop": {}}, "train.linear_start": False},
     ("linear_start on, strategies none", "linear_start off, strategies rdrop")),
    ({"train.optimizer": {"adamw": {"lazy_embeddings": True}}},
     ("adamw.lazy_embeddings none", "adamw.lazy_embeddings on")),
    ({}, ("rows-001", "rows-002")),
    ({"train.seed": 1, "train.epochs": 1, "model.max_length": 8}, ("rows-001", "rows-002")),
])  # fmt: skip
def test_numbered_runs_are_called_by_what_differs(changes, names, tmp_path):
    found = weitiao.compare(*two(tmp_path, **changes))
    assert found.names == names
    assert found.aligned.contenders[0].name.endswith("rows-001")


def test_a_difference_is_second_minus_first_whichever_way_is_better(tmp_path):
    found = weitiao.compare(*two(tmp_path, NUMBERS, "regression"), metric="mae")
    gap = found.comparisons[0].gaps[0]
    value, low, high = gap.difference
    assert found.verdict == "better"
    assert value == gap.means[1] - gap.means[0] < 0
    assert low < value < high < 0 < gap.change.low
    stored = json.loads(json.dumps(found.summary()))["comparisons"][0]["metrics"]["mae"]
    assert stored["difference"] == value
    assert not stored["higher_is_better"]
    page = found.write(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "(lower is better)" in page
    assert 'class="is-go"' in page


def test_a_sealed_test_stays_sealed_and_validation_must_have_been_kept(tmp_path):
    first, second = two(tmp_path)
    with pytest.raises(WeitiaoError, match="validation rows were not kept"):
        weitiao.compare(first, second, on="validation")
    for folder in (first, second):
        stored = run_data.read_answers(folder)
        header = {"split": "validation"}
        other = stored.header.model_copy(update=header)
        table = run_data.pq.read_table(folder / "answers.parquet")
        text = json.dumps(other.model_dump()).encode("ascii")
        run_data.pq.write_table(
            table.replace_schema_metadata({run_data.HEADER_KEY: text}), folder / VALIDATION_FILE
        )
    found = weitiao.compare(first, second, on="validation")
    assert found.split == "validation"
    (second / VALIDATION_FILE).rename(second / "answers.parquet")
    metrics = json.loads((second / "metrics.json").read_text(encoding="utf-8"))
    (second / "metrics.json").write_text(json.dumps(metrics | {"split": "validation"}))
    assert weitiao.compare(first, second).split == "validation", "the rows that both have"
    with pytest.raises(WeitiaoError, match=r"sealed; compare on validation.*--final"):
        weitiao.compare(first, second, on="test")
    with pytest.raises(WeitiaoError, match="it takes validation or test"):
        weitiao.compare(first, second, on="train")


def test_fit_and_train_keep_both(tiny_bert, tmp_path):
    (tmp_path / "rows.jsonl").write_text(
        "\n".join(json.dumps(row) for row in toy_rows("classification")), encoding="utf-8"
    )
    options = {"model": tiny_bert, "out": str(tmp_path / "runs"), "threads": 1}
    changes = {"train.epochs": 1, "evaluate.findings": False, "evaluate.baselines": False,
               "evaluate.bootstrap_samples": 0, "train.refit": "never"}  # fmt: skip
    fitted = weitiao.fit(str(tmp_path / "rows.jsonl"), changes=changes, **options)
    folder = fitted.run.folder
    assert read_answers(folder).header.split == "test"
    kept = read_answers(folder, file=VALIDATION_FILE)
    assert kept.header.split == "validation"
    shown = ModelCard.load(folder / "best" / "README.md").data
    assert {one.dataset_split for one in shown.eval_results} == {"test"}
    assert shown.eval_results[0].metric_value == round(fitted.metrics["accuracy"], 4)
    assert shown.language
    trained = weitiao.train(fitted.plan.with_({"train.learning_rate": 1e-3}), out=options["out"])
    other = trained.run.folder
    found = weitiao.compare(folder, other)
    assert (found.split, found.names[1]) == ("validation", "learning_rate 0.001")
    with pytest.raises(WeitiaoError, match="still sealed"):
        weitiao.compare(folder, other, on="test")
    before = read_answers(other)
    weitiao.evaluate(other, final=True)
    assert weitiao.compare(folder, other).split == "test"
    same = read_answers(other, file=VALIDATION_FILE)
    assert list(same.positions) == list(before.positions)
    (other / VALIDATION_FILE).unlink()
    weitiao.evaluate(other)
    assert weitiao.compare(folder, other, on="validation").split == "validation"
