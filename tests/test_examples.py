"""Every example runs with a tiny checkpoint; every Python block of the documents is one of them."""

import re
import runpy
import sys
import types
from pathlib import Path

import pytest

from weitiao.api import estimators

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PAGES = sorted((ROOT / "docs").rglob("*.md"))  # test_readme.py runs the README's block


def blocks(path, language="python"):
    """The code blocks of a page in one language."""
    text = path.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(path, tiny_bert, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEITIAO_EXAMPLE_MODEL", tiny_bert)
    monkeypatch.setitem(estimators.CHANGES, "train.refit", "never")  # scikit-learn fits eight times
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 40


def test_every_python_block_of_the_documents_stands_in_an_example():
    known = [path.read_text(encoding="utf-8") for path in EXAMPLES]
    for page in PAGES:
        for block in blocks(page):
            for piece in re.split(r"\n{2,}", block.strip("\n")):
                assert any(piece in text for text in known), f"{page.name}:\n{piece}"


def test_the_strategy_of_the_contributing_page_works(tiny_bert):
    from conftest import toy_data, toy_plan
    from weitiao.model.model import Model
    from weitiao.training.strategies.base import Strategy

    code, *_ = blocks(ROOT / "CONTRIBUTING.md")
    module = types.ModuleType("bitfit")
    sys.modules["bitfit"] = module
    try:
        exec(compile(code, "CONTRIBUTING.md", "exec"), vars(module))
        strategy = module.BitFit()
    finally:
        del sys.modules["bitfit"]
    assert isinstance(strategy, Strategy)
    verbs = {name for name in vars(module.BitFit) if not name.startswith(("_", "model_"))}
    assert verbs == {"start"} <= set(vars(Strategy))
    plan = toy_plan("classification", tiny_bert)
    model = Model.start(plan, toy_data(plan).train)
    strategy.start(model.net, model.task)
    learning = {n for n, p in model.net.named_parameters() if p.requires_grad}
    assert learning
    assert all(n.endswith("bias") or "classifier" in n or "pooler" in n for n in learning)


def test_the_metric_of_the_contributing_page_is_that_of_scikit_learn():
    import numpy as np
    from sklearn.metrics import balanced_accuracy_score

    from weitiao.evaluation.metrics import classification
    from weitiao.tasks.answers.labels import Labels

    _, code, *_ = blocks(ROOT / "CONTRIBUTING.md")
    module = types.ModuleType("balanced")
    vars(module).update(vars(classification))
    sys.modules["balanced"] = module
    try:
        exec(compile(code, "CONTRIBUTING.md", "exec"), vars(module))
    finally:
        del sys.modules["balanced"]
    gold, predictions = np.array([0, 0, 0, 1, 2, 2]), np.array([0, 1, 0, 1, 0, 3])
    confidences = np.eye(4)[predictions]
    answers = Labels(gold, predictions, confidences, ("a", "b", "c", "d"))
    value = module.BalancedAccuracy().value(answers)
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        assert value == pytest.approx(balanced_accuracy_score(gold, predictions))
