"""A task of another package, one file, goes from a csv through every command: nothing in weitiao
knows of it, its answer class, its metric, its decision, its head or its file format."""

import csv
import importlib
import json
import random
import sys
from contextlib import chdir

import numpy as np
import pytest

import weitiao
from golden_runs import SETTINGS, run_cli
from weitiao import parts
from weitiao.errors import PlanError
from weitiao.results import run_data

PACKAGE = '''"""Ordinal ratings: whole numbers in an order, such as one to five stars."""

import numpy as np

from weitiao.data.files.cells import TEXT
from weitiao.data.infer.cells import number
from weitiao.data.readers.base import Reader, Reading, batched
from weitiao.evaluation.decisions.base import Choice, Decision
from weitiao.evaluation.metrics.base import Metric, once
from weitiao.example import Prediction
from weitiao.model.heads.base import Head
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.numbers import Numbers
from weitiao.tasks.base import Task


class Ratings(Numbers):
    """Numbers that have scores: (n, levels - 1) probabilities of "higher than"."""

    kind = "rating"
    metrics = ("mae", "off_by_two", "spearman")


class Ordinal(Task):
    """Ratings, learned as "higher than one?", "higher than two?", ... (Frank and Hall, 2001)."""

    roles = ("text",)
    metrics = ("mae", "spearman", "off_by_two")
    losses = ("bce",)
    answers = Ratings
    numeric = True
    problem_type = "multi_label_classification"
    low: int = 0
    high: int = 0
    cut: float = 0.5

    @property
    def outputs(self):
        return self.high - self.low

    @classmethod
    def parse_target(cls, cell, column):
        value = number(cell)
        if value is None or value != int(value):
            raise ValueError(f"{column} is {cell!r}, no whole number")
        return int(value)

    def learn(self, targets):
        return self.model_copy(update={"low": min(targets), "high": max(targets)})

    def indices(self, targets, ids):
        levels = np.arange(self.low, self.high)
        return (np.array(targets)[:, None] > levels).astype(np.float32)

    def divergence(self, first, second, batch):
        return (first.float().sigmoid() - second.float().sigmoid()).pow(2).sum()

    def score(self, logits):
        return 1 / (1 + np.exp(-logits.clip(-80, 80)))

    def rating(self, scores):
        return self.low + (scores > self.cut).sum(1)

    def decide(self, scores, examples=()):
        return [Prediction(int(one), float(one)) for one in self.rating(scores)]

    def to_answers(self, labels, scores):
        gold = self.low + labels.sum(1)
        return self.answers(gold.astype(float), self.rating(scores).astype(float), scores)


class Grades(Answers):
    """One plain value a row: the base class as it is."""

    kind = "grade"

    def confidence(self):
        return np.abs(self.scores - 0.5).min(1) + 0.5


class Graded(Ordinal):
    """The same ratings, each of which is right or wrong."""

    metrics = ("off_by_two",)
    answers = Grades


class OffByTwo(Metric):
    """The share of rows that are off by two or more."""

    higher_is_better = False
    answers = (Ratings, Grades)
    bounds = (0.0, 1.0)

    def value(self, judged, weights=None):
        wrong = np.abs(judged.targets - judged.values) >= 2
        weights = once(judged, weights)
        return float((weights @ wrong / weights.sum(1))[0])


class BestCut(Decision):
    """The probability from which on a rating is higher, by the mean error."""

    answers = (Ratings, Grades)

    def choose(self, task, judged):
        def error(cut):
            values = task.model_copy(update={"cut": cut}).rating(judged.scores)
            return float(np.abs(values - judged.targets).mean())

        best = min((0.3, 0.4, 0.5, 0.6, 0.7), key=error)
        return Choice({"cut": best}, True, {"cut": best, "error": error(best)})


class Averaged(Head):
    """A linear layer on the mean of all tokens."""

    def module(self, shape):
        from torch import nn

        from weitiao.model.head_layers import Pool, PooledHead, linear

        out = linear(shape.width, shape.outputs, shape.initializer_range)
        return PooledHead(Pool("mean", shape.width), out, nn.Dropout(shape.dropout))


class Stars(Reader):
    """A row a line: as many stars as it has, then the text."""

    endings = (".stars",)

    def read(self, path):
        lines = path.read_text(encoding="utf-8").splitlines()
        split = (line.partition(" ") for line in lines)
        rows = ((at, {"stars": str(len(s)), "text": t}) for at, (s, _, t) in enumerate(split, 1))
        return Reading({"stars": TEXT, "text": TEXT}, batched(rows))
'''
ENTRY_POINTS = """[weitiao.tasks]
ordinal = ratings_package:Ordinal
graded = ratings_package:Graded
[weitiao.metrics]
off_by_two = ratings_package:OffByTwo
[weitiao.decisions]
best_cut = ratings_package:BestCut
[weitiao.heads]
averaged = ratings_package:Averaged
[weitiao.readers]
stars = ratings_package:Stars
"""
WORDS = ["awful", "poor", "fair", "good", "great"]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of one module, installed as pip would: found by its entry points."""
    folder = tmp_path / "site-packages"
    about = folder / "ratings-1.5.dist-info"
    about.mkdir(parents=True)
    (folder / "ratings_package.py").write_text(PACKAGE, encoding="utf-8")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ratings\nVersion: 1.5\n", "utf-8")
    (about / "entry_points.txt").write_text(ENTRY_POINTS, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    importlib.invalidate_caches()
    yield
    sys.modules.pop("ratings_package", None)


def ratings(count, seed=0):
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        stars = rng.randint(1, 5)
        words = [WORDS[stars - 1], *rng.choices(["the", "room", "was", "a", "hotel"], k=4)]
        rows.append((stars, " ".join(rng.sample(words, len(words)))))
    return rows


def write_rows(folder, ending, rows):
    path = folder / f"rows.{ending}"
    if ending == "stars":
        path.write_text("".join(f"{'*' * n} {text}\n" for n, text in rows), encoding="utf-8")
        return path
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "stars"), *((text, n) for n, text in rows)])
    return path


def told(*words):
    found = run_cli(*words)
    assert found.code == 0, f"weitiao {' '.join(map(str, words))}: {found.err}"
    return found


@pytest.mark.parametrize(
    ("task", "ending", "head"),
    [
        ("ordinal", "csv", "native"),
        pytest.param("graded", "stars", "averaged", marks=pytest.mark.slow),
    ],
)
def test_a_task_of_one_file_goes_through_every_command(
    task, ending, head, package, tiny_bert, tmp_path, monkeypatch
):
    for name in ("WEITIAO_CACHE", "WEITIAO_STATE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    rows = write_rows(tmp_path, ending, ratings(160))
    roles = ["--roles", "text=text,target=stars"]
    changes = [f"{path}={value}" for path, value in SETTINGS.items()]
    changes += [f"model.head={head}", "evaluate.decisions={best_cut: {}}", "train.epochs=8"]
    with chdir(tmp_path):
        assert "ordinal" in told("parts", "tasks").err + told("parts", "tasks").out
        assert "5" in told("look", rows, "--task", task, *roles).err
        for seed in (1, 2):
            told("fit", rows, "--task", task, *roles, "--model", tiny_bert, "--seed", seed,
                 "--threads", 1, *changes)  # fmt: skip
        first, second = "runs/rows-001", "runs/rows-002"
        told("calibrate", first)
        told("evaluate", first)
        told("report", first)
        told("compare", first, second)
        told("predict", first, rows, "-o", "predictions.csv")
        found = json.loads(told("compare", first, "predictions.csv", "--json").out)
        with open("predictions.csv", encoding="utf-8-sig", newline="") as file:
            predicted = [int(row["prediction"]) for row in csv.DictReader(file)]

    run = tmp_path / first
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert list(metrics["metrics"]) == list(parts.find("tasks", task).metrics)
    assert {"majority", "tfidf_linear"} <= metrics["baselines"].keys()
    calibration = json.loads((run / "calibration.json").read_text(encoding="utf-8"))
    assert calibration["decisions"][0]["name"] == "best_cut"
    assert weitiao.load(run).task.cut == calibration["decisions"][0]["cut"]
    kept = run_data.read_answers(run)
    assert type(kept.answers) is parts.find("tasks", task).answers
    assert kept.header.kind == type(kept.answers).kind
    assert kept.answers.scores.shape == (len(kept), 4)
    assert kept.baselines["majority"].shape == (len(kept),)
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "off_by_two" in page
    assert (tmp_path / "compare.html").is_file()
    assert set(predicted) <= {1, 2, 3, 4, 5}
    gold = np.array([stars for stars, _ in ratings(160)])
    assert np.abs(gold - predicted).mean() < np.abs(gold - round(gold.mean())).mean(), "it learned"
    assert found["comparisons"][0]["verdict"] in ("same", "open"), "the same model's answers"
    environment = json.loads((run / "environment.json").read_text(encoding="utf-8"))
    assert "ratings" in json.dumps(environment)

    monkeypatch.setattr(sys, "path", [one for one in sys.path if "site-packages" not in one
                                      or not one.startswith(str(tmp_path))])  # fmt: skip
    with pytest.raises(PlanError, match=f"no '{task}' among the tasks"):
        run_data.read_answers(run)  # a class that nobody knows is not guessed
