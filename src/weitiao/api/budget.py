"""What training may have of a budget: all that judging, baselines and a closer look do not need."""

from __future__ import annotations

from weitiao import parts
from weitiao.core.clock import awake
from weitiao.data.prepare.load import Data
from weitiao.planfile.plan import Plan
from weitiao.planning import cost
from weitiao.planning.facts import network_of, read_a_row
from weitiao.tasks.base import Task
from weitiao.training.budget import TRAINING_SHARE, Clock

JUDGING_SECONDS = 6  # loading the best model, intervals, writing: kept back from a budget
BASELINE_SHARE = 0.1  # of a budget that the baselines may take
FINDINGS_SHARE = 0.06  # of a budget that a closer look at the answers may take


def clock_of(plan: Plan, data: Data, begun: float, final: bool) -> Clock:
    """The clock of training. begun: when the budget began; final: the sealed test is judged.

    Where imports, reading and probing have used up nearly all, training has its share all the same.
    """
    budget = plan.train.budget
    if budget is None:
        return Clock()
    kept = JUDGING_SECONDS + 1.5 * _judging(plan, data, final)
    task: Task = parts.build("tasks", plan.task_name, plan.task[plan.task_name])
    if not task.per_token:  # no baseline of those tasks has a network, and nothing is looked into
        kept += BASELINE_SHARE * budget if plan.evaluate.baselines else 0.0
        kept += FINDINGS_SHARE * budget if plan.evaluate.findings else 0.0
    minimum = TRAINING_SHARE * budget
    return Clock(max(budget - (awake() - begun) - min(kept, budget / 2), minimum), minimum)


def _judging(plan: Plan, data: Data, final: bool) -> float:
    """Seconds to answer the validation rows, and those that are judged in the end."""
    rows = data.sealed_test if final and data.sealed_test is not None else data.validation
    network, tokenizer = network_of(plan.model.checkpoint, plan.model.revision)
    read, most = read_a_row(plan, data.validation, tokenizer), plan.model.max_length
    windows = max(read / most, 1.0)
    return cost.evaluation_seconds(
        network, cost.measure(plan.train.precision),
        rows=(len(rows) + len(data.validation)) * windows, length=min(read, most),
    )  # fmt: skip
