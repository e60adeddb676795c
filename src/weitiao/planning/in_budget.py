"""What fits into a time budget: readings of all rows, and epochs of training."""

from __future__ import annotations

from weitiao.planning import cost
from weitiao.planning.facts import Facts

STARTUP_SECONDS = 12  # of a budget: loading, tokenising, baselines
FEW_ROWS = 1500  # training rows; fewer have smaller batches
VALIDATION_READINGS = 3  # at least: before training, within it, and at its end
TEST_SHARE = 0.1  # of the rows


def usual_batch_size(facts: Facts) -> int:
    """The batch size without a budget: smaller for few rows."""
    return 16 if facts.train_rows < FEW_ROWS else 32


def validation_share(rows: int) -> float:
    """The proportion of labelled rows for validation."""
    return 0.15 if rows < 600 else 0.1 if rows <= 50_000 else round(5000 / rows, 4)


def covered(facts: Facts, length: int) -> float:
    """The proportion of texts that have at most `length` tokens."""
    return float((facts.tokens <= length).mean())


def reading_seconds(facts: Facts, length: int) -> float:
    """Forward passes of a run without any training: the validation rows some times, the test rows
    and, where the output layer is fitted to features, the training rows."""
    rows = (VALIDATION_READINGS * validation_share(facts.rows) + TEST_SHARE) * facts.rows
    if facts.task.head == "sequence":
        rows += facts.train_rows
    return cost.evaluation_seconds(
        facts.network,
        facts.speed,
        rows=rows * facts.windows(length),
        length=facts.tokens_a_row(length),
    )


def epoch_seconds(facts: Facts, length: int) -> float:
    """Seconds of one epoch of training."""
    size, windows = usual_batch_size(facts), facts.windows(length)
    return cost.training_seconds(
        facts.network,
        facts.speed,
        rows=facts.train_rows * windows,
        length=facts.tokens_a_row(length),
        batch_size=size * (1 if facts.apart else windows),
    )


def time_left(facts: Facts) -> float:
    """Seconds of the budget after the start of a run."""
    assert facts.budget is not None
    return max(facts.budget - STARTUP_SECONDS, 0.0)


def epochs_in_budget(facts: Facts, length: int, train_length: int | None = None) -> float:
    """Epochs that the budget has time for. length: maximum tokens that predictions read;
    train_length: that training reads, where fewer."""
    left = max(time_left(facts) - reading_seconds(facts, length), 0.0)
    return left / max(epoch_seconds(facts, train_length or length), 1e-9)
