"""Behavioural tests (CheckList, Ribeiro et al. 2020): how many predictions a perturbation flips."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from weitiao import parts
from weitiao.core.script import has_han
from weitiao.evaluation.checks.base import Check
from weitiao.evaluation.evaluate import Evaluated
from weitiao.evaluation.intervals import wilson
from weitiao.example import Example

if TYPE_CHECKING:
    from weitiao.model.model import Model

MOST_ROWS = 200  # that a check perturbs
TIMED_ROWS = 16  # by which the speed is measured
FEWEST_ROWS = 10  # perturbed; with fewer, a proportion says nothing
EXAMPLES = 3  # flipped rows in the report


@dataclass(frozen=True)
class Behaviour:
    """The result of a check: the proportion of flipped predictions, with its Wilson interval.

    worse: flipped rows that were correct and are wrong now.
    """

    name: str
    expected: str
    rows: int
    flipped: int
    worse: int
    low: float
    high: float
    examples: tuple[dict[str, Any], ...] = ()  # row, role, before, after
    missing: str = ""

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def try_checks(
    model: Model,
    evaluated: Evaluated,
    rows: int = MOST_ROWS,
    seed: int = 0,
    seconds: float | None = None,
) -> list[Behaviour]:
    """Run the checks of the plan (or all) on a sample of the rows, smaller if time is short."""
    checks = model.plan.evaluate.checks or {name: {} for name in parts.names("checks")}
    generator = np.random.default_rng(seed)
    total = len(evaluated.rows)
    if seconds is not None:
        rows = min(rows, _affordable(model, evaluated, seconds / max(len(checks), 1)))
    picked = np.sort(generator.choice(total, min(total, 4 * rows), replace=False))
    examples = evaluated.rows.examples(picked)
    results: list[Behaviour] = []
    for name, settings in checks.items():
        check: Check = parts.build("checks", name, settings)
        if check.missing():
            if _has_chinese(examples):
                results.append(
                    Behaviour(name, check.expected, 0, 0, 0, 0.0, 1.0, (), check.missing())
                )
            continue
        changed = _changed(check, name, examples, picked, rows)
        if len(changed) >= min(FEWEST_ROWS, total):
            places = picked[[at for at, _, _ in changed]]
            results.append(_evaluate_check(model, evaluated, name, check, places, changed))
    return results


def _affordable(model: Model, evaluated: Evaluated, seconds: float) -> int:
    """The number of rows that can be predicted in the time, but at least twice FEWEST_ROWS."""
    where = np.linspace(0, len(evaluated.rows) - 1, min(TIMED_ROWS, len(evaluated.rows))).astype(
        int
    )
    start = time.monotonic()
    model.scores(evaluated.rows.examples(where))
    each = (time.monotonic() - start) / len(where)
    return max(int(seconds / max(each, 1e-6)), 2 * FEWEST_ROWS)


def _has_chinese(examples: Sequence[Example]) -> bool:
    """Whether any text is Chinese, so that a missing package is worth a note."""
    return any(has_han(text) for example in examples for text in example.inputs.values())


def rewritten(check: Check, name: str, text: str, row: int) -> str | None:
    """The perturbed text of a row; seeded by check and row, so that it need not be saved."""
    other = check.changed(text, random.Random(f"{name} {row}"))
    return other if other and other.strip() else None


def _changed(
    check: Check, name: str, examples: Sequence[Example], picked: np.ndarray, limit: int
) -> list[tuple[int, Example, str]]:
    """Perturbed rows: position in the sample, the new row, and the perturbed role (the last one
    that the check can change)."""
    changes = []
    for at, example in enumerate(examples):
        for role in reversed(list(example.inputs)):
            text = rewritten(check, name, str(example.inputs[role]), int(picked[at]))
            if text is not None:
                other = replace(example, inputs={**example.inputs, role: text})
                changes.append((at, other, role))
                break
        if len(changes) == limit:
            break
    return changes


def _evaluate_check(
    model: Model,
    evaluated: Evaluated,
    name: str,
    check: Check,
    places: np.ndarray,
    changed: Sequence[tuple[int, Example, str]],
) -> Behaviour:
    answers = evaluated.answers
    scores = model.scores([example for _, example, _ in changed])
    padded = np.pad(scores, ((0, 0), (0, max(0, len(answers.labels) - scores.shape[1]))))
    task = model.task.widened(evaluated.rows.targets())
    rows = evaluated.rows.take(places)
    after = task.to_answers(task.indices(rows.targets(), rows.ids()), padded)
    flips, worse = answers.changed(places, after)
    low, high = wilson(float(flips.mean()), len(changed))
    examples = [
        {
            "row": int(places[at]),
            "role": changed[at][2],
            "before": answers.plain(answers.values[places[at]]),
            "after": answers.plain(after.values[at]),
        }
        for at in np.flatnonzero(flips)[:EXAMPLES]
    ]
    return Behaviour(
        name=name,
        expected=check.expected,
        rows=len(changed),
        flipped=int(flips.sum()),
        worse=int(worse.sum()),
        low=low,
        high=high,
        examples=tuple(examples),
    )
