"""Random order: the baseline of active learning."""

from __future__ import annotations

import numpy as np

from weitiao.annotation.choose.base import Candidates, Order


class Random(Order):
    """Rows in random order. When to use: where no order pays, and for figures of the rows."""

    def rank(self, rows: Candidates) -> np.ndarray:
        return rows.rng.permutation(len(rows.scores))
