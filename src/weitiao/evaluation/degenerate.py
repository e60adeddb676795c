"""Seeds that learned nothing: no better than always giving the same answer, where others are.

Fine-tuning fails like that now and then, whatever the plan (Mosbach et al., 2021, "On the Stability
of Fine-tuning BERT"). It is told from bad luck with few rows: a seed counts as degenerate only when
the best of the others is better than it beyond chance. If no seed learned anything, it is the plan
or the rows, and another seed would not help.
"""

from __future__ import annotations

from collections.abc import Sequence

from weitiao.evaluation.compare import compare
from weitiao.evaluation.metrics.base import Metric
from weitiao.tasks.answers.base import Answers


def degenerate(
    seeds: Sequence[Answers], constant: Answers, name: str, metric: Metric
) -> list[bool]:
    """Which of the seeds learned nothing; all are judged on the same rows.

    constant: the answers of the majority (or mean) to them.
    """
    metrics = {name: metric}
    idle = [_sign(constant, one, metrics) <= 0 for one in seeds]
    sign = 1.0 if metric.higher_is_better else -1.0
    best = max(seeds, key=lambda one: sign * metric.value(one))
    return [bad and _sign(one, best, metrics) > 0 for bad, one in zip(idle, seeds, strict=True)]


def _sign(first: Answers, second: Answers, metrics: dict[str, Metric]) -> int:
    found = compare([first], [second], metrics)
    return {"better": 1, "worse": -1}.get(found.word, 0)
