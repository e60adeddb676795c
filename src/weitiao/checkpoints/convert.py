"""Conversion of pickled and GGUF checkpoints into safetensors folders, done once and cached.

cached_folder(name, version, fill)   the cache: written whole or not at all, one process at a time
from_pickle(folder)                  pytorch_model.bin -> model.safetensors
gguf_to_folder(path, folder)         llama.cpp's format -> config, fp32 weights, tokenizer
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from weitiao.checkpoints import verify
from weitiao.core import disk, fingerprint, notice
from weitiao.data.cache import checked, store
from weitiao.errors import ModelError
from weitiao.i18n.messages import _
from weitiao.i18n.system import said

if TYPE_CHECKING:
    from torch import Tensor

ORIGIN_FILE = "source.json"  # what the folder was converted from; written last

BIN, BIN_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
REFUSED_GLOBAL = re.compile(r"GLOBAL ([\w.]*\w)")  # the refused import in torch's error text
PICKLE_VERSION = 1  # of the conversion: a higher one replaces cached folders
COPIED_SUFFIXES = {".json", ".txt", ".model", ".spm", ".bpe", ".vocab", ".jinja", ".md"}
COPIED_MAX_BYTES = 200_000_000  # a tokenizer is smaller

GGUF_MAGIC = b"GGUF"
GGUF_VERSION = 2
GGUF_NAME = "weights.gguf"  # the file's name in the folder that transformers sees


def cached_folder(
    name: str,
    version: int,
    fill: Callable[[Path], None],
    origin: Mapping[str, Any] | None = None,
) -> Path:
    """The cached folder `name`; `fill` writes it when it is missing, incomplete or older.

    origin: stored in source.json with the version and the file sizes. Raises ModelError when the
    cache cannot be written.
    """
    from filelock import FileLock

    folder = store.folder("models") / name
    store.hold(folder)
    if _is_complete(folder, version):
        return folder
    try:
        # Checked again inside the lock: another process may have written it while this one waited.
        with FileLock(folder.with_name(f"{name}.lock")):
            if not _is_complete(folder, version):
                with notice.during(_("converting the checkpoint, once: {name}", name=name)):
                    _write_folder(folder, version, fill, origin or {})
    except OSError as error:
        raise ModelError(
            _(
                "{folder}: the converted weights cannot be written ({reason}); set WEITIAO_CACHE.",
                folder=str(error.filename or folder),
                reason=said(error),
            )
        ) from error
    return folder


def _write_folder(
    folder: Path, version: int, fill: Callable[[Path], None], origin: Mapping[str, Any]
) -> None:
    with store.draft(folder) as target:
        target.mkdir()
        fill(target)
        sizes = {path.name: path.stat().st_size for path in target.iterdir()}
        hashes = {path.name: fingerprint.sha256_of(path) for path in target.iterdir()}
        content = {**origin, "version": version, "bytes": sizes, "files": hashes}
        text = json.dumps(content, ensure_ascii=False)
        (target / ORIGIN_FILE).write_text(text + "\n", encoding="utf-8")
        # os.replace does not replace a folder that has files. Killed between the two lines, the
        # process leaves no folder, and the next one converts again.
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(target, folder)


def _is_complete(folder: Path, version: int) -> bool:
    """Whether every file is there with the content it was written with."""
    try:
        origin = json.loads((folder / ORIGIN_FILE).read_text(encoding="utf-8"))
        if origin["version"] != version:
            return False
        whole = all(
            (folder / name).stat().st_size == size for name, size in origin["bytes"].items()
        )
        # Hashed when their times have changed only: hashing gigabytes at every start would take
        # longer than loading them. Older folders have sizes alone.
        hashes = origin.get("files", {}).items()
        whole = whole and all(verify.sha256_of(folder / name) == sha for name, sha in hashes)
    except FileNotFoundError:
        return False
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        whole = False
    if not whole:
        checked.made_again(folder)
    return whole


def is_pickled(folder: Path) -> bool:
    """Whether the folder has its weights as pickles (pytorch_model.bin) only."""
    if (folder / verify.WEIGHTS).is_file() or (folder / verify.INDEX).is_file():
        return False
    return (folder / BIN).is_file() or (folder / BIN_INDEX).is_file()


def from_pickle(folder: Path) -> tuple[Path, str]:
    """The checkpoint as safetensors, in the cache, and the sha256 of its pickled weights.

    A pickle can carry code. It is unpickled with `weights_only=True`, which runs nothing of it, and
    refused when it holds more than tensors. transformers reads such a folder too, but then has no
    safetensors header to inspect before loading. The cache key is the hashes of all source files.

    Raises ModelError: more than tensors, a damaged file, a cache that cannot be written.
    """
    files = [folder / BIN] if (folder / BIN).is_file() else verify.shards(folder / BIN_INDEX)
    for path in files:
        verify.refuse_pointer(path)
    hashes = {path.name: verify.sha256_of(path) for path in [*files, *_copied_files(folder)]}
    # Config and tokenizer are part of the key: they are copied, so a changed one is copied again.
    name = fingerprint.of_texts(json.dumps(hashes, sort_keys=True))[:16]
    converted = cached_folder(
        f"bin-{name}",
        PICKLE_VERSION,
        lambda target: _convert_pickles(folder, files, target),
        {"from": str(folder.resolve()), "sha256": hashes},
    )
    digests = [hashes[path.name] for path in files]
    if len(digests) == 1:
        return converted, digests[0]
    return converted, hashlib.sha256("".join(digests).encode("ascii")).hexdigest()


def _copied_files(folder: Path) -> list[Path]:
    """Config and tokenizer files, which are copied; no code, no optimizer states."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file()
        and (path.suffix in COPIED_SUFFIXES or path.name.upper().startswith("LICEN"))
        and path.name not in (BIN_INDEX, ORIGIN_FILE)
        and path.stat().st_size < COPIED_MAX_BYTES
    )


