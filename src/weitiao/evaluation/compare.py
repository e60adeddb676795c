"""Paired comparison of two recipes: differences with confidence intervals, overall and per label.

A recipe is one set of answers for each of its seeds; one run, or a file of predictions, is a recipe
with a single set. Also seeds that collapsed: no better than a constant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from weitiao.evaluation.intervals import LEAST_ROWS
from weitiao.evaluation.metrics.base import Metric, label_counts, ratio
from weitiao.evaluation.resampling import Patterns, patterns_of
from weitiao.evaluation.significance import (
    EXACT_ROWS,
    Contrast,
    McNemar,
    contrast,
    exact_interval,
    mcnemar,
    mcnemar_rows,
)
from weitiao.tasks.answers.base import Answers

SAMPLES = 2000
MOST_DRAWN = 20_000_000  # rows drawn; of very many rows fewer resamples give the same covariance
LEAST_SAMPLES = 200
FEWEST_DIFFER = 6  # discordant rows: 2 * 0.5^5 = 0.06, so five cannot be significant at 0.05
LEVEL = 0.95
Word = Literal["better", "worse", "open", "same"]


@dataclass(frozen=True)
class Gap:
    """A metric of both recipes, one value a seed. change: second minus first, turned so that
    positive is better whatever the metric; `difference` is not turned."""

    name: str
    first: tuple[float, ...]
    second: tuple[float, ...]
    change: Contrast
    rows: int = 0  # of a label: that truly have it; of tags: its true spans
    higher_is_better: bool = True

    @property
    def means(self) -> tuple[float, float]:
        return float(np.mean(self.first)), float(np.mean(self.second))

    @property
    def difference(self) -> tuple[float, float, float]:
        """Second minus first, with the ends of its interval, in the metric's own direction."""
        change = self.change
        if self.higher_is_better:
            return change.value, change.low, change.high
        return -change.value, -change.high, -change.low


@dataclass(frozen=True)
class Comparison:
    """The second recipe compared with the first. gaps: of the metrics, the deciding one first."""

    rows: int
    gaps: tuple[Gap, ...]
    labels: tuple[Gap, ...]  # F1 of each, with intervals corrected for their number
    differ: int  # rows with different predictions (of the majority of a recipe's seeds)
    mcnemar: McNemar | None  # for one set of answers against another
    level: float

    @property
    def word(self) -> Word:
        """The verdict on the second recipe by the first metric; "open": not significant."""
        change = self.gaps[0].change
        if self.differ == 0 and change.value == 0:
            return "same"
        if self.rows < LEAST_ROWS or (self.mcnemar and self.differ < FEWEST_DIFFER):
            return "open"
        return "better" if change.sign > 0 else "worse" if change.sign < 0 else "open"

    def summary(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "verdict": self.word,
            "rows": self.rows,
            "differ": self.differ,
            "level": self.level,
            "rows_needed": self.gaps[0].change.rows_needed,
            "seeds_needed": self.gaps[0].change.seeds_needed,
            "metrics": {gap.name: _plain(gap) for gap in self.gaps},
            "labels": {gap.name: {"rows": gap.rows, **_plain(gap)} for gap in self.labels},
            "mcnemar": vars(self.mcnemar) if self.mcnemar else None,
        }


