"""All wheels that weitiao needs on a machine: fetched one by one, so that it can be resumed.

pip does the fetching, as it is configured here; the versions are those installed here. Which
packages are needed is read from the wheels themselves, for the machine they are meant for.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.parser import Parser
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from weitiao.core.fingerprint import sha256_of
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _
from weitiao.support.bundle import source
from weitiao.support.bundle.target import Target

if TYPE_CHECKING:
    from packaging.requirements import Requirement

OURS = "weitiao"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Wheel:
    """A file of the bundle, and what its metadata says."""

    path: Path
    sha256: str
    metadata: Message

    @property
    def name(self) -> str:
        """The package's name, as its author writes it."""
        return str(self.metadata["Name"])

    @property
    def version(self) -> str:
        """The package's version."""
        return str(self.metadata["Version"])

    @property
    def size(self) -> int:
        """Bytes."""
        return self.path.stat().st_size


@dataclass
class Gathering:
    """What has been found so far, and what still waits."""

    folder: Path
    target: Target
    known: Mapping[str, str]  # file name -> sha256, of an earlier, unfinished gathering
    keep: Callable[[Wheel], None]  # is told of each new wheel at once
    say: Say
    found: dict[str, Wheel] = field(default_factory=dict)
    asked: dict[str, list[tuple[Requirement, str]]] = field(default_factory=dict)  # and by whom

    def gather(self, extras: list[str]) -> list[Wheel]:
        """weitiao with these extras, pip, and all they need. Raises WeitiaoError."""
        from packaging.requirements import Requirement

        named = f"{OURS}[{','.join(extras)}]" if extras else OURS
        waiting = [(Requirement(named), OURS), (Requirement("pip"), OURS)]
        seen: set[tuple[str, str]] = set()
        while waiting:
            wanted, by = waiting.pop(0)
            name = _canonical(wanted.name)
            self.asked.setdefault(name, []).append((wanted, by))
            if name not in self.found:
                self.found[name] = self._fetch(wanted)
            for extra in ("", *sorted(wanted.extras)):
                if (name, extra) not in seen:
                    seen.add((name, extra))
                    waiting += [(need, name) for need in self._needs(self.found[name], extra)]
        self._check()
        return [self.found[name] for name in sorted(self.found)]

    def _needs(self, wheel: Wheel, extra: str) -> list[Requirement]:
        from packaging.requirements import Requirement

        needs = [Requirement(line) for line in wheel.metadata.get_all("Requires-Dist") or []]
        values = {**self.target.markers, "extra": extra}
        return [
            need
            for need in needs
            if (need.marker is None and not extra)
            or (need.marker is not None and need.marker.evaluate(values))
        ]

    def _fetch(self, wanted: Requirement) -> Wheel:
        name = _canonical(wanted.name)
        if name == OURS:
            wheel = self._own()
        else:
            pinned = self._pinned(wanted)
            wheel = self._again(pinned) or self._new(wanted.name, pinned)
        self.keep(wheel)
        self.say(_line(wheel))
        return wheel

    def _pinned(self, wanted: Requirement) -> str:
        """The version installed here; for what only the other machine needs, what is asked for."""
        try:
            version = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            return f"{wanted.name}{wanted.specifier}"
        if not self.target.platform.startswith("linux"):
            version = version.partition("+")[0]  # a build for this system only, as torch's +cpu
        return f"{wanted.name}=={version}"

    def _again(self, pinned: str) -> Wheel | None:
        """The wheel of an earlier gathering, if it is there and unchanged."""
        name, _, version = pinned.partition("==")
        for path in self.folder.glob("*.whl") if version else ():
            parts = path.name.split("-")
            if _canonical(parts[0]) == _canonical(name) and parts[1] == version:
                digest = sha256_of(path)
                if self.known.get(path.name) == digest:
                    return Wheel(path, digest, metadata_of(path))
        return None

    def _new(self, name: str, pinned: str) -> Wheel:
        with TemporaryDirectory(dir=self.folder, prefix=".new-") as folder:
            options = self.target.pip_options
            verb = ["download", *options] if options else ["wheel"]
            failed = _pip([*verb, "--no-deps", "--dest" if options else "--wheel-dir",
                           folder, pinned])  # fmt: skip
            if failed and options:  # perhaps there is only source: built here it may fit anywhere
                _pip(["wheel", "--no-deps", "--wheel-dir", folder, pinned])
                for path in Path(folder).glob("*.whl"):
                    failed = "" if path.name.endswith("-none-any.whl") else failed
            made = list(Path(folder).glob("*.whl"))
            if failed or not made:
                raise WeitiaoError(
                    _(
                        "pip cannot get {package} for {platform}, Python {python}: {reason} "
                        "What is there already stays; the same command goes on.",
                        package=pinned,
                        platform=self.target.platform,
                        python=self.target.python,
                        reason=failed or _("it gave no wheel."),
                    )
                )
            return self._kept(made[0])

    def _own(self) -> Wheel:
        """weitiao itself: built from the source tree when it is installed from one."""
        tree = source.tree()
        if tree is None:
            pinned = f"{OURS}=={metadata.version(OURS)}"
            return self._again(pinned) or self._new(OURS, pinned)
        with TemporaryDirectory(dir=self.folder, prefix=".new-") as folder:
            with source.copied(tree) as copy:
                failed = _pip(["wheel", "--no-deps", *source.build_options(), "--wheel-dir",
                               folder, str(copy)])  # fmt: skip
            if failed:
                raise WeitiaoError(
                    _("no wheel can be built from {tree}: {reason}", tree=tree, reason=failed)
                )
            return self._kept(next(Path(folder).glob("*.whl")))

    def _kept(self, new: Path) -> Wheel:
        path = self.folder / new.name
        shutil.move(new, path)
        return Wheel(path, sha256_of(path), metadata_of(path))

    def _check(self) -> None:
        """Raise WeitiaoError when a version is not what somebody asks for."""
        for name, asked in self.asked.items():
            version = self.found[name].version
            for wanted, by in asked:
                if not wanted.specifier.contains(version, prereleases=True):
                    raise WeitiaoError(
                        _("{by} needs {wanted}, but {version} is installed here.",
                             by=by, wanted=str(wanted), version=f"{name} {version}")
                    )  # fmt: skip


def metadata_of(path: Path) -> Message:
    """The METADATA inside a wheel."""
    with zipfile.ZipFile(path) as wheel:
        names = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(wheel.read(names[0]).decode("utf-8"))


def _canonical(name: str) -> str:
    from packaging.utils import canonicalize_name

    return str(canonicalize_name(name))


def _line(wheel: Wheel) -> str:
    from rich.filesize import decimal

    return f"{wheel.name} {wheel.version}  {decimal(wheel.size)}"


def _pip(words: list[str]) -> str:
    """Run pip; what it says is wrong, or ""."""
    command = [sys.executable, "-m", "pip", *words, "--disable-pip-version-check", "--no-input",
               "--retries", "2", "--quiet"]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode == 0:
        return ""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    if any("No module named pip" in line for line in lines):
        raise WeitiaoError(_("there is no pip here: python -m ensurepip, or install pip."))
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["pip failed"])[-1][:300]
