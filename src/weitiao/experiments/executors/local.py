"""Local executor: worker processes on this machine that share its threads."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import Field

from weitiao.experiments.executors.base import Executor, Finished, Job
from weitiao.i18n.messages import _, language

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
LOG = "workers.log"


class Local(Executor):
    """Processes on this machine.

    When to use: as long as one machine is enough. Each process runs one cell after the other; a
    crash costs that cell only. The processes end with the one that started them.
    """

    processes: int = Field(1, ge=1, description="how many at once")
    threads: int = Field(0, ge=0, description="of each process; 0: an equal share of the cores")

    def run(self, jobs: Sequence[Job]) -> Iterator[Finished]:
        waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
        done: queue.SimpleQueue[Finished] = queue.SimpleQueue()
        for job in jobs:
            waiting.put(job)
        workers = [_Worker(self._environment()) for _ in range(min(self.processes, len(jobs)))]
        for worker in workers:
            threading.Thread(target=worker.loop, args=(waiting, done), daemon=True).start()
        try:
            for _ in jobs:
                yield done.get()
        finally:
            for worker in workers:
                worker.stop()

    def _environment(self) -> dict[str, str]:
        # Set before the process starts: OpenMP and BLAS read them when they are loaded. Without
        # them every worker would start as many threads as there are cores.
        threads = self.threads or max(1, (os.cpu_count() or 1) // self.processes)
        capped = dict.fromkeys(THREAD_VARIABLES, str(threads))
        return {**os.environ, **capped, "WEITIAO_LANG": language(), "TOKENIZERS_PARALLELISM": "0"}


class _Worker:
    """A worker process and its pipes: a job per line down, a line back when it is done."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.process: subprocess.Popen[str] | None = None
        self.stopped = False
        self.guard = threading.Lock()  # between stop() and a start in the loop's thread

    def loop(self, waiting: queue.SimpleQueue[Job], done: queue.SimpleQueue[Finished]) -> None:
        """Run jobs until there are none."""
        while not self.stopped:
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                break
            finished = self._run(job)
            if not self.stopped:
                done.put(finished)
        self.stop()

    def stop(self) -> None:
        """Kill the process; the next one resumes the run it was in."""
        with self.guard:
            self.stopped = True
            _end(self.process)

    def _run(self, job: Job) -> Finished:
        with self.guard:
            if self.process is None or self.process.poll() is not None:
                _end(self.process)
                self.process = None if self.stopped else self._start(Path(job.root))
            process = self.process
        if process is None:
            return Finished(job.key)
        assert process.stdin is not None
        assert process.stdout is not None
        # A process that dies closes its pipes: the write fails, or readline returns "".
        answer = ""
        with suppress(OSError, ValueError):
            process.stdin.write(json.dumps(vars(job)) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        if answer.strip():
            return Finished(job.key)
        code = process.wait()
        message = _("its process ended with code {code}; see {log}", code=code, log=LOG)
        return Finished(job.key, message)

    def _start(self, root: Path) -> subprocess.Popen[str]:
        root.mkdir(parents=True, exist_ok=True)
        settings: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with (root / LOG).open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "weitiao.experiments.work"],
                stderr=log,
                env=self.environment,
                text=True,
                encoding="utf-8",
                start_new_session=True,  # Ctrl-C reaches the parent only, which stops its workers
                **settings,
            )


def _end(process: subprocess.Popen[str] | None) -> None:
    """Kill a process and close its pipes."""
    if process is None:
        return
    with suppress(OSError):
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError, ValueError):  # closing flushes what the dead process never read
            if pipe is not None:
                pipe.close()
