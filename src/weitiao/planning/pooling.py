"""The head for whole texts: first token or mean of all tokens, compared on the user's own rows.

A linear model is fitted to either vector of the frozen network (a linear probe, Alain and Bengio
2016), and the loss on held-out rows decides. One forward pass over some rows gives both.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from weitiao import parts
from weitiao.data.rows import Rows
from weitiao.i18n.messages import _
from weitiao.planfile.plan import Plan, Reason
from weitiao.planning.facts import sampled

if TYPE_CHECKING:
    from torch import Tensor

    from weitiao.model.model import Model

ROWS = 256  # of the comparison
FEWEST_ROWS = 60  # with fewer, nothing could be told
LENGTH = 96  # tokens; of longer texts the beginning is compared
CLEAR = 0.97  # times the loss of the mean: the first token must be better by this
SHORTEST_BUDGET = 300.0  # seconds; with less, the time is better spent on training
CHOICES = ("mean", "native")


def head(plan: Plan, rows: Rows) -> Reason | None:
    """The head of a plan whose head is open; None where the task or the network has no choice.

    rows: labelled rows, of which some are read.
    """
    from transformers import AutoConfig

    from weitiao.checkpoints.families import reads_last
    from weitiao.checkpoints.resolve import resolve
    from weitiao.checkpoints.verify import load_errors
    from weitiao.model import folding

    task = parts.build("tasks", plan.task_name, plan.task[plan.task_name])
    if task.head != "sequence" or task.own_head or not len(rows):
        return None
    source = resolve(plan.model.checkpoint, plan.model.revision)
    with load_errors(plan.model.checkpoint):
        config = AutoConfig.from_pretrained(source.path_or_name, revision=source.revision)
    if reads_last(config) or not folding.is_known(config) or plan.model.adapter:
        return None
    budget = plan.train.budget
    if len(rows) < FEWEST_ROWS or (budget and budget < SHORTEST_BUDGET):
        return Reason(
            value={"mean": {}},
            reason=_(
                "the mean of the tokens says more of a text than its first token, before the "
                "network has learned from these rows"
            ),
            evidence=_("not compared here: too few rows")
            if len(rows) < FEWEST_ROWS
            else _("not compared here: the budget is too short"),
        )
    count, mean, first = compared(plan, rows)
    if math.isinf(mean):  # a broken checkpoint, which training will tell
        return None
    chosen = "native" if first < CLEAR * mean else "mean"
    reason = (
        _("a linear model reads the first token better here than the mean of the tokens")
        if chosen == "native"
        else _("a linear model reads the mean of the tokens at least as well as the first one")
    )
    evidence = _(
        "{rows} rows, frozen network, loss on held-out rows: mean {mean:.2f}, first token "
        "{first:.2f}",
        rows=count,
        mean=round(mean, 2),
        first=round(first, 2),
    )
    return Reason(value={chosen: {}}, reason=reason, evidence=evidence)


def compared(plan: Plan, rows: Rows) -> tuple[int, float, float]:
    """Rows that were read, and the held-out loss of a linear model on the mean of the tokens and
    on the first token."""
    from weitiao.model.model import Model
    from weitiao.training.linear_start import held_out_losses

    rows = rows.take(sampled(len(rows), ROWS))
    changes = {
        "model.head": {"mean": {}},
        "model.max_length": min(LENGTH, plan.model.max_length),
        "model.long_texts": {"head": {}},
        "train.class_weights": "none",
    }
    model = Model.start(plan.with_(changes), rows)
    both = vectors(model, rows)
    gold = model.task.gold(rows)
    import torch

    labels = torch.from_numpy(np.asarray(gold))
    losses = []
    for vector in both:
        standard = (vector - vector.mean(0)) / (vector.std(0) + 1e-6)
        each = held_out_losses(
            standard, labels, np.arange(len(rows)), model.loss(), model.task.outputs
        )
        losses.append(float(each.min()))
    return len(rows), losses[0], losses[1]


def vectors(model: Model, rows: Rows) -> tuple[Tensor, Tensor]:
    """The mean and the first token's vector of each row, (rows, width) each."""
    import torch

    from weitiao.model.head_layers import Pool

    width = int(model.net.native.config.hidden_size)
    pools = [Pool(name, width) for name in ("mean", "first")]
    seen: list[Tensor] = []

    def pool(module: Any, inputs: Any) -> None:
        layers, tokens = inputs
        seen[:] = [torch.cat([one(layers[-1], tokens) for one in pools], dim=1)]

    def run(batch: Any) -> Tensor:
        model.net(batch)
        return seen[0]

    hook = model.net.native.head.register_forward_pre_hook(pool)
    try:
        both = torch.from_numpy(model.in_batches(run, model.net, 2 * width, model.encode(rows)))
    finally:
        hook.remove()
    return both[:, :width], both[:, width:]
