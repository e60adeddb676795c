"""In sentences metrics are called as people call them, in either language; tables, plans and JSON
have their keys."""

import ast
from pathlib import Path
from types import SimpleNamespace

import weitiao
from weitiao.api import progress
from weitiao.i18n import messages

KEYS = {"compare.py", "base.py"}  # sentences about what is typed: --metric, evaluate.metrics


def test_the_progress_of_a_training_names_the_metric():
    report = SimpleNamespace(primary="macro_f1", metrics={"macro_f1": 0.5})
    step = SimpleNamespace(step=3, total=9, report=report, best=True)
    assert progress._step(step) == "step 3/9: validation macro F1 0.5000 (best so far)"
    messages.use("zh")
    assert "宏平均 F1（验证集）0.5000" in progress._step(step)


def test_no_sentence_is_given_the_key_of_a_metric():
    """`_("... {metric} ...", metric=record.metric)` would print macro_f1 in a Chinese sentence."""
    raw = []
    for path in Path(weitiao.__file__).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
                continue
            if call.func.id != "_" or path.name in KEYS:
                continue
            raw += [
                f"{path.name}:{call.lineno}"
                for given in call.keywords
                if given.arg == "metric" and isinstance(given.value, ast.Attribute)
            ]
    assert raw == []
