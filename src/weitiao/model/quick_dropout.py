"""Dropout on a processor from 16 random bits an element.

torch draws a number of 64 bits for each element, one after the other; in a small translator that is
a tenth of an update. Here one draw of 64 bits serves four elements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

LANES = 4  # of 16 bits in a draw
LEVELS = 2**16  # probabilities are multiples of 1 / LEVELS


class QuickDropout(TorchFunctionMode):
    """While it is entered, `torch.nn.functional.dropout` draws fewer random bits on a processor.

    The masks are others than torch's for the same seed; they follow from the same generator, so
    that a resumed run draws what an unbroken one draws.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if function is functional.dropout:
            return _dropout(*args, **kwargs)
        return function(*args, **kwargs)


def _dropout(
    inputs: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    if not (training and 0 < p < 1 and inputs.device.type == "cpu"):
        return functional.dropout(inputs, p, training, inplace)
    kept = mask(inputs.shape, p)
    return inputs * kept * (1 / (1 - p))


def mask(shape: Sequence[int], p: float) -> Tensor:
    """A random tensor of True with probability 1 - p, False with p, from the default generator."""
    count = 1
    for size in shape:
        count *= size
    lowest = -(2**63)
    draws = torch.empty(-(-count // LANES), dtype=torch.int64).random_(lowest, None)
    threshold = round(p * LEVELS) - LEVELS // 2
    return (draws.view(torch.int16)[:count] >= threshold).view(tuple(shape))
