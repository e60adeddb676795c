"""The page of a run that writes texts: likeness, length, and the words that differ."""

import json

import numpy as np
import pytest

import weitiao
import writing_networks as tiny
from conftest import TINY_WRITER
from weitiao.i18n.messages import speaking
from weitiao.reporting.render import Plot, Plots, Section, drawings
from weitiao.reporting.text_plots import by_length, edits
from weitiao.tasks.answers.texts import Texts


def answers(targets, values):
    gold = np.empty(len(targets), object)
    gold[:] = targets
    return Texts.of(gold, values, np.full(len(values), 0.5))


def test_words_that_one_of_both_has_are_marked():
    (name, reference), (_other, answer) = edits(answers(["a red house"], ["a blue house"]), 0, True)
    assert name == "reference"
    assert reference == [("a ", ""), ("red", "n2"), (" house", "")]
    assert answer == [("a ", ""), ("blue", "n2"), (" house", "")]
    (_name, reference), _answer = edits(answers(["红色的房子"], ["蓝色的房子"]), 0, True)
    assert reference == [("红", "n2"), ("色的房子", "")]


def test_nothing_is_marked_where_something_is_masked():
    assert edits(answers(["mail me: a@b.com"], ["mail"]), 0, False) == []


def test_chrf_by_length_has_groups_of_equal_size():
    rng = np.random.default_rng(0)
    targets = ["word " * int(n) for n in rng.integers(1, 40, 100)]
    (plot,) = by_length(answers(targets, targets))
    assert plot.drawing["series"][0]["values"] == [100.0] * 5
    assert [row[1] for row in plot.figures.rows] == ["20"] * 5
    assert by_length(answers(targets[:10], targets[:10])) == []


def test_chrf_by_length_is_not_drawn_as_the_lengths_of_the_rows():
    targets = ["word " * (1 + row % 40) for row in range(100)]
    (plot,) = by_length(answers(targets, targets))
    histogram = Plot("lengths", "", "", {}, plot.figures)
    assert len(drawings([Section("a", "", [Plots([plot]), Plots([histogram])])])) == 2
    with pytest.raises(AssertionError, match="one name"):
        drawings([Section("a", "", [Plots([plot, plot])])])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_run_that_writes_has_a_page(language, tmp_path):
    rows = tmp_path / "rows.jsonl"
    lines = [json.dumps({"en": one["text"], "de": one["label"]}) for one in tiny.pairs(60)]
    rows.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with speaking(language):
        fitted = weitiao.fit(
            str(rows), model=TINY_WRITER, out=tmp_path / "runs", progress=False,
            changes={"train.epochs": 1, "evaluate.bootstrap_samples": 20},
        )  # fmt: skip
    assert fitted.plan.task_name == "translation"
    assert set(fitted.metrics) == {"bleu", "chrf"}
    page = (fitted.run.folder / "report.html").read_text(encoding="utf-8")
    word = {"en": "Likeness to the reference", "zh": "与参考文本的相似度"}[language]
    assert word in page
    assert fitted.run.status().metric == "loss"
    saved = weitiao.load(fitted.run.folder)
    assert isinstance(saved.predict(["the cat sleeps"])[0], str)
