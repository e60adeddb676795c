"""Default search space: which settings are searched, by the rows, the task and the plan."""

from __future__ import annotations

from typing import Any

from weitiao import parts
from weitiao.errors import PlanError
from weitiao.planfile.plan import Plan
from weitiao.planfile.search_space import Dimension
from weitiao.tuning.space import Space

FEW_ROWS, MANY_ROWS = 2_000, 20_000
FEWEST_UPDATES_AN_EPOCH = 8  # a batch size that leaves fewer is not proposed
RATE_DOWN, RATE_UP = 5.0, 4.0  # times below and above the plan's learning rate
MAX_EPOCHS = 30.0


def default_dimensions(plan: Plan, rows: int) -> tuple[Dimension, ...]:
    """The settings that matter for so many training rows, around the plan's values.

    Of few rows also what keeps a network from over-fitting: dropout, strategies, label smoothing.
    Of many, epochs are few and each trial is long: fewer settings.
    """
    train = plan.train
    made = [
        Dimension(
            "train.learning_rate",
            train.learning_rate / RATE_DOWN,
            min(10.0, train.learning_rate * RATE_UP),
            log=True,
        ),
        _epochs(plan, rows),
        _around("train.batch_size", train.batch_size, _sizes(rows)),
        _around("train.warmup_ratio", train.warmup_ratio, [0.0, 0.06, 0.1, 0.2]),
    ]
    if rows < MANY_ROWS:
        made.append(_around("train.weight_decay", train.weight_decay, [0.0, 0.01, 0.1]))
    if rows < FEW_ROWS:
        made.append(_around("model.dropout", plan.model.dropout, [None, 0.0, 0.2]))
        strategies: list[Any] = [{}, {"ema": {}}, {"layer_decay": {}}]
        if not plan.model.adapter:  # nothing below an adapter learns
            made.append(_around("train.strategies", plan.train.strategies, strategies))
        made += _smoothing(plan)
    return tuple(one for one in made if _fits(plan, one))


def _epochs(plan: Plan, rows: int) -> Dimension:
    epochs = plan.train.epochs
    low, high = epochs / 2, min(MAX_EPOCHS, epochs * (2 if rows < MANY_ROWS else 1.5))
    if epochs >= 2 and float(epochs).is_integer():
        return Dimension("train.epochs", max(1.0, low // 1), max(high // 1, epochs), whole=True)
    return Dimension("train.epochs", low, max(high, epochs))


def _sizes(rows: int) -> list[int]:
    return [size for size in (8, 16, 32, 64) if rows / size >= FEWEST_UPDATES_AN_EPOCH] or [8]


def _around(path: str, own: Any, values: list[Any]) -> Dimension:
    """Choices around the plan's own value; numbers ascend."""
    choices = [own, *(one for one in values if one != own)]
    if all(isinstance(one, (int, float)) for one in choices):
        choices.sort()
    return Dimension(path, choices=tuple(choices))


def _smoothing(plan: Plan) -> list[Dimension]:
    """Label smoothing, of the tasks whose loss has it."""
    task = parts.build("tasks", plan.task_name, plan.task[plan.task_name])
    loss = next(iter(plan.train.loss), task.losses[0])
    if "label_smoothing" not in parts.find("losses", loss).model_fields:
        return []
    own = plan.train.loss or {}
    return [_around("train.loss", own, [{loss: {"label_smoothing": 0.1}}])]


def _fits(plan: Plan, one: Dimension) -> bool:
    """Whether the dimension can be searched: two values or more, and `check` accepts each."""
    if one.choices and len(one.choices) < 2:
        return False
    space = Space(plan, (one,))
    try:
        for value in one.choices or (one.low, one.high):
            space.plan_of({one.path: value})
    except PlanError:
        return False
    return bool(one.choices) or one.low < one.high
