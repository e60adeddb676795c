"""Ray executor: cells as tasks on the machines of a cluster."""

from __future__ import annotations

import importlib.util
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr

from weitiao.errors import WeitiaoError
from weitiao.experiments.executors.base import Executor, Finished, Job
from weitiao.i18n.messages import _, language

REACHED_SECONDS = 10
INSTALL = "pip install 'weitiao[ray]'"


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
    _started: bool = PrivateAttr(False)

    def run(self, jobs: Sequence[Job]) -> Iterator[Finished]:
        ray = self._connected()
        threads = max(1, int(self.cpus))
        variables = {
            "OMP_NUM_THREADS": str(threads),
            "TOKENIZERS_PARALLELISM": "0",
            "WEITIAO_LANG": language(),
        }
        task = ray.remote(
            num_cpus=self.cpus,
            num_gpus=self.gpus,
            max_retries=self.tries - 1,
            retry_exceptions=False,
            runtime_env={"env_vars": variables},
        )(_run)
        waiting = {task.remote(vars(job), os.getcwd()): job for job in jobs}
        try:
            while waiting:
                (ready,), _others = ray.wait(list(waiting), num_returns=1)
                yield self._finished(ray, waiting.pop(ready), ready)
        finally:
            for reference in waiting:
                ray.cancel(reference, force=True)
            if self._started:
                ray.shutdown()

    def _finished(self, ray: Any, job: Job, reference: Any) -> Finished:
        """How a task ended: machines that died, and errors of ours, are told apart."""
        try:
            return Finished(job.key, str(ray.get(reference)))
        except ray.exceptions.RayTaskError as error:
            return Finished(job.key, _last_line(str(error)))
        except ray.exceptions.RayError as error:  # its machine or process died, each time
            message = _(
                "its machine or process died {tries} times: {reason}",
                tries=self.tries,
                reason=_last_line(str(error)),
            )
            return Finished(job.key, message)

    def _connected(self) -> Any:
        if importlib.util.find_spec("ray") is None:
            raise WeitiaoError(_("executor ray needs a package more: {install}", install=INSTALL))
        import ray  # type: ignore[import-not-found, unused-ignore]

        if ray.is_initialized():
            return ray
        address = self.address or os.environ.get("RAY_ADDRESS") or None
        # A cluster on this machine alone is not asked for a dashboard, which listens on a port.
        alone = {} if address else {"include_dashboard": False}
        try:
            _reach(address or "")
            ray.init(address=address, log_to_driver=False, logging_level="error", **alone)
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            raise WeitiaoError(
                _(
                    "executor ray: no cluster at {address} ({reason}). Start one: ray start --head",
                    address=address or "-",
                    reason=_last_line(str(error)),
                )
            ) from None
        self._started = True
        return ray


def _reach(address: str) -> None:
    """Raise OSError at once where nothing listens: Ray itself waits for minutes, and exits."""
    host, _colon, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=REACHED_SECONDS).close()


def _run(job: dict[str, Any], folder: str) -> str:
    """Run a cell on this machine; what keeps it from being run."""
    from weitiao.experiments.work import cap_threads, run_cell

    root = Path(folder) / job["root"]
    if not root.is_dir():
        return _(
            "the machine {host} does not see {folder}: put rows and results on a folder that all "
            "share",
            host=socket.gethostname(),
            folder=str(root),
        )
    cap_threads()
    os.chdir(folder)  # paths of the plan are relative to it
    run_cell(job["root"], job["cell"])
    return ""


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "-"
