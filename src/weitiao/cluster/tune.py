"""A search whose trials are trained by the machines of a Ray cluster, several at once.

Each training is a task. Its run lies in the folder of the search, which all machines see, so that
one whose machine dies goes on elsewhere from its last checkpoint, and is finished once.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from weitiao.api import tune as searching
from weitiao.api.tune_trials import Trainings
from weitiao.cluster.connect import Workers, connected, last_line, unseen, variables
from weitiao.core import notice
from weitiao.core.clock import awake
from weitiao.data.prepare.load import Data
from weitiao.errors import RunError, WeitiaoError
from weitiao.i18n.messages import _
from weitiao.planfile.plan import Plan
from weitiao.tuning.objective import (
    Failure,
    OutOfTime,
    OverLimit,
    Result,
    Unreached,
    attempted,
)
from weitiao.tuning.outcome import Tuned
from weitiao.tuning.records import Trial
from weitiao.tuning.space import Space

LOOK_SECONDS = 1.0  # between two looks at what has ended
GRACE_SECONDS = 5.0  # beyond the time of a training: it ends by itself after its update


def tune_on_cluster(
    plan: Plan | str | Path,
    *,
    budget: float | str,
    workers: int = 2,
    cpus: int = 1,
    gpus: float = 0,
    tries: int = 3,
    address: str = "",
    say: searching.Say | None = None,
    **options: Any,
) -> Tuned:
    """Search better settings for a plan with so many trainings at once on a Ray cluster.

    workers: trainings at once; each has `cpus` processors and `gpus` cards. tries: how often one is
    begun when machines die. address: of the cluster; default: $RAY_ADDRESS, else one that runs on
    this machine, else this machine alone. options: those of `tune`. Several trials are proposed
    before any of them has a score, so that other ones are tried than one by one; as many workers
    try the same ones on any machines. Raises WeitiaoError.
    """
    several = Workers(workers, cpus, gpus, tries)
    searching.budget_of(budget)  # a mistake is told before anything is started
    with connected(address) as ray:
        several.require_places(ray)
        several.tell_busy(ray, say or (lambda text: None))
        elsewhere = partial(_ClusterTrainings, ray, several)
        return searching.tune(
            plan, budget=budget, say=say, threads=cpus, elsewhere=elsewhere, **options
        )


class _ClusterTrainings(Trainings):
    """Trainings as tasks of a cluster."""

    def __init__(self, ray: Any, workers: Workers, space: Space, data: Data, folder: Path) -> None:
        super().__init__(space, data, folder)
        self.ray, self.workers, self.at_once = ray, workers, workers.count
        self.search = {
            "plan": space.plan.model_dump(mode="json"),
            "dimensions": space.dimensions,
            "rows": data.fingerprint,
            "trials": str(folder.resolve()),
            "folder": os.getcwd(),
            "threads": workers.threads,
        }
        self.remote = ray.remote(
            num_cpus=workers.cpus,
            num_gpus=workers.gpus,
            max_retries=workers.tries - 1,
            retry_exceptions=False,
            runtime_env={"env_vars": variables(workers.threads)},
        )(_trained)

    def reach_all(
        self, steps: Sequence[tuple[Trial, float]], until: float
    ) -> Iterator[Result | Failure]:
        jobs = [{"trial": trial.plain(), "epochs": epochs} for trial, epochs in steps]
        for ended in self._ended(jobs, until):
            yield Result(**ended) if isinstance(ended, dict) else ended

    def fresh_all(
        self, pairs: Sequence[tuple[Trial, int]], until: float
    ) -> Iterator[tuple[float, float] | Failure]:
        jobs = [{"trial": trial.plain(), "seed": seed} for trial, seed in pairs]
        for ended in self._ended(jobs, until):
            yield (ended["score"], ended["seconds"]) if isinstance(ended, dict) else ended

    def _ended(self, jobs: Sequence[Mapping[str, Any]], until: float) -> list[Any]:
        """What each job gave, or the failure that ended it, once all have ended. Seconds are those
        until then: also of the start of a process. What waits for a machine when the time is over
        is given up; what has ended is in its folder, also after a Ctrl-C."""
        begun, seconds = awake(), dict[Any, float]()
        job_seconds = until - begun
        tasks = [self.remote.remote(self.search, {**job, "seconds": job_seconds}) for job in jobs]
        waiting, told = tasks, False
        try:
            while waiting and awake() < until + GRACE_SECONDS:
                ready, waiting = self.ray.wait(
                    waiting, num_returns=len(waiting), timeout=LOOK_SECONDS
                )
                seconds |= dict.fromkeys(ready, round(awake() - begun, 3))
                told = told or self._tell_missing()
                if self.watch:
                    self.watch(None, 0.0)
        finally:
            for task in waiting:
                self.ray.cancel(task, force=True)
        return [
            self._outcome(one, seconds[one]) if one in seconds else OutOfTime() for one in tasks
        ]

    def _tell_missing(self) -> bool:
        """Say it where the machines have no room for all workers any more."""
        missing = self.workers.missing(self.ray)
        if missing:
            notice.now(
                _(
                    "a machine has died: the search goes on with what is left of {workers} workers",
                    workers=self.workers.count,
                )
            )
        return bool(missing)

    def _outcome(self, task: Any, seconds: float) -> Any:
        """The figures of a task after so many seconds, or the failure that ended it."""
        try:
            name, said = self.ray.get(task)
        except self.ray.exceptions.RayTaskError as error:
            return Unreached(last_line(str(error)))
        except self.ray.exceptions.RayError as error:  # its machine or process died, each time
            return Unreached(
                _(
                    "its machine or process died {tries} times: {reason}",
                    tries=self.workers.tries,
                    reason=last_line(str(error)),
                )
            )
        failures = {"time": OutOfTime, "limit": OverLimit, "failed": WeitiaoError}
        failures["unreached"] = Unreached
        if name in failures:
            return failures[name](said)
        return {**said, "seconds": max(seconds, said["seconds"])}  # more, if it had ended before


def _trained(search: Mapping[str, Any], job: Mapping[str, Any]) -> tuple[str, Any]:
    """On a machine: one training; its figures, or the name and the text of what ended it."""
    ended: Any = attempted(lambda: _training(search, job))
    if isinstance(ended, OutOfTime):
        return "time", ""
    if isinstance(ended, OverLimit):
        return "limit", str(ended)
    if isinstance(ended, (Unreached, RunError)):  # another process trains in its folder
        return "unreached", str(ended)
    if isinstance(ended, WeitiaoError):
        return "failed", str(ended)
    return "done", ended


def _training(search: Mapping[str, Any], job: Mapping[str, Any]) -> dict[str, Any]:
    if problem := unseen(Path(search["folder"]), Path(search["trials"]).parent):
        raise Unreached(problem)
    os.chdir(search["folder"])  # paths of the plan are relative to it

    from weitiao.data.prepare.load import load
    from weitiao.hardware.machine import set_threads

    set_threads(search["threads"])
    plan, until = Plan.model_validate(search["plan"]), awake() + job["seconds"]
    data = load(plan.data, plan.task_name)
    if data.fingerprint != search["rows"]:
        raise Unreached(
            _(
                "{file}: on the machine {host} the rows are other ones than here",
                file=plan.data.path,
                host=socket.gethostname(),
            )
        )
    trainings = Trainings(Space(plan, search["dimensions"]), data, Path(search["trials"]))
    trial = Trial.of(job["trial"])
    if "seed" in job:
        score, seconds = trainings.fresh(trial, job["seed"], until)
        return {"score": score, "seconds": seconds}
    return {**vars(trainings.reach(trial, job["epochs"], until))}
