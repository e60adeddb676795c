"""Verification of checkpoint files, and their errors: each names the file and the remedy.

Files are checked by their headers, without reading the weights.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path

from weitiao.checkpoints.bounds import MAX_CONFIG_BYTES, Shapes, check_settings, read_json
from weitiao.checkpoints.catalogue import CATALOGUE
from weitiao.core import disk, fingerprint
from weitiao.data.cache import checked, store
from weitiao.errors import ModelError, WeitiaoError
from weitiao.i18n.messages import _
from weitiao.i18n.system import said

LFS_POINTER = b"version https://git-lfs"  # how a file start that git lfs has not fetched
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"


def weights(folder: Path) -> list[Path]:
    """The safetensors files that hold the weights. Raises ModelError for an index of others."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    return shards(folder / INDEX) if (folder / INDEX).is_file() else []


def shards(index: Path) -> list[Path]:
    """The files that an index names, each once; they lie beside it, or it is refused."""
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
        names = sorted({str(name) for name in content["weight_map"].values()})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise broken(index, error) from error
    # An index is as untrusted as the weights: "../x" would read a file outside the checkpoint.
    for name in names:
        if Path(name).name != name or not (index.parent / name).is_file():
            raise ModelError(
                _("{index}: names {file!r}, which is not beside it.", index=index, file=name)
            )
    return [index.parent / name for name in names]


def check_config(path: Path, shapes: Shapes | None = None) -> None:
    """Raise ModelError unless a config.json says which family of networks this is, of a size that
    its weights (`shapes`) can have."""
    try:
        config = read_json(path, MAX_CONFIG_BYTES)
    except ValueError as error:
        raise broken(path, error) from error
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise ModelError(
            _("{path}: names no model_type, so the family of the network is unknown.", path=path)
        )
    check_settings(config, path, shapes)


def check_weights(path: Path) -> None:
    """Raise ModelError unless a safetensors file is as long as its header says."""
    from safetensors import SafetensorError, safe_open

    refuse_pointer(path)
    # The file: uint64 length of the header, the header (JSON: name -> dtype, shape, offsets), the
    # numbers. Opening it checks that the offsets cover the file exactly, without reading on.
    try:
        with safe_open(disk.plain(path), framework="np"):
            pass
    except SafetensorError as error:
        raise broken(path, error) from error


def refuse_pointer(path: Path) -> None:
    """Raise ModelError for a Git LFS pointer, which `git clone` leaves in place of a large file."""
    with path.open("rb") as file:
        start = file.read(len(LFS_POINTER))
    if start == LFS_POINTER:
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


def adapter_error(checkpoint: str) -> ModelError:
    """The error of a checkpoint that holds a peft adapter: only the adapter would be trained."""
    return ModelError(
        _(
            "{checkpoint}: holds an adapter of peft (adapter_config.json). Merge it "
            "(merge_and_unload) and save the network with its tokenizer, or name a checkpoint "
            "without one.",
            checkpoint=checkpoint,
        )
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers' warnings and progress bars: a new head is no news here."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:  # else this is inside of another `quiet`
            logging.enable_progress_bar()


@contextmanager
def load_errors(checkpoint: str) -> Iterator[None]:
    """Turn whatever transformers raises on loading `checkpoint` into one short ModelError."""
    try:
        yield
    except WeitiaoError:
        raise
    except Exception as error:  # what broken files raise inside transformers has no common class
        close = get_close_matches(checkpoint, CATALOGUE, n=1)
        hint = _(" Did you mean {name!r}?", name=close[0]) if close else ""
        raise ModelError(
            _(
                "the checkpoint {checkpoint!r} cannot be loaded: {reason}{hint} "
                "Give a folder, a name on the hub, or one of `weitiao parts models`.",
                checkpoint=checkpoint,
                reason=said(error),
                hint=hint,
            )
        ) from error


def sha256_of(path: Path) -> str:
    """The sha256 of a file, cached while its size and modification time stay the same."""
    stat = path.stat()
    version = [stat.st_size, stat.st_mtime_ns]
    name = fingerprint.of_texts("sha256", str(path.resolve()))
    cached = store.folder("hashes") / f"{name}.json"
    try:
        entry = checked.read_json(cached)
        if entry["file"] == version:
            store.touch(cached)
            return str(entry["hash"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no usable entry: hash the file
    digest = fingerprint.sha256_of(path)
    with suppress(OSError):  # a full disk: hashed again the next time
        checked.write_json(cached, {"file": version, "hash": digest})
    return digest
