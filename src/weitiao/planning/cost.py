"""Cost model: time and peak memory of training on this machine, estimated before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# Model FLOPs utilization: proportion of the matmul speed that a whole update reaches (measured, see
# dev/LOG.md). The faster the matmul, the more the rest counts.
UTILIZATION = {"fp32": 0.62, "onednn": 0.45, "bf16": 0.32}
FUSED_UTILIZATION = {"fp32": 0.8, "onednn": 0.8, "bf16": 0.64}  # through own kernels
BYTES_A_PARAMETER = 4
BYTES_LEARNED = 12  # more, of one that learns: its gradient and two moments, 4 bytes each
# Bytes read and written for each parameter by one optimizer step: AdamW reads weight, gradient and
# two moments and writes all but the gradient (28), and the norm reads the gradient once more.
UPDATE_TRAFFIC = 32
MOST_TOKENS = 16_384  # that go through the network at once, if the plan leaves it open
PROCESS_MB = 700  # Python, torch and tokenizers before a network is loaded
ACTIVATIONS = 40  # numbers saved for backward, for each token, layer and unit of width


@dataclass(frozen=True)
class Network:
    """The size of a network. encoder: parameters without embeddings."""

    checkpoint: str
    hidden_size: int
    layers: int
    encoder: int
    parameters: int
    max_length: int
    fused: bool = False  # own kernels run it here
    causal: bool = True  # no encoder and decoder apart

    @property
    def inner_size(self) -> int:
        """The width of the feed-forward part, solved from `encoder`."""
        # encoder = layers * (4 hidden^2 + 2 hidden inner): attention, and the feed-forward part
        a_layer = self.encoder // self.layers
        return (a_layer - 4 * self.hidden_size**2) // (2 * self.hidden_size)


@dataclass(frozen=True)
class Speed:
    """The speed of this machine: floating-point operations and bytes of memory a second."""

    operations: float
    bytes: float
    threads: int
    precision: str = "fp32"
    all: Mapping[str, float] = field(default_factory=dict)  # operations of every arithmetic

    def useful(self, fused: bool) -> float:
        """Operations a second that training reaches, with own kernels (`fused`) or without."""
        return self.operations * (FUSED_UTILIZATION if fused else UTILIZATION)[self.precision]


def measure(precision: str = "auto") -> Speed:
    """The speed that `weitiao probe` measured here, at a plan's `precision`."""
    from weitiao.hardware import probe

    measured = probe.measured()
    kind = measured.best if precision == "auto" else precision
    operations = measured.operations.get(kind, measured.operations["fp32"])
    if measured.busy > probe.BUSY and kind != "bf16":
        # Both compute the same products. Beside other programs the slower one was disturbed.
        operations = max(operations, measured.operations.get("onednn", 0.0))
    return Speed(operations, measured.bytes, measured.threads, kind, measured.operations)


def token_operations(network: Network, length: float) -> float:
    """Floating-point operations of the matrix products that train one token, in a row of `length`.

    Kaplan et al. (2020): 6 for each parameter of the encoder (2 forward, 4 backward), and
    12 layers * width * length for the products of queries with keys and of weights with values.
    """
    # q k^T and P v: 2 * 2 * width * length forward, twice that backward, for each layer.
    return 6 * network.encoder + 12 * network.layers * network.hidden_size * length


def token_seconds(network: Network, length: float, speed: Speed) -> float:
    """Training time of one token, in a row of `length`."""
    return token_operations(network, length) / speed.useful(network.fused)


def update_seconds(
    network: Network, speed: Speed, lazy_embeddings: bool, learned: int | None = None
) -> float:
    """Time of one optimizer step, which is bound by memory traffic: over all parameters, all but
    the embeddings (lazy_embeddings), or those of an adapter (learned)."""
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
    """Training time of `rows` rows (all epochs together) of `length` tokens each."""
    steps = rows / batch_size * update_seconds(network, speed, lazy_embeddings, learned)
    return rows * length * token_seconds(network, length, speed) + steps


def evaluation_seconds(network: Network, speed: Speed, *, rows: float, length: float) -> float:
    """Time to predict `rows` rows: forward only, a third of training."""
    return rows * length * token_seconds(network, length, speed) / 3


def memory_mb(network: Network, *, batch_tokens: float, learned: int | None = None) -> float:
    """Peak memory of training in MB: process, weights, gradients, AdamW's moments, activations.

    learned: number of trained parameters; all if left out.
    """
    # Embedding tables count in full, lazy or not. On a processor moments of words that never come
    # take no memory; but a refit has the model beside it that validation chose.
    activations = batch_tokens * network.layers * network.hidden_size * ACTIVATIONS * 4
    learned = network.parameters if learned is None else learned
    weights = network.parameters * BYTES_A_PARAMETER + learned * BYTES_LEARNED
    return PROCESS_MB + (weights + activations) / 1e6
