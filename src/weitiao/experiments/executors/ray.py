"""Ray executor: cells as tasks on the machines of a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from weitiao.cluster.connect import connected, last_line, require_places, unseen, variables
from weitiao.experiments.executors.base import Executor, Finished, Job
from weitiao.i18n.messages import _


class Ray(Executor):
    """Tasks of a Ray cluster. Rows and results lie on a folder that all its machines see, at the
    same path.

    When to use: one machine is not enough. A cell whose machine dies is run again elsewhere, and
    goes on from its last checkpoint; nothing is done twice.
    """

    address: str = Field("", description="of the cluster (auto, host:port); default: $RAY_ADDRESS")
    cpus: float = Field(1, gt=0, description="processors for each cell")
    gpus: float = Field(0, ge=0, description="graphics cards for each cell")
    tries: int = Field(3, ge=1, description="for a cell whose machine dies")

    def run(self, jobs: Sequence[Job]) -> Iterator[Finished]:
        with connected(self.address) as ray:
            require_places(ray, 1, self.cpus, self.gpus)
            task = ray.remote(
                num_cpus=self.cpus,
                num_gpus=self.gpus,
                max_retries=self.tries - 1,
                retry_exceptions=False,
                runtime_env={"env_vars": variables(max(1, int(self.cpus)))},
            )(_run)
            waiting = {task.remote(vars(job), os.getcwd()): job for job in jobs}
            try:
                while waiting:
                    (ready,), _others = ray.wait(list(waiting), num_returns=1)
                    yield self._finished(ray, waiting.pop(ready), ready)
            finally:
                for reference in waiting:
                    ray.cancel(reference, force=True)

    def _finished(self, ray: Any, job: Job, reference: Any) -> Finished:
        """How a task ended: machines that died, and errors of ours, are told apart."""
        try:
            return Finished(job.key, str(ray.get(reference)))
        except ray.exceptions.RayTaskError as error:
            return Finished(job.key, last_line(str(error)))
        except ray.exceptions.RayError as error:  # its machine or process died, each time
            message = _(
                "its machine or process died {tries} times: {reason}",
                tries=self.tries,
                reason=last_line(str(error)),
            )
            return Finished(job.key, message)


def _run(job: dict[str, Any], folder: str) -> str:
    """Run a cell on this machine; what keeps it from being run."""
    from weitiao.experiments.work import cap_threads, run_cell

    if problem := unseen(Path(folder), Path(folder) / job["root"]):
        return problem
    cap_threads()
    os.chdir(folder)  # paths of the plan are relative to it
    run_cell(job["root"], job["cell"])
    return ""
