"""One optimizer of two: torch's Muon for some matrices, torch's AdamW for all other parameters."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import torch
from torch import Tensor


class MuonAdamW(torch.optim.AdamW):
    """torch's AdamW, and torch's Muon for those parameters that are among `matrices`.

    The groups are the caller's: rates and decay that are set there hold for both. The momentum of
    the matrices is in the state of this optimizer, so checkpoints hold it.
    """

    def __init__(
        self,
        groups: list[dict[str, Any]],
        matrices: Set[Tensor],
        scale: float,
        momentum: float,
        **adamw: Any,
    ) -> None:
        super().__init__(groups, **adamw)
        self._scale = scale
        # (group of this optimizer, group of Muon)
        self._pairs: list[tuple[dict[str, Any], dict[str, Any]]] = []
        own = [[p for p in group["params"] if p in matrices] for group in self.param_groups]
        self._muon: torch.optim.Muon | None = None
        if any(own):
            some = [{"params": params} for params in own if params]
            self._muon = torch.optim.Muon(some, momentum=momentum, adjust_lr_fn="match_rms_adamw")
            self._muon.state = self.state
            with_some = [g for g, params in zip(self.param_groups, own, strict=True) if params]
            self._pairs = list(zip(with_some, self._muon.param_groups, strict=True))

    def step(self, closure: Any = None) -> Any:
        assert closure is None
        if self._muon is None:
            return super().step()
        for group, matrices in self._pairs:
            matrices["lr"] = group["lr"] * self._scale
            matrices["weight_decay"] = group["weight_decay"]
        gradients = [(p, p.grad) for _group, some in self._pairs for p in some["params"]]
        self._muon.step()  # type: ignore[no-untyped-call]
        for param, _gradient in gradients:
            param.grad = None  # AdamW passes over them
        super().step()
        for param, gradient in gradients:
            param.grad = gradient
        return None
