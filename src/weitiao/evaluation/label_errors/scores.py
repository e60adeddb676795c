"""Scores of suspicion of given labels, from out-of-fold probabilities; confident learning.

Formulas: self-confidence and normalized margin as in Kuan and Mueller (2022, "Model-agnostic label
quality scoring"), the confident joint as in Northcutt, Jiang and Chuang (2021, JAIR 70, "Confident
learning"). cleanlab computes the same, and is what the tests compare with; as a dependency it would
bring pandas along.
"""

from __future__ import annotations

import numpy as np

LEAST = 1e-6  # probability, before its logarithm


def self_confidence(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The probability of the given label, (rows,)."""
    return np.asarray(probabilities[np.arange(len(labels)), labels])


def normalized_margin(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(p(given) - max p(other) + 1) / 2, (rows,): below 1/2 another label is likelier."""
    others = probabilities.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    best = others.max(1) if others.shape[1] > 1 else np.zeros(len(labels))
    return np.asarray((self_confidence(probabilities, labels) - best + 1) / 2)


def best_other(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The likeliest label other than the given one, (rows,)."""
    others = probabilities.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    return np.asarray(others.argmax(1))


def contest(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """p(best other) / (p(best other) + p(given)), (rows,): from 0 to 1, above 1/2 another label is
    likelier. Of two labels it is 1 - self-confidence."""
    rival = probabilities[np.arange(len(labels)), best_other(probabilities, labels)]
    own = self_confidence(probabilities, labels)
    return np.asarray(rival / np.maximum(rival + own, LEAST))


def thresholds(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The mean self-confidence of each label, (labels,): from there on a model is confident."""
    own = self_confidence(probabilities, labels)
    sums = np.bincount(labels, own, minlength=probabilities.shape[1])
    counts = np.bincount(labels, minlength=probabilities.shape[1])
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)


def confident_labels(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The label that each row is confidently counted as, -1 for none, (rows,): the likeliest of
    those whose probability reaches its threshold."""
    reached = probabilities >= thresholds(probabilities, labels)[None] - LEAST
    best = np.where(reached, probabilities, -1.0).argmax(1)
    return np.where(reached.any(1), best, -1)


def confident_joint(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Rows by given (first) and true label, (labels, labels), calibrated to the given counts."""
    count = probabilities.shape[1]
    confident = confident_labels(probabilities, labels)
    known = confident >= 0
    joint = np.zeros((count, count))
    np.add.at(joint, (labels[known], confident[known]), 1)
    given = np.bincount(labels, minlength=count).astype(float)
    rows = joint.sum(1)
    joint[rows == 0] = np.eye(count)[rows == 0]
    return np.asarray(joint * (given / np.maximum(joint.sum(1), LEAST))[:, None])


def off_diagonal(joint: np.ndarray) -> float:
    """The number of wrong labels that a joint says."""
    return float(joint.sum() - np.trace(joint))


def geometric_mean(*probabilities: np.ndarray, exponents: np.ndarray | None = None) -> np.ndarray:
    """The logarithmic opinion pool of several models' probabilities (Genest and Zidek 1986).

    exponents: of each model; below or above 1 in sum they flatten or sharpen the pool.
    """
    count = len(probabilities)
    powers = np.full(count, 1 / count) if exponents is None else exponents
    logs = [s * np.log(p.clip(LEAST)) for s, p in zip(powers, probabilities, strict=True)]
    pooled = np.exp(np.sum(logs, axis=0))
    return np.asarray(pooled / pooled.sum(1, keepdims=True))
