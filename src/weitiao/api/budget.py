"""The time budget of training: what evaluation, baselines and error analysis leave of it."""

from __future__ import annotations

import numpy as np

from weitiao.api.unknown import FIT_ROWS
from weitiao.core.clock import awake
from weitiao.data.prepare.load import Data
from weitiao.evaluation.evaluate import judged_part
from weitiao.model.model import Model
from weitiao.planfile.plan import Plan
from weitiao.planning import cost
from weitiao.planning.facts import size_of
from weitiao.tasks.texts.generative import PART, TARGET, Generative
from weitiao.training.budget import TRAINING_SHARE, Clock
from weitiao.training.loop import Progress
from weitiao.training.recorder import Watch

EVALUATION_SECONDS = 6  # loading the best model, intervals, writing: reserved from a budget
FINDINGS_SHARE = 0.06  # of a budget that error analysis may take
FINDINGS_BUDGET = 180.0  # seconds; shorter ones have none
WRITING_FACTOR = 4.0  # of a forward pass, for a token that is written
JUDGING_SECONDS = 10.0  # for baselines and error analysis, after a short training
JUDGING_SHARE = 0.15  # of the training time, after a longer one


def clock_of(plan: Plan, begun: float) -> Clock:
    """Clock with the time budget of training.

    begun: when the budget began, by `awake()`. A head that cannot be fitted before training keeps
    TRAINING_SHARE for its updates even where imports, reading and probing have used up nearly all:
    nothing else would leave a model.
    """
    budget = plan.train.budget
    if budget is None:
        return Clock()
    return Clock(budget - (awake() - begun), TRAINING_SHARE * budget)


def reserve(clock: Clock, model: Model, data: Data, final: bool, busy: float = 0.0) -> None:
    """Keep the time that the evaluation after training will take, once the model is at hand.

    final: the sealed test is evaluated in the end. busy: the proportion of the processors that
    other programs use.
    """
    plan, budget = model.plan, model.plan.train.budget
    if clock.seconds is None or budget is None:
        return
    slower = 1 + min(busy, 1.0)  # where half of the processors are taken, all takes 1.5 times
    fixed = slower * EVALUATION_SECONDS
    # 1.5: the estimate counts forward passes alone, no tokenization and no intervals.
    estimated = slower * 1.5 * _evaluation_seconds(model, data, final)
    if not model.task.per_token and has_findings(budget):  # tags have no error analysis
        fixed += FINDINGS_SHARE * budget if plan.evaluate.findings else 0.0
    # At most half of the budget is reserved: with a test set of millions of rows, evaluation would
    # leave nothing to train.
    share = min(1.0, budget / 2 / max(fixed + estimated, 1e-6))
    # Texts are written in the end, and only read before.
    later = 0.0 if model.task.writes else _rows_after(data, final) / max(len(data.validation), 1)
    if plan.evaluate.unknown != "none":  # read again for their features, and some training rows
        later += 1 + min(len(data.train), FIT_ROWS) / max(len(data.validation), 1)
    clock.reserve(share * fixed, share * estimated, later)


def _rows_after(data: Data, final: bool) -> int:
    """Rows that are predicted after training."""
    # Validation rows are predicted to calibrate, and for comparisons beside the test set.
    final = final and data.sealed_test is not None
    rows = len(data.validation) * (2 if final else 1)
    return rows + len(data.sealed_test if final and data.sealed_test else data.validation)


def within_budget(watch: Watch | None, budget: float | None, begun: float) -> Watch | None:
    """A watch that is never told of more seconds than the budget has left."""
    if watch is None or budget is None:
        return watch

    def watch_within(progress: Progress, seconds: float) -> None:
        watch(progress, min(seconds, max(budget - (awake() - begun), 0.0)))  # NaN stays NaN

    return watch_within


def seconds_to_judge(budget: float | None, begun: float, training: float) -> tuple[float, float]:
    """Time limits of the baselines and of the error analysis: judging costs less than learning."""
    seconds = max(JUDGING_SECONDS, JUDGING_SHARE * training)
    if budget:
        seconds = min(seconds, max(budget - (awake() - begun) - EVALUATION_SECONDS, 0.0))
    return seconds / 2, seconds / 3 if has_findings(budget) else 0.0


def has_findings(budget: float | None) -> bool:
    """Whether a budget has time for an error analysis; in a shorter one, learning gains more."""
    return budget is None or budget >= FINDINGS_BUDGET


def _evaluation_seconds(model: Model, data: Data, final: bool) -> float:
    """Estimated seconds to predict the validation rows and the rows of the final evaluation."""
    plan, encoded = model.plan, model.encode(data.validation)
    rows = _rows_after(data, final)
    # By the validation rows: how many windows a row has, and how long one is.
    windows = len(encoded.lengths) / max(encoded.examples, 1)
    network = size_of(plan.model.checkpoint, model.net.native.config, plan.model.max_length)
    if isinstance(model.task, Generative):
        parts = (data.validation, *([data.sealed_test] if final and data.sealed_test else []))
        rows = sum(len(judged_part(model, part)) for part in parts)
        targets = int((np.asarray(encoded.values[PART]) == TARGET).sum())
        tokens = rows * targets / max(len(data.validation), 1) * model.task.num_beams
        # Written one by one, a token costs far more than in a whole row.
        windows, length = WRITING_FACTOR * tokens / max(rows, 1), 1.0
        return cost.evaluation_seconds(
            network, cost.measure(plan.train.precision), rows=rows * windows, length=length
        )
    return cost.evaluation_seconds(
        network,
        cost.measure(plan.train.precision),
        rows=rows * windows,
        length=float(encoded.lengths.mean()),
    )
