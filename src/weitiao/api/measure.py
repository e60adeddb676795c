"""Measure what a plan will take: a rehearsal, a few updates, features of the frozen network."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weitiao import parts
from weitiao.api.rehearsal import rehearse
from weitiao.core import atomic, notice
from weitiao.core.clock import awake, duration
from weitiao.data.files.table import Source
from weitiao.data.prepare.load import Data, load
from weitiao.data.prepare.run_steps import run_steps
from weitiao.evaluation.baselines.of_model import fit_for
from weitiao.hardware.probe import Disturbance, machine_key
from weitiao.i18n.messages import _
from weitiao.model.model import Model
from weitiao.planfile.expectation import Expectation, Measured, QualityEstimate, digest
from weitiao.planfile.plan import Plan
from weitiao.planfile.sections import REFIT_ROWS
from weitiao.planning import gains, history, linear_rung, phase_cost, quality
from weitiao.planning.expected_phases import (
    Rehearsed,
    Sizes,
    Taken,
    expected_phases,
    updates_in_budget,
)
from weitiao.planning.phase_cost import Sample
from weitiao.training import linear_start, timed_updates
from weitiao.training.batches import Feed
from weitiao.training.loop import planned_updates
from weitiao.training.run import training_feed

FEATURE_ROWS = 1_000  # whose features are read
FEATURE_SECONDS = 20.0
UPDATE_SECONDS = 30.0
BASELINE_ROWS = 400  # that TF-IDF is fitted to
LINEAR_ROWS = 500  # that the output layer is fitted to
FIXED_SECONDS = 25.0  # of a measurement, before it is known what an update costs here
MOST_BUSY = 0.8  # the system shares the processors: this program gets some of them in any case
UPDATES = len(timed_updates.LEVELS) * (timed_updates.REPEATED + 1)

Say = Callable[[str], None]


def cost_of_measuring(plan: Plan, rows: int, busy: float = 0.0) -> float:
    """About how many seconds it takes to measure a plan, from its quick estimate. rows: of
    training. busy: proportion of the processors that other programs use now; the estimate is of
    an idle machine, and what is limited in time takes no longer."""
    slower = 1 / (1 - min(busy, MOST_BUSY))
    updates = max(planned_updates(plan.train, rows), 1)
    update = slower * float(plan.expect.get("train_seconds", 0.0)) / updates
    some = min(rows, FEATURE_ROWS) / max(plan.train.batch_size, 1) * update / 3
    timed = min(UPDATES * update, 2 * UPDATE_SECONDS) + min(some, FEATURE_SECONDS)
    return slower * FIXED_SECONDS + timed


def measured(plan: Plan, source: Source | None, say: Say | None = None) -> Plan:
    """The plan with what its run will take on this machine as it is, and which score it will reach.

    Raises WeitiaoError for what would stop the run itself.
    """
    begun, disturbance = awake(), Disturbance()
    data = load(plan.data, plan.task_name, source)
    if say:
        about = duration(cost_of_measuring(plan, len(data.train), disturbance.proportion()))
        say(_("measuring time, memory and score takes about {time}", time=about))
    found = _measured(plan, source, data)
    machine = history.machine_of(machine_key())
    past = history.runs(machine)
    phases, peak, runs = expected_phases(found.taken, found.sizes, past, found.family)
    expected = Expectation(
        phases=phases,
        total_seconds=phase_cost.total(one.seconds for one in phases.values()),
        peak_mb=peak,
        quality=found.quality([*gains.shipped(), *history.gains(past)]),
        measured=Measured(
            plan=digest(plan),
            busy=disturbance.proportion(),
            seconds=round(awake() - begun, 1),
            runs=runs,
            machine=machine,
            family=found.family,
        ),
    )
    learning = [phases[n].seconds.value for n in ("training", "evaluations") if n in phases]
    quick = {"train_seconds": round(sum(learning), 1), "memory_mb": round(peak.value)}
    return plan.model_copy(update={"expect": {**plan.expect, **quick, **expected.plain()}})


@dataclass(frozen=True)
class _Found:
    """What a measurement has found; curve: of the linear model, None where there is none."""

    taken: Taken
    sizes: Sizes
    family: str
    metric: str
    curve: quality.Curve | None

    def quality(self, known: list[quality.Gain]) -> QualityEstimate | None:
        """The score, given the gains of fine-tuning so far."""
        if self.curve is None:
            return None
        sizes = self.sizes
        updates = updates_in_budget(self.taken, sizes)
        return quality.predicted(self.metric, self.curve, sizes.train_rows, known, updates)


def _measured(plan: Plan, source: Source | None, data: Data) -> _Found:
    with notice.during(_("measuring: a run on a sample of the rows, from start to end")):
        rehearsed = rehearse(plan, source, _labels(plan, data), _refits(plan, data))
    with notice.during(_("measuring: tokens, features, baselines, a few updates")):
        return _timed(plan, source, rehearsed)


def _timed(plan: Plan, source: Source | None, rehearsed: Rehearsed) -> _Found:
    """Time each piece of work that a run does more often, or on more rows, than the rehearsal."""
    watch = Stopwatch()
    data = load(plan.data, plan.task_name, source)
    reading = watch.lap()
    train = run_steps(data.train.weighing(), plan.data.steps, plan.train.seed, [])
    model = Model.start(plan, train, data.validation)
    feed = training_feed(model, train, plan.train.truncate_to)
    watch.lap()  # that filled the cache, in which the run will find the tokens
    feed = training_feed(model, train, plan.train.truncate_to)
    encoding = watch.lap()
    order = np.random.default_rng(plan.train.seed).permutation(len(feed.labels))
    rung = linear_rung.read(model, feed, order[:FEATURE_ROWS], FEATURE_SECONDS)
    curve = None
    if linear_rung.usable(model) and len(rung.positions) >= linear_rung.FEWEST:
        curve = linear_rung.curve(model, feed, model.task.gold(train), rung)
    updates = planned_updates(plan.train, len(feed.labels))
    tokens = timed_updates.update_tokens(model, feed, updates)
    baselines, linear = _baselines(model, data), _linear(model, feed)
    saving, disk = _saving(model)
    longer_mb = timed_updates.longer_mb(model, feed, tokens)
    costs = list(timed_updates.timed(model, feed, tokens, UPDATE_SECONDS))
    taken = Taken(
        rehearsed=rehearsed,
        learned=phase_cost.fitted([Sample(one.tokens, one.rows, one.seconds) for one in costs]),
        read=phase_cost.fitted(rung.samples),
        longer_mb=longer_mb,
        weights_mb=sum(p.numel() * p.element_size() for p in model.net.parameters()) / 1e6,
        reading=reading,
        encoding=encoding,
        saving=saving,
        disk=disk,
        linear=linear,
        baselines=baselines,
        most_linear_rows=linear_start.MAX_ROWS,
    )
    sizes = Sizes(
        train_rows=len(data.train),
        validation_rows=len(data.validation),
        batch_size=plan.train.batch_size,
        updates=updates,
        evaluations=plan.train.evaluations,
        update_tokens=tokens.tolist(),
        row_tokens=float(model.sizes(feed.encoded).mean()),
        refit=_refits(plan, data),
        budget=plan.train.budget,
    )
    family = str(getattr(model.net.native.config, "model_type", ""))
    return _Found(taken, sizes, family, linear_rung.metric_name(model), curve)


class Stopwatch:
    """Seconds between two looks at the clock."""

    def __init__(self) -> None:
        self._since = awake()

    def lap(self) -> float:
        since, self._since = self._since, awake()
        return self._since - since


def _labels(plan: Plan, data: Data) -> int:
    """How many labels the rows have; 0 for numbers and texts."""
    task = parts.build("tasks", plan.task_name, plan.task[plan.task_name])
    return len(task.learn(data.train.targets()).choices)


def _baselines(model: Model, data: Data) -> tuple[int, float] | None:
    """Rows and seconds of a fit of the baselines."""
    if not model.plan.evaluate.baselines:
        return None
    train = data.train.weighing()
    train = train.take(slice(0, BASELINE_ROWS)) if len(train) > BASELINE_ROWS else train
    watch = Stopwatch()
    with suppress(ValueError):  # a label that the first rows do not have
        fit_for(model, train, data.validation)
    return len(train), watch.lap()


def _linear(model: Model, feed: Feed) -> tuple[int, float] | None:
    """Rows and seconds of a fit of the output layer."""
    if not (model.plan.train.linear_start and linear_start.possible(model)):
        return None
    rows = min(LINEAR_ROWS, len(feed.labels))
    watch = Stopwatch()
    linear_start.fit_output_layer(model, feed, model.loss(), rows).put_into(model)
    return rows, watch.lap()


def _saving(model: Model) -> tuple[float, float]:
    """Seconds of writing the model, and until a disk has it, before it is swapped in."""
    with tempfile.TemporaryDirectory() as folder:
        for _time in range(2):  # the first time more is read and imported than later
            watch = Stopwatch()
            with atomic.swapping_folder(Path(folder) / "best") as new:
                model.save(new)
                written = watch.lap()
        return written, watch.lap()


def _refits(plan: Plan, data: Data) -> bool:
    """Whether the run will be trained once more on all rows."""
    few = len(data.train) + len(data.validation) < REFIT_ROWS
    wanted = plan.train.refit == "always" or (plan.train.refit == "auto" and few)
    return wanted and plan.data.validation_path is None
