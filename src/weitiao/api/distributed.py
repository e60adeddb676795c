"""Data-parallel training of one run in several processes (DDP), started by torchrun:

    torchrun --nproc_per_node 2 -m weitiao train plan.yaml

Rank 0 checks plan and rows, makes the run's folder and broadcasts its path; only then do the others
load the same rows and train with it, so an error in them is reported once. Rank 0 alone evaluates.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from weitiao.errors import RunError
from weitiao.i18n.messages import _

if TYPE_CHECKING:
    from weitiao.run import Run


def world() -> int:
    """The number of processes that were started together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """The index of this process; 0 is the main one."""
    return int(os.environ.get("RANK", "0"))


def announce_run(run: Run, resume: bool) -> None:
    """Broadcast the run's folder to the other ranks. Raises RunError on one that should join."""
    if world() == 1:
        return
    if rank():
        message = _(
            "process {rank} of {world} must follow the first: start `weitiao train` by torchrun, "
            "or call weitiao.api.distributed.join there.",
            rank=rank(),
            world=world(),
        )
        raise RunError(message)
    from weitiao.training.distributed import agreed

    agreed((str(run.folder.resolve()), resume))


def announce_nothing() -> None:
    """Let the other ranks end: there is nothing left to train."""
    if world() > 1 and not rank():
        from weitiao.training.distributed import agreed

        agreed(("", False))


def join() -> None:
    """Receive the run's folder from rank 0 and train in it until it ends."""
    from weitiao.data.prepare.load import load
    from weitiao.run import Run
    from weitiao.training.budget import Clock
    from weitiao.training.distributed import agreed
    from weitiao.training.run import train

    # A broadcast is collective: this call matches that of announce_run on rank 0. Until then this
    # process has loaded nothing.
    folder, resume = agreed(None)
    if not folder:
        return
    run = Run.open(folder)
    plan = run.plan()
    data = load(plan.data, plan.task_name)
    # No budget here: rank 0 decides by its clock and broadcasts what it decided.
    train(plan, data, run, resume=resume, clock=Clock())


def require_single_process(verb: str) -> None:
    """Raise RunError when several processes were started for a verb that needs one."""
    if world() > 1:
        message = _(
            "{verb} runs in one process; several learn together with `weitiao plan`, then "
            "`torchrun --nproc_per_node {world} -m weitiao train plan.yaml`.",
            verb=verb,
            world=world(),
        )
        raise RunError(message)
