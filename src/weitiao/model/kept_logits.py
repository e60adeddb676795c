"""Logits of the rows that were read last.

Validation rows are read to calibrate, to compare with the baselines and to evaluate: the network
reads them once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from weitiao.data.rows import Rows

MOST_BYTES = 64 * 2**20  # of logits; those of more rows are not kept


@dataclass
class KeptLogits:
    """Logits of one set of rows by one network, as long as its weights stay as they are."""

    rows: Rows | None = None
    net: Any = None
    versions: tuple[tuple[int, int], ...] = ()  # of the weights: PyTorch counts changes in place
    logits: np.ndarray | None = None

    def of(self, rows: Rows, net: Any) -> np.ndarray | None:
        """The logits of these very rows; None where they have to be computed."""
        if self.logits is None or self.rows is not rows or self.net is not net:
            return None
        return self.logits.copy() if self.versions == _versions(net) else None

    def keep(self, rows: Rows, net: Any, logits: Any) -> None:
        """Keep the logits instead of those before."""
        fits = isinstance(logits, np.ndarray) and logits.nbytes <= MOST_BYTES
        fits = fits and not any(weight.is_inference() for weight in net.parameters())
        self.rows, self.net = (rows, net) if fits else (None, None)
        self.versions = _versions(net) if fits else ()
        self.logits = logits.copy() if fits else None


def _versions(net: Any) -> tuple[tuple[int, int], ...]:
    return tuple((weight.data_ptr(), weight._version) for weight in net.parameters())
