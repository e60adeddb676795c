"""A folder whose weights are only `pytorch_model.bin`, as safetensors, made once and kept.

Such a file is a pickle, which can carry code. It is read with `weights_only=True`, so that nothing
in it is ever run; a file that holds more than tensors is refused. The kept folder is known by the
hashes of all it was made from.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weitiao.checkpoints import converted, verify
from weitiao.core import fingerprint
from weitiao.errors import ModelError
from weitiao.i18n.messages import _

if TYPE_CHECKING:
    from torch import Tensor

BIN, BIN_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
CODE = re.compile(r"GLOBAL ([\w.]*\w)")  # what a pickle asks for, in torch's words
VERSION = 1  # raised when the conversion changes, so that an older folder is made anew
SMALL = 200_000_000  # bytes: a tokenizer is smaller
BESIDE = {".json", ".txt", ".model", ".spm", ".bpe", ".vocab", ".jinja", ".md"}  # not weights


def only_pickled(folder: Path) -> bool:
    """Whether the folder has its weights in the old format only."""
    if (folder / verify.PLAIN).is_file() or (folder / verify.INDEX).is_file():
        return False
    return (folder / BIN).is_file() or (folder / BIN_INDEX).is_file()


def plain(folder: Path) -> tuple[Path, str]:
    """The same checkpoint with safetensors, in the cache, and the sha256 of its old weights.

    Raises ModelError: a file that holds more than tensors, that is damaged or cannot be written.
    """
    files = [folder / BIN] if (folder / BIN).is_file() else verify.shards(folder / BIN_INDEX)
    for path in files:
        verify.refuse_pointer(path)
    hashes = {path.name: verify.sha256_of(path) for path in [*files, *_beside(folder)]}
    name = fingerprint.of_texts(json.dumps(hashes, sort_keys=True))[:16]
    made = converted.folder_of(
        f"bin-{name}",
        VERSION,
        lambda target: _convert(folder, files, target),
        {"from": str(folder.resolve()), "sha256": hashes},
    )
    digests = [hashes[path.name] for path in files]
    if len(digests) == 1:
        return made, digests[0]
    return made, hashlib.sha256("".join(digests).encode("ascii")).hexdigest()


def _beside(folder: Path) -> list[Path]:
    """What a checkpoint needs beside its weights; no code, no optimizer states."""
    found = [
        path
        for path in folder.iterdir()
        if path.is_file()
        and (path.suffix in BESIDE or path.name.upper().startswith("LICEN"))
        and path.name not in (BIN_INDEX, converted.ORIGIN)
        and path.stat().st_size < SMALL
    ]
    return sorted(found)


def _convert(folder: Path, files: Sequence[Path], target: Path) -> None:
    from safetensors.torch import save_file

    where: dict[str, str] = {}
    total = 0
    for number, path in enumerate(files, 1):
        shard = f"model-{number:05}-of-{len(files):05}.safetensors"
        name = verify.PLAIN if len(files) == 1 else shard
        tensors = _apart(_tensors(path))
        save_file(tensors, target / name, metadata={"format": "pt"})
        where |= dict.fromkeys(tensors, name)
        total += sum(tensor.nbytes for tensor in tensors.values())
    if len(files) > 1:
        index = {"metadata": {"total_size": total}, "weight_map": where}
        (target / verify.INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")
    for path in _beside(folder):
        shutil.copyfile(path, target / path.name)


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        found: Any = _loaded(path)
    except OSError:
        raise
    except Exception as error:  # what a damaged pickle raises has no common class
        if type(error).__name__ != "UnpicklingError":
            raise verify.broken(path, error) from error
        asked = CODE.search(str(error))
        raise ModelError(
            _(
                "{path}: refused: this pickle asks for {name}, which may be code. "
                "Take a checkpoint with safetensors.",
                path=path,
                name=asked[1],
            )
            if asked
            else _("{path}: refused: damaged, or more than tensors.", path=path)
        ) from error
    if isinstance(found, Mapping) and found and all(map(_is_plain, found.values())):
        return {str(name): tensor for name, tensor in found.items()}
    raise ModelError(
        _("{path}: holds no table of plain tensors, as save_pretrained writes it.", path=path)
    )


def _loaded(path: Path) -> Any:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about old protocols; what cannot be read raises
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError as error:
            if "mmap" not in str(error):
                raise
        return torch.load(path, map_location="cpu", weights_only=True)  # of before torch 1.6


def _is_plain(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor) and value.layout == torch.strided


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors with memory of their own: safetensors knows no shared one.

    A copy takes room but is right for every network; leaving one name out is right only for those
    that tie the two again.
    """
    seen: set[tuple[int, int]] = set()
    found = {}
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage()
        place = (storage.data_ptr(), storage.nbytes())
        found[name] = tensor.contiguous().clone() if place in seen else tensor.contiguous()
        seen.add(place)
    return found
