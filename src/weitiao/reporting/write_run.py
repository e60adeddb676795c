"""What a judged run is left with: answers, figures, TensorBoard events, and the page of it all."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from weitiao.data.prepare.load import Data
from weitiao.errors import WeitiaoError
from weitiao.evaluation.evaluate import Evaluated
from weitiao.model.model import Model
from weitiao.reporting import page, row_counts, tensorboard
from weitiao.results import answers as kept
from weitiao.run import Run


def leave(
    run: Run,
    model: Model,
    data: Data,
    answers: Evaluated,
    metrics: Mapping[str, Any],
    findings: Mapping[str, Any] | None = None,
) -> Path:
    """Keep what was judged in the run's folder and make report.html; returns its path.

    metrics: what metrics.json is to say; its split names the rows of `answers`. findings: what a
    closer look at them found.
    """
    split = str(metrics["split"])
    kept.keep(run, answers, split)
    row_counts.keep(run, model, data, answers.rows if split == "test" else None)
    run.write("findings", findings or {})
    run.write("metrics", metrics)
    if tensorboard.available():
        tensorboard.write(run)
    return page.write(run)


def leave_unfinished(run: Run) -> None:
    """A page for a run that failed, as far as it came; never a reason for another error."""
    if run.status().state != "running":
        with suppress(WeitiaoError, OSError):
            page.write(run)
