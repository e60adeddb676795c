"""Suspected errors: rows whose pre-label the model contradicts (Northcutt et al. 2021)."""

from __future__ import annotations

import numpy as np

from weitiao.annotation.choose.base import Candidates, Order, descending


class SuspectedErrors(Order):
    """Rows whose pre-label has the lowest probability by the model of the labels so far. When to
    use: to check labels that are there already (`--prelabels`)."""

    def rank(self, rows: Candidates) -> np.ndarray:
        own = np.take_along_axis(rows.scores, np.maximum(rows.suggested, 0)[:, None], 1)[:, 0]
        # Rows without a pre-label come last.
        return descending(np.where(rows.suggested >= 0, 1 - own, -1.0), rows.rng)
