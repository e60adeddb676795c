"""Whether the saved baseline of a run is better on validation than its best network."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from weitiao.data.prepare.load import Data
from weitiao.evaluation.baselines import load, lookup, tfidf
from weitiao.evaluation.baselines.of_model import validation_report
from weitiao.evaluation.baselines.saved import has_saved
from weitiao.evaluation.evaluate import baseline_answers, texts_of
from weitiao.evaluation.intervals import difference
from weitiao.evaluation.metrics.base import metrics_of
from weitiao.model.model import Model

KEYS = ("better", "better_baseline")  # of metrics.json


class BetterBaseline(BaseModel):
    """A saved baseline that is ahead of the best network on validation rows.

    difference: network minus baseline, turned so that positive is better, with the ends of its
    paired interval.
    """

    model_config = ConfigDict(extra="allow")
    baseline: str = ""
    metric: str = ""
    value: float | None = None  # of the baseline
    model: float | None = None
    difference: tuple[float | None, float | None, float | None] = (None, None, None)
    rows: int = 0


def better_baseline(
    model: Model, data: Data, folder: Path, best_score: float
) -> dict[str, Any] | None:
    """The comparison where the baseline is ahead, as plain values for metrics.json; else None.

    folder: of the saved baselines. best_score: the network's on validation, turned so that higher
    is better; only where the baseline's is higher are the rows encoded again, for the paired
    interval. `better` is "baseline", or "unclear" where the interval of the difference contains 0.
    """
    if not has_saved(folder):
        return None
    baselines, rows = load(folder), data.validation
    name = next((one for one in (tfidf.NAME, lookup.NAME) if one in baselines), None)
    if name is None:
        return None
    task = model.task.widened(rows.targets())
    if model.plan.evaluate.decisions:  # rules of the plan: they are for the network alone
        task = task.without_decisions()
    texts = None if baselines[name].of_rows else texts_of(model, rows)
    report = validation_report(model, baselines[name], rows, texts)
    if not report.score > best_score:
        return None
    gold = task.gold(rows)
    other = baseline_answers(baselines[name], texts or rows, gold, model.task, task)
    answers = task.to_answers(gold, model.scores_of(rows))
    first = {report.primary: metrics_of(task, model.plan.evaluate.metrics)[report.primary]}
    samples = model.plan.evaluate.bootstrap_samples
    low = high = math.nan
    if samples:
        _value, low, high = difference(answers, other, first, samples)[report.primary]
    sign = 1.0 if report.higher_is_better else -1.0
    ahead = BetterBaseline(
        baseline=name,
        metric=report.primary,
        value=report.metrics[report.primary],
        model=sign * best_score if math.isfinite(best_score) else None,
        difference=(best_score - report.score, low, high),
        rows=len(rows),
    )
    return {"better": "baseline" if high < 0 else "unclear", "better_baseline": ahead.model_dump()}
