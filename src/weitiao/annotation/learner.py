"""The linear rung: logistic regression on frozen features, fitted again in seconds.

What orders the rows and what the label meter measures. Features are standardised over all rows, for
which no label is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from weitiao.evaluation.baselines.linear import PROBLEMS, Linear, Strength

STRENGTH: Strength = (0.1, 1e-3)  # C and tolerance; see benchmarks/annotate.py
COMMITTEE = 5  # models of resampled labels
PROBLEM = {"label": "single_label_classification", "labels": "multi_label_classification"}


def standardised(features: np.ndarray) -> np.ndarray:
    """Features with mean 0 and standard deviation 1."""
    return np.asarray((features - features.mean(0)) / (features.std(0) + 1e-6), np.float32)


def encoded(values: Sequence[Any], labels: Sequence[str]) -> np.ndarray:
    """Answers as label indices (n,), or as indicators (n, labels) where they are lists."""
    places = {label: at for at, label in enumerate(labels)}
    if values and isinstance(values[0], list):
        rows = np.zeros((len(values), len(labels)))
        for row, chosen in zip(rows, values, strict=True):
            row[[places[label] for label in chosen]] = 1.0
        return rows
    return np.array([places[value] for value in values], np.int64)


def fitted(features: np.ndarray, targets: np.ndarray, outputs: int) -> Linear:
    """A linear model of standardised features and encoded targets."""
    kind = PROBLEM["labels" if targets.ndim == 2 else "label"]
    return PROBLEMS[kind].fit(features, targets, outputs, STRENGTH, False)


def correct(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Which rows are right, (n,): of label sets, the share of the labels that are."""
    if targets.ndim == 2:
        return np.asarray(((scores > 0.5) == (targets > 0.5)).mean(1), float)
    return np.asarray(scores.argmax(1) == targets, float)


def as_choices(scores: np.ndarray, kind: str) -> np.ndarray:
    """Scores as one distribution a row: of label sets, that of the least certain label."""
    if kind == "label":
        return scores
    rows = np.arange(len(scores))
    unsure = np.abs(scores - 0.5).argmin(1)
    return np.stack([scores[rows, unsure], 1 - scores[rows, unsure]], 1)


def committee(
    features: np.ndarray,
    targets: np.ndarray,
    outputs: int,
    candidates: np.ndarray,
    rng: np.random.Generator,
) -> Callable[[], np.ndarray]:
    """A function that fits models to bootstrap resamples: their scores (members, n, outputs)."""

    def scores() -> np.ndarray:
        kind = "labels" if targets.ndim == 2 else "label"
        members = []
        for _member in range(COMMITTEE):
            drawn = rng.integers(len(targets), size=len(targets))
            one = fitted(features[drawn], targets[drawn], outputs)
            members.append(as_choices(one(candidates), kind))
        return np.stack(members)

    return scores
