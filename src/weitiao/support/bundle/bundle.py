"""`weitiao bundle`: wheels, checksums, bill of materials and installer for offline machines."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weitiao.core import atomic
from weitiao.core.fields import near
from weitiao.core.fingerprint import sha256_of
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _
from weitiao.support.bundle.target import Target
from weitiao.support.bundle.wheels import OURS, Wheel, WheelCollector

if TYPE_CHECKING:
    from cyclonedx.model.component import Component

MANIFEST = "bundle.json"
BILL = "sbom.cdx.json"
SUMS = "SHA256SUMS"
WHEELS = "wheels"
SCRIPTS = ("README.txt", "install.bat", "install.py", "install.sh")
LICENCE_NAME_LIMIT = 80  # characters; a longer field holds the licence's text, not its name


@dataclass(frozen=True)
class Bundle:
    """A finished bundle: its folder and its wheels."""

    folder: Path
    wheels: Sequence[Wheel]

    @property
    def size(self) -> int:
        """Bytes of all files in the folder."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


def extras_here() -> list[str]:
    """The extras that weitiao's metadata declares."""
    return sorted(metadata.metadata(OURS).get_all("Provides-Extra") or [])


def write(
    folder: Path, target: Target, extras: Sequence[str], say: Callable[[str], None]
) -> Bundle:
    """Download all wheels into the folder and write the files around them.

    An interrupted call is resumed: wheels already there are reused. Raises WeitiaoError: a folder
    with other files in it, an unknown extra, a package that pip cannot get.
    """
    _check_extras(extras)
    if not util.find_spec("cyclonedx"):
        raise WeitiaoError(_('a bundle needs more packages: pip install "weitiao[bundle]".'))
    known = _known_files(folder, target)
    wheels_folder = folder / WHEELS
    wheels_folder.mkdir(parents=True, exist_ok=True)
    for path in wheels_folder.glob(".new-*"):
        shutil.rmtree(path, ignore_errors=True)
    files = dict(known)

    # The manifest is rewritten after each wheel, so that a call that is killed loses one at most.
    def record() -> None:
        manifest = {"target": _target_key(target), "files": files}
        atomic.replace_text(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")

    def keep(wheel: Wheel) -> None:
        files[wheel.path.name] = wheel.sha256
        record()

    record()
    wheels = WheelCollector(wheels_folder, target, known, keep, say).collect(sorted(extras))
    # pip installs from this folder with --find-links: a wheel of another version would be a choice.
    for path in wheels_folder.iterdir():
        if path not in {wheel.path for wheel in wheels}:
            path.unlink()  # from an earlier call with other extras or versions
    _finish(folder, target, sorted(extras), wheels)
    return Bundle(folder, wheels)


def _check_extras(extras: Sequence[str]) -> None:
    known = extras_here()
    for extra in extras:
        if extra not in known:
            message = _(
                "--extras: {name!r} is none of {known}.{near}",
                name=extra,
                known=", ".join(known),
                near=near(extra, known),
            )
            raise WeitiaoError(message)


def _known_files(folder: Path, target: Target) -> dict[str, str]:
    """File name -> SHA-256, as the manifest of an earlier call records them."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return {}
    try:
        manifest: Any = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        other, files = manifest["target"], dict(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError):
        message = _("{folder}: holds other things; name a new folder.", folder=folder)
        raise WeitiaoError(message) from None
    if other == _target_key(target):
        return files
    raise WeitiaoError(
        _(
            "{folder}: a bundle for {other}; name a new folder.",
            folder=folder,
            other=" ".join(other),
        )
    )


def _target_key(target: Target) -> list[str]:
    return [target.platform, target.python]


def _finish(folder: Path, target: Target, extras: Sequence[str], wheels: Sequence[Wheel]) -> None:
    ours = next(wheel for wheel in wheels if wheel.name == OURS)
    brackets = f"[{','.join(extras)}]" if extras else ""
    requirement = f"{OURS}{brackets}=={ours.version}"
    manifest = {
        "target": _target_key(target),
        "python": target.python,
        "platform": target.platform,
        "requirement": requirement,
        "extras": list(extras),
        "packages": {wheel.name: wheel.version for wheel in wheels},
        "files": {wheel.path.name: wheel.sha256 for wheel in wheels},
    }
    atomic.replace_text(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")
    atomic.replace_text(folder / BILL, bill_of_materials(wheels))
    size = sum(wheel.size for wheel in wheels)
    for name, text in script_texts(target, requirement, len(wheels), size).items():
        atomic.replace_text(folder / name, text)
    with suppress(OSError):  # a file system without permissions
        (folder / "install.sh").chmod(0o755)
    sums = {f"{WHEELS}/{wheel.path.name}": wheel.sha256 for wheel in wheels}
    sums |= {name: sha256_of(folder / name) for name in (MANIFEST, BILL, *SCRIPTS)}
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
    atomic.replace_text(folder / SUMS, lines)


# --- the bill of materials


def bill_of_materials(wheels: Sequence[Wheel]) -> str:
    """Software bill of materials as CycloneDX JSON: version, licence and hash of each package.

    Equal for equal wheels, but for its time stamp and serial number.
    """
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6

    bom = Bom()
    components = {wheel.name: _component(wheel) for wheel in wheels}
    ours = components.pop(OURS, None) or Component(name=OURS, type=ComponentType.APPLICATION)
    bom.metadata.component = ours
    for component in components.values():
        bom.components.add(component)
    bom.register_dependency(ours, components.values())
    return str(JsonV1Dot6(bom).output_as_string(indent=2)) + "\n"


def _component(wheel: Wheel) -> Component:
    from cyclonedx.contrib.license.factories import LicenseFactory
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    name, version = wheel.name, wheel.version
    purl = PackageURL("pypi", None, name.lower().replace("_", "-"), version)
    texts = licences_of(wheel.metadata)
    factory = LicenseFactory()
    # CycloneDX allows one SPDX expression or several plain names, never a mixture.
    licences: list[Any] = [factory.make_from_string(text) for text in texts]
    if len(texts) > 1:
        licences = [factory.make_with_name(text) for text in texts]
    return Component(
        name=name,
        version=version,
        type=ComponentType.APPLICATION if name == OURS else ComponentType.LIBRARY,
        description=wheel.metadata["Summary"],
        licenses=licences,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=wheel.sha256)],
        purl=purl,
        bom_ref=str(purl),
    )


def licences_of(package: Any) -> list[str]:
    """Licences in a package's metadata: License-Expression, else License, else classifiers."""
    if expression := package["License-Expression"]:
        return [str(expression)]
    name = str(package["License"] or "").strip()
    if name and name.upper() != "UNKNOWN" and "\n" not in name and len(name) <= LICENCE_NAME_LIMIT:
        return [name]
    classifiers = [str(c) for c in package.get_all("Classifier") or []]
    return [
        c.split(" :: ")[-1]
        for c in classifiers
        if c.startswith("License :: ") and c != "License :: OSI Approved"
    ]


# --- the installers

_SH = """#!/bin/sh
# Installs weitiao from this folder, offline: sh install.sh [FOLDER]
here=$(dirname "$0")
for python in "$PYTHON" python{version} python3 python; do
    if [ -n "$python" ] && "$python" -c 'import sys; sys.exit(sys.version_info[:2] != ({comma}))' \\
            2>/dev/null; then
        exec "$python" "$here/install.py" "$@"
    fi
done
echo "Python {version} is needed; name it: PYTHON=/path/to/python{version} sh install.sh" >&2
exit 2
"""

_BAT = """@echo off
rem Installs weitiao from this folder, offline: install.bat [FOLDER]
py -{version} -c "pass" >nul 2>nul
if %errorlevel%==0 (
    py -{version} "%~dp0install.py" %*
) else (
    python "%~dp0install.py" %*
)
exit /b %errorlevel%
"""

_README = """weitiao, offline installation bundle / 微调，离线安装包
{line}

{requirement}
{platform}, Python {python}, {count} packages, {size}

Install: sh install.sh [FOLDER]    (Windows: install.bat [FOLDER])
  Only Python {python} is needed. The script verifies every file against SHA256SUMS, creates a
  virtual environment in FOLDER (by default weitiao-venv in the current folder), installs into it,
  and checks the installation with `weitiao doctor --offline`.
  sbom.cdx.json lists each package with its version, licence and hash (CycloneDX).

安装：sh install.sh [目录]    （Windows：install.bat [目录]）
  只需要 Python {python}。脚本先用 SHA256SUMS 核对每个文件，再在指定目录（默认为当前目录下的
  weitiao-venv）创建虚拟环境并安装，最后用 `weitiao doctor --offline` 检查是否可用。
  sbom.cdx.json 列出每个软件包的版本、许可证和哈希值（CycloneDX 格式）。
"""


def script_texts(target: Target, requirement: str, count: int, size: int) -> dict[str, str]:
    """File name -> text of README.txt, install.bat, install.py and install.sh."""
    from rich.filesize import decimal

    version = target.python
    values = {"version": version, "comma": version.replace(".", ", ")}
    page = _README.format(
        line="=" * 52,
        requirement=requirement,
        platform=target.platform,
        python=version,
        count=count,
        size=decimal(size),
    )
    installer = Path(__file__).with_name("install.py").read_text(encoding="utf-8")
    return {
        "README.txt": "\ufeff" + page.replace("\n", "\r\n"),  # Windows editors expect BOM, CRLF
        "install.bat": _BAT.format(**values).replace("\n", "\r\n"),
        "install.py": installer,
        "install.sh": _SH.format(**values),
    }
