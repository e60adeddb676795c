"""The training loop, top to bottom.

`fit` is a generator: it yields what happened after every update, and once more after every
evaluation. Whoever runs it logs, saves, draws, prunes or stops with plain code in a `for`, so the
loop has no callbacks.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch.optim import Optimizer

from weitiao import parts
from weitiao.core.ragged import values_of
from weitiao.errors import DivergedError, PlanError
from weitiao.evaluation.evaluate import Report, judge
from weitiao.example import Batch, Output
from weitiao.i18n.messages import _
from weitiao.losses.base import Loss
from weitiao.model.model import Model
from weitiao.tasks.base import LossFn
from weitiao.training import checkpoint, memory, sharding
from weitiao.training.batches import Stream
from weitiao.training.checkpoint import Learner, Settings, State
from weitiao.training.groups import Group, groups_of
from weitiao.training.inputs import Feed, settings_of
from weitiao.training.optimizers.base import Recipe
from weitiao.training.schedules.base import Schedule
from weitiao.training.strategies.base import Strategy
from weitiao.training.update import Pass, clip
from weitiao.training.update import norm as norm_of
from weitiao.training.update import values as gradients_of


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known after one update, or (with `report`) after judging the weights it left."""

    step: int
    total: int
    epoch: float
    loss: float
    learning_rate: float
    gradient_norm: float
    _hands: Hands = field(repr=False)
    report: Report | None = None
    best: bool = False  # this report is the best so far
    stale: int = 0  # reports since the best one

    def stop(self) -> None:
        """Let the loop end: at once in one process, together after the next update in several."""
        self._hands.asked = True

    @property
    def stopping(self) -> bool:
        """Whether the loop ends before another update: asked for, and agreed by all processes."""
        hands = self._hands
        return hands.stopping or (hands.asked and hands.settings.world == 1)

    @property
    def planned(self) -> int:
        """The updates the plan asked for, whatever a budget made of them."""
        return self._hands.state.planned

    @property
    def tokens(self) -> int:
        """How many tokens go through the network at once; fewer after memory was short."""
        return self._hands.state.tokens

    def replan(self, total: int) -> None:
        """Let the run have `total` updates; the schedule follows from here on."""
        self._hands.state.total = max(total, self.step)

    def save(self, folder: Path, log_size: int, seconds: float) -> None:
        """Write the raw state into an empty folder. Only when `report` is None: while a report
        is out, the network holds the judged weights, not the raw ones."""
        assert self.report is None, "a checkpoint holds raw weights"
        self._hands.save(folder, log_size, seconds)


@dataclass
class Hands:
    """What the caller of the loop can reach through a Progress."""

    learner: Learner
    state: State
    settings: Settings
    rank: int
    asked: bool = False  # this process wants to stop
    stopping: bool = False  # all processes agreed to

    def save(self, folder: Path, log_size: int, seconds: float) -> None:
        self.state.log_size, self.state.seconds = log_size, seconds
        checkpoint.save(folder, self.learner, self.state, self.settings, self.rank)


