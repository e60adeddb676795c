"""How many tokens go through the network at once: measured before training, halved when too many.

It is a matter of memory, not of results: an update has the same rows and the same gradient however
it is cut. (The last bits differ, and the masks of dropout are drawn for other pieces.)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from weitiao.errors import RunError
from weitiao.hardware.precision import arithmetic
from weitiao.hardware.probe import resolve
from weitiao.i18n.messages import _
from weitiao.model.model import Model
from weitiao.model.sharded import local
from weitiao.tasks.base import LossFn
from weitiao.training.inputs import Feed

MOST = 16_384  # tokens: larger pieces are no faster
SHARE = 0.5  # of the free memory; the rest is for gradients, moments and other programs
ROWS = (1, 3)  # of the longest ones, in the two batches that are compared
REFUSALS = ("defaultcpuallocator", "not enough memory", "allocate memory", "out of memory")


def tokens_at_once(model: Model, train: Feed, loss_of: LossFn, accelerator: Accelerator) -> int:
    """What the plan says; for `auto` the largest power of two that half of the free memory holds.

    At most MOST, at least the longest row, which cannot be cut. Several processes, which may share
    this machine's memory, agree on the least.
    """
    asked = model.plan.train.micro_batch_tokens
    if asked != "auto":
        return asked
    longest = int(model.sizes(train.encoded).max())
    room = SHARE * free_bytes(accelerator.device) / accelerator.num_processes
    fits = room / max(bytes_a_token(model, train, loss_of), 1.0)
    found = max(min(2 ** math.floor(math.log2(max(fits, 1.0))), MOST), longest)
    return int(accelerator.gather(torch.tensor([found], device=accelerator.device)).min())


def bytes_a_token(model: Model, train: Feed, loss_of: LossFn) -> float:
    """What backward needs of each token more, by two small batches of the longest rows."""
    every = model.sizes(train.encoded)
    order = np.argsort(-every, kind="stable")
    few, more = (order[:count] for count in ROWS)
    if len(more) == len(few):  # one row in all
        more = np.repeat(few, ROWS[1])
    sizes = [_kept(model, train, rows, loss_of) for rows in (few, more)]
    lengths = [every[rows] for rows in (few, more)]
    tokens = [int(each.sum() if model.packs else each.max() * len(each)) for each in lengths]
    return (sizes[1] - sizes[0]) / (tokens[1] - tokens[0])


def _kept(model: Model, train: Feed, rows: np.ndarray, loss_of: LossFn) -> int:
    """Bytes that one forward pass keeps for backward, the weights apart."""
    device = next(model.net.parameters()).device
    kind = resolve(model.plan.train.precision, device.type)
    weights = {local(param).untyped_storage().data_ptr() for param in model.net.parameters()}
    seen: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        learned = tensor if tensor._base is None else tensor._base
        # Of a network in shards, whole weights come and go: their places are others' then.
        if tensor.layout == torch.strided and not (learned.is_leaf and learned.requires_grad):
            storage = tensor.untyped_storage()
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    model.net.train()
    with saved_tensors_hooks(keep, lambda tensor: tensor), arithmetic(kind, device.type):
        batch = model.batch(train.encoded, rows, train.labels).to(device)
        output = loss_of(model.net, batch)
    size = sum(count for place, count in seen.items() if place not in weights)
    if model.plan.train.sharding != "none":  # there, a pass without backward would stay half done
        torch.autograd.backward(output.loss)
        model.net.zero_grad(set_to_none=True)
    del output  # only now: what is freed may be given out again, under the same address
    return size


def free_bytes(device: torch.device) -> int:
    """Memory that nothing uses now."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    import psutil

    return int(psutil.virtual_memory().available)


def is_refusal(error: BaseException) -> bool:
    """Whether an error says that memory is exhausted."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    told = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in told for words in REFUSALS)


def fewer(tokens: int, longest: int, world: int) -> int:
    """The next smaller number of tokens. Raises RunError when there is none.

    Of several processes one cannot go back alone, while the others wait for its gradients.
    """
    if world > 1:
        told = _(
            "not enough memory for {tokens} tokens at once in one of {world} processes: set "
            "train.micro_batch_tokens to less, and go on with `weitiao train`.",
            tokens=tokens,
            world=world,
        )
        raise RunError(told)
    if tokens <= longest:
        told = _(
            "not enough memory for the longest row, {longest} tokens: a lower model.max_length or "
            "train.gradient_checkpointing: true needs less, and so does a smaller network.",
            longest=longest,
        )
        raise RunError(told)
    return max(tokens // 2, longest)


def release(*nets: Any) -> None:
    """Let go of gradients, and of what the card still holds."""
    for net in nets:
        net.zero_grad(set_to_none=True)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
