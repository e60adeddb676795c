"""Annotator reliability by the model of Dawid and Skene (1979): labels and confusion together.

A. P. Dawid and A. M. Skene, Maximum likelihood estimation of observer error-rates using the EM
algorithm, Applied Statistics 28 (1). The true label of a row is hidden; each annotator has a
confusion matrix. Smoothed, since annotators share few rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

MAX_STEPS = 200
TOLERANCE = 1e-6  # of the posterior probabilities
OWN, OTHER = 1.0, 0.1  # pseudo-counts of a confusion matrix, on and off its diagonal


@dataclass(frozen=True, eq=False)
class Estimate:
    """posterior (rows, labels) of the true labels; accuracy: annotator -> the probability that an
    answer is right, by the labels' frequencies."""

    posterior: np.ndarray
    accuracy: dict[str, float]


def dawid_skene(votes: Sequence[Mapping[str, int]], labels: int) -> Estimate:
    """Estimate from rows of annotator -> label index, by expectation maximisation."""
    names = sorted({name for row in votes for name in row})
    places = {name: at for at, name in enumerate(names)}
    # said (rows, annotators, labels): one where this annotator gave this label.
    said = np.zeros((len(votes), len(names), labels))
    for at, row in enumerate(votes):
        for name, label in row.items():
            said[at, places[name], label] = 1.0
    posterior = said.sum(1) / np.maximum(said.sum((1, 2)), 1)[:, None]
    prior = np.full((labels, labels), OTHER / labels) + OWN * np.eye(labels)
    frequency, confusion = posterior.mean(0), np.zeros((len(names), labels, labels))
    for _step in range(MAX_STEPS):
        # M: confusion[annotator, true, said], frequency[true].
        counts = np.einsum("nt,nas->ats", posterior, said) + prior
        confusion = counts / counts.sum(2, keepdims=True)
        frequency = (posterior.sum(0) + OTHER) / (len(votes) + OTHER * labels)
        # E: P(true | answers) ~ frequency[true] * product of confusion[annotator, true, said].
        logs = np.log(frequency) + np.einsum("nas,ats->nt", said, np.log(confusion))
        new = np.exp(logs - logs.max(1, keepdims=True))
        new /= new.sum(1, keepdims=True)
        moved = np.abs(new - posterior).max()
        posterior = new
        if moved < TOLERANCE:
            break
    right = np.einsum("att,t->a", confusion, frequency)
    return Estimate(posterior, dict(zip(names, right.tolist(), strict=True)))
