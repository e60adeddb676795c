"""One training divided among the machines of a Ray cluster, by Ray Train (`TorchTrainer`).

Ray Train starts a process for each worker and joins them to a process group, as torchrun does on
one machine; the training is that of several processes (DDP). Rows and runs lie in a folder that all
machines see. When a machine dies, the workers are started again on those that are left or come,
and go on from the last checkpoint of the run.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from weitiao.api import single_run
from weitiao.api.fitted import Fitted
from weitiao.api.progress import shown
from weitiao.cluster.connect import Workers, connected, last_line, unseen, variables
from weitiao.errors import RunError, WeitiaoError
from weitiao.i18n.messages import _
from weitiao.planfile.plan import Plan
from weitiao.planning.check import check
from weitiao.run import Run
from weitiao.training.run import locked

STATE = "ray"  # folder inside the run: what Ray Train writes; deleted at the end
REFUSED = "cluster"  # cluster.json of the run: the error that starting again would not mend
LOOK_SECONDS = 1.0  # between two looks at the progress of the run
LAST_BYTES = 8_192  # of the log, where its last loss stands

Say = Callable[[str], None]
Watch = Callable[[Any, float], None]


def train_on_cluster(
    plan: Plan | str | Path,
    *,
    workers: int = 2,
    cpus: int = 1,
    gpus: float = 0,
    tries: int = 3,
    address: str = "",
    changes: Mapping[str, Any] | None = None,
    out: str | Path = "runs",
    name: str | None = None,
    say: Say | None = None,
    watch: Watch | None = None,
    progress: bool | None = None,
) -> Fitted:
    """Train a plan by several workers of a Ray cluster, and evaluate it on validation.

    workers: processes that learn together; each has `cpus` processors and `gpus` cards. tries: how
    often the training may be started, when machines die. address: of the cluster; default:
    $RAY_ADDRESS, else one that runs on this machine, else this machine alone. Raises WeitiaoError.
    """
    several = Workers(workers, cpus, gpus, tries)
    file = None if isinstance(plan, Plan) else Path(plan)
    plan = plan.with_(changes or {}) if isinstance(plan, Plan) else Plan.load(plan, changes)
    check(plan)  # what this machine lacks says nothing of those of the workers
    with connected(address, "train") as ray, shown(progress, say, watch) as (told, watched):
        several.require_places(ray)
        job = single_run.Job(plan, 0.0, told or single_run.silent, watched, name=name)
        run, _data = job.create(out, plan_file=file)
        return _run(ray, run, several, watched, job.say)


def resume_on_cluster(
    run: str | Path,
    *,
    workers: int = 2,
    cpus: int = 1,
    gpus: float = 0,
    tries: int = 3,
    address: str = "",
    say: Say | None = None,
    watch: Watch | None = None,
    progress: bool | None = None,
) -> Fitted:
    """Resume a run exactly from its last checkpoint, by as many workers as it had."""
    several = Workers(workers, cpus, gpus, tries)
    opened = Run.open(run)
    single_run.require_unended(opened)
    _take_over(opened)
    with connected(address, "train") as ray, shown(progress, say, watch) as (told, watched):
        several.require_places(ray)
        return _run(ray, opened, several, watched, told or single_run.silent)


def _run(ray: Any, run: Run, workers: Workers, watch: Watch | None, say: Say) -> Fitted:
    (run.folder / f"{REFUSED}.json").unlink(missing_ok=True)
    workers.tell_busy(ray, say)
    missing = partial(_missing, ray, workers)
    try:
        with _watched(run, watch, missing, say), _interruptible():
            _fit(run, workers)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_goes_on(run, workers)) from None
    return single_run.opened(run)


def _goes_on(run: Run, workers: Workers) -> str:
    threads = f" --threads {workers.threads}" if workers.threads > 1 else ""
    return f"{run.goes_on()} --executor ray --workers {workers.count}{threads}"


def _missing(ray: Any, workers: Workers) -> int:
    """Processors of the workers that the machines have no room for any more."""
    try:
        return workers.missing(ray) * workers.cpus
    except (ray.exceptions.RayError, RuntimeError, OSError):
        return 0  # the cluster is gone: the training itself says so


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C inside is a KeyboardInterrupt, as everywhere: Ray Train puts a handler of its own in
    place, which ends the program as if all were well, and leaves it there."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT) if main else None
    try:
        yield
    except SystemExit:
        raise KeyboardInterrupt from None
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)


def _fit(run: Run, workers: Workers) -> None:
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    needs = {"CPU": workers.cpus, **({"GPU": workers.gpus} if workers.gpus else {})}
    trainer = TorchTrainer(
        _learn,
        train_loop_config={"run": str(run.folder.resolve()), "folder": os.getcwd(),
                           "threads": workers.threads,
                           "environment": variables(workers.threads)},
        scaling_config=ScalingConfig(
            num_workers=workers.count, use_gpu=bool(workers.gpus), resources_per_worker=needs
        ),
        run_config=RunConfig(
            name=STATE,
            storage_path=str(run.folder.resolve()),
            failure_config=FailureConfig(max_failures=workers.tries - 1),
        ),
    )  # fmt: skip
    try:
        trainer.fit()
    except Exception as error:
        reason = _refusal(run) or _(
            "the training ended on the cluster: {reason}", reason=last_line(str(error))
        )
        raise WeitiaoError(f"{reason} {_goes_on(run, workers)}") from None
    finally:
        shutil.rmtree(run.folder / STATE, ignore_errors=True)
    if reason := _refusal(run):
        raise WeitiaoError(reason)


def _refusal(run: Run) -> str:
    return str(run.read(REFUSED).get("failed", ""))


def _learn(config: Mapping[str, Any]) -> None:
    """In each worker: join the training of the run."""
    os.environ |= config["environment"]
    if problem := unseen(Path(config["run"]), Path(config["folder"])):
        raise RunError(problem)
    os.chdir(config["folder"])  # paths of the plan are relative to it

    from weitiao.api import distributed
    from weitiao.hardware.machine import set_threads

    run = Run.open(config["run"])
    if _refusal(run):  # every worker ends, so that none waits for another one
        return
    set_threads(config["threads"])
    if distributed.rank():
        distributed.join()
        return
    if run.status().state in single_run.ENDED:  # a machine died after that
        distributed.announce_nothing()
        return
    _take_over(run)
    try:
        single_run.resume_run(run.folder)
    except WeitiaoError as error:
        run.write(REFUSED, {"failed": str(error)})
        raise


def _take_over(run: Run) -> None:
    """Raise RunError where a process trains in the run. The lock tells: the number of a process
    says nothing on another machine, where one of the same number may run."""
    with locked(run, main=True):
        if status := run.read("status"):
            run.write("status", {**status, "pid": None})


@contextmanager
def _watched(run: Run, watch: Watch | None, missing: Callable[[], int], say: Say) -> Iterator[None]:
    """Tell the progress that the first worker writes into the run's folder, and when the training
    waits for a machine."""
    ended = threading.Event()

    def look() -> None:
        seen, waiting = None, False
        while not ended.wait(LOOK_SECONDS):
            count = missing()
            if count and not waiting:
                say(
                    _(
                        "a machine has died: the training waits for {count} more processors, and "
                        "then goes on from its last checkpoint",
                        count=count,
                    )
                )
            waiting = bool(count)
            try:
                status = run.status()
            except WeitiaoError:
                continue
            if watch and status.total and status.step != seen:
                seen = status.step
                watch(_progress(run, status), status.seconds_left or float("nan"))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _progress(run: Run, status: Any) -> Any:
    """What a display reads of the progress of a training."""
    return SimpleNamespace(
        step=status.step, total=status.total, loss=_last_loss(run), report=None, best=False
    )


def _last_loss(run: Run) -> float:
    """The loss of the last update; NaN where the end of the log has none. A long log is not read
    whole, each second, from a folder on a network."""
    try:
        with run.log_path.open("rb") as file:
            file.seek(max(run.log_size() - LAST_BYTES, 0))
            lines = file.read().splitlines()
    except OSError:
        return float("nan")
    for line in reversed(lines):
        with suppress(ValueError, KeyError, TypeError):  # cut at either end; no update
            return float(json.loads(line)["loss"])
    return float("nan")
