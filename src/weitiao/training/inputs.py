"""What the loop is fed with, and what its numbers depend on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from weitiao.core import fingerprint
from weitiao.core.ragged import values_of
from weitiao.data.cache.encoded import Encoded
from weitiao.hardware.probe import resolve
from weitiao.model.model import Model
from weitiao.model.sharded import gathered
from weitiao.training.checkpoint import Settings


@dataclass(frozen=True)
class Feed:
    """Encoded rows and their answers, side by side.

    labels: to learn from, as `Task.labels_for` gives them; to judge by, as `Task.truth` does.
    """

    encoded: Encoded
    labels: Any

    def fingerprint(self) -> str:
        """The content of all ids and labels."""
        encoded = self.encoded
        arrays = [encoded.offsets, *([] if encoded.firsts is None else [encoded.firsts])]
        arrays += [encoded.values[name] for name in sorted(encoded.values)]
        contents = (np.ascontiguousarray(array).data for array in arrays)
        return fingerprint.of_chunks(chain(_held(values_of(self.labels)), contents), size=8)


def _held(labels: Any) -> Iterator[bytes]:
    """All that labels hold, whatever a task says of a row: numbers, spans, answers of a text."""
    if isinstance(labels, np.ndarray) and labels.dtype != object:
        yield np.ascontiguousarray(labels).tobytes()
    elif is_dataclass(labels):
        for one in fields(labels):
            yield from _held(getattr(labels, one.name))
    elif isinstance(labels, (np.ndarray, list, tuple)):
        for one in labels:
            yield from _held(one)
        yield b"%d" % len(labels)
    else:
        yield repr(labels).encode("utf-8")


def updates_of(judged: Feed, train: Feed, batch_size: int) -> float:
    """How many updates take as long as judging once: forward alone is a third of learning."""
    update = train.encoded.offsets[-1] / len(train.labels) * batch_size
    return float(judged.encoded.offsets[-1] / (3 * max(update, 1)))


def settings_of(model: Model, accelerator: Accelerator, train: Feed, validation: Feed) -> Settings:
    """What the numbers of this process depend on."""
    # Not pydantic's JSON: that knows no names of files with bytes that are no text.
    asked = json.dumps(model.plan.model_dump(exclude={"why", "expect"}), default=str)
    return Settings(
        plan=fingerprint.of_text(asked),
        rows=train.fingerprint(),
        validation=validation.fingerprint(),
        instructions=torch.backends.cpu.get_cpu_capability(),
        threads=torch.get_num_threads(),
        world=accelerator.num_processes,
        device=accelerator.device.type,
        precision=resolve(model.plan.train.precision, accelerator.device.type),
        layout=model.net.layout,
        kernels=model.net.kernels,
        torch=torch.__version__,
        frozen=_frozen(model.net),
    )


def _frozen(net: torch.nn.Module) -> str:
    """A hash of the weights that do not learn; "" when all do."""
    still = [param.detach() for param in net.parameters() if not param.requires_grad]
    memory = (
        gathered(param).cpu().contiguous().flatten().view(torch.uint8).numpy().data
        for param in still
    )
    return fingerprint.of_chunks(memory, size=8) if still else ""
