"""Connection to a Ray cluster, and the folder that its machines share."""

from __future__ import annotations

import importlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weitiao.core import left_out, notice
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _, language

REACHED_SECONDS = 10
LOOKED_SECONDS = 2.0  # between two looks at what is free
CLIENT = "ray://"
INSTALL = "pip install 'weitiao[ray]'"


@contextmanager
def connected(address: str = "", library: str = "") -> Iterator[Any]:
    """Ray, as of `connect`; what that has connected is left at the end."""
    with notice.during(_("connecting to the cluster")):
        ray, started = connect(address, library)
    try:
        yield ray
    finally:
        if started:
            ray.shutdown()


def connect(address: str = "", library: str = "") -> tuple[Any, bool]:
    """Ray, connected to the cluster at `address`, $RAY_ADDRESS or one that runs on this machine, or
    else on it alone; and whether this call has connected it. library: a part of Ray that is needed,
    train or data. Raises WeitiaoError where there is none."""
    ray = _installed(library)
    if ray.is_initialized():
        return ray, False
    address = address or os.environ.get("RAY_ADDRESS") or ""
    if address.startswith(CLIENT):
        raise WeitiaoError(
            _(
                "executor ray: {address}: addresses of Ray Client are not supported. Run the "
                "command on a machine of the cluster, and name host:6379, or auto.",
                address=address,
            )
        )
    # A cluster on this machine alone is not asked for a dashboard, which listens on a port.
    alone = {} if address else {"include_dashboard": False}
    try:
        _reach(address)
        ray.init(address=address or None, log_to_driver=False, logging_level="error", **alone)
    except Exception as error:  # Ray raises a bare one where it does not start in time
        raise WeitiaoError(
            _(
                "executor ray: no cluster at {address} ({reason}). Start one: ray start --head",
                address=address or "-",
                reason=last_line(str(error)),
            )
        ) from None
    return ray, True


def _installed(library: str) -> Any:
    """Ray, with this library of it: each needs packages that Ray alone does not bring."""
    left_out.bring_back()
    try:
        ray = importlib.import_module("ray")
        ray.is_initialized  # noqa: B018  # a folder called ray has nothing of the kind
        if library:
            importlib.import_module(f"ray.{library}")
    except (ImportError, AttributeError):
        raise WeitiaoError(
            _("executor ray needs a package more: {install}", install=INSTALL)
        ) from None
    return ray


def _reach(address: str) -> None:
    """Raise OSError at once where nothing listens: Ray itself waits for minutes, and exits."""
    host, _colon, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACHED_SECONDS).close()


def require_numbers(**numbers: float) -> None:
    """Raises WeitiaoError where one of these numbers is below one: workers, cpus, tries."""
    for name, number in numbers.items():
        if not number >= 1:
            raise WeitiaoError(
                _("{name}: {number} is too few; at least 1.", name=name, number=number)
            )


def places(ray: Any, cpus: float, gpus: float = 0) -> int:
    """How many workers of so many processors and cards the machines have room for. A worker is on
    one machine: two processors on each of two machines have no room for one of three."""
    have = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return sum(
        min(
            int(has.get(name, 0) / needed + 1e-6)  # 0.6 / 0.2 is a little less than 3
            for name, needed in (("CPU", cpus), ("GPU", gpus))
            if needed
        )
        for has in have
    )


def require_places(ray: Any, workers: int, cpus: float, gpus: float = 0) -> None:
    """Raises WeitiaoError where the workers have no place: Ray would wait for it, and say
    nothing."""
    known, have = ray.cluster_resources(), places(ray, cpus, gpus)
    if have >= workers:
        return
    total = int(known.get("CPU", 0))
    if total < workers * cpus:
        message = _(
            "the cluster has {have} processors; {workers} workers need {need}: take fewer, or add "
            "machines.",
            have=total,
            workers=workers,
            need=_short(workers * cpus),
        )
    else:
        message = _(
            "the machines of the cluster have room for {have} workers of {cpus} processors and "
            "{gpus} graphics cards each, not for {workers}: take fewer or smaller ones, or add "
            "machines.",
            have=have,
            cpus=_short(cpus),
            gpus=_short(gpus),
            workers=workers,
        )
    raise WeitiaoError(message)


@dataclass(frozen=True)
class Workers:
    """How many processes, what each of them has, and how often they may be started."""

    count: int
    cpus: int
    gpus: float
    tries: int

    def __post_init__(self) -> None:
        require_numbers(workers=self.count, cpus=self.cpus, tries=self.tries)

    @property
    def threads(self) -> int:
        return max(1, int(self.cpus))

    def missing(self, ray: Any) -> int:
        """How many of them the machines have no room for."""
        return max(self.count - places(ray, self.cpus, self.gpus), 0)

    def require_places(self, ray: Any) -> None:
        """Raises WeitiaoError where the machines have no room for them."""
        require_places(ray, self.count, self.cpus, self.gpus)

    def tell_busy(self, ray: Any, say: Callable[[str], None]) -> None:
        """Say it where they have to wait for others."""
        tell_busy(ray, self.count * self.cpus, say)


def tell_busy(ray: Any, need: float, say: Callable[[str], None]) -> None:
    """Say it where others use the processors: the workers start once these are free."""
    for last in (False, True):
        free = int(ray.available_resources().get("CPU", 0))
        if free >= need:
            return
        if not last:  # machines that have just come tell of themselves a moment later
            time.sleep(LOOKED_SECONDS)
    say(
        _(
            "the cluster is in use: {free} of its processors are free, {need} are needed; "
            "waiting for the others",
            free=free,
            need=_short(need),
        )
    )


def _short(number: float) -> str:
    return f"{number:g}"


def variables(threads: int) -> dict[str, str]:
    """The environment of a process on another machine."""
    return {
        "OMP_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "0",
        "WEITIAO_LANG": language(),
    }


def unseen(*folders: Path) -> str:
    """Why this machine cannot work in these folders; empty where it can."""
    for folder in folders:
        if not folder.is_dir():
            return _(
                "the machine {host} does not see {folder}: put rows and results on a folder that "
                "all share",
                host=socket.gethostname(),
                folder=str(folder),
            )
    return ""


def last_line(text: str) -> str:
    """The last line of an error, which says what happened."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "-"
