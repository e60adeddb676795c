"""Predictions of large files on the machines of a Ray cluster, by Ray Data.

The numbers of the chunks are the data: each worker opens the file itself, from the folder that all
machines see, predicts the rows of a chunk and sends the answers back, which are written in order.
So memory is bounded on every machine, and the chunks of one that dies are predicted elsewhere.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from weitiao.api.predict import CHUNK_ROWS, Chunk, Opened, chunk_at, load, open_inputs, predict
from weitiao.api.written_table import files_in
from weitiao.cluster.connect import (
    connected,
    last_line,
    require_numbers,
    require_places,
    tell_busy,
    unseen,
    variables,
)
from weitiao.errors import DataError, WeitiaoError
from weitiao.hardware.machine import set_threads
from weitiao.i18n.messages import _


def predict_on_cluster(
    run: str | Path,
    rows: Any,
    output: str | Path = "predictions.csv",
    *,
    workers: int = 2,
    cpus: int = 1,
    gpus: float = 0,
    address: str = "",
    form: str | None = None,
    shape: str | None = None,
    roles: Mapping[str, str] | None = None,
    sheet: str | None = None,
    reader: Mapping[str, Mapping[str, Any]] | None = None,
    skip_bad: bool = False,
    force: bool = False,
    precision: str | None = None,
    baseline: bool = False,
    step: Callable[[int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> int:
    """Predict a large file by the workers of a Ray cluster into `output`, in order; returns the
    number of rows.

    workers: processes that predict; each has `cpus` processors and `gpus` cards. address: of the
    cluster; default: $RAY_ADDRESS, else one that runs on this machine, else this machine alone. The
    others are those of `predict`.
    """
    require_numbers(workers=workers, cpus=cpus)
    if not files_in(rows):
        raise DataError(_("on a cluster, rows are files in a folder that all its machines see."))
    task: dict[str, Any] = {
        "run": str(run), "rows": rows, "precision": precision, "baseline": baseline,
        "folder": os.getcwd(), "threads": max(1, int(cpus)),
    }  # fmt: skip
    needs = {"num_cpus": cpus, **({"num_gpus": gpus} if gpus else {})}
    with connected(address, "data") as ray:
        require_places(ray, 1, cpus, gpus)
        tell_busy(ray, cpus, say or (lambda text: None))
        count: int = predict(
            run, rows, output, form=form, shape=shape, roles=roles, sheet=sheet, reader=reader,
            skip_bad=skip_bad, force=force, threads=task["threads"], precision=precision,
            baseline=baseline, step=step, say=say,
            elsewhere=lambda opened: _answers(opened, task, workers, needs),
        )  # fmt: skip
    return count


def _answers(
    opened: Opened, task: Mapping[str, Any], workers: int, needs: Mapping[str, float]
) -> Iterator[Chunk]:
    """The answers of all chunks, in their order."""
    import ray

    count = -(-len(opened.inputs) // CHUNK_ROWS)
    task = {
        **task, "how": opened.how, "roles": opened.roles,
        "fingerprint": opened.source.fingerprint, "count": len(opened.inputs),
    }  # fmt: skip
    # No task reads the numbers: it would wait for a processor that the workers hold.
    numbers = [{"id": number} for number in range(count)]
    with _ordered():
        answers = ray.data.from_items(numbers, override_num_blocks=count).map_batches(
            _Worker,
            fn_constructor_args=[task],
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=min(workers, count)),
            runtime_env={"env_vars": variables(task["threads"])},
            **needs,
        )
    expected = 0
    try:
        for batch in answers.iter_batches(batch_size=1, prefetch_batches=0):
            (number,), (empty,), (predictions,) = (
                batch[name] for name in ("number", "empty", "answers")
            )
            if number != expected:  # each chunk once, in order
                raise AssertionError(f"chunk {number} came where {expected} was expected")
            expected += 1
            yield Chunk(np.asarray(empty, bool), predictions)
    except ray.exceptions.RayError as error:
        reason = last_line(str(error))
        message = _("the predictions ended on the cluster: {reason}", reason=reason)
        raise WeitiaoError(message) from None


@contextmanager
def _ordered() -> Iterator[None]:
    """Data sets that are made inside keep their order, and show no progress of their own. The
    settings are those of the process: others may use Ray in it."""
    import ray

    context = ray.data.DataContext.get_current()
    shown, ordered = context.enable_progress_bars, context.execution_options.preserve_order
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    try:
        yield
    finally:
        context.enable_progress_bars = shown
        context.execution_options.preserve_order = ordered


class _Worker:
    """A process that predicts chunks."""

    def __init__(self, task: Mapping[str, Any]) -> None:
        if problem := unseen(Path(task["folder"])):
            raise DataError(problem)
        os.chdir(task["folder"])  # paths are relative to it
        set_threads(task["threads"])
        run, baseline = task["run"], task["baseline"]
        opened = open_inputs(run, task["rows"], task["how"], task["roles"], baseline=baseline)
        # Answers go by the numbers of the rows: with other rows they would be those of others.
        known = task["fingerprint"], task["count"]
        if (opened.source.fingerprint, len(opened.inputs)) != known:
            raise DataError(
                _(
                    "{file}: on the machine {host} the rows are other ones; were they changed "
                    "meanwhile? Predict again.",
                    file=opened.source.name,
                    host=socket.gethostname(),
                )
            )
        self.inputs = opened.inputs
        self.model = load(run, precision=task["precision"], baseline=baseline)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        (number,) = batch["id"]
        chunk = chunk_at(self.model, self.inputs, int(number) * CHUNK_ROWS)
        return {
            "number": np.array([number]),
            "empty": _one(chunk.empty),
            "answers": _one(list(chunk.answers)),
        }


def _one(value: Any) -> np.ndarray:
    """A column of one object, of whatever length."""
    column = np.empty(1, dtype=object)
    column[0] = value
    return column
