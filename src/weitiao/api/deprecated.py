"""Deprecated names of the Python API (0.1): each warns and calls the new function."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weitiao.api import fit as fitting
from weitiao.api import seeds, single_run
from weitiao.api.calibrate import calibrate
from weitiao.api.evaluate import evaluate
from weitiao.api.fitted import Evaluation
from weitiao.api.predict import explain, predict
from weitiao.data.files.open import ReadOptions
from weitiao.planning.advise import Advice, Wish, advise

# Old name -> what to write instead.
NEW_NAMES = {
    "Wish": "the options of weitiao.plan",
    "calibrate_run": "weitiao.calibrate",
    "evaluate_run": "weitiao.evaluate",
    "explain_row": "weitiao.explain",
    "fit_seeds": "weitiao.fit(..., seeds=N)",
    "judge_seeds": "weitiao.evaluate(run, final=True)",
    "make_plan": "weitiao.plan",
    "predict_file": "weitiao.predict",
    "resume_seeds": "weitiao.resume",
    "train_plan": "weitiao.train",
    "train_seeds": "weitiao.train(..., seeds=N)",
}


def deprecated(name: str) -> Any:
    """The function or class that an old name stands for, with a DeprecationWarning."""
    text = f"weitiao.{name} is deprecated: use {NEW_NAMES[name]}"
    warnings.warn(text, DeprecationWarning, stacklevel=3)
    return _OLD[name]


def _evaluate_run(
    folder: str | Path, path: str | None = None, *, how: ReadOptions | None = None, **options: Any
) -> Evaluation:
    return single_run.evaluate_run(folder, path, how=how, **options)


def _predict_file(folder: str | Path, path: str, out: str | Path, **options: Any) -> int:
    return predict(folder, path, out, **options)


def _fit_seeds(rows: Any, targets: Any = None, *, seeds: int = 5, **options: Any) -> seeds.Seeded:
    return fitting.fit(rows, targets, seeds=seeds, **options)


def _judge_seeds(folder: str | Path, **options: Any) -> seeds.Seeded:
    evaluate(folder, final=True, **options)
    return seeds.Seeded.read(folder)


def _make_plan(wish: Wish, source: Any = None) -> Advice:
    return advise(wish, source)


def _calibrate_run(
    folder: str | Path, decisions: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    return calibrate(folder, decisions).plain()


_OLD = {
    "Wish": Wish,
    "calibrate_run": _calibrate_run,
    "evaluate_run": _evaluate_run,
    "explain_row": explain,
    "fit_seeds": _fit_seeds,
    "judge_seeds": _judge_seeds,
    "make_plan": _make_plan,
    "predict_file": _predict_file,
    "resume_seeds": seeds.resume_seeds,
    "train_plan": fitting.train,
    "train_seeds": seeds.train_seeds,
}
