"""Mistakes in rows and runs are told before PyTorch or a network is loaded: that takes half a
minute on a busy machine."""

# ruff: noqa: F401, F811 - imported fixtures

import pytest

import weitiao
from conftest import toy_plan
from predicting import models, write
from test_public import loaded_after
from weitiao.errors import WeitiaoError
from weitiao.model.model import Model


@pytest.fixture
def run_of(models, tmp_path, monkeypatch):
    """A run of a task, a folder with plan.yaml and best/; nothing of it can be loaded."""

    def of(task):
        folder = tmp_path / f"run-{task}"
        folder.mkdir()
        (folder / "best").symlink_to(models(task), target_is_directory=True)
        toy_plan(task, "tiny").save(folder / "plan.yaml")
        return folder

    def unwanted(*_args, **_options):
        raise AssertionError("loaded all the same")

    def forbid(task):
        run = of(task)
        for command in ("predict", "evaluate", "ask"):
            monkeypatch.setattr(f"weitiao.cli.commands.{command}.loading", unwanted)
        monkeypatch.setattr(Model, "load", unwanted)
        return run

    monkeypatch.chdir(tmp_path)
    write(tmp_path / "one.csv", {"sentence": ["a good film", "a bad room"]})
    write(tmp_path / "unlabelled.csv", {"text": ["a good film", "a bad room"]})
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("The hotel is old.")
    return forbid


MISTAKES = [
    ("classification", "evaluate RUN unlabelled.csv", "no column 'label', which the model was"),
    ("classification", "evaluate RUN one.csv", "no column 'text', which the model was trained on"),
    ("classification", "evaluate RUN one.csv --text tex", "no column 'tex'; it has sentence"),
    ("nli", "evaluate RUN one.csv", "--target COLUMN --roles premise=COLUMN,hypothesis=COLUMN"),
    ("nli", "predict RUN one.csv", "--premise COLUMN --hypothesis COLUMN"),
    ("nli", "predict RUN great!", "this model reads 2 texts (premise, hypothesis), not 1"),
    ("nli", "predict RUN --text great", 'this model reads premise, hypothesis: give --hypothesis "'),
    ("classification", "predict RUN unlabelled.csv --text tex", "Did you mean 'text'?"),
    ("classification", "ask RUN --docs docs old?", "this run is for classification; questions are"),
    ("classification", "ask none --rerank RUN --docs docs old?", "a run that reads two texts"),
    ("similarity", "ask none --support RUN --docs docs old?", "none of the labels"),
]  # fmt: skip


@pytest.mark.parametrize(("task", "line", "message"), MISTAKES)
def test_it_is_told_before_anything_is_loaded(task, line, message, run_of, typed):
    run = run_of(task)
    code, out, err = typed(*[word.replace("RUN", str(run)) for word in line.split()])
    assert (code, out) == (2, ""), err
    assert message in " ".join(err.split())


def test_from_python_it_is_told_before_the_network_is_loaded(run_of):
    pairs, films = run_of("nli"), run_of("classification")
    with pytest.raises(WeitiaoError, match="no column 'premise'"):
        weitiao.predict(pairs, "one.csv")
    with pytest.raises(WeitiaoError, match="no column 'label'"):
        weitiao.evaluate(films, "unlabelled.csv")
    with pytest.raises(WeitiaoError, match="no column 'label'"):
        weitiao.evaluate(films, [{"text": "a good film"}])
    with pytest.raises(WeitiaoError, match="this run is for classification"):
        weitiao.ask(films, "old?", docs="docs")


@pytest.mark.parametrize("module", ["prediction_input", "evaluation_rows", "ask_runs", "trained"])
def test_what_tells_it_needs_no_torch(module):
    assert loaded_after(f"import weitiao.api.{module}", "torch", "transformers") == []
