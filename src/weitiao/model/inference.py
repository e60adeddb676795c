"""Encoded rows through a network, without learning: logits, and the scores a task makes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from weitiao.core.ragged import Ragged, edges, flat, together
from weitiao.data.cache.encoded import Encoded
from weitiao.hardware.precision import arithmetic
from weitiao.hardware.probe import resolve
from weitiao.model.batching import by_length

if TYPE_CHECKING:
    from weitiao.model.model import Model

TOKENS = 8192  # at once in judging and answering; nothing is kept for backward there
AT_ONCE = 2000  # examples whose logits of all tokens are held at a time
Step = Callable[[int], None]


@torch.inference_mode()
def logits(
    model: Model,
    encoded: Encoded,
    net: Any,
    positions: Sequence[int] | np.ndarray | None,
    step: Step | None,
) -> Any:
    """As Model.logits. Rows go through sorted by length, so nearly nothing is padded."""
    net = net if net is not None else model.net
    sizes = model.sizes(encoded)
    where = np.arange(len(sizes)) if positions is None else np.asarray(positions)
    offsets = edges(encoded.lengths[where]) if model.task.per_token else None
    size = len(where) if offsets is None else offsets[-1]
    found = np.zeros((size, model.task.outputs), dtype=np.float32)
    device = next(model.net.parameters()).device
    training = net.training
    net.eval()
    wanted = model.plan.train.micro_batch_tokens
    budget = TOKENS if wanted == "auto" else wanted
    with arithmetic(resolve(model.plan.train.precision, device.type), device.type):
        for picked in by_length(sizes[where], budget, model.packs):
            batch = model.batch(encoded, where[picked]).to(device)
            given = net(batch).float()
            if offsets is not None and not batch.packed:
                given = given[batch.tensors["attention_mask"].bool()]
            places = picked if offsets is None else flat(offsets, picked)
            found[places] = given.cpu().numpy()
            if step:
                step(len(picked))
    net.train(training)
    return found if offsets is None else Ragged(found, offsets)


def scored(
    model: Model,
    encoded: Encoded,
    net: Any,
    examples: np.ndarray | None,
    step: Step | None,
) -> Any:
    """As Model.scored. Of logits of tokens, only some examples' are held at a time."""
    task = model.task
    if not task.per_token:
        return task.score(logits(model, encoded, net, examples, step))
    wanted = np.arange(encoded.examples) if examples is None else examples
    found = []
    for some in np.array_split(wanted, max(1, -(-len(wanted) // AT_ONCE))):
        part = encoded.of(some)
        found.append(task.merged(logits(model, part, net, None, None), part))
        if step:
            step(len(some))
    return together(found)
