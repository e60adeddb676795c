"""What can be reached: the model hub, or the mirror that is set. Never waits long."""

from __future__ import annotations

import os
import threading
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from weitiao.core.clock import awake
from weitiao.i18n.messages import _
from weitiao.support.doctor.finding import Finding

PATIENCE = 4.0  # seconds for an answer
LONGEST = 6.0  # seconds for everything, the look-up of names included: that has no timeout
YES = {"1", "on", "yes", "true"}


def finding(online: bool) -> Finding:
    """Whether checkpoints can be fetched from the hub."""
    from huggingface_hub import constants

    about, endpoint = _("model hub"), constants.ENDPOINT
    mirror = _("{endpoint} (HF_ENDPOINT)", endpoint=endpoint)
    shown = mirror if os.environ.get("HF_ENDPOINT") else endpoint
    values: dict[str, Any] = {"endpoint": endpoint, "reachable": None}
    if not online:
        told = _("{endpoint}: not tried (--offline)", endpoint=shown)
        return Finding("hub", about, told, values=values)
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in YES:
        told = _("{endpoint}: not used, HF_HUB_OFFLINE is set", endpoint=shown)
        remedy = _("take HF_HUB_OFFLINE away to fetch other checkpoints")
        return Finding("hub", about, told, "note", remedy, values)
    begun = awake()
    wrong = _tried(endpoint)
    values = {**values, "reachable": not wrong, "seconds": round(awake() - begun, 2)}
    if not wrong:
        told = _("{endpoint}: answers in {seconds} s",
                    endpoint=shown, seconds=f"{awake() - begun:.1f}")  # fmt: skip
        return Finding("hub", about, told, values=values)
    told = _("{endpoint}: cannot be reached ({reason})", endpoint=shown, reason=wrong)
    remedy = _("the offline models need no network; HF_ENDPOINT names a mirror, HTTPS_PROXY a "
                  "proxy")  # fmt: skip
    return Finding("hub", about, told, "note", remedy, values)


def _tried(address: str) -> str:
    """What keeps the address from answering, or ""."""
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(_asked(address)), daemon=True)
    thread.start()
    thread.join(LONGEST)
    return answers[0] if answers else _("no answer in {seconds} s", seconds=round(LONGEST))


def _asked(address: str) -> str:
    try:
        with urlopen(Request(address, method="HEAD"), timeout=PATIENCE):
            return ""
    except HTTPError as error:  # somebody answered
        return "" if error.code < 500 else f"HTTP {error.code}"
    except URLError as error:
        return str(error.reason)
    except (OSError, ValueError) as error:
        return str(error) or type(error).__name__
