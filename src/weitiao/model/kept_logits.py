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
    versions: tuple[int, ...] = ()  # of the weights: PyTorch counts changes in place
    logits: np.ndarray | None = None

    def of(self, rows: Rows, net: Any) -> np.ndarray | None:
        """The logits of these very rows; None where they have to be computed."""
        same = self.rows is rows and self.net is net and self.versions == _versions(net)
        return self.logits.copy() if same and self.logits is not None else None

    def keep(self, rows: Rows, net: Any, logits: Any) -> None:
        """Keep the logits instead of those before."""
        fits = isinstance(logits, np.ndarray) and logits.nbytes <= MOST_BYTES
        self.rows, self.net = (rows, net) if fits else (None, None)
        self.versions = _versions(net) if fits else ()
        self.logits = logits.copy() if fits else None


def _versions(net: Any) -> tuple[int, ...]:
    return tuple(weight._version for weight in net.parameters())
