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
from weitiao.results.records import Findings
from weitiao.run import Run


def write_artifacts(
    run: Run,
    model: Model,
    data: Data,
    answers: Evaluated,
    metrics: Mapping[str, Any],
    findings: Findings,
) -> Path:
    """Write predictions, metrics, error analysis and report.html into the run; returns the page.

    metrics: the content of metrics.json; its split names the rows of `answers`.
    """
    split = str(metrics["split"])
    kept.keep(run, answers, split)
    row_counts.keep(run, model, data, answers.rows if split == "test" else None)
    findings.write(run)
    run.write("metrics", metrics)
    if tensorboard.available():
        tensorboard.write(run)
    return page.write(run)


def write_unfinished_page(run: Run) -> None:
    """A page for a run that failed, as far as it came; never a reason for another error."""
    if run.status()["state"] != "running":
        with suppress(WeitiaoError, OSError):
            page.write(run)
