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
        self.params: list[Tensor] = []  # in the order of layer.NAMES
        self.dtype = dtype
        self._seen: list[tuple[int, int]] = []
        self.qkv = self.qkv_bias = self.out = self.out_bias = torch.empty(0)
        self.up = self.up_bias = self.down = self.down_bias = torch.empty(0)

    def renew(self, params: Sequence[Tensor]) -> None:
        """Bring the copies up to date with the layer's parameters."""
        now = [(p.data_ptr(), p._version) for p in params]
        if now == self._seen:
            return
        self.params = [p.detach() for p in params]
        with torch.inference_mode(False), torch.no_grad():
            if [place for place, _ in now] != [place for place, _ in self._seen]:
                self._make()
            width = self.params[0].shape[0]
            for i, part in enumerate(range(0, 3 * width, width)):
                self.qkv[part : part + width].copy_(self.params[2 * i])
                self.qkv_bias[part : part + width].copy_(self.params[2 * i + 1])
            for own, master in self._others():
                own.copy_(master)
        self._seen = now

    def _make(self) -> None:
        q = self.params[0]
        self.qkv = q.new_empty((3 * q.shape[0], q.shape[1]), dtype=self.dtype)
        self.qkv_bias = q.new_empty(3 * q.shape[0], dtype=self.dtype)
        keeps = self.dtype == q.dtype  # then the masters themselves serve
        own = [p.detach() if keeps else torch.empty_like(p, dtype=self.dtype) for p in self._rest()]
        self.out, self.out_bias, self.up, self.up_bias, self.down, self.down_bias = own

    def _rest(self) -> list[Tensor]:
        return [self.params[i] for i in (6, 7, 10, 11, 12, 13)]

    def _others(self) -> list[tuple[Tensor, Tensor]]:
        own = (self.out, self.out_bias, self.up, self.up_bias, self.down, self.down_bias)
        if self.dtype == self.params[0].dtype:
            return []
        return list(zip(own, self._rest(), strict=True))
