"""Time and memory of a run on this machine, before it starts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weitiao.advise.facts import Network

SHARE = 0.62  # of the speed of bare products that a whole update reaches (measured, see dev/LOG.md)
BYTES_A_PARAMETER = 16  # weight, gradient and two moments, 4 bytes each
UPDATE_TRAFFIC = 32  # bytes read and written for each parameter by one optimizer step
ACTIVATIONS = 40  # numbers kept for backward, for each token, layer and unit of width


@dataclass(frozen=True)
class Speed:
    """What this machine does: floating-point operations and bytes of memory a second."""

    operations: float
    bytes: float
    threads: int


def measure() -> Speed:
    """A probe of a fraction of a second: products of the shapes an encoder has, and copying."""
    import torch

    rows, width = 1024, 384
    a, b = torch.randn(rows, width), torch.randn(4 * width, width)
    products = _seconds(lambda: torch.nn.functional.linear(a, b), 15)
    big = torch.zeros(8_000_000)
    copies = _seconds(lambda: big.add_(1.0), 5)
    return Speed(2 * a.shape[0] * b.numel() / products, 2 * big.nbytes / copies,
                 torch.get_num_threads())  # fmt: skip


def _seconds(act: object, times: int) -> float:
    assert callable(act)
    act()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        act()
        found.append(time.perf_counter() - start)
    return median(found)


def token_seconds(network: Network, length: float, speed: Speed) -> float:
    """Seconds to learn from one token: forward and backward, attention over `length` tokens."""
    attention = 12 * network.layers * network.hidden_size * length
    return (6 * network.encoder + attention) / (speed.operations * SHARE)


def update_seconds(network: Network, speed: Speed) -> float:
    """Seconds of one step of the optimizer, which touches every parameter."""
    return network.parameters * UPDATE_TRAFFIC / speed.bytes


def training_seconds(
    network: Network, speed: Speed, *, rows: float, length: float, batch_size: int
) -> float:
    """Seconds to learn from `rows` rows (all epochs together) of `length` tokens each."""
    updates = rows / batch_size
    return rows * length * token_seconds(network, length, speed) + updates * update_seconds(
        network, speed
    )


def judging_seconds(network: Network, speed: Speed, *, rows: float, length: float) -> float:
    """Seconds to answer `rows` rows: forward only, a third of learning."""
    return rows * length * token_seconds(network, length, speed) / 3


def memory_mb(network: Network, *, batch_tokens: float) -> float:
    """Peak memory of training in MB: the process, the weights, what backward needs."""
    kept = batch_tokens * network.layers * network.hidden_size * ACTIVATIONS * 4
    return 700 + (network.parameters * BYTES_A_PARAMETER + kept) / 1e6
