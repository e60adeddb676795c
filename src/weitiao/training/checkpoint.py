"""Training checkpoints for bit-exact resume: weights, optimizer, strategies, RNG states.

Weights, optimizer state (by parameter name), strategies and RNG states are safetensors; the rest is
in state.json, which also records what the numbers depend on: a resume restores it or refuses.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from pydantic import TypeAdapter
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from weitiao.core import disk, fingerprint
from weitiao.errors import RunError
from weitiao.hardware.probe import resolve
from weitiao.i18n.messages import _, joined
from weitiao.model.model import Model
from weitiao.model.sharded import copy_into, gathered, gathered_state, is_sharded
from weitiao.training.batches import Feed
from weitiao.training.strategies.base import Strategy

SPLIT = "|"  # between parts of a tensor's name; parameter names hold dots only


@dataclass
class State:
    """The position of training between two updates."""

    step: int = 0
    total: int = 0
    planned: int = 0  # updates the plan asked for; a budget may allow fewer
    best: float = float("-inf")
    stale: int = 0  # evaluations since the best one
    judged: int = 0  # step of the last evaluation
    tokens: int = 0  # per forward pass; fewer after an out-of-memory error
    log_size: int = 0
    seconds: float = 0.0
    evaluations: int = 0  # in the whole run, under a budget; 0: those of the plan
    rate_factor: float = 1.0  # of the plan's learning rate


@dataclass(frozen=True)
class Settings:
    """What the numbers depend on: they are equal only where all of it is."""

    plan: str  # hash of what the plan asks for
    rows: str  # hash of the training rows as the network sees them
    threads: int
    instructions: str | None
    world: int
    device: str
    precision: str
    layout: str
    kernels: str
    torch: str | None
    validation: str | None = (
        None  # hash of the validation rows; None without any, and in checkpoints of 0.1
    )
    frozen: str = ""  # hash of the frozen weights: a checkpoint does not hold them


@dataclass(frozen=True)
class Learner:
    """Everything with state that training changes."""

    net: nn.Module
    optimizer: Optimizer
    strategies: Sequence[Strategy]

    def names(self) -> dict[Tensor, str]:
        return {param: name for name, param in self.net.named_parameters()}

    def weights(self) -> dict[str, Tensor]:
        """What a checkpoint holds of the network: parameters that learn, and buffers."""
        # Tied weights have a second name in state_dict. It has to be known as a parameter's, or
        # they would be stored twice, the second time as a buffer.
        params = dict(self.net.named_parameters(remove_duplicate=False))
        learned = {n: p.detach() for n, p in self.net.named_parameters() if p.requires_grad}
        buffers = {n: v for n, v in self.net.state_dict().items() if n not in params}
        return learned | buffers


def settings_of(
    model: Model, accelerator: Accelerator, train: Feed, validation: object
) -> Settings:
    """What the numbers of this process depend on, for the check on resume."""
    # Not pydantic's JSON: that knows no names of files with bytes that are no text.
    # What acts before the first update or after the last is no part of it, and the
    # rows have hashes of their own.
    apart: Any = {
        "why": True,
        "expect": True,
        "tune": True,
        "train": {"linear_start", "refit", "truncate_to"},
        "data": {"declared_split"},
    }
    plan = json.dumps(model.plan.model_dump(exclude=apart), default=str)
    return Settings(
        plan=fingerprint.of_text(plan),
        rows=train.fingerprint(),
        validation=validation.fingerprint() if isinstance(validation, Feed) else None,
        instructions=torch.backends.cpu.get_cpu_capability(),
        threads=torch.get_num_threads(),
        world=accelerator.num_processes,
        device=accelerator.device.type,
        precision=resolve(model.plan.train.precision, accelerator.device.type),
        layout=model.net.layout,
        kernels=model.net.kernels,
        torch=torch.__version__,
        frozen=_frozen_hash(model.net),
    )


def _frozen_hash(net: nn.Module) -> str:
    """A hash of the frozen weights; "" when there are none."""
    frozen = [param.detach() for param in net.parameters() if not param.requires_grad]
    # As bytes: numpy has no bfloat16, and weights in 4 bits are bytes anyway.
    memory = (
        gathered(param).cpu().contiguous().flatten().view(torch.uint8).numpy().data
        for param in frozen
    )
    return fingerprint.of_chunks(memory, size=8) if frozen else ""


def save(folder: Path, learner: Learner, state: State, settings: Settings, rank: int = 0) -> None:
    """Write a checkpoint into an empty folder. Ranks above 0 add their RNG state only; where the
    network is sharded, they take part in gathering its tensors."""
    with disk.writing(folder):
        _save(Path(disk.plain(folder)), learner, state, settings, rank)


def _save(folder: Path, learner: Learner, state: State, settings: Settings, rank: int) -> None:
    save_file(random_state(), folder / f"random-{rank}.safetensors")
    for name, own in (("weights", learner.weights()), ("optimizer", _optimizer_state(learner))):
        tensors = gathered_state(
            own, keep=not rank
        )  # gathering is collective: every rank must call it
        if not rank:
            tensors = {key: value.contiguous() for key, value in tensors.items()}
            save_file(tensors, folder / f"{name}.safetensors")
    if rank:
        return
    strategies = {
        f"{i}{SPLIT}{name}": value.contiguous()
        for i, strategy in enumerate(learner.strategies)
        for name, value in strategy.state().items()
    }
    save_file(strategies, folder / "strategies.safetensors")
    values = {"state": asdict(state), "settings": asdict(settings)}
    if state.best == float("-inf"):
        values["state"]["best"] = None  # JSON has no infinity
    (folder / "state.json").write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def read(folder: Path) -> tuple[State, Settings]:
    """The state and settings of a checkpoint, without its tensors."""
    try:
        values = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        if values["state"].get("best") is None:
            values["state"]["best"] = float("-inf")
        state = TypeAdapter(State).validate_python(values["state"])
        settings = TypeAdapter(Settings).validate_python(values["settings"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(
            _("{folder}: this checkpoint cannot be read ({error}).", folder=folder, error=error)
        ) from None
    return state, settings


def restore(folder: Path, learner: Learner, settings: Settings, rank: int = 0) -> State:
    """Restore a checkpoint's tensors and RNG states.

    Raises RunError when the numbers would not be the same here as where it was made.
    """
    state, saved = read(folder)
    # None: the checkpoint was written before the setting was recorded.
    differ = [
        _(
            "{setting} was {then}, is {now}",
            setting=name,
            then=getattr(saved, name),
            now=getattr(settings, name),
        )
        for name in asdict(saved)
        if getattr(saved, name) not in (None, getattr(settings, name))
    ]
    if differ:
        raise RunError(
            _(
                "{folder}: resuming here would not give the same result: {differences}. Resume on "
                "the machine where it ran, or start again with `weitiao train`.",
                folder=folder,
                differences=joined(differ, "; "),
            )
        )
    folder = Path(disk.plain(folder))
    weights = load_file(folder / "weights.safetensors")
    for name, value in learner.weights().items():
        copy_into(value, weights[name])
    _restore_optimizer(learner, load_file(folder / "optimizer.safetensors"))
    device = next(learner.net.parameters()).device
    tensors = load_file(folder / "strategies.safetensors", device=str(device))
    for i, strategy in enumerate(learner.strategies):
        strategy.restore(_below(tensors, str(i)))
    restore_random(load_file(folder / f"random-{rank}.safetensors"))
    return state


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    start = prefix + SPLIT
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def _optimizer_state(learner: Learner) -> dict[str, Tensor]:
    """The optimizer's tensors as {name of the parameter|key: tensor}."""
    # By name: torch's own state_dict counts parameters in the order of their groups, which changes
    # with every change of the grouping.
    names = learner.names()
    return {
        f"{names[param]}{SPLIT}{key}": value
        for param, values in learner.optimizer.state.items()
        for key, value in values.items()
        if isinstance(value, Tensor)
    }


