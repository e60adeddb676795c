"""One run in several processes: the first one leads and speaks, the others follow in silence.

    torchrun --nproc_per_node 2 -m weitiao train plan.yaml

The first looks at plan and rows, makes the run's folder and tells where it is; only then do the
others read the same rows and learn with it. A mistake is so said once. Judging is the first's.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from weitiao.errors import RunError
from weitiao.i18n.messages import _

if TYPE_CHECKING:
    from weitiao.run import Run


def world() -> int:
    """How many processes were started together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Which of them this one is; 0 leads."""
    return int(os.environ.get("RANK", "0"))


def lead(run: Run, goes_on: bool) -> None:
    """Tell the others where the run is. Raises RunError in one of them that should follow."""
    if world() == 1:
        return
    if rank():
        told = _(
            "process {rank} of {world} must follow the first: start `weitiao train` by torchrun, "
            "or call weitiao.api.distributed.follow there.",
            rank=rank(),
            world=world(),
        )
        raise RunError(told)
    from weitiao.training.distributed import agreed

    agreed((str(run.folder.resolve()), goes_on))


def follow() -> None:
    """Hear where the run is, and learn in it until it ends."""
    from weitiao.data.prepare.load import load
    from weitiao.run import Run
    from weitiao.training.budget import Clock
    from weitiao.training.distributed import agreed
    from weitiao.training.run import train

    folder, goes_on = agreed(None)
    run = Run.open(folder)
    plan = run.plan()
    data = load(plan.data, plan.task_name)
    train(plan, data, run, resume=goes_on, clock=Clock())  # the budget is the first one's


def alone(verb: str) -> None:
    """Raises RunError when several processes were started for a verb that needs one."""
    if world() > 1:
        told = _(
            "{verb} runs in one process; several learn together with `weitiao plan`, then "
            "`torchrun --nproc_per_node {world} -m weitiao train plan.yaml`.",
            verb=verb,
            world=world(),
        )
        raise RunError(told)
