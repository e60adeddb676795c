"""Micro-batch size by memory: tokens per forward pass, measured before training, halved on
out-of-memory.

It affects memory, not the result: an update has the same rows and the same gradient however it is
cut. (The last bits differ, and dropout masks are drawn for other pieces.) A loss that compares rows
is the exception: its updates stay whole as long as memory allows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from weitiao import parts
from weitiao.errors import RunError
from weitiao.hardware.precision import arithmetic
from weitiao.hardware.probe import resolve
from weitiao.i18n.messages import _
from weitiao.model.model import Model
from weitiao.model.sharded import local
from weitiao.planfile.plan import Plan
from weitiao.tasks.base import LossFn
from weitiao.training.batches import Feed

MAX_TOKENS = 16_384  # per forward pass: larger ones are no faster
MEMORY_SHARE = 0.5  # of the free memory; the rest is for gradients, moments and other programs
MEASURED_ROWS = (1, 3)  # of the longest ones, in the two batches that are compared
# What torch says when an allocation fails, in lower case: on processors and GPUs, by platform.
REFUSALS = ("defaultcpuallocator", "not enough memory", "allocate memory", "out of memory")


def tokens_at_once(model: Model, train: Feed, loss_of: LossFn, accelerator: Accelerator) -> int:
    """Micro-batch size in tokens: by the plan, or for `auto` the largest power of two whose
    activations half of the free memory holds.

    At most MAX_TOKENS, at least the longest row, which cannot be cut. Several processes, which may
    share this machine's memory, agree on the minimum.
    """
    wanted = model.plan.train.micro_batch_tokens
    if wanted != "auto":
        return wanted
    longest = int(model.sizes(train.encoded).max())
    if whole_updates(model.plan):
        longest *= model.plan.train.batch_size
    room = MEMORY_SHARE * free_bytes(accelerator.device) / accelerator.num_processes
    fits = room / max(bytes_a_token(model, train, loss_of), 1.0)
    # A power of two: free memory varies from run to run, and the micro-batches, on which the last
    # bits of a gradient depend, should not follow it.
    tokens = max(min(2 ** math.floor(math.log2(max(fits, 1.0))), MAX_TOKENS), longest)
    return int(accelerator.gather(torch.tensor([tokens], device=accelerator.device)).min())


def whole_updates(plan: Plan) -> bool:
    """Whether a strategy wants all rows of an update in one forward pass."""
    return any(parts.find("strategies", name).whole_updates for name in plan.train.strategies)


def bytes_a_token(model: Model, train: Feed, loss_of: LossFn) -> float:
    """Activation memory of one more token in bytes, from two small batches of the longest rows.

    The difference of two batches leaves out what every pass needs whatever its size. The longest
    rows need most a token where attention keeps a number for each pair of tokens.
    """
    every = model.sizes(train.encoded)
    order = np.argsort(-every, kind="stable")
    few, more = (order[:count] for count in MEASURED_ROWS)
    if len(more) == len(few):  # one row in all
        more = np.repeat(few, MEASURED_ROWS[1])
    sizes = [_saved_bytes(model, train, rows, loss_of) for rows in (few, more)]
    lengths = [every[rows] for rows in (few, more)]
    tokens = [int(each.sum() if model.packs else each.max() * len(each)) for each in lengths]
    return (sizes[1] - sizes[0]) / (tokens[1] - tokens[0])


def _saved_bytes(model: Model, train: Feed, rows: np.ndarray, loss_of: LossFn) -> int:
    """Bytes that autograd saves for backward in one forward pass, without the weights."""
    device = next(model.net.parameters()).device
    kind = resolve(model.plan.train.precision, device.type)
    # Saved tensors share storages (views, in-place results), so bytes are counted by address, once.
    weights = {local(param).untyped_storage().data_ptr() for param in model.net.parameters()}
    seen: dict[int, int] = {}

    def record(tensor: Tensor) -> Tensor:
        base = tensor if tensor._base is None else tensor._base
        # Under FSDP gathered weights come and go, and other tensors get their addresses: weights
        # are recognized by being leaves, too.
        if tensor.layout == torch.strided and not (base.is_leaf and base.requires_grad):
            storage = tensor.untyped_storage()
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()  # itself, an output would hold its own graph, and that the network

    model.net.train()
    with saved_tensors_hooks(record, lambda tensor: tensor), arithmetic(kind, device.type):
        batch = model.batch(train.encoded, rows, train.labels, train.weights).to(device)
        output = loss_of(model.net, batch)
    size = sum(count for place, count in seen.items() if place not in weights)
    if model.plan.train.sharding != "none":  # there, a pass without backward would stay half done
        torch.autograd.backward(output.loss)
        model.net.zero_grad(set_to_none=True)
    del output  # only now: what is freed may be given out again, under the same address
    return size


def free_bytes(device: torch.device) -> int:
    """Free memory of the device, or of this machine."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    import psutil

    return int(psutil.virtual_memory().available)


def is_refusal(error: BaseException) -> bool:
    """Whether an exception is an out-of-memory error."""
    # On processors torch raises a plain RuntimeError, which only its text gives away.
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    message = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in message for words in REFUSALS)


def fewer(tokens: int, longest: int, world: int) -> int:
    """Micro-batch size after an out-of-memory error: half the tokens.

    Raises RunError when the longest row needs more, and in distributed training: one of several
    processes cannot retry alone, since the others already wait for its gradients.
    """
    if world > 1:
        message = _(
            "not enough memory for {tokens} tokens at once in one of {world} processes: set "
            "train.micro_batch_tokens to less, and go on with `weitiao train`.",
            tokens=tokens,
            world=world,
        )
        raise RunError(message)
    if tokens <= longest:
        message = _(
            "not enough memory for the longest row, {longest} tokens: a lower model.max_length or "
            "train.gradient_checkpointing: true needs less, and so does a smaller network.",
            longest=longest,
        )
        raise RunError(message)
    return max(tokens // 2, longest)


def release(*nets: Any) -> None:
    """Free memory for a retry: gradients, and the cache of the CUDA allocator."""
    for net in nets:
        net.zero_grad(set_to_none=True)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