def fit(
    model: Model,
    train: Feed,
    validation: Feed,
    accelerator: Accelerator,
    resume: Path | None = None,
    replayed: Mapping[int, int] | None = None,
) -> Generator[Progress]:
    """Train `model` in place, yielding Progress after every update and every evaluation.

    While a Progress with a report is out, the network holds the judged weights (the average, if
    a strategy keeps one): save the model then. replayed: update -> tokens at once, where memory
    was short in a run that crashed later. Raises DivergedError before an update that is not
    finite, RunError when `resume` cannot be gone on with exactly or memory does not suffice.
    """
    plan, world, rank = model.plan.train, accelerator.num_processes, accelerator.process_index
    cost = model.loss()
    in_shards = sharding.placed(model, accelerator)
    strategies, groups, loss_of = learning(model, cost)
    if plan.gradient_checkpointing:
        model.net.checkpoint_gradients()
    recipe: Recipe = _single("optimizers", plan.optimizer)
    recipe.start(model.net)
    optimizer = recipe.optimizer([g.options() for g in groups])
    schedule: Schedule = _single("schedules", plan.schedule)
    settings = settings_of(model, accelerator, train, validation)
    tokens = 0 if resume else memory.tokens_at_once(model, train, loss_of, accelerator)
    net = in_shards or accelerator.prepare(model.net)
    lengths, packs = model.sizes(train.encoded), model.packs
    stream = Stream(lengths, plan.seed, plan.batch_size, 0, packs, buckets=not packs)
    update = Pass(model, net, train, stream, loss_of, strategies, accelerator, settings.precision)

    # Where it starts. The random state comes last, so nothing above can have drawn from it.
    learner = Learner(model.net, optimizer, strategies)
    set_seed(plan.seed + rank)
    if resume:
        state = checkpoint.restore(resume, learner, settings, rank)
    else:
        planned = math.ceil(plan.epochs * len(train.labels) / plan.batch_size)
        state = State(total=planned, planned=planned, tokens=tokens)
    hands = Hands(learner, state, settings, rank)
    loss = rate = norm = math.nan

    while True:
        epoch = state.step * plan.batch_size / len(train.labels)
        if due(state.step, state.total, plan.evaluations, state.judged):
            with ExitStack() as stack:
                for strategy in strategies:
                    stack.enter_context(strategy.evaluating(model.net))
                stack.enter_context(torch.random.fork_rng())
                report = judge(model, net, validation.encoded, validation.labels, accelerator)
                # Of equal ones the later is kept: it has learned at the lower rate.
                best, gained = report.score >= state.best, report.score > state.best
                state.best, state.judged = max(state.best, report.score), state.step
                state.stale = 0 if gained else state.stale + 1
                yield Progress(
                    state.step,
                    state.total,
                    epoch,
                    loss,
                    rate,
                    norm,
                    hands,
                    report,
                    best,
                    state.stale,
                )
        if hands.stopping or (hands.asked and world == 1) or state.step >= state.total:
            return

        # One update: exactly batch_size rows over all processes, in micro-batches.
        net.train()
        progress = (state.step + 0.5) / state.total
        rate = set_rates(optimizer, groups, progress, plan.warmup_ratio, schedule)
        labels = torch.from_numpy(values_of(train.labels[stream.rows_of(state.step)]))
        count = max(float(cost.count(labels)), 1e-12)
        state.tokens = (replayed or {}).get(state.step + 1, state.tokens)
        total_loss = update.gradients(state, count)
        slopes = gradients_of(p for group in groups for p in group.params)
        norm = norm_of(slopes, in_shards is not None)
        told = torch.tensor([float(total_loss), float(hands.asked)], device=accelerator.device)
        summed = accelerator.reduce(told, "sum").tolist()
        loss, hands.stopping = summed[0] / count, summed[1] > 0
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise DivergedError(_diverged(state, loss, norm, rate))
        if plan.max_grad_norm:
            clip(slopes, norm, plan.max_grad_norm)
        optimizer.step()
        # The fused optimizers of torch do not say so, and copies of the weights must be renewed.
        learned = [param for group in groups for param in group.params]
        torch.autograd.graph.increment_version(learned)
        optimizer.zero_grad(set_to_none=True)
        state.step += 1
        for strategy in strategies:
            strategy.after_step(model.net, state.step / state.total)
        epoch = state.step * plan.batch_size / len(train.labels)
        yield Progress(state.step, state.total, epoch, loss, rate, norm, hands)


def learning(model: Model, cost: Loss) -> tuple[list[Strategy], list[Group], LossFn]:
    """The strategies of the plan, and with them who learns how fast and what is minimised."""
    plan, task = model.plan.train, model.task
    strategies: list[Strategy] = [
        parts.build("strategies", name, settings) for name, settings in plan.strategies.items()
    ]

    def loss_of(net: Any, batch: Batch) -> Output:
        return task.loss(net, batch, cost)

    for strategy in strategies:
        strategy.start(model.net, task)
    groups = groups_of(model.net, plan.learning_rate, plan.weight_decay)
    if not groups:
        told = _(
            "train.strategies: nothing is left that learns: the head has no weights, and all else "
            "stands still. Freeze fewer layers."
        )
        raise PlanError([told])
    wrapped: LossFn = loss_of
    for strategy in strategies:
        wrapped = strategy.loss(wrapped)
        groups = strategy.groups(groups)
    return strategies, groups, wrapped


def set_rates(
    optimizer: Optimizer,
    groups: Sequence[Group],
    progress: float,
    warmup_ratio: float,
    schedule: Schedule,
) -> float:
    """Warm up, then follow the schedule. Returns the highest rate in use."""
    if progress < warmup_ratio:
        factor = progress / warmup_ratio
    else:
        factor = schedule.factor((progress - warmup_ratio) / (1 - warmup_ratio))
    for group, settings in zip(groups, optimizer.param_groups, strict=True):
        settings["lr"] = group.learning_rate * group.scale(progress) * factor
    return max(float(settings["lr"]) for settings in optimizer.param_groups)


def due(step: int, total: int, evaluations: int, judged: int = 0) -> bool:
    """Whether validation is judged after this update: evenly spaced, the last one always.

    judged: the update judged last; a changed total must not bring the next one close upon it.
    """
    if step >= total:
        return step > judged
    passed = step * evaluations // total > max(step - 1, 0) * evaluations // total
    return passed and step - judged > total / evaluations / 2


def _single(kind: str, chosen: dict[str, dict[str, Any]]) -> Any:
    ((name, settings),) = chosen.items()
    return parts.build(kind, name, settings)


def _diverged(state: State, loss: float, norm: float, rate: float) -> str:
    return _(
        "update {step} of {total} was not made: the loss is {loss:.4g}, the gradient's norm "
        "{norm:.4g}, at a learning rate of {rate:.2g}. The weights are still those of the update "
        "before. Try a lower train.learning_rate or a longer train.warmup_ratio; look for broken "
        "rows with `weitiao look`.",
        step=state.step + 1,
        total=state.total,
        loss=loss,
        norm=norm,
        rate=rate,
    )
