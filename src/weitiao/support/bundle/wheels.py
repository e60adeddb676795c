"""Wheels of weitiao and its dependencies for a target machine, downloaded one by one with pip.

The versions are those installed here; the dependency graph is read from the wheels' own metadata
with the markers of the target. uv's resolver was tried and is not used, see dev/LOG.md: it does not
read pip's configuration, takes CUDA builds of torch on Linux, and cannot lock packages that exist
as source only together with `pip download --require-hashes`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from email.parser import Parser
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from weitiao.core.fingerprint import sha256_of
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _
from weitiao.support.bundle.target import Target

if TYPE_CHECKING:
    from packaging.requirements import Requirement

OURS = "weitiao"
SOURCE_FILES = ("pyproject.toml", "README.md", "LICENSE")
MIN_SETUPTOOLS = 77  # build-system.requires of pyproject.toml
Say = Callable[[str], None]


@dataclass(frozen=True)
class Wheel:
    """A wheel file of the bundle with its parsed metadata."""

    path: Path
    sha256: str
    metadata: Message

    @property
    def name(self) -> str:
        """The package's name as its author spells it."""
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
class WheelCollector:
    """Breadth-first walk over the dependency graph that downloads each package once."""

    folder: Path
    target: Target
    known: Mapping[str, str]  # file name -> sha256, of an earlier, unfinished call
    keep: Callable[[Wheel], None]  # called after each new wheel
    say: Say
    wheels: dict[str, Wheel] = field(default_factory=dict)  # by canonical name
    requirements: dict[str, list[tuple[Requirement, str]]] = field(default_factory=dict)

    def collect(self, extras: list[str]) -> list[Wheel]:
        """weitiao with these extras, pip, and all their dependencies. Raises WeitiaoError."""
        from packaging.requirements import Requirement

        root = f"{OURS}[{','.join(extras)}]" if extras else OURS
        pending = [(Requirement(root), OURS), (Requirement("pip"), OURS)]
        seen: set[tuple[str, str]] = set()
        while pending:
            # Extras are followed, not packages: one that is there already may be required again
            # with an extra, which adds requirements.
            requirement, parent = pending.pop(0)
            name = _canonical(requirement.name)
            self.requirements.setdefault(name, []).append((requirement, parent))
            if name not in self.wheels:
                self.wheels[name] = self._fetch(requirement)
            for extra in ("", *sorted(requirement.extras)):
                if (name, extra) not in seen:
                    seen.add((name, extra))
                    pending += [(need, name) for need in self._needs(self.wheels[name], extra)]
        self._check()
        return [self.wheels[name] for name in sorted(self.wheels)]

    def _needs(self, wheel: Wheel, extra: str) -> list[Requirement]:
        """Requirements of a wheel that hold on the target; with an extra, those of the extra."""
        from packaging.requirements import Requirement

        needs = [Requirement(line) for line in wheel.metadata.get_all("Requires-Dist") or []]
        values = {**self.target.markers, "extra": extra}
        return [
            need
            for need in needs
            if (need.marker is None and not extra)
            or (need.marker is not None and need.marker.evaluate(values))
        ]

    def _fetch(self, requirement: Requirement) -> Wheel:
        if _canonical(requirement.name) == OURS:
            wheel = self._own()
        else:
            pinned = self._pinned(requirement)
            wheel = self._reused(pinned) or self._downloaded(requirement.name, pinned)
        self.keep(wheel)
        self.say(_line(wheel))
        return wheel

    def _pinned(self, requirement: Requirement) -> str:
        """The version installed here; the plain requirement for what only the target needs."""
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            return f"{requirement.name}{requirement.specifier}"
        if not self.target.platform.startswith("linux"):
            version = version.partition("+")[0]  # local versions such as torch's +cpu: Linux only
        return f"{requirement.name}=={version}"

    def _reused(self, pinned: str) -> Wheel | None:
        """The wheel of an earlier call, if it is there and its hash is unchanged."""
        name, _, version = pinned.partition("==")
        # A wheel's file name begins with name-version- (PEP 427), hyphens in them written as _.
        for path in self.folder.glob("*.whl") if version else ():
            parts = path.name.split("-")
            if _canonical(parts[0]) == _canonical(name) and parts[1] == version:
                digest = sha256_of(path)
                if self.known.get(path.name) == digest:
                    return Wheel(path, digest, metadata_of(path))
        return None

    def _downloaded(self, name: str, pinned: str) -> Wheel:
        with TemporaryDirectory(dir=self.folder, prefix=".new-") as folder:
            options = self.target.pip_options
            build = ["wheel", "--no-deps", "--wheel-dir", folder, pinned]
            fetch = ["download", *options, "--no-deps", "--dest", folder, pinned]
            failure = _pip(fetch if options else build)
            if failure and options:
                # pip download for another platform takes wheels only. A package that exists as
                # source alone is built here, and fits there if its wheel is pure Python.
                _pip(build)
                for path in Path(folder).glob("*.whl"):
                    failure = "" if path.name.endswith("-none-any.whl") else failure
            paths = list(Path(folder).glob("*.whl"))
            if failure or not paths:
                raise WeitiaoError(
                    _(
                        "pip cannot get {package} for {platform}, Python {python}: {reason} "
                        "What is there already stays; the same command goes on.",
                        package=pinned,
                        platform=self.target.platform,
                        python=self.target.python,
                        reason=failure or _("it gave no wheel."),
                    )
                )
            return self._moved(paths[0])

    def _own(self) -> Wheel:
        """weitiao's own wheel, built from the source tree when it is installed from one."""
        tree = source_tree()
        if tree is None:
            pinned = f"{OURS}=={metadata.version(OURS)}"
            return self._reused(pinned) or self._downloaded(OURS, pinned)
        with TemporaryDirectory(dir=self.folder, prefix=".new-") as folder:
            with copied(tree) as copy:
                words = ["wheel", "--no-deps", *build_options(), "--wheel-dir", folder, str(copy)]
                failure = _pip(words)
            if failure:
                raise WeitiaoError(
                    _("no wheel can be built from {tree}: {reason}", tree=tree, reason=failure)
                )
            return self._moved(next(Path(folder).glob("*.whl")))

    def _moved(self, new: Path) -> Wheel:
        path = self.folder / new.name
        shutil.move(new, path)
        return Wheel(path, sha256_of(path), metadata_of(path))

    def _check(self) -> None:
        """Raise WeitiaoError when a version violates a requirement."""
        # Versions are pinned to those installed here, so nothing has been resolved: a requirement
        # that holds on the target alone may contradict them.
        for name, requirements in self.requirements.items():
            version = self.wheels[name].version
            for requirement, parent in requirements:
                if not requirement.specifier.contains(version, prereleases=True):
                    message = _(
                        "{by} needs {wanted}, but {version} is installed here.",
                        by=parent,
                        wanted=str(requirement),
                        version=f"{name} {version}",
                    )
                    raise WeitiaoError(message)