def _restore_optimizer(learner: Learner, tensors: Mapping[str, Tensor]) -> None:
    params = {name: param for param, name in learner.names().items()}
    for full, value in tensors.items():
        name, _, key = full.rpartition(SPLIT)
        param = params[name]
        # Step counts too: the fused optimizers read them on the device.
        learner.optimizer.state[param][key] = _placed_like(param, value)


def _placed_like(param: Tensor, value: Tensor) -> Tensor:
    """Optimizer state on the parameter's device, sharded as the parameter is."""
    if not is_sharded(param) or value.shape != param.shape:
        return value.to(param.device)
    sharded = torch.zeros_like(param)
    copy_into(sharded, value)
    return sharded


def random_state() -> dict[str, Tensor]:
    """RNG states as tensors: torch, CUDA, and the global ones of Python and NumPy."""
    # Both Mersenne Twisters are 624 words and a position. The Gaussian generators also cache every
    # second value that they draw. The words are unsigned 32-bit, which torch supports in part only,
    # so they are stored as int64.
    version, numbers, gauss = random.getstate()
    kind, keys, place, has_gauss, cached = np.random.get_state(legacy=True)
    assert version == 3
    assert kind == "MT19937"
    state = {
        "torch": torch.get_rng_state(),
        "python": torch.tensor(numbers, dtype=torch.int64),
        "python_gauss": torch.tensor([] if gauss is None else [gauss], dtype=torch.float64),
        "numpy": torch.from_numpy(np.asarray(keys).astype(np.int64)),
        "numpy_place": torch.tensor([place, has_gauss], dtype=torch.int64),
        "numpy_gauss": torch.tensor([cached], dtype=torch.float64),
    }
    if torch.cuda.is_available():
        state |= {f"cuda{i}": s for i, s in enumerate(torch.cuda.get_rng_state_all())}
    return state


def restore_random(state: Mapping[str, Tensor]) -> None:
    """Set every generator to what `random_state` returned."""
    torch.set_rng_state(state["torch"])
    gauss = state["python_gauss"].tolist()
    random.setstate((3, tuple(state["python"].tolist()), gauss[0] if gauss else None))
    place, has_gauss = state["numpy_place"].tolist()
    keys = state["numpy"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", keys, place, has_gauss, float(state["numpy_gauss"])))
    cuda = [state[f"cuda{i}"] for i in range(len(state)) if f"cuda{i}" in state]
    if cuda:
        torch.cuda.set_rng_state_all(cuda)
