"""What a mistake on each label costs, by what the plan asks for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from weitiao import parts
from weitiao.errors import PlanError
from weitiao.messages import tell
from weitiao.tasks.base import Task


def weights_of(
    wanted: str | Mapping[str, float], task: Task, labels: np.ndarray
) -> tuple[float, ...]:
    """One weight a label; empty where all count alike. Raises PlanError for an unknown label."""
    if wanted == "balanced":
        return task.balanced(labels)
    if isinstance(wanted, str):
        return ()
    unknown = [label for label in wanted if label not in task.choices]
    if unknown:
        hint = parts.near(unknown[0], task.choices)
        raise PlanError(
            [tell("train.class_weights: no label {label!r}.{hint}", label=unknown[0], hint=hint)]
        )
    return tuple(float(wanted.get(label, 1.0)) for label in task.choices)
