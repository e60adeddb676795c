"""Diverse rows: clusters of the vectors, so that a batch does not ask the same question twice."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from pydantic import Field

from weitiao.annotation.choose.base import Candidates, Order
from weitiao.annotation.choose.uncertainty import Margin, margins

MOST_CLUSTERED = 4_000  # rows; of more, a random sample is clustered


class Diverse(Order):
    """Unsure rows that differ from each other: one from each cluster of those with the smallest
    margin (Zhdanov 2019). When to use: many near-duplicates, large batches."""

    factor: int = Field(10, ge=2, description="unsure rows that are clustered, times the batch")

    def rank(self, rows: Candidates) -> np.ndarray:
        order = Margin().rank(rows)
        pool = order[: self.factor * rows.batch]
        weights = 1.0 - margins(rows.scores)[pool]
        first = pool[central(rows.features[pool], rows.batch, rows.rng, weights)]
        return np.concatenate([first, order[~np.isin(order, first)]])


def central(
    features: np.ndarray, count: int, rng: np.random.Generator, weights: Any = None
) -> np.ndarray:
    """The rows nearest to the centres of k-means clusters, at most `count` places.

    Also where labelling starts, before a model has learned: typical rows, each of another kind
    (Hacohen et al. 2022).
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    places = np.arange(len(features))
    if len(places) > MOST_CLUSTERED:
        places = np.sort(rng.choice(places, MOST_CLUSTERED, replace=False))
        weights = None if weights is None else weights[places]
    if count >= len(places):
        return places
    picked = features[places]
    model = KMeans(count, n_init=1, max_iter=30, random_state=int(rng.integers(2**31)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different rows than clusters
        model.fit(picked, sample_weight=weights)
    distances = model.transform(picked)
    nearest = distances.argmin(0)
    sizes = np.bincount(model.labels_, minlength=count)
    chosen = nearest[np.argsort(-sizes, kind="stable")]
    return places[list(dict.fromkeys(chosen.tolist()))]
