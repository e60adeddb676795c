"""The weights of a layer as the products read them: joined, and in bf16 where that is the
arithmetic. The fp32 parameters stay the masters; a copy is renewed when a parameter has changed
(by the optimizer, an average, loading), which its version tells, or is another tensor by now.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Casts:
    """Copies of one layer's weights: qkv, out, up, down and their biases."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self._seen: list[tuple[int, int]] = []
        self.qkv = self.qkv_bias = self.out = self.out_bias = torch.empty(0)
        self.up = self.up_bias = self.down = self.down_bias = torch.empty(0)

    def renew(self, params: Sequence[Tensor], derived: bool) -> None:
        """Bring the copies up to date with the layer's parameters, in the order of layer.NAMES.

        derived: they were computed for this call (an adapter's), so no version tells about them,
        and they may lie where others lay before. Nothing keeps them here when it can be helped.
        """
        now = [(p.data_ptr(), p._version) for p in params]
        if now == self._seen and not derived:
            return
        given = [p.detach() for p in params]
        with torch.inference_mode(False), torch.no_grad():
            if self._is_elsewhere(now, derived):
                self._make(given)
            width = given[0].shape[0]
            for i, part in enumerate(range(0, 3 * width, width)):
                self.qkv[part : part + width].copy_(given[2 * i])
                self.qkv_bias[part : part + width].copy_(given[2 * i + 1])
            if self.dtype != given[0].dtype:
                for own, master in zip(self._others(), _rest(given), strict=True):
                    own.copy_(master)
        self._seen = now

    def _is_elsewhere(self, now: list[tuple[int, int]], derived: bool) -> bool:
        """Whether the copies must be other tensors than before."""
        if derived and self._seen and self.dtype == torch.bfloat16:
            return False
        return derived or [place for place, _ in now] != [place for place, _ in self._seen]

    def _make(self, given: list[Tensor]) -> None:
        q = given[0]
        self.qkv = q.new_empty((3 * q.shape[0], q.shape[1]), dtype=self.dtype)
        self.qkv_bias = q.new_empty(3 * q.shape[0], dtype=self.dtype)
        keeps = self.dtype == q.dtype  # then the masters themselves serve
        own = [p if keeps else torch.empty_like(p, dtype=self.dtype) for p in _rest(given)]
        self.out, self.out_bias, self.up, self.up_bias, self.down, self.down_bias = own

    def _others(self) -> tuple[Tensor, ...]:
        return (self.out, self.out_bias, self.up, self.up_bias, self.down, self.down_bias)


def _rest(params: list[Tensor]) -> list[Tensor]:
    return [params[i] for i in (6, 7, 10, 11, 12, 13)]
