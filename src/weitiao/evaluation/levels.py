"""How right the answers are at each level of labels that are paths."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from weitiao.evaluation.intervals import bootstrap
from weitiao.evaluation.metrics.classification import Accuracy
from weitiao.labels.hierarchy import levels_of
from weitiao.tasks.answers.base import Answers


def judged_levels(judged: Answers, samples: int) -> list[dict[str, Any]]:
    """Plain values for each level, the top first; none where labels are flat.

    right: the share of rows whose answer stands under the right node of this level.
    """
    if not judged.separator:
        return []
    found = []
    for at, level in enumerate(levels_of(judged.labels, judged.separator), 1):
        seen = replace(
            judged, targets=level.of[judged.targets], values=level.of[judged.values],
            scores=level.sums(judged.scores), labels=level.names, separator="",
        )  # fmt: skip
        one: dict[str, Any] = {
            "level": at, "nodes": len(level.names), "accuracy": Accuracy().value(seen)
        }  # fmt: skip
        if samples:
            interval = bootstrap(seen, {"accuracy": Accuracy()}, samples)["accuracy"]
            one["low"], one["high"] = interval
        found.append(one)
    return found
