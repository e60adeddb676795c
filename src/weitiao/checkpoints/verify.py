"""Whether the files of a checkpoint are whole, looked at cheaply: one error that names the file."""

from __future__ import annotations

import json
from pathlib import Path

from weitiao.core import disk, fingerprint
from weitiao.data.cache import store
from weitiao.errors import ModelError
from weitiao.i18n.messages import _
from weitiao.i18n.system import said

POINTER = b"version https://git-lfs"
PLAIN, INDEX = "model.safetensors", "model.safetensors.index.json"


def weights(folder: Path) -> list[Path]:
    """The safetensors files that hold the weights. Raises ModelError for an index of others."""
    if (folder / PLAIN).is_file():
        return [folder / PLAIN]
    return shards(folder / INDEX) if (folder / INDEX).is_file() else []


def shards(index: Path) -> list[Path]:
    """The files that an index names, each once; they lie beside it, or it is refused."""
    try:
        told = json.loads(index.read_text(encoding="utf-8"))
        names = sorted({str(name) for name in told["weight_map"].values()})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise broken(index, error) from error
    for name in names:
        if Path(name).name != name or not (index.parent / name).is_file():
            raise ModelError(
                _("{index}: names {file!r}, which is not beside it.", index=index, file=name)
            )
    return [index.parent / name for name in names]


def check_config(path: Path) -> None:
    """Raise ModelError unless a config.json says which family of networks this is."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise broken(path, error) from error
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise ModelError(
            _("{path}: names no model_type, so the family of the network is unknown.", path=path)
        )


def check_weights(path: Path) -> None:
    """Raise ModelError unless a safetensors file is as long as its head says."""
    from safetensors import SafetensorError, safe_open

    refuse_pointer(path)
    try:
        with safe_open(disk.plain(path), framework="np"):
            pass
    except SafetensorError as error:
        raise broken(path, error) from error


def refuse_pointer(path: Path) -> None:
    """Raise ModelError when `git clone` has left a note in place of a large file."""
    with path.open("rb") as file:
        begins = file.read(len(POINTER))
    if begins == POINTER:
        raise ModelError(
            _("{path}: only a pointer of Git LFS; `git lfs pull` fetches the file.", path=path)
        )


def broken(path: Path, error: Exception) -> ModelError:
    """The error that names a damaged file."""
    return ModelError(
        _(
            "{path}: damaged or not whole ({reason}); fetch it again.",
            path=path,
            reason=said(error)[:120],
        )
    )


def sha256_of(path: Path) -> str:
    """The hash of a file, remembered while its size and time of change stay."""
    stat = path.stat()
    known = [stat.st_size, stat.st_mtime_ns]
    name = fingerprint.of_texts("sha256", str(path.resolve()))
    memo = store.folder("hashes") / f"{name}.json"
    try:
        remembered = json.loads(memo.read_text(encoding="utf-8"))
        if remembered["file"] == known:
            store.touch(memo)
            return str(remembered["hash"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # nothing remembered, or not by us: hash it
    found = fingerprint.sha256_of(path)
    with store.written(memo) as sibling:
        sibling.write_text(json.dumps({"file": known, "hash": found}), encoding="utf-8")
    return found
