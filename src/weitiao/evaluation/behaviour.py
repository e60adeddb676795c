"""Behaviour: judged rows written differently, and how many answers that flips."""

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

MOST = 200  # rows that a check changes
TIMED = 16  # rows by which the speed is measured
FEWEST = 10  # changed rows; below, a share says nothing
SHOWN = 3  # flipped rows that are kept to look at


@dataclass(frozen=True)
class Behaviour:
    """What a check came to. `worse`: flipped rows that were right and are wrong now."""

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


def try_checks(model: Model, answers: Evaluated, rows: int = MOST, seed: int = 0,
               seconds: float | None = None) -> list[Behaviour]:  # fmt: skip
    """Every check of the plan (or all) on a sample of the judged rows, smaller if time is short."""
    wanted = model.plan.evaluate.checks or {name: {} for name in parts.names("checks")}
    generator = np.random.default_rng(seed)
    total = len(answers.rows)
    if seconds is not None:
        rows = min(rows, _affordable(model, answers, seconds / max(len(wanted), 1)))
    picked = np.sort(generator.choice(total, min(total, 4 * rows), replace=False))
    examples = answers.rows.examples(picked)
    found: list[Behaviour] = []
    for name, settings in wanted.items():
        check: Check = parts.build("checks", name, settings)
        if check.missing():
            if _concerns(examples):
                found.append(
                    Behaviour(name, check.expected, 0, 0, 0, 0.0, 1.0, (), check.missing())
                )
            continue
        changed = _changed(check, name, examples, picked, rows)
        if len(changed) >= min(FEWEST, total):
            places = picked[[at for at, _, _ in changed]]
            found.append(_judged(model, answers, name, check, places, changed))
    return found


def _affordable(model: Model, answers: Evaluated, seconds: float) -> int:
    """How many rows can be answered in the time, at least enough to say something."""
    where = np.linspace(0, len(answers.rows) - 1, min(TIMED, len(answers.rows))).astype(int)
    begin = time.monotonic()
    model.scores(answers.rows.examples(where))
    each = (time.monotonic() - begin) / len(where)
    return max(int(seconds / max(each, 1e-6)), 2 * FEWEST)


def _concerns(examples: Sequence[Example]) -> bool:
    """Whether a check that is not installed would have had something to do: Chinese texts."""
    return any(has_han(text) for example in examples for text in example.inputs.values())


def rewritten(check: Check, name: str, text: str, row: int) -> str | None:
    """The text of a judged row as a check changes it; the same each time, so that none is kept."""
    other = check.changed(text, random.Random(f"{name} {row}"))
    return other if other and other.strip() else None


def _changed(
    check: Check, name: str, examples: Sequence[Example], picked: np.ndarray, most: int
) -> list[tuple[int, Example, str]]:
    """The rows a check changes: place, changed row, and the text role it was changed in (the last
    that can be)."""
    found = []
    for at, example in enumerate(examples):
        for role in reversed(list(example.inputs)):
            text = rewritten(check, name, str(example.inputs[role]), int(picked[at]))
            if text is not None:
                other = replace(example, inputs={**example.inputs, role: text})
                found.append((at, other, role))
                break
        if len(found) == most:
            break
    return found


def _judged(
    model: Model, answers: Evaluated, name: str, check: Check, places: np.ndarray,
    changed: Sequence[tuple[int, Example, str]],
) -> Behaviour:  # fmt: skip
    before = answers.judged
    scores = model.scores([example for _, example, _ in changed])
    wide = np.pad(scores, ((0, 0), (0, max(0, len(before.labels) - scores.shape[1]))))
    task = model.task.widened(answers.rows.targets())
    own = task.indices(answers.rows.take(places).targets(), answers.rows.take(places).ids())
    after = task.judge(own, wide)
    old = before.values[places]
    flips, worse = before.changed(places, after)
    count = len(changed)
    low, high = wilson(float(flips.mean()), count)
    shown = [
        {"row": int(places[at]), "role": changed[at][2],
         "before": before.plain(old[at]), "after": before.plain(after.values[at])}
        for at in np.flatnonzero(flips)[:SHOWN]
    ]  # fmt: skip
    return Behaviour(name, check.expected, count, int(flips.sum()), int(worse.sum()), low, high,
                     tuple(shown))  # fmt: skip
