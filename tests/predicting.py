"""Saved models of each task, and `weitiao predict` as it is typed, for tests of predictions."""

import csv
import io
import json
import sys

import pandas as pd
import pytest

from conftest import toy_data, toy_plan
from weitiao.cli.app import main
from weitiao.model.model import Model

TEXTS = ["a good film", "=1+1 a bad film", "-bad\troom\r\nthe end", " very good ", "007", "“好”"]


def saved(task, checkpoint, folder, **changes):
    plan = toy_plan(task, checkpoint, **changes)
    model = Model.start(plan, toy_data(plan, 60).train)
    model.save(folder)
    return folder


@pytest.fixture(scope="module")
def models(tiny_bert, tmp_path_factory):
    """A saved model of each task: predictions need no training."""
    root = tmp_path_factory.mktemp("models")
    made = {}

    def of(task):
        if task not in made:
            made[task] = saved(task, tiny_bert, root / task)
        return made[task]

    return of


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """The command line in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*words, stdin=None, terminal=False):
        stream = io.TextIOWrapper(io.BytesIO(stdin or b""), encoding="utf-8")
        monkeypatch.setattr(stream, "isatty", lambda: stdin is None)
        monkeypatch.setattr(sys, "stdin", stream)
        monkeypatch.setattr(sys, "argv", ["weitiao", "predict", *map(str, words)])
        capsys.readouterr()
        if terminal:
            monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        with pytest.raises(SystemExit) as done:
            main()
            sys.exit(0)
        out, err = capsys.readouterr()
        return done.value.code or 0, out, " ".join(err.split())

    return run


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def table(path, delimiter=","):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def write(path, rows, **how):
    pd.DataFrame(rows).to_csv(path, index=False, **how)
    return path
