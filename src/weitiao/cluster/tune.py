"""A search whose trials are trained by the machines of a Ray cluster, several at once.

Each training is a task. Its run lies in the folder of the search, which all machines see, so that
one whose machine dies goes on elsewhere from its last checkpoint, and is finished once.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from weitiao.api import tune as searching
from weitiao.api.tune_trials import Trainings
from weitiao.cluster.connect import (
    connected,
    last_line,
    places,
    require_numbers,
    require_places,
    tell_busy,
    unseen,
    variables,
)
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
    require_numbers(workers=workers, cpus=cpus, tries=tries)
    searching.budget_of(budget)  # a mistake is told before anything is started
    with connected(address) as ray:
        require_places(ray, workers, cpus, gpus)
        tell_busy(ray, workers * cpus, say or (lambda text: None))
        where = _Where(workers, cpus, gpus, tries)
        elsewhere = partial(_ClusterTrainings, ray, where)
        return searching.tune(
            plan, budget=budget, say=say, threads=cpus, elsewhere=elsewhere, **options
        )


@dataclass(frozen=True)
class _Where:
    """How many trainings run at once, what each of them has, and how often it may be begun."""

    workers: int
    cpus: int
    gpus: float
    tries: int


class _ClusterTrainings(Trainings):
    """Trainings as tasks of a cluster."""

    def __init__(self, ray: Any, where: _Where, space: Space, data: Data, folder: Path) -> None:
        super().__init__(space, data, folder)
        self.ray, self.where, self.at_once = ray, where, where.workers
        self.search = {
            "plan": space.plan.model_dump(mode="json"),
            "dimensions": space.dimensions,
            "rows": data.fingerprint,
            "trials": str(folder.resolve()),
            "folder": os.getcwd(),
            "threads": where.cpus,
        }
        self.remote = ray.remote(
            num_cpus=where.cpus,
            num_gpus=where.gpus,
            max_retries=where.tries - 1,
            retry_exceptions=False,
            runtime_env={"env_vars": variables(where.cpus)},
        )(_trained)

    def reach(self, trial: Trial, epochs: float, until: float) -> Result:
        return _result(next(self.reach_all([(trial, epochs)], until)))

    def fresh(self, trial: Trial, seed: int, until: float) -> tuple[float, float]:
        return _result(next(self.fresh_all([(trial, seed)], until)))

    def reach_all(
        self, steps: Sequence[tuple[Trial, float]], until: float
    ) -> Iterator[Result | Failure]:
        jobs = [{"trial": trial.plain(), "epochs": epochs} for trial, epochs in steps]
        for ended in self._ended(jobs, until):
            yield Result(*ended) if isinstance(ended, tuple) else ended

    def fresh_all(
        self, pairs: Sequence[tuple[Trial, int]], until: float
    ) -> Iterator[tuple[float, float] | Failure]:
        return iter(
            self._ended([{"trial": one.plain(), "seed": seed} for one, seed in pairs], until)
        )

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
        ended = []
        for task in tasks:
            outcome = self._outcome(task) if task in seconds else OutOfTime()
            if isinstance(outcome, tuple):  # seconds stand behind the score or the epochs
                at = len(outcome) // 2
                outcome = (*outcome[:at], seconds[task], *outcome[at + 1 :])
            ended.append(outcome)
        return ended

    def _tell_missing(self) -> bool:
        """Say it where the machines have no room for all workers any more."""
        where = self.where
        missing = where.workers - places(self.ray, where.cpus, where.gpus)
        if missing > 0:
            notice.now(
                _(
                    "a machine has died: the search goes on with what is left of {workers} workers",
                    workers=where.workers,
                )
            )
        return missing > 0

    def _outcome(self, task: Any) -> Any:
        try:
            name, said = self.ray.get(task)
        except self.ray.exceptions.RayTaskError as error:
            return Unreached(last_line(str(error)))
        except self.ray.exceptions.RayError as error:  # its machine or process died, each time
            return Unreached(
                _(
                    "its machine or process died {tries} times: {reason}",
                    tries=self.where.tries,
                    reason=last_line(str(error)),
                )
            )
        failures = {"time": OutOfTime, "limit": OverLimit, "failed": WeitiaoError}
        failures["unreached"] = Unreached
        return failures[name](said) if name in failures else tuple(said)


def _result(ended: Any) -> Any:
    """What a training gave; raises what ended it."""
    if isinstance(ended, Exception):
        raise ended
    return ended


def _trained(search: Mapping[str, Any], job: Mapping[str, Any]) -> tuple[str, Any]:
    """On a machine: one training; its result, or the name and the text of what ended it."""
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


def _training(search: Mapping[str, Any], job: Mapping[str, Any]) -> tuple[Any, ...]:
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
                "{file}: on the machine {host} the rows are other ones; were they changed "
                "meanwhile?",
                file=plan.data.path,
                host=socket.gethostname(),
            )
        )
    trainings = Trainings(Space(plan, search["dimensions"]), data, Path(search["trials"]))
    trial = Trial.of(job["trial"])
    if "seed" in job:
        return trainings.fresh(trial, job["seed"], until)
    reached = trainings.reach(trial, job["epochs"], until)
    return reached.score, reached.epochs, reached.seconds, reached.ended
