"""What follows training: a run is `trained`, then `judged`, then `finished` (or `early`).

status.json holds the stage, so that a run killed on the way goes on where it stands:

trained   best/ is the best model. Calibration and evaluation follow.
judged    metrics.json, answers and findings are written. The page follows.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from weitiao import parts
from weitiao.errors import PartError, RunError
from weitiao.evaluation.evaluate import Report
from weitiao.hardware.machine import set_threads
from weitiao.hardware.probe import pinned_precision
from weitiao.i18n.messages import _
from weitiao.model.fast.select import pinned
from weitiao.model.model import Model
from weitiao.results import better
from weitiao.run import JUDGED, TRAINED, Run, damaged, now
from weitiao.training.run import Outcome, locked

# Keys of metrics.json that say something of the evaluated rows: they do not outlive them.
OF_EVALUATION = ("calibration", "acceptance", "left_out", "levels", "absent", "unknown")
OF_TRAINING = ("refit", "best_step", "epochs")  # what a report says of the training before it


def mark(run: Run, stage: str) -> None:
    """Write that the run has reached a stage, or its end ("finished", "early")."""
    run.write("status", {**run.read("status"), "state": stage})


@contextmanager
def resumable(run: Run) -> Iterator[None]:
    """Ctrl-C inside says how to go on with the run."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(run.goes_on()) from None


@contextmanager
def judging(run: Run) -> Iterator[None]:
    """This process takes a trained run to its end; when it cannot, the run keeps its stage and is
    interrupted."""
    with locked(run, main=True):
        _owned_by(run, os.getpid())
        try:
            yield
        except BaseException:
            with suppress(OSError):  # a full disk takes no status either
                _owned_by(run, None)
            raise


def _owned_by(run: Run, pid: int | None) -> None:
    status = run.read("status")
    if status.get("state") in (TRAINED, JUDGED):
        run.write("status", {**status, "pid": pid, "started": now()})


def use_of_test(run: Run) -> str:
    """A name for this run's use of the sealed test: evaluated again after a kill, it is the same
    use."""
    status = run.read("status")
    if not status.get("test_use"):
        status["test_use"] = secrets.token_hex(8)
        run.write("status", status)
    return str(status["test_use"])


def outcome_of(run: Run, data: str) -> Outcome:
    """The outcome of a training that has ended, in the threads, precision and kernels that it had.

    data: fingerprint of the rows. Raises RunError when they are not those of the run.
    """
    status = run.status()
    trained = status.trained
    if trained is None:
        raise damaged(run.folder / "status.json", _("it does not say how training ended"))
    if run.read("environment").get("data") not in (None, data):
        raise RunError(
            _(
                "{folder}: the rows are not those that the run was trained on, so it cannot go on. "
                "`weitiao evaluate {folder} FILE` evaluates its model on a file.",
                folder=run.folder,
            )
        )
    set_threads(trained.threads)
    with pinned_precision(trained.precision), pinned(trained.kernels):
        model = Model.load(run.best)
    return Outcome(
        model,
        trained.ended,
        status.step or 0,
        status.total or 0,
        status.seconds or 0.0,
        float("-inf") if trained.score is None else trained.score,
        trained.best_step,
    )


def report_of(run: Run) -> Report:
    """The report that metrics.json was written from. Raises RunError when it is damaged."""
    metrics = run.read("metrics")
    try:
        return _report_of(metrics)
    except (KeyError, TypeError, ValueError, AttributeError, PartError) as error:
        raise damaged(run.folder / "metrics.json", str(error)[:80]) from None


def _report_of(metrics: dict[str, Any]) -> Report:
    name = metrics["primary"]
    return Report(
        {name: metrics["metrics"][name], **metrics["metrics"]},
        parts.find("metrics", name).higher_is_better,
        metrics["rows"],
        {key: tuple(pair) for key, pair in metrics["intervals"].items()},
        metrics["baselines"],
        metrics["details"],
        metrics["against"],
        {key: tuple(triple) for key, triple in metrics["differences"].items()},
        {
            key: metrics[key]
            for key in (*OF_EVALUATION, *better.KEYS, *OF_TRAINING)
            if key in metrics
        },
    )
