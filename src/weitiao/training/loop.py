"""The training loop: forward, backward, gradient clipping, optimizer step, evaluation.

`fit` is a generator: it yields a Progress after every update, and one more after every evaluation.
Whoever runs it logs, saves, draws, prunes or stops with plain code in a `for`, so the loop has no
callbacks.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch.optim import Optimizer

from weitiao import parts
from weitiao.errors import DivergedError, PlanError
from weitiao.evaluation.evaluate import Report, evaluate_network
from weitiao.example import Batch, Output
from weitiao.hardware import phases
from weitiao.i18n.messages import _
from weitiao.losses.base import Loss
from weitiao.model.model import Model
from weitiao.planfile.sections import TrainPlan
from weitiao.tasks.base import LossFn
from weitiao.training import checkpoint, memory, sharding
from weitiao.training.batches import Feed, Stream
from weitiao.training.checkpoint import Learner, Settings, State, settings_of
from weitiao.training.groups import Group, groups_of, merged
from weitiao.training.optimizers.base import Recipe
from weitiao.training.schedules.base import Schedule
from weitiao.training.strategies.base import Strategy
from weitiao.training.update import UpdateStep, clip
from weitiao.training.update import norm as norm_of
from weitiao.training.update import values as gradients_of


@dataclass(frozen=True, slots=True)
class Progress:
    """The state after one update, or (with `report`) after evaluating its weights."""

    step: int
    total: int
    epoch: float
    loss: float
    learning_rate: float
    gradient_norm: float
    _control: LoopControl = field(repr=False)
    report: Report | None = None
    best: bool = False  # this report is the best so far
    stale: int = 0  # evaluations since the best one
    last: bool = False  # of a training without validation: the weights to keep

    def stop(self) -> None:
        """End the loop: at once in one process, after the next update in several, all together."""
        self._control.stop_requested = True

    @property
    def stopping(self) -> bool:
        """Whether the loop ends before another update: requested, and agreed by all processes."""
        return self._control.ends

    @property
    def planned(self) -> int:
        """The number of updates by the plan; a budget may allow fewer."""
        return self._control.state.planned

    @property
    def tokens(self) -> int:
        """Maximum tokens per forward pass; fewer after an out-of-memory error."""
        return self._control.state.tokens

    def replan(self, total: int) -> None:
        """Change the total number of updates; the schedule follows from here on."""
        self._control.state.total = max(total, self.step)

    def save(self, folder: Path, log_size: int, seconds: float) -> None:
        """Save a checkpoint into an empty folder. Only when `report` is None and it is not the
        `last`: else the network holds the evaluated weights (perhaps an average), not the raw
        ones."""
        assert self.report is None, "a checkpoint holds raw weights"
        assert not self.last, "a checkpoint holds raw weights"
        self._control.save(folder, log_size, seconds)


@dataclass(frozen=True)
class Length:
    """Length of a training without validation, in place of the plan's epochs.

    updates: that are made. horizon: the update at which the learning rate would reach its end.
    """

    updates: int
    horizon: int


@dataclass(frozen=True)
class Course:
    """What is decided before the first update, where the model was evaluated before it.

    total, evaluations: fewer than the plan's, where a budget has no time for all; None and 0: those
    of the plan. rate_factor: of the plan's learning rate. best: the score before training.
    """

    total: int | None = None
    evaluations: int = 0
    rate_factor: float = 1.0
    best: float = -math.inf

    def begin(self, planned: int, tokens: int) -> State:
        """The state before the first update. planned: updates by the plan; tokens: at once."""
        return State(
            total=self.total or planned,
            planned=planned,
            tokens=tokens,
            best=self.best,
            evaluations=self.evaluations,
            rate_factor=self.rate_factor,
        )


@dataclass
class LoopControl:
    """What the caller of the loop can change through a Progress."""

    learner: Learner
    state: State
    settings: Settings
    rank: int
    stop_requested: bool = False  # by this process
    stopping: bool = False  # agreed by all processes

    @property
    def ends(self) -> bool:
        """Whether no update follows. One process need not wait for the agreement."""
        return self.stopping or (self.stop_requested and self.settings.world == 1)

    def save(self, folder: Path, log_size: int, seconds: float) -> None:
        self.state.log_size, self.state.seconds = log_size, seconds
        checkpoint.save(folder, self.learner, self.state, self.settings, self.rank)


def fit(
    model: Model,
    train: Feed,
    validation: Feed | Length,
    accelerator: Accelerator,
    resume: Path | None = None,
    replayed: Mapping[int, int] | None = None,
    course: Course | None = None,
) -> Generator[Progress]:
    """Training loop: train `model` in place, yielding Progress after each update and evaluation.

    A Progress with a report comes while the network holds the evaluated weights (the average, if a
    strategy keeps one): save the model then. resume: a checkpoint's folder. replayed: update ->
    tokens per forward pass, as an earlier process that ran out of memory used them.
    validation: or a Length, then nothing is evaluated, and a Progress that is `last` comes at the
    end, while the network holds the weights for evaluation. course: what was decided before the
    first update, when the model was evaluated first. Raises DivergedError before an update that is
    not finite, RunError when `resume` cannot be continued exactly or memory does not suffice.
    """
    plan, rank = model.plan.train, accelerator.process_index
    cost, length = model.loss(), validation if isinstance(validation, Length) else None
    in_shards = sharding.placed(model, accelerator)
    strategies, groups, loss_of = learning(model, cost)
    if plan.gradient_checkpointing:
        model.net.checkpoint_gradients()
    recipe: Recipe = _single("optimizers", plan.optimizer)
    recipe.start(model.net)
    joined = merged(groups)
    optimizer = recipe.optimizer([group.options() for group in joined])
    schedule: Schedule = _single("schedules", plan.schedule)
    settings = settings_of(model, accelerator, train, validation)
    tokens = 0 if resume else memory.tokens_at_once(model, train, loss_of, accelerator)
    # DDP registers what requires a gradient when it wraps the network, so freezing comes before.
    net = in_shards or accelerator.prepare(model.net)
    lengths, packs = model.sizes(train.encoded), model.packs
    stream = Stream(lengths, plan.seed, plan.batch_size, 0, packs, buckets=not packs)
    update = UpdateStep(
        model, net, train, stream, loss_of, strategies, accelerator, settings.precision
    )

    # The RNG is seeded or restored last, so that nothing above can have drawn from it.
    learner = Learner(model.net, optimizer, strategies)
    # Another seed for each rank, or all processes would drop the same places of their rows.
    set_seed(plan.seed + rank)
    if resume:
        state = checkpoint.restore(resume, learner, settings, rank)
    else:
        planned = length.updates if length else planned_updates(plan, len(train.labels))
        state = (course or Course()).begin(planned, tokens)
    control = LoopControl(learner, state, settings, rank)
    loss = rate = norm = math.nan

    while True:
        epoch = state.step * plan.batch_size / len(train.labels)
        if isinstance(validation, Length):
            if state.step >= state.total:
                figures = (state.step, state.total, epoch, loss, rate, norm)
                with _for_evaluation(strategies, model):
                    yield Progress(*figures, control, last=True)
        elif due(state.step, state.total, state.evaluations or plan.evaluations, state.judged):
            with _for_evaluation(strategies, model) as stack:
                # Evaluation must not move the RNG: a run with more of them would train otherwise.
                stack.enter_context(torch.random.fork_rng())
                with phases.during("evaluations"):
                    report = evaluate_network(
                        model, net, validation.encoded, validation.labels, accelerator
                    )
                # Of equal scores the later wins: it was trained at the lower rate.
                best, gained = report.score >= state.best, report.score > state.best
                state.best, state.judged = max(state.best, report.score), state.step
                state.stale = 0 if gained else state.stale + 1
                figures = (state.step, state.total, epoch, loss, rate, norm)
                yield Progress(*figures, control, report, best, state.stale)
        if control.ends or state.step >= state.total:
            return

        # One update: exactly batch_size rows over all processes, in micro-batches.
        net.train()
        # The middle of the update: at its beginning the first rate would be 0, at its end the last.
        horizon = length.horizon if length else state.total
        progress = (state.step + 0.5) / horizon
        whole = state.rate_factor
        rate = set_rates(optimizer, joined, progress, plan.warmup_ratio, schedule, whole)
        counted = train.counted(stream.rows_of(state.step))
        # No label may count in a whole update (ignored, or of weight 0): 0 / 1e-12, not 0 / 0.
        count = max(float(cost.count(*counted)), 1e-12)
        state.tokens = (replayed or {}).get(state.step + 1, state.tokens)
        total_loss = update.gradients(state, count)
        gradients = gradients_of(p for group in groups for p in group.params)
        norm = norm_of(gradients, in_shards is not None)
        # One exchange for both: the loss of all rows, and whether any process was asked to stop.
        own = [float(total_loss), float(control.stop_requested)]
        reduced = accelerator.reduce(torch.tensor(own, device=accelerator.device), "sum").tolist()
        loss, control.stopping = reduced[0] / count, reduced[1] > 0
        # Both are the same number in every process by now, so all of them raise, or none.
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise DivergedError(_diverged(state, loss, norm, rate))
        if plan.max_grad_norm:
            clip(gradients, norm, plan.max_grad_norm)
        optimizer.step()
        # The fused optimizers of torch change weights without counting up their version; cached
        # copies (bf16 weights, packed kernels) are renewed by it.
        learned = [param for group in groups for param in group.params]
        torch.autograd.graph.increment_version(learned)
        optimizer.zero_grad(set_to_none=True)
        state.step += 1
        for strategy in strategies:
            strategy.after_step(model.net, state.step / horizon)
        epoch = state.step * plan.batch_size / len(train.labels)
        yield Progress(state.step, state.total, epoch, loss, rate, norm, control)


@contextmanager
def _for_evaluation(strategies: Sequence[Strategy], model: Model) -> Iterator[ExitStack]:
    """The network holds the weights for evaluation, such as an average."""
    with ExitStack() as stack:
        for strategy in strategies:
            stack.enter_context(strategy.evaluating(model.net))
        yield stack


def planned_updates(plan: TrainPlan, rows: int) -> int:
    """The updates that a plan asks for."""
    return math.ceil(plan.epochs * rows / plan.batch_size)


def learning(model: Model, cost: Loss) -> tuple[list[Strategy], list[Group], LossFn]:
    """The plan's strategies, and with them the parameter groups and the loss function."""
    plan, task = model.plan.train, model.task
    strategies: list[Strategy] = [
        parts.build("strategies", name, settings) for name, settings in plan.strategies.items()
    ]

    # In shards the output layer's weights are whole only while it runs.
    reading = any(strategy.reads_logits for strategy in strategies)
    model.net.needs_logits = reading or plan.sharding != "none"

    def loss_of(net: Any, batch: Batch) -> Output:
        return task.loss(net, batch, cost)

    for strategy in strategies:
        strategy.start(model.net, task)
    groups = groups_of(model.net, plan.learning_rate, plan.weight_decay)
    if not groups:
        message = _(
            "train.strategies: nothing is left that learns: the head has no weights, and all else "
            "stands still. Freeze fewer layers."
        )
        raise PlanError([message])
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
    whole: float = 1.0,
) -> float:
    """Learning rates of all groups: linear warm-up, then the schedule. Returns the highest.

    progress: of the run, 0 to 1. A group of base rate r gets r * scale(progress) * factor * whole.
    """
    if progress < warmup_ratio:
        factor = progress / warmup_ratio
    else:
        factor = schedule.factor((progress - warmup_ratio) / (1 - warmup_ratio))
    factor *= whole
    for group, settings in zip(groups, optimizer.param_groups, strict=True):
        settings["lr"] = group.learning_rate * group.scale(progress) * factor
    return max(float(settings["lr"]) for settings in optimizer.param_groups)


def due(step: int, total: int, evaluations: int, last: int = 0) -> bool:
    """Evaluation schedule: whether to evaluate after this update.

    At even distances (`evaluations` in the whole run), and always after the last one.

    last: the update evaluated last; when a budget changes the total, the grid of evaluations
    moves, and the next one must not follow close upon it.
    """
    if step >= total:
        return step > last
    # Integers: with floats, a grid point could fall on either side of a step.
    passed = step * evaluations // total > max(step - 1, 0) * evaluations // total
    return passed and step - last > total / evaluations / 2


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
