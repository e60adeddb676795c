"""A checkpoint: what it is, what it knows, what it can be trained for, and how it is run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from weitiao.checkpoints import verify
from weitiao.checkpoints.catalogue import CATALOGUE
from weitiao.checkpoints.families import configure_padding, has_head
from weitiao.checkpoints.load import load_tokenizer, text_length
from weitiao.checkpoints.resolve import Source, check_folder, resolve
from weitiao.core import disk
from weitiao.core.units import shown
from weitiao.i18n.messages import _
from weitiao.model.fast.shape import is_bert
from weitiao.model.packed import can_pack
from weitiao.model.saved import METADATA_FILE
from weitiao.support.doctor import languages
from weitiao.support.doctor.finding import Finding

TASKS = ("classification", "multilabel", "regression", "nli", "similarity")  # of whole texts
LATER = {
    "TOKEN_CLASSIFICATION": "token_classification",
    "QUESTION_ANSWERING": "question_answering",
    "CAUSAL_LM": "generation",
    "SEQ_TO_SEQ_CAUSAL_LM": "translation",
}
WANTED = ["*.json", "*.txt", "*.model", "*.spm", "README.md", "LICENSE*", "model*.safetensors"]
OLD = ["pytorch_model*.bin", "pytorch_model.bin.index.json"]


@dataclass(frozen=True)
class Checkpoint:
    """An opened checkpoint: a folder, its config and its tokenizer."""

    name: str
    source: Source
    config: Any
    tokenizer: Any

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return Path(self.source.path_or_name)

    @property
    def longest(self) -> int:
        """The longest text, in tokens."""
        return text_length(10**9, self.tokenizer, self.config)


def opened(name: str) -> Checkpoint:
    """A catalogue or hub name, a folder, a run, or its best/. Raises ModelError."""
    from transformers import AutoConfig

    best = Path(name).expanduser() / "best"
    source = resolve(str(best) if name not in CATALOGUE and best.is_dir() else name)
    if source.kind == "hub":
        source = _fetched(name, source)
    with verify.load_errors(name):
        config = AutoConfig.from_pretrained(source.path_or_name, trust_remote_code=False)
    tokenizer = load_tokenizer(source.path_or_name, None)
    configure_padding(tokenizer, config)
    return Checkpoint(name, source, config, tokenizer)


def findings(opened: Checkpoint) -> Iterator[Finding]:
    """All that can be told without running it."""
    yield _found(opened)
    yield _network(opened)
    yield _tokenizer(opened)
    yield from languages.findings(opened.tokenizer, _card(opened.folder), _entry(opened))
    yield _licence(opened)
    yield _tasks(opened)
    yield _tiers(opened)


def _fetched(name: str, source: Source) -> Source:
    """The hub's files in the hub's own cache: safetensors, or else the old format, converted."""
    from huggingface_hub import snapshot_download

    with verify.load_errors(name):
        folder = Path(
            snapshot_download(source.path_or_name, revision=source.revision, allow_patterns=WANTED)
        )
        if not any(folder.glob("model*.safetensors")):
            snapshot_download(source.path_or_name, revision=source.revision, allow_patterns=OLD)
    check_folder(folder)
    return resolve(str(folder))


def _found(opened: Checkpoint) -> Finding:
    folder = opened.folder
    files = [path for path in folder.iterdir() if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    weights = verify.weights(folder)
    kinds = {"folder": _("folder"), "package": _("package"), "hub": _("hub")}
    if opened.source.sha256 and opened.source.kind == "folder":
        form, key = _("a pickle, converted to safetensors"), "bin"
    elif len(weights) > 1:
        form, key = _("safetensors in {count} files", count=len(weights)), "sharded"
    else:
        form, key = "safetensors", "safetensors"
    saved = (folder / METADATA_FILE).is_file()
    told = _("{kind} {folder}: {size}, {form}", kind=kinds[opened.source.kind], folder=folder,
                size=shown(size), form=form)  # fmt: skip
    if saved:
        told = _("{told}; saved by weitiao", told=told)
    values = {"folder": str(folder), "kind": opened.source.kind, "bytes": size, "weights": key,
              "sha256": opened.source.sha256, "saved": saved}  # fmt: skip
    return Finding("found", _("checkpoint"), told, remedy=opened.source.remark, values=values)


def _network(opened: Checkpoint) -> Finding:
    config = opened.config
    count, kinds = _parameters(opened.folder)
    width = getattr(config, "hidden_size", None) or getattr(config, "dim", None)
    layers = getattr(config, "num_hidden_layers", None) or getattr(config, "n_layers", None)
    told = _("{family}: {count} weights ({kinds}), {layers} layers, width {width}, "
                "texts up to {longest} tokens",
                family=config.model_type, count=f"{count:,}", kinds=", ".join(kinds),
                layers=layers or "?", width=width or "?", longest=opened.longest)  # fmt: skip
    values = {"family": config.model_type, "parameters": count, "dtypes": kinds,
              "layers": layers, "width": width, "longest": opened.longest}  # fmt: skip
    return Finding("network", _("network"), told, values=values)


def _parameters(folder: Path) -> tuple[int, list[str]]:
    """How many numbers the weights are, and their kinds, from the heads of the files."""
    from safetensors import safe_open

    count, kinds = 0, set()
    for path in verify.weights(folder):
        with safe_open(disk.plain(path), framework="np") as file:
            for name in file.keys():  # noqa: SIM118 - no mapping
                part = file.get_slice(name)
                kind = str(part.get_dtype())
                if "F" in kind:  # F32, BF16, F8_E4M3; whole numbers are places, not weights
                    count += prod(part.get_shape())
                    kinds.add(kind)
    return count, sorted(kinds)


def _tokenizer(opened: Checkpoint) -> Finding:
    tokenizer = opened.tokenizer
    values = {"fast": bool(tokenizer.is_fast), "vocabulary": len(tokenizer)}
    told = _("{kind}, {count} entries", kind=type(tokenizer).__name__,
                count=f"{len(tokenizer):,}")  # fmt: skip
    if tokenizer.is_fast:
        return Finding("tokenizer", _("tokenizer"), told, values=values)
    remedy = _("slow (pure Python): save a tokenizer.json beside it")
    return Finding("tokenizer", _("tokenizer"), told, "note", remedy, values)


def _licence(opened: Checkpoint) -> Finding:
    entry, card = _entry(opened), _card(opened.folder)
    found = entry.licence if entry else str(card.get("license") or "")
    files = sorted(opened.folder.glob("LICEN[SC]E*"))
    if not found and files:
        lines = files[0].read_text(encoding="utf-8", errors="replace").split("\n")
        found = next((line.strip() for line in lines if line.strip()), "")[:80]
    if found:
        return Finding("licence", _("licence"), found, values={"licence": found})
    remedy = _("ask where it came from before you pass the model on")
    told = _("not told: no model card, no LICENSE")
    return Finding("licence", _("licence"), told, "note", remedy, {"licence": None})


def _tasks(opened: Checkpoint) -> Finding:
    from transformers import MODEL_MAPPING

    later = [task for kind, task in LATER.items() if has_head(opened.config, kind)]
    plain = has_head(opened.config)
    able = TASKS if plain or type(opened.config) in MODEL_MAPPING else ()
    values = {"tasks": list(able), "later": later, "plain": plain}
    told = ", ".join(able) if able else _("none of today's tasks")
    if later:
        told = _("{tasks}; not yet: {later}", tasks=told, later=", ".join(later))
    if plain:
        return Finding("tasks", _("tasks"), told, values=values)
    if able:
        remedy = _("transformers has no head for whole texts in this family: it gets one of "
                      "weitiao's, and what is saved is read by weitiao alone")  # fmt: skip
        return Finding("tasks", _("tasks"), told, "note", remedy, values)
    remedy = _("transformers has no network for single texts in this family; take another "
                  "checkpoint")  # fmt: skip
    return Finding("tasks", _("tasks"), told, "problem", remedy, values)


def _tiers(opened: Checkpoint) -> Finding:
    packs, fuses = can_pack(opened.config), is_bert(opened.config)
    told = (
        _("own kernels on a processor; rows end to end, without padding; padded in buckets")
        if fuses
        else _("rows end to end, without padding; padded in buckets")
        if packs
        else _("padded in buckets of like length")
    )
    values = {"packed": packs, "buckets": True, "kernels": fuses}
    return Finding("tiers", _("execution"), told, values=values)


def _entry(opened: Checkpoint) -> Any:
    return CATALOGUE.get(opened.name)


def _card(folder: Path) -> Mapping[str, Any]:
    """What the model card says between its first two lines of dashes."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        text = (folder / "README.md").read_text(encoding="utf-8-sig", errors="replace")[:100_000]
    except OSError:
        return {}
    found = re.match(r"---\s*\n(.*?)\n---", text, re.DOTALL)
    try:
        told = YAML(typ="safe", pure=True).load(found[1]) if found else {}
    except (YAMLError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
