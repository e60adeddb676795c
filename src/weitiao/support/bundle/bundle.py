"""`weitiao bundle`: wheels, checksums, a bill of materials and an install script in one folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Any

from weitiao.core import atomic
from weitiao.core.fields import near
from weitiao.core.fingerprint import sha256_of
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _
from weitiao.support.bundle import scripts
from weitiao.support.bundle.target import Target
from weitiao.support.bundle.wheels import OURS, Gathering, Wheel

MANIFEST = "bundle.json"
SUMS = "SHA256SUMS"
WHEELS = "wheels"
ROOM = 1_500_000_000  # bytes that the wheels of the usual extras need at most on a processor


@dataclass(frozen=True)
class Bundle:
    """What was made."""

    folder: Path
    wheels: Sequence[Wheel]

    @property
    def size(self) -> int:
        """Bytes of everything in the folder."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


def extras_here() -> list[str]:
    """The extras that weitiao has."""
    return sorted(metadata.metadata(OURS).get_all("Provides-Extra") or [])


def write(
    folder: Path, target: Target, extras: Sequence[str], say: Callable[[str], None]
) -> Bundle:
    """Gather everything into the folder; what an earlier call has left there is used.

    Raises WeitiaoError: a folder with other things in it, an unknown extra, a package that pip
    cannot get.
    """
    _check_extras(extras)
    if not util.find_spec("cyclonedx"):
        raise WeitiaoError(_('a bundle needs more packages: pip install "weitiao[bundle]".'))
    known = _known(folder, target)
    wheels_folder = folder / WHEELS
    wheels_folder.mkdir(parents=True, exist_ok=True)
    _tidy(wheels_folder)
    state = {"target": _named(target), "files": dict(known)}

    def keep(wheel: Wheel) -> None:
        state["files"][wheel.path.name] = wheel.sha256  # type: ignore[index]
        atomic.replace_text(folder / MANIFEST, json.dumps(state, indent=1) + "\n")

    atomic.replace_text(folder / MANIFEST, json.dumps(state, indent=1) + "\n")
    wheels = Gathering(wheels_folder, target, known, keep, say).gather(sorted(extras))
    for path in wheels_folder.iterdir():
        if path not in {wheel.path for wheel in wheels}:
            path.unlink()  # of an earlier call with other extras or versions
    _finish(folder, target, sorted(extras), wheels)
    return Bundle(folder, wheels)


def _check_extras(extras: Sequence[str]) -> None:
    known = extras_here()
    for extra in extras:
        if extra not in known:
            raise WeitiaoError(
                _("--extras: {name!r} is none of {known}.{near}", name=extra,
                     known=", ".join(known), near=near(extra, known))
            )  # fmt: skip


def _known(folder: Path, target: Target) -> dict[str, str]:
    """File name -> hash of what an earlier call has put there."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return {}
    try:
        told: Any = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if told["target"] == _named(target):
            return dict(told["files"])
    except (OSError, ValueError, KeyError, TypeError):
        raise WeitiaoError(
            _("{folder}: holds other things; name a new folder.", folder=folder)
        ) from None
    raise WeitiaoError(
        _("{folder}: a bundle for {other}; name a new folder.",
             folder=folder, other=" ".join(told["target"]))
    )  # fmt: skip


def _named(target: Target) -> list[str]:
    return [target.platform, target.python]


def _tidy(wheels: Path) -> None:
    for path in wheels.glob(".new-*"):
        shutil.rmtree(path, ignore_errors=True)


def _finish(folder: Path, target: Target, extras: Sequence[str], wheels: Sequence[Wheel]) -> None:
    from weitiao.support.bundle import materials

    ours = next(wheel for wheel in wheels if wheel.name == OURS)
    named = f"[{','.join(extras)}]" if extras else ""
    requirement = f"{OURS}{named}=={ours.version}"
    manifest = {
        "target": _named(target),
        "python": target.python,
        "platform": target.platform,
        "requirement": requirement,
        "extras": list(extras),
        "packages": {wheel.name: wheel.version for wheel in wheels},
        "files": {wheel.path.name: wheel.sha256 for wheel in wheels},
    }
    atomic.replace_text(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")
    atomic.replace_text(folder / materials.FILE, materials.bill(wheels))
    size = sum(wheel.size for wheel in wheels)
    for name, text in scripts.texts(target, requirement, len(wheels), size).items():
        atomic.replace_text(folder / name, text)
    with suppress(OSError):  # a file system without permissions
        (folder / "install.sh").chmod(0o755)
    names = [MANIFEST, materials.FILE, *scripts.NAMES]
    sums = {f"{WHEELS}/{wheel.path.name}": wheel.sha256 for wheel in wheels}
    sums |= {name: sha256_of(folder / name) for name in names}
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
    atomic.replace_text(folder / SUMS, lines)
