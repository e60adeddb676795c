"""Query by committee (Seung et al. 1992): rows that models of resampled labels disagree on."""

from __future__ import annotations

import numpy as np

from weitiao.annotation.choose.base import Candidates, Order, descending


class Disagreement(Order):
    """Rows with the highest mean divergence of a committee's models from their mean (McCallum and
    Nigam 1998). When to use: noisy labels."""

    def rank(self, rows: Candidates) -> np.ndarray:
        members = np.clip(rows.committee(), 1e-12, 1)
        mean = members.mean(0)
        divergence = (members * np.log(members / mean)).sum(2).mean(0)
        return descending(divergence, rows.rng)
