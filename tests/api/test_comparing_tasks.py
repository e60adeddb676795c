"""Every task: its seeds are trained and judged, and its runs stand against each other."""

import json

import numpy as np
import pytest

import weitiao
from conftest import toy_plan, toy_rows
from weitiao import parts
from weitiao.core.ragged import Ragged
from weitiao.evaluation.compare import compare, degenerate, differing
from weitiao.i18n.messages import speaking
from weitiao.results.run_data import gathered
from weitiao.tasks.answers.spans import Spans

SPANS = {  # row -> its true spans, those of one model, those of another
    0: ([(0, 4, 0), (6, 9, 1)], [(0, 4, 0), (6, 9, 1)], [(0, 4, 0), (6, 8, 1)]),
    1: ([(3, 5, 1)], [(3, 5, 0)], [(3, 5, 1)]),
    2: ([], [], [(1, 2, 0)]),
}


def plan_of(task, checkpoint, folder, **changes):
    lines = [json.dumps(row) for row in toy_rows(task, 120)]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return toy_plan(task, checkpoint, **{
        "data.path": str(folder / "rows.jsonl"), "data.validation_size": 0.3, "train.epochs": 1,
        "evaluate.bootstrap_samples": 20, "evaluate.baselines": False,
        "evaluate.findings": False, **changes,
    })  # fmt: skip


QUICK = {"classification", "question_answering", "regression"}


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(task, marks=() if task in QUICK else pytest.mark.slow)
        for task in parts.names("tasks")
    ],
)
def test_seeds_of_every_task_are_compared_with_a_run(task, tiny_bert, tmp_path):
    plan = plan_of(task, tiny_bert, tmp_path)
    recipe = weitiao.train(plan, seeds=2, out=tmp_path / "runs").run.folder
    other = weitiao.train(plan.with_({"train.seed": 5, "train.epochs": 3}), out=tmp_path / "o")
    weitiao.evaluate(other.run.folder)
    found = weitiao.compare(recipe, other.run.folder)
    gaps = {gap.name: gap for gap in found.comparisons[0].gaps}
    report = other.run.read("metrics")["metrics"]
    shared = [name for name in found.aligned.base.answers.metrics if name in report]
    assert shared
    for name in shared:
        assert gaps[name].second == pytest.approx([report[name]])
        assert len(gaps[name].first) == 2
    json.dumps(found.summary())
    for language in ("en", "zh"):
        with speaking(language):
            page = found.write(tmp_path / f"{language}.html").read_text(encoding="utf-8")
        assert other.run.folder.name in page


def test_a_report_finds_the_rows_of_a_validation_file(tiny_bert, tmp_path):
    held = [json.dumps({**row, "text": f"{row['text']} today"})
            for row in toy_rows("classification", 20, seed=9)]  # fmt: skip
    (tmp_path / "dev.jsonl").write_text("\n".join(held) + "\n", encoding="utf-8")
    plan = plan_of("classification", tiny_bert, tmp_path,
                   **{"data.validation_path": str(tmp_path / "dev.jsonl")})  # fmt: skip
    run = weitiao.train(plan, out=tmp_path / "runs").run
    report, split, _ = weitiao.evaluate(run.folder)
    assert (split, report.rows) == ("validation", 20)
    texts = gathered(run).texts(np.arange(20))
    assert [row[0][1] for row in texts] == [json.loads(line)["text"] for line in held]


def tags(values):
    truth = Ragged.of([np.array(row[0], int).reshape(-1, 3) for row in SPANS.values()])
    given = Ragged.of([np.array(row[values], int).reshape(-1, 3) for row in SPANS.values()])
    counts = np.array([[9, 10], [4, 5], [3, 3]])
    return Spans(truth, given, np.zeros((3, 0)), ("person", "place"), counts)


def test_labels_of_tags_are_counted_span_by_span():
    metrics = {name: parts.build("metrics", name) for name in Spans.metrics}
    found = compare([tags(1)], [tags(2)], metrics)
    labels = {gap.name: gap for gap in found.labels}
    # person: one true, right in both, one more given wrongly by each; place: 2 true, 1 of 1 and 1 of 2
    assert (labels["person"].means, labels["person"].rows) == (pytest.approx((2 / 3, 2 / 3)), 1)
    assert (labels["place"].means, labels["place"].rows) == (pytest.approx((2 / 3, 1 / 2)), 2)
    assert found.gaps[0].means == pytest.approx((4 / 6, 4 / 7))
    assert differing([tags(1)], [tags(2)]).tolist() == [True, True, True]
    assert differing([tags(1)], [tags(1)]).tolist() == [False] * 3
    assert found.mcnemar.only_first == 2
    assert found.mcnemar.only_second == 1


def test_a_tagger_that_says_nothing_has_learned_nothing():
    many = 60
    truth = Ragged(np.tile([[0, 3, 0]], (many, 1)), np.arange(many + 1))
    nothing = Ragged(truth.values[:0], np.zeros(many + 1, np.int64))
    counts = np.tile([5, 6], (many, 1))
    most = Ragged(truth.values[::2], np.arange(many + 1) // 2)
    able = Spans(truth, most, np.zeros((many, 0)), ("person",), counts)
    silent = Spans(truth, nothing, np.zeros((many, 0)), ("person",), counts)
    constant = able.constant()
    assert not len(constant.values.values)
    metric = parts.build("metrics", "entity_f1")
    assert degenerate([able, silent], constant, "entity_f1", metric) == [False, True]
    assert degenerate([silent, silent], constant, "entity_f1", metric) == [False, False]


def test_where_each_word_has_a_tag_the_most_frequent_one_is_nothing_learned():
    kinds = np.array([0, 1, 1, 1])
    spans = np.column_stack([np.arange(4) * 2, np.arange(4) * 2 + 1, kinds])
    truth = Ragged(spans, np.array([0, 2, 4]))
    judged = Spans(truth, truth, None, ("noun", "verb"), np.array([[2, 2], [2, 2]]))
    constant = judged.constant()
    assert constant.values.values[:, 2].tolist() == [1] * 4
    assert parts.build("metrics", "token_accuracy").value(constant) == 0.75
    assert truth.values[:, 2].tolist() == kinds.tolist()
