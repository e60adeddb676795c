"""The source tree that weitiao is installed from, when it is: its wheel is built from a copy."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit
from urllib.request import url2pathname

NEEDED = ("pyproject.toml", "README.md", "LICENSE")
SETUPTOOLS = 77  # what pyproject.toml asks for


def tree() -> Path | None:
    """The folder with pyproject.toml, or None when weitiao came as a wheel."""
    files = metadata.files("weitiao") or []
    told = next((Path(str(f.locate())) for f in files if f.name == "direct_url.json"), None)
    url = json.loads(told.read_text(encoding="utf-8")).get("url", "") if told else ""
    if not url.startswith("file:"):
        return None
    folder = Path(url2pathname(urlsplit(url).path))
    return folder if (folder / "pyproject.toml").is_file() else None


@contextmanager
def copied(folder: Path) -> Iterator[Path]:
    """A copy of what a wheel is built from: building leaves folders behind."""
    with TemporaryDirectory(prefix="weitiao-") as copy:
        for name in NEEDED:
            shutil.copyfile(folder / name, Path(copy) / name)
        unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(folder / "src", Path(copy) / "src", ignore=unwanted)
        yield Path(copy)


def build_options() -> list[str]:
    """Build with the setuptools that is here, if it is new enough: that needs no network."""
    try:
        major = int(metadata.version("setuptools").partition(".")[0])
    except (metadata.PackageNotFoundError, ValueError):
        return []
    return ["--no-build-isolation"] if major >= SETUPTOOLS else []