def compare(
    first: Sequence[Answers],
    second: Sequence[Answers],
    metrics: Mapping[str, Metric],
    *,
    level: float = LEVEL,
    samples: int = SAMPLES,
    seed: int = 0,
    paired: bool = False,
) -> Comparison:
    """Paired comparison of two recipes: a set of answers a seed, to the same rows in order.

    paired: seed i of both learned from the same rows, so that their differences are compared. The
    first metric decides. Metrics that look at scores have no place here: files of predictions
    have none.
    """
    patterns = patterns_of([*first, *second])
    rows = patterns.rows
    resamples = max(LEAST_SAMPLES, min(samples, MOST_DRAWN // max(len(patterns.counts), 1)))
    single = len(first) == len(second) == 1 and not first[0].numeric
    test = mcnemar(first[0], second[0]) if single else None
    gaps = []
    for name, metric in metrics.items():
        sign = 1.0 if metric.higher_is_better else -1.0
        points = patterns.points(metric.values)
        covariance = _covariance(patterns, metric, [*first, *second], resamples, seed)
        gap = _gap(name, points, sign, covariance, (len(first), rows, level), paired)
        if test and metric.proportion(type(first[0])) and test.differ <= EXACT_ROWS:
            gap = replace(gap, change=_with_exact_test(gap.change, test, level))
        gaps.append(gap)
    return Comparison(
        rows=rows,
        gaps=tuple(gaps),
        labels=_labels(patterns, len(first), resamples, seed, level, paired),
        differ=int(differing(first, second).sum()),
        mcnemar=test,
        level=level,
    )


def differing(first: Sequence[Answers], second: Sequence[Answers]) -> np.ndarray:
    """(rows,) whether two recipes differ: in the prediction; of many seeds, whether the majority
    of one is right and of the other wrong (of numbers: in the mean prediction)."""
    if len(first) == len(second) == 1:
        return first[0].differs(second[0])
    if first[0].numeric:
        one, other = (np.mean([j.values for j in side], axis=0) for side in (first, second))
        return np.asarray(one != other)
    return np.abs(proportion_right(second) - proportion_right(first)) >= 0.5


def proportion_right(every: Sequence[Answers]) -> np.ndarray:
    """(rows,) the proportion of the seeds that are right."""
    return np.asarray(np.mean([one.right() for one in every], axis=0))


def _gap(
    name: str,
    points: np.ndarray,
    sign: float,
    covariance: np.ndarray,
    sizes: tuple[int, int, float],
    paired: bool = False,
) -> Gap:
    cut, rows, level = sizes
    change = contrast(
        sign * points[:cut], sign * points[cut:], covariance, rows, level, paired=paired
    )
    first, second = points[:cut].tolist(), points[cut:].tolist()
    return Gap(name, tuple(first), tuple(second), change, higher_is_better=sign > 0)


def _covariance(
    patterns: Patterns, metric: Metric, answers: Sequence[Answers], samples: int, seed: int
) -> np.ndarray:
    """The covariance matrix of the metrics of all sets, over resamples of the rows."""
    # Of a mean over rows the covariance is known: Cov(x, y) / n. Others need the bootstrap.
    if metric.proportion(type(answers[0])):
        right = np.stack([one.right() for one in patterns.answers]).astype(float)
        covariance = np.cov(right, fweights=patterns.counts.astype(int)) / patterns.rows
    else:
        drawn = patterns.drawn(metric.values, samples, seed)
        covariance = np.cov(drawn[~np.isnan(drawn).any(1)].T)
    return np.atleast_2d(covariance)


def _with_exact_test(change: Contrast, test: McNemar, level: float) -> Contrast:
    """Widened to the exact test: with few discordant rows the t interval is too narrow."""
    low, high = exact_interval(test, level)
    if min(low, change.low) <= 0 <= max(high, change.high):
        # The t interval may exclude 0 already: then it knows no number of rows.
        needed = max(change.rows_needed or 0, mcnemar_rows(test, level) or 0)
        change = replace(change, rows_needed=needed or None)
    return replace(
        change,
        low=min(low, change.low),
        high=max(high, change.high),
        p_value=max(test.p_value, change.p_value),
    )


def _labels(
    patterns: Patterns, cut: int, samples: int, seed: int, level: float, paired: bool
) -> tuple[Gap, ...]:
    """F1 of each label, with Bonferroni-corrected intervals: alpha / number of labels."""
    names = patterns.answers[0].labels
    gold = label_counts(patterns.answers[0], patterns.counts[None])[2][0]
    if not len(gold) or not names:
        return ()
    points = patterns.points(_f1)
    budget = max(LEAST_SAMPLES, MOST_DRAWN // (len(patterns.answers) * len(names)))
    drawn = patterns.drawn(_f1, min(samples, budget), seed)
    present = [at for at in range(len(names)) if gold[at]]
    label_level = 1 - (1 - level) / max(len(present), 1)
    gaps = []
    for at in present:
        covariance = np.atleast_2d(np.cov(drawn[:, :, at].T))
        gap = _gap(
            names[at], points[:, at], 1.0, covariance, (cut, patterns.rows, label_level), paired
        )
        gaps.append(replace(gap, rows=int(gold[at])))
    return tuple(gaps)


def _f1(answers: Answers, weights: np.ndarray) -> np.ndarray:
    correct, predicted, gold = label_counts(answers, weights)
    return ratio(2 * correct, predicted + gold)


def _plain(gap: Gap) -> dict[str, Any]:
    value, low, high = gap.difference
    return {
        "first": gap.means[0],
        "second": gap.means[1],
        "seeds": [list(gap.first), list(gap.second)],
        "difference": value,  # second minus first
        "low": low,
        "high": high,
        "higher_is_better": gap.higher_is_better,
        "p_value": gap.change.p_value,
    }


def degenerate(
    seeds: Sequence[Answers], constant: Answers, name: str, metric: Metric
) -> list[bool]:
    """Which seeds collapsed: no better than the constant baseline, where another seed is.

    Fine-tuning fails like that now and then, whatever the plan (Mosbach et al., 2021, "On the
    Stability of Fine-tuning BERT"). To tell it from bad luck with few rows, a seed counts as
    degenerate only when the best of the others is significantly better than it. If no seed learned
    anything, it is the plan or the rows, and another seed would not help.

    constant: the answers of the majority (or mean) baseline to the same rows.
    """
    metrics = {name: metric}
    idle = [_sign(constant, one, metrics) <= 0 for one in seeds]
    sign = 1.0 if metric.higher_is_better else -1.0
    best = max(seeds, key=lambda one: sign * metric.value(one))
    return [bad and _sign(one, best, metrics) > 0 for bad, one in zip(idle, seeds, strict=True)]


def _sign(first: Answers, second: Answers, metrics: dict[str, Metric]) -> int:
    """1: the second is significantly better, -1: worse, 0: neither."""
    comparison = compare([first], [second], metrics)
    return {"better": 1, "worse": -1}.get(comparison.word, 0)
