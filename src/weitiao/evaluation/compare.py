"""Compare two recipes on the same rows: the difference, how sure it is, and label by label.

A recipe is one set of answers for each of its seeds; one run, or a file of predictions, is a recipe
with a single set. Nothing here knows of files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from weitiao.evaluation.contrast import Contrast, contrast
from weitiao.evaluation.intervals import LEAST_ROWS
from weitiao.evaluation.mcnemar import EXACT, McNemar, exact_interval, mcnemar, rows_needed
from weitiao.evaluation.metrics.base import Metric, label_counts, ratio
from weitiao.evaluation.resampling import Patterns, patterns_of
from weitiao.tasks.answers.base import Answers

SAMPLES = 2000
MOST_DRAWN = 20_000_000  # rows drawn: of very many rows fewer resamples give the spread as well
LEAST_SAMPLES = 200
FEWEST_DIFFER = 6  # rows: with fewer, even if all speak for one side, it may be chance
LEVEL = 0.95
Word = Literal["better", "worse", "open", "same"]


@dataclass(frozen=True)
class Gap:
    """One figure of both. `change` is the second less the first, turned so that positive is better.

    first, second: one value a seed.
    """

    name: str
    first: tuple[float, ...]
    second: tuple[float, ...]
    change: Contrast
    rows: int = 0  # of a label: that truly have it; of tags: its true spans

    @property
    def means(self) -> tuple[float, float]:
        return float(np.mean(self.first)), float(np.mean(self.second))


@dataclass(frozen=True)
class Comparison:
    """The second against the first. `gaps`: the metrics, the one that decides first."""

    rows: int
    gaps: tuple[Gap, ...]
    labels: tuple[Gap, ...]  # F1 of each; their intervals allow for looking at all of them
    differ: int  # rows that are answered differently (by the most frequent answer of a recipe)
    mcnemar: McNemar | None  # for one set of answers against another
    level: float

    @property
    def word(self) -> Word:
        """How the second stands to the first by the first metric."""
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
) -> Comparison:
    """Compare two recipes: one set of answers a seed, all to the same rows in the same order.

    The first metric decides. Metrics that look at scores have no place here: files of predictions
    have none.
    """
    every = patterns_of([*first, *second])
    rows = every.rows
    drawn = max(LEAST_SAMPLES, min(samples, MOST_DRAWN // max(len(every.counts), 1)))
    single = len(first) == len(second) == 1 and not first[0].numeric
    test = mcnemar(first[0], second[0]) if single else None
    gaps = []
    for name, metric in metrics.items():
        sign = 1.0 if metric.higher_is_better else -1.0
        points = every.points(metric.values)
        spread = _covariance(every, metric, [*first, *second], drawn, seed)
        gap = _gap(name, points, sign, spread, (len(first), rows, level))
        if test and metric.proportion(type(first[0])) and test.differ <= EXACT:
            gap = replace(gap, change=_no_surer(gap.change, test, level))
        gaps.append(gap)
    return Comparison(
        rows=rows,
        gaps=tuple(gaps),
        labels=_labels(every, len(first), drawn, seed, level),
        differ=int(differing(first, second).sum()),
        mcnemar=test,
        level=level,
    )


def differing(first: Sequence[Answers], second: Sequence[Answers]) -> np.ndarray:
    """(rows,) whether two recipes answer differently; of several seeds, whether more or fewer are
    right (for numbers: whether the mean answer differs)."""
    if len(first) == len(second) == 1:
        return first[0].differs(second[0])
    if first[0].numeric:
        one, other = (np.mean([j.values for j in side], axis=0) for side in (first, second))
        return np.asarray(one != other)
    return np.abs(share_right(second) - share_right(first)) >= 0.5


def share_right(every: Sequence[Answers]) -> np.ndarray:
    """(rows,) the share of the seeds that are right."""
    return np.asarray(np.mean([one.right() for one in every], axis=0))


def _gap(
    name: str, points: np.ndarray, sign: float, spread: np.ndarray, sizes: tuple[int, int, float]
) -> Gap:
    cut, rows, level = sizes
    change = contrast(sign * points[:cut], sign * points[cut:], spread, rows, level)
    return Gap(name, tuple(points[:cut].tolist()), tuple(points[cut:].tolist()), change)


def _covariance(
    every: Patterns, metric: Metric, judged: Sequence[Answers], samples: int, seed: int
) -> np.ndarray:
    """Of the figures of all sets, over rows that might have been drawn instead."""
    if metric.proportion(type(judged[0])):  # a mean over rows: no need to resample
        right = np.stack([one.right() for one in every.judged]).astype(float)
        found = np.cov(right, fweights=every.counts.astype(int)) / every.rows
    else:
        drawn = every.drawn(metric.values, samples, seed)
        found = np.cov(drawn[~np.isnan(drawn).any(1)].T)
    return np.atleast_2d(found)


def _no_surer(change: Contrast, test: McNemar, level: float) -> Contrast:
    """Where few rows differ, no surer than the exact test."""
    low, high = exact_interval(test, level)
    if min(low, change.low) <= 0 <= max(high, change.high):
        # The normal interval may have left 0 already: then it knows no number of rows.
        needed = max(change.rows_needed or 0, rows_needed(test, level) or 0)
        change = replace(change, rows_needed=needed or None)
    return replace(change, low=min(low, change.low), high=max(high, change.high),
                   chance=max(test.chance, change.chance))  # fmt: skip


def _labels(every: Patterns, cut: int, samples: int, seed: int, level: float) -> tuple[Gap, ...]:
    """F1 of each label; the level is shared out among them (Bonferroni)."""
    names = every.judged[0].labels
    true = label_counts(every.judged[0], every.counts[None])[2][0]
    if not len(true) or not names:
        return ()
    points = every.points(_f1)
    budget = max(LEAST_SAMPLES, MOST_DRAWN // (len(every.judged) * len(names)))
    drawn = every.drawn(_f1, min(samples, budget), seed)
    seen = [at for at in range(len(names)) if true[at]]
    each = 1 - (1 - level) / max(len(seen), 1)
    found = []
    for at in seen:
        spread = np.atleast_2d(np.cov(drawn[:, :, at].T))
        gap = _gap(names[at], points[:, at], 1.0, spread, (cut, every.rows, each))
        found.append(replace(gap, rows=int(true[at])))
    return tuple(found)


def _f1(judged: Answers, weights: np.ndarray) -> np.ndarray:
    right, given, true = label_counts(judged, weights)
    return ratio(2 * right, given + true)


def _plain(gap: Gap) -> dict[str, Any]:
    change = gap.change
    return {
        "first": gap.means[0],
        "second": gap.means[1],
        "seeds": [list(gap.first), list(gap.second)],
        "difference": change.value,
        "low": change.low,
        "high": change.high,
        "chance": change.chance,
    }