def _convert_pickles(folder: Path, files: Sequence[Path], target: Path) -> None:
    from safetensors.torch import save_file

    weight_map: dict[str, str] = {}
    total = 0
    for number, path in enumerate(files, 1):
        shard = f"model-{number:05}-of-{len(files):05}.safetensors"
        name = verify.WEIGHTS if len(files) == 1 else shard
        tensors = _without_sharing(_unpickled(path))
        # transformers refuses safetensors files whose metadata name no framework.
        save_file(tensors, target / name, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(tensors, name)
        total += sum(tensor.nbytes for tensor in tensors.values())
    if len(files) > 1:
        index = {"metadata": {"total_size": total}, "weight_map": weight_map}
        (target / verify.INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")
    for path in _copied_files(folder):
        shutil.copyfile(path, target / path.name)


def _unpickled(path: Path) -> dict[str, Tensor]:
    try:
        content: Any = _torch_load(path)
    except Exception as error:  # what a damaged pickle raises has no common class
        if type(error).__name__ != "UnpicklingError":
            raise verify.broken(path, error) from error
        refused = REFUSED_GLOBAL.search(str(error))
        raise ModelError(
            _(
                "{path}: refused: this pickle asks for {name}, which may be code. "
                "Take a checkpoint with safetensors.",
                path=path,
                name=refused[1],
            )
            if refused
            else _("{path}: refused: damaged, or more than tensors.", path=path)
        ) from error
    if isinstance(content, Mapping) and content and all(map(_is_dense, content.values())):
        _check_sizes(content, path)
        return {str(name): tensor for name, tensor in content.items()}
    raise ModelError(
        _("{path}: holds no table of plain tensors, as save_pretrained writes it.", path=path)
    )


def _torch_load(path: Path) -> Any:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about old protocols; what cannot be read raises
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError as error:
            if "mmap" not in str(error):
                raise
        # The file format before torch 1.6 is no zip archive and cannot be memory-mapped.
        return torch.load(path, map_location="cpu", weights_only=True)


def _check_sizes(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raise ModelError when tensors claim more numbers than the file has: a pickle says freely how
    large a storage is, and how a tensor is spread over it."""
    storages = {}
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        if tensor.nbytes > storage.nbytes():
            raise verify.broken(path, ValueError(_("{name}: too large", name=name)))
    if sum(storages.values()) > path.stat().st_size:
        raise verify.broken(path, ValueError(_("it claims more numbers than it holds")))


def _is_dense(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor) and value.layout == torch.strided


def _without_sharing(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors with storage of their own: safetensors refuses shared storage.

    Duplicates are copied, not dropped as `safetensors.torch.save_model` does: dropping a name is
    right only for networks that tie the two again.
    """
    seen: set[tuple[int, int]] = set()
    own = {}
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage()
        key = (storage.data_ptr(), storage.nbytes())
        own[name] = tensor.contiguous().clone() if key in seen else tensor.contiguous()
        seen.add(key)
    return own


def gguf_to_folder(path: Path, folder: Path) -> None:
    """Write config.json, model.safetensors (fp32) and the tokenizer of a GGUF file of a decoder.

    Raises ModelError: no GGUF file, a damaged one, a family that transformers does not read so.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    check_gguf(path)
    # The progress bar of GGUF is plain tqdm on stderr, which `quiet` does not reach.
    with (
        verify.quiet(),
        verify.load_errors(str(path)),
        redirect_stderr(io.StringIO()),
        _isolated(path) as parent,
    ):
        dequantized = AutoModelForCausalLM.from_pretrained(
            parent, gguf_file=GGUF_NAME, dtype=torch.float32, trust_remote_code=False
        )
        # transformers dequantizes GGUF on loading, but the config still says it is quantized, and
        # save_pretrained refuses that: the weights move into a network without the entry.
        settings = dequantized.config.to_dict()
        settings.pop("quantization_config", None)
        with torch.device("meta"):  # no memory for weights that are replaced at once
            network = type(dequantized)(type(dequantized.config).from_dict(settings))
        network.load_state_dict(dequantized.state_dict(), assign=True)
        network.tie_weights()
        network.save_pretrained(disk.plain(folder))
        tokenizer = AutoTokenizer.from_pretrained(
            parent, gguf_file=GGUF_NAME, trust_remote_code=False
        )
        tokenizer.save_pretrained(disk.plain(folder))


@contextmanager
def _isolated(path: Path) -> Iterator[str]:
    """A folder with the GGUF file alone: transformers would read a config.json next to it."""
    with TemporaryDirectory(prefix="weitiao-") as folder:
        target = Path(folder) / GGUF_NAME
        try:
            os.symlink(path.resolve(), target)
        except OSError:  # Windows, without the right to make links
            shutil.copyfile(path, target)
        yield disk.plain(folder)


def check_gguf(path: Path) -> None:
    """Raise ModelError unless it is a GGUF file and the package gguf is installed."""
    with path.open("rb") as file:
        magic = file.read(len(GGUF_MAGIC))
    if magic != GGUF_MAGIC:
        raise ModelError(_("{path}: not a GGUF file, or damaged; fetch it again.", path=path))
    if find_spec("gguf") is None:
        raise ModelError(
            _('{path}: reading GGUF needs a package more: pip install "weitiao[gguf]".', path=path)
        )