def source_tree() -> Path | None:
    """The folder with pyproject.toml that weitiao was installed from; None for a wheel."""
    # PEP 610: pip records the origin of a direct or editable install in direct_url.json.
    files = metadata.files("weitiao") or []
    record = next((Path(str(f.locate())) for f in files if f.name == "direct_url.json"), None)
    url = json.loads(record.read_text(encoding="utf-8")).get("url", "") if record else ""
    if not url.startswith("file:"):
        return None
    folder = Path(url2pathname(urlsplit(url).path))
    return folder if (folder / "pyproject.toml").is_file() else None


@contextmanager
def copied(folder: Path) -> Iterator[Path]:
    """A copy of the source tree to build from: setuptools leaves build/ and egg-info behind."""
    with TemporaryDirectory(prefix="weitiao-") as copy:
        for name in SOURCE_FILES:
            shutil.copyfile(folder / name, Path(copy) / name)
        unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(folder / "src", Path(copy) / "src", ignore=unwanted)
        yield Path(copy)


def build_options() -> list[str]:
    """--no-build-isolation if the setuptools here is new enough: that needs no network."""
    try:
        major = int(metadata.version("setuptools").partition(".")[0])
    except (metadata.PackageNotFoundError, ValueError):
        return []
    return ["--no-build-isolation"] if major >= MIN_SETUPTOOLS else []


def metadata_of(path: Path) -> Message:
    """The METADATA file inside a wheel."""
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
    """Run pip; the reason why it failed, or ""."""
    options = ["--disable-pip-version-check", "--no-input", "--retries", "2", "--quiet"]
    process = subprocess.run(
        [sys.executable, "-m", "pip", *words, *options],
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if process.returncode == 0:
        return ""
    lines = [line.strip() for line in process.stderr.splitlines() if line.strip()]
    if any("No module named pip" in line for line in lines):
        raise WeitiaoError(_("there is no pip here: python -m ensurepip, or install pip."))
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["pip failed"])[-1][:300]
