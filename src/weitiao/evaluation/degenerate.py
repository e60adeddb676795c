"""Seeds that learned nothing: no better than always giving the same answer, where others are.

Fine-tuning fails like that now and then, whatever the plan (Mosbach et al., 2021, "On the Stability
of Fine-tuning BERT"). It is told from bad luck with few rows: a seed counts as degenerate only when
the best of the others is better than it beyond chance. If no seed learned anything, it is the plan
or the rows, and another seed would not help.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from weitiao.core.ragged import Ragged
from weitiao.evaluation.compare import compare
from weitiao.evaluation.metrics.base import Metric
from weitiao.tasks.base import Judged


def degenerate(seeds: Sequence[Judged], constant: Judged, name: str, metric: Metric) -> list[bool]:
    """Which of the seeds learned nothing; all are judged on the same rows.

    constant: the answers of the majority (or mean) to them.
    """
    metrics = {name: metric}
    idle = [_sign(constant, one, metrics) <= 0 for one in seeds]
    sign = 1.0 if metric.higher_is_better else -1.0
    best = max(seeds, key=lambda one: sign * metric.value(one))
    return [bad and _sign(one, best, metrics) > 0 for bad, one in zip(idle, seeds, strict=True)]


def constant_of(judged: Judged) -> Judged:
    """Always the most frequent answer (the mean, of numbers) of these rows' truth."""
    if judged.kind == "number":
        values = np.full(len(judged.targets), float(judged.targets.mean()))
    elif judged.kind == "spans":  # nothing is what can be said to every question
        values = np.full(len(judged.targets), "", object)
        right = np.array([float(not golds) for golds in judged.targets])
        counts = judged.counts.copy()
        counts[:, :2] = right[:, None]
        return replace(judged, values=values, counts=counts)
    elif judged.kind == "tags":
        return _of_tags(judged)
    elif judged.kind == "single":
        most = np.bincount(judged.targets, minlength=len(judged.labels)).argmax()
        values = np.full(len(judged.targets), most)
    else:
        values = np.tile((judged.targets.mean(0) > 0.5).astype(np.int64), (len(judged.targets), 1))
    return replace(judged, values=values)


def _of_tags(judged: Judged) -> Judged:
    """No span at all; where each word has a tag, the most frequent one."""
    truth, words = judged.targets, judged.counts[:, 1]
    if np.array_equal(truth.lengths, words):
        most = np.bincount(truth.values[:, 2], minlength=len(judged.labels)).argmax()
        values = Ragged(truth.values.copy(), truth.offsets)
        values.values[:, 2] = most
        right = np.bincount(truth.owners[truth.values[:, 2] == most], minlength=len(truth))
    else:
        values = Ragged(truth.values[:0], np.zeros_like(truth.offsets))
        right = words - truth.lengths  # at most: each span has a word or more
    return replace(judged, values=values, counts=np.column_stack([right, words]))


def _sign(first: Judged, second: Judged, metrics: dict[str, Metric]) -> int:
    found = compare([first], [second], metrics)
    return {"better": 1, "worse": -1}.get(found.word, 0)
