"""Offline installer of a bundle: python install.py [FOLDER].

This file is copied into bundles and runs on a bare Python: standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
MARK = ".weitiao"  # a file in every environment that this installer created
VENV_ENTRIES = {
    "bin",
    "include",
    "lib",
    "lib64",
    "share",
    "pyvenv.cfg",
    ".gitignore",
    "Scripts",
    "Include",
    "Lib",
    MARK,
}  # top-level entries of a virtual environment
FRESH_PACKAGES = {"pip", "setuptools", "_distutils_hack", "distutils"}  # of a new environment


def main(words: list[str]) -> int:
    """Verify the bundle, create a virtual environment, install into it, run the doctor."""
    manifest = json.loads((HERE / "bundle.json").read_text(encoding="utf-8"))
    folder = Path(words[0] if words else "weitiao-venv").absolute()
    wheels = HERE / "wheels"
    problem = wrong_python(manifest) or damaged() or lacking_pip(wheels) or occupied(folder)
    if problem:
        say(problem)
        return 2
    say((f"Installing into {folder} ...", f"正在安装到 {folder} ……"))
    # without pip: ensurepip would bring the version of this Python, the bundle has its own
    venv.EnvBuilder(with_pip=False, clear=folder.exists()).create(folder)
    (folder / MARK).write_text("made by install.py\n", encoding="utf-8")
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    pip = next(wheels.glob("pip-*.whl"))
    # A wheel is a zip file with pip/__main__.py inside: Python runs pip straight from it.
    command = [str(python), str(pip / "pip"), "--isolated", "install", "--no-index", "--quiet"]
    command += ["--find-links", str(wheels), "--no-cache-dir", manifest["requirement"], "pip"]
    code = subprocess.run(command, check=False).returncode
    if code:
        say(("pip failed; see its message above.", "pip 失败，原因见上。"))
        return code
    weitiao = scripts / ("weitiao.exe" if os.name == "nt" else "weitiao")
    code = subprocess.run([str(weitiao), "doctor", "--offline"], check=False).returncode
    say((f"Ready: {weitiao} --help", f"安装完成：{weitiao} --help"))
    return code


def wrong_python(manifest: dict[str, str]) -> tuple[str, str] | None:
    """A message if the wheels are for another Python version."""
    mine = f"{sys.version_info.major}.{sys.version_info.minor}"
    if mine == manifest["python"]:
        return None
    return (
        f"These wheels are for Python {manifest['python']}, this is {mine}: "
        "run this file with that one.",
        f"这些安装包适用于 Python {manifest['python']}，当前是 {mine}：请改用对应版本运行。",
    )


def damaged() -> tuple[str, str] | None:
    """A message about the first file whose SHA-256 differs from SHA256SUMS."""
    for line in (HERE / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        path = HERE / name
        if not path.is_file():
            return f"{name}: this file is missing.", f"{name}：缺少该文件。"
        sha256 = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                sha256.update(chunk)
        if sha256.hexdigest() != digest:
            return (
                f"{name}: damaged on the way; copy it again.",
                f"{name}：文件已损坏，请重新复制。",
            )
    return None


def lacking_pip(wheels: Path) -> tuple[str, str] | None:
    """A message if the bundle has no wheel of pip, which installs the rest."""
    if any(wheels.glob("pip-*.whl")):
        return None
    return (
        f"{wheels}: pip is missing here; copy the folder again.",
        f"{wheels}：缺少 pip 的安装包，请重新复制整个目录。",
    )


def occupied(folder: Path) -> tuple[str, str] | None:
    """A message if the folder has other files in it."""
    if not folder.exists() or (folder.is_dir() and replaceable(folder)):
        return None
    return f"{folder}: not empty; name another folder.", f"{folder}：目录非空，请换一个目录。"


def replaceable(folder: Path) -> bool:
    """Whether it is empty, or a virtual environment of this installer or without packages."""
    names = {path.name for path in folder.iterdir()}
    if not names:
        return True
    if "pyvenv.cfg" not in names or names - VENV_ENTRIES:
        return False
    inside = [*folder.glob("lib/python*/site-packages/*"), *folder.glob("Lib/site-packages/*")]
    return MARK in names or {path.name.partition("-")[0] for path in inside} <= FRESH_PACKAGES


def say(texts: tuple[str, str]) -> None:
    """Print a line in the user's language to stderr."""
    locale = next(
        (os.environ[n] for n in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(n)), ""
    )
    line = texts[1] if locale.startswith("zh") else texts[0]
    sys.stderr.write(line.encode(sys.stderr.encoding, "replace").decode(sys.stderr.encoding) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
