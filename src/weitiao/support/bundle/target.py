"""The target of a bundle: platform tags for pip and environment markers for package metadata."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass

from weitiao.core.fields import near
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _

GLIBC = range(39, 16, -1)  # minor versions: manylinux_2_39 down to manylinux_2_17


@dataclass(frozen=True)
class Target:
    """A platform (linux_x86_64, win_amd64, ...) and a Python ("3.11")."""

    platform: str
    python: str

    @property
    def is_here(self) -> bool:
        """Whether it is this machine: then pip may build packages that have no wheel."""
        return self == here()

    @property
    def pip_options(self) -> list[str]:
        """pip's options for downloading another machine's wheels; none for this machine."""
        if self.is_here:
            return []
        tags = [word for tag in _tags(self.platform) for word in ("--platform", tag)]
        python = ["--python-version", self.python, "--implementation", "cp"]
        return ["--only-binary=:all:", *tags, *python]

    @property
    def markers(self) -> dict[str, str]:
        """Values of the environment markers (PEP 508) of the target."""
        # packaging would fill in those of this machine, and a bundle for Windows made on Linux
        # would lack colorama and bring packages that only Linux needs.
        system, machine = _SYSTEMS[self.platform]
        names = {
            "Linux": ("linux", "posix"),
            "Windows": ("win32", "nt"),
            "Darwin": ("darwin", "posix"),
        }
        short, family = names[system]
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": family,
            "platform_machine": machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": system,
            "platform_version": "",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": short,
        }


_SYSTEMS = {
    "linux_x86_64": ("Linux", "x86_64"),
    "linux_aarch64": ("Linux", "aarch64"),
    "win_amd64": ("Windows", "AMD64"),
    "win_arm64": ("Windows", "ARM64"),
    "macosx_x86_64": ("Darwin", "x86_64"),
    "macosx_arm64": ("Darwin", "arm64"),
}


def here() -> Target:
    """This machine."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    machine = platform.machine().lower()
    for name, (system, known) in _SYSTEMS.items():
        if platform.system() == system and machine == known.lower():
            return Target(name, python)
    return Target(f"{platform.system().lower()}_{machine}", python)


def target_of(name: str | None, python: str | None) -> Target:
    """Target for the options --platform and --python; None is this machine's. Raises
    WeitiaoError."""
    mine = here()
    if name is not None and name not in _SYSTEMS:
        message = _(
            "--platform: {name!r} is none of {known}.{near}",
            name=name,
            known=", ".join(_SYSTEMS),
            near=near(name, list(_SYSTEMS)),
        )
        raise WeitiaoError(message)
    version = python or mine.python
    major, _unused, minor = version.partition(".")
    if major != "3" or not minor.isdecimal() or int(minor) < 11:
        message = _(
            "--python: {version!r} cannot run weitiao; write 3.11 or later.", version=version
        )
        raise WeitiaoError(message)
    return Target(name or mine.platform, version)


def _tags(name: str) -> list[str]:
    system, machine = _SYSTEMS[name]
    if system == "Linux":
        # pip matches --platform tags literally, so every glibc version has to be listed (PEP 600:
        # manylinux_2_17 runs with any later one). manylinux2014 is the old name of 2_17.
        manylinux = [f"manylinux_2_{minor}_{machine}" for minor in GLIBC]
        return [*manylinux, f"manylinux2014_{machine}", f"linux_{machine}"]
    if system == "Darwin":  # here pip accepts the tags of older systems by itself
        return [f"macosx_{major}_0_{machine}" for major in (15, 14, 13, 12, 11)]
    return [name]
