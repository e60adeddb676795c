"""Features of a frozen network, read once for each text: trials ask for the same rows again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from weitiao.core.ragged import Ragged
from weitiao.data.cache.encoded import Encoded
from weitiao.model.model import Model
from weitiao.model.output_layer import features

MOST_VALUES = 50_000_000  # that are kept; 200 MB


class KnownFeatures:
    """`features` of one network, with those that were read before; the network must not change."""

    def __init__(self) -> None:
        self._known: dict[bytes, np.ndarray] = {}
        self._values = 0

    def read(self, model: Model, encoded: Encoded, positions: Sequence[int] | np.ndarray) -> Any:
        """As `features`."""
        keys = [_key(encoded, int(at)) for at in positions]
        new = {key: int(at) for key, at in zip(keys, positions, strict=True)
               if key not in self._known}  # fmt: skip
        found = dict[bytes, np.ndarray]()
        if new:
            read = features(model, encoded, np.array(list(new.values())))
            row = read.row if isinstance(read, Ragged) else read.__getitem__
            found = {key: row(place) for place, key in enumerate(new)}
        rows = [found[key] if key in found else self._known[key] for key in keys]
        for key, values in found.items():
            if self._values + values.size <= MOST_VALUES:
                self._known[key] = values
                self._values += values.size
        return Ragged.of(rows) if model.task.per_token else np.stack(rows)


def _key(encoded: Encoded, example: int) -> bytes:
    """The tokens of an example, its windows apart."""
    one = encoded.of(np.array([example]))
    parts = [one.offsets, *(one.values[name] for name in sorted(one.values))]
    return b"".join(np.ascontiguousarray(part).tobytes() for part in parts)
