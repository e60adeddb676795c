"""Time and memory of a run on this machine, before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weitiao.planning.facts import Network

# Of the speed of bare products that a whole update reaches (measured, see dev/LOG.md): the faster
# the products, the more the rest counts.
SHARES = {"fp32": 0.62, "onednn": 0.45, "bf16": 0.32}
FUSED = {"fp32": 0.8, "onednn": 0.8, "bf16": 0.64}  # through own kernels
BYTES_A_PARAMETER = 4
BYTES_LEARNED = 12  # more, of one that learns: its gradient and two moments, 4 bytes each
UPDATE_TRAFFIC = 32  # bytes read and written for each parameter by one optimizer step
MOST_TOKENS = 16_384  # that go through the network at once, if the plan leaves it open
ACTIVATIONS = 40  # numbers kept for backward, for each token, layer and unit of width


@dataclass(frozen=True)
class Speed:
    """What this machine does: floating-point operations and bytes of memory a second."""

    operations: float
    bytes: float
    threads: int
    precision: str = "fp32"
    all: Mapping[str, float] = field(default_factory=dict)  # operations of every arithmetic

    def useful(self, fused: bool) -> float:
        """Operations a second that a whole update reaches, through own kernels or without."""
        return self.operations * (FUSED if fused else SHARES)[self.precision]


def measure(precision: str = "auto") -> Speed:
    """What `weitiao probe` knows of this machine, for a plan that asks for `precision`."""
    from weitiao.hardware import probe

    found = probe.measured()
    kind = found.best if precision == "auto" else precision
    operations = found.operations.get(kind, found.operations["fp32"])
    return Speed(operations, found.bytes, found.threads, kind, found.operations)


def token_seconds(network: Network, length: float, speed: Speed) -> float:
    """Seconds to learn from one token: forward and backward, attention over `length` tokens."""
    attention = 12 * network.layers * network.hidden_size * length
    return (6 * network.encoder + attention) / speed.useful(network.fused)


def update_seconds(
    network: Network, speed: Speed, lazy_embeddings: bool, learned: int | None = None
) -> float:
    """Seconds of one step of the optimizer, which touches every parameter, or nearly no word
    vector, or the weights of an adapter alone."""
    parameters = network.encoder if lazy_embeddings else network.parameters
    parameters = parameters if learned is None else learned
    return parameters * UPDATE_TRAFFIC / speed.bytes


def training_seconds(
    network: Network,
    speed: Speed,
    *,
    rows: float,
    length: float,
    batch_size: float,
    lazy_embeddings: bool = True,
    learned: int | None = None,
) -> float:
    """Seconds to learn from `rows` rows (all epochs together) of `length` tokens each."""
    steps = rows / batch_size * update_seconds(network, speed, lazy_embeddings, learned)
    return rows * length * token_seconds(network, length, speed) + steps


def judging_seconds(network: Network, speed: Speed, *, rows: float, length: float) -> float:
    """Seconds to answer `rows` rows: forward only, a third of learning."""
    return rows * length * token_seconds(network, length, speed) / 3


def memory_mb(network: Network, *, batch_tokens: float, learned: int | None = None) -> float:
    """Peak memory of training in MB: the process, the weights, what backward needs.

    learned: how many weights learn; all if left out.
    """
    kept = batch_tokens * network.layers * network.hidden_size * ACTIVATIONS * 4
    learned = network.parameters if learned is None else learned
    held = network.parameters * BYTES_A_PARAMETER + learned * BYTES_LEARNED
    return 700 + (held + kept) / 1e6
