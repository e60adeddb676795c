"""Connection to a Ray cluster, and the folder that its machines share."""

from __future__ import annotations

import importlib.util
import os
import socket
from pathlib import Path
from typing import Any

from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _, language

REACHED_SECONDS = 10
INSTALL = "pip install 'weitiao[ray]'"


def connect(address: str = "") -> tuple[Any, bool]:
    """Ray, connected to the cluster at `address`, $RAY_ADDRESS or on this machine alone; and
    whether this call has connected it. Raises WeitiaoError where there is none."""
    if importlib.util.find_spec("ray") is None:
        raise WeitiaoError(_("executor ray needs a package more: {install}", install=INSTALL))
    import ray

    if ray.is_initialized():
        return ray, False
    address = address or os.environ.get("RAY_ADDRESS") or ""
    # A cluster on this machine alone is not asked for a dashboard, which listens on a port.
    alone = {} if address else {"include_dashboard": False}
    try:
        _reach(address)
        ray.init(address=address or None, log_to_driver=False, logging_level="error", **alone)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        raise WeitiaoError(
            _(
                "executor ray: no cluster at {address} ({reason}). Start one: ray start --head",
                address=address or "-",
                reason=last_line(str(error)),
            )
        ) from None
    return ray, True


def _reach(address: str) -> None:
    """Raise OSError at once where nothing listens: Ray itself waits for minutes, and exits."""
    host, _colon, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=REACHED_SECONDS).close()


def variables(threads: int) -> dict[str, str]:
    """The environment of a process on another machine."""
    return {
        "OMP_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "0",
        "WEITIAO_LANG": language(),
    }


def unseen(folder: Path) -> str:
    """Why this machine cannot work in the folder; empty where it can."""
    if folder.is_dir():
        return ""
    return _(
        "the machine {host} does not see {folder}: put rows and results on a folder that all share",
        host=socket.gethostname(),
        folder=str(folder),
    )


def last_line(text: str) -> str:
    """The last line of an error, which says what happened."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "-"
