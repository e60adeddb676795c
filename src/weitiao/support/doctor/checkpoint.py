"""Checks of a checkpoint: files, network, tokenizer, languages, licence, tasks, self-test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from weitiao.checkpoints import verify
from weitiao.checkpoints.catalogue import CATALOGUE
from weitiao.checkpoints.families import can_write, configure_padding, has_head
from weitiao.checkpoints.licences import model_card, of_folder
from weitiao.checkpoints.load import load_config, load_tokenizer, text_length
from weitiao.checkpoints.resolve import Source, check_folder, resolve
from weitiao.checkpoints.unknown_tokens import (
    HIGH_UNKNOWN,
    LOW_UNKNOWN,
    token_ids,
    unknown_share,
)
from weitiao.core import disk
from weitiao.core.units import shown
from weitiao.errors import ModelError
from weitiao.i18n.messages import _
from weitiao.model.fast.shape import is_bert
from weitiao.model.packed import can_pack
from weitiao.model.saved import METADATA_FILE
from weitiao.support.doctor.finding import Finding

TEXT_TASKS = ("classification", "multilabel", "regression", "nli", "similarity", "retrieval")
TOKEN_TASKS = ("token_classification", "question_answering")  # need offsets: a fast tokenizer
WRITING_TASKS = ("generation", "translation")  # by encoder-decoders and causal networks
HUB_FILES = ["*.json", "*.txt", "*.model", "*.spm", "README.md", "LICENSE*", "model*.safetensors"]
PICKLE_FILES = ["pytorch_model*.bin", "pytorch_model.bin.index.json"]
ENGLISH = (
    "The room was clean and quiet, but breakfast is overpriced.",
    "I would not recommend this phone to anyone: the battery dies within hours.",
    "Shares rallied on Tuesday after the central bank left its rates unchanged.",
)
CHINESE = (
    "房间干净安静，不过早餐偏贵，性价比一般。",
    "这款手机续航太差，几个小时就没电了，不推荐购买。",
    "央行宣布维持利率不变，周二股市应声上涨。",
)
SAMPLE_ROWS = 2000  # of a file, spread evenly over it
SHOWN_LANGUAGES = 6


@dataclass(frozen=True)
class Checkpoint:
    """An opened checkpoint: a folder, its config and its tokenizer."""

    name: str
    source: Source
    config: Any
    tokenizer: Any

    @property
    def folder(self) -> Path:
        """The folder with its files."""
        return Path(self.source.path_or_name)

    @property
    def longest(self) -> int:
        """The maximum sequence length, in tokens."""
        return text_length(10**9, self.tokenizer, self.config)

    @property
    def entry(self) -> Any:
        """Its entry in the catalogue, or None."""
        return CATALOGUE.get(self.name)


def findings(name: str, rows: str | None = None) -> Iterator[Finding]:
    """All checks of a checkpoint; an unreadable one is a single finding with state "problem".

    rows: a file on which the tokenizer is tried. Raises DataError when that cannot be read.
    """
    from weitiao.support.doctor import selftest

    try:
        checkpoint = opened(name)
        yield from static_findings(checkpoint)
    except ModelError as error:
        yield Finding("found", _("checkpoint"), str(error), "problem")
        return
    if rows is not None:
        yield rows_finding(checkpoint.tokenizer, checkpoint.longest, rows)
    yield selftest.finding(str(checkpoint.folder))


def opened(name: str) -> Checkpoint:
    """Open a checkpoint by catalogue or hub name, folder, run, or its best/. Raises ModelError."""
    best = Path(name).expanduser() / "best"
    source = resolve(str(best) if name not in CATALOGUE and best.is_dir() else name)
    if source.kind == "hub":
        source = _downloaded(name, source)
    config = load_config(source)
    tokenizer = load_tokenizer(source.path_or_name, None, trusted=source.kind == "package")
    configure_padding(tokenizer, config)
    return Checkpoint(name, source, config, tokenizer)


def static_findings(checkpoint: Checkpoint) -> Iterator[Finding]:
    """All checks that need no forward pass."""
    card = model_card(checkpoint.folder)
    yield _files(checkpoint)
    yield _network(checkpoint)
    yield _tokenizer(checkpoint)
    yield languages_finding(checkpoint.tokenizer, card, checkpoint.entry)
    yield _licence(checkpoint)
    yield _tasks(checkpoint)
    yield _execution(checkpoint)


def _downloaded(name: str, source: Source) -> Source:
    """Download a hub checkpoint to the hub's cache: safetensors, or else pickles to convert."""
    from huggingface_hub import snapshot_download

    repository, revision = source.path_or_name, source.revision
    with verify.load_errors(name):
        path = snapshot_download(repository, revision=revision, allow_patterns=HUB_FILES)
        if not any(Path(path).glob("model*.safetensors")):
            snapshot_download(repository, revision=revision, allow_patterns=PICKLE_FILES)
    check_folder(Path(path))
    return resolve(path)


def _files(checkpoint: Checkpoint) -> Finding:
    folder, source = checkpoint.folder, checkpoint.source
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    weights = verify.weights(folder)
    kinds = {"folder": _("folder"), "package": _("package"), "hub": _("hub")}
    if source.sha256 and source.kind == "folder":
        form, key = _("a pickle, converted to safetensors"), "bin"
    elif len(weights) > 1:
        form, key = _("safetensors in {count} files", count=len(weights)), "sharded"
    else:
        form, key = "safetensors", "safetensors"
    saved = (folder / METADATA_FILE).is_file()
    message = _(
        "{kind} {folder}: {size}, {form}",
        kind=kinds[source.kind],
        folder=folder,
        size=shown(size),
        form=form,
    )
    if saved:
        message = _("{message}; saved by weitiao", message=message)
    values = {"folder": str(folder), "kind": source.kind, "bytes": size, "weights": key}
    values |= {"sha256": source.sha256, "saved": saved}
    return Finding("found", _("checkpoint"), message, remedy=source.remark, values=values)


def _network(checkpoint: Checkpoint) -> Finding:
    config, longest = checkpoint.config, checkpoint.longest
    count, dtypes = _parameters(checkpoint.folder)
    # distilbert calls them dim and n_layers
    width = getattr(config, "hidden_size", None) or getattr(config, "dim", None)
    layers = getattr(config, "num_hidden_layers", None) or getattr(config, "n_layers", None)
    message = _(
        "{family}: {count} parameters ({kinds}), {layers} layers, hidden size {width}, up to "
        "{longest} tokens",
        family=config.model_type,
        count=f"{count:,}",
        kinds=", ".join(dtypes),
        layers=layers or "?",
        width=width or "?",
        longest=longest,
    )
    values = {"family": config.model_type, "parameters": count, "dtypes": dtypes}
    values |= {"layers": layers, "width": width, "longest": longest}
    return Finding("network", _("network"), message, values=values)


def _parameters(folder: Path) -> tuple[int, list[str]]:
    """Number of parameters and their dtypes, from the headers of the safetensors files."""
    from safetensors import safe_open

    count, dtypes = 0, set()
    for path in verify.weights(folder):
        with safe_open(disk.plain(path), framework="np") as file:
            for name in file.keys():  # noqa: SIM118 - no mapping
                tensor = file.get_slice(name)
                dtype = str(tensor.get_dtype())
                if "F" in dtype:  # F32, BF16, F8_E4M3; integers are buffers such as position ids
                    count += prod(tensor.get_shape())
                    dtypes.add(dtype)
    return count, sorted(dtypes)


def _tokenizer(checkpoint: Checkpoint) -> Finding:
    tokenizer = checkpoint.tokenizer
    values = {"fast": bool(tokenizer.is_fast), "vocabulary": len(tokenizer)}
    kind, count = type(tokenizer).__name__, f"{len(tokenizer):,}"
    message = _("{kind}, {count} entries", kind=kind, count=count)
    if tokenizer.is_fast:
        return Finding("tokenizer", _("tokenizer"), message, values=values)
    remedy = _("slow (pure Python): save a tokenizer.json beside it")
    return Finding("tokenizer", _("tokenizer"), message, "note", remedy, values)


def _licence(checkpoint: Checkpoint) -> Finding:
    entry = checkpoint.entry
    if licence := entry.licence if entry else of_folder(checkpoint.folder):
        return Finding("licence", _("licence"), licence, values={"licence": licence})
    remedy = _("find out where it came from before you pass the model on")
    message = _("unknown: no model card, no LICENSE")
    return Finding("licence", _("licence"), message, "note", remedy, {"licence": None})


def _tasks(checkpoint: Checkpoint) -> Finding:
    from transformers import MODEL_MAPPING

    config = checkpoint.config
    native = has_head(config)
    able: tuple[str, ...] = TEXT_TASKS if native or type(config) in MODEL_MAPPING else ()
    if able and checkpoint.tokenizer.is_fast:  # heads for tokens exist for every family
        able += TOKEN_TASKS
    if can_write(config):
        able += WRITING_TASKS
    values = {"tasks": list(able), "plain": native}
    message = ", ".join(able) if able else _("none of today's tasks")
    if native or able == WRITING_TASKS:
        return Finding("tasks", _("tasks"), message, values=values)
    if able:
        remedy = _(
            "transformers has no sequence classification head for this family: it gets one of "
            "weitiao's, and only weitiao can read the saved model"
        )
        return Finding("tasks", _("tasks"), message, "note", remedy, values)
    remedy = _(
        "transformers has no encoder for single texts in this family; take another checkpoint"
    )
    return Finding("tasks", _("tasks"), message, "problem", remedy, values)


def _execution(checkpoint: Checkpoint) -> Finding:
    packs, fuses = can_pack(checkpoint.config), is_bert(checkpoint.config)
    if fuses:
        message = _("own kernels on a processor; packed without padding; padded in buckets")
    elif packs:
        message = _("packed without padding; padded in buckets")
    else:
        message = _("padded in buckets of like length")
    values = {"packed": packs, "buckets": True, "kernels": fuses}
    return Finding("tiers", _("execution"), message, values=values)


# --- the tokenizer's languages


def languages_finding(tokenizer: Any, card: Mapping[str, Any], entry: Any) -> Finding:
    """Declared languages, and the proportion of unknown tokens in English and Chinese samples."""
    declared = list(entry.languages) if entry else card.get("language") or []
    names = [str(name) for name in (declared if isinstance(declared, list) else [declared])]
    english, chinese = unknown_share(tokenizer, ENGLISH), unknown_share(tokenizer, CHINESE)
    single = _single_share(tokenizer)
    values = {"named": names, "unknown_en": round(english, 4), "unknown_zh": round(chinese, 4)}
    values |= {"chinese_single": round(single, 4)}
    first = ", ".join(names[:SHOWN_LANGUAGES]) + (", ..." if len(names) > SHOWN_LANGUAGES else "")
    message = _(
        "{named}; unknown tokens in samples: English {english}, Chinese {chinese}; {single} of "
        "Chinese characters are single tokens",
        named=first or _("none declared"),
        english=f"{english:.0%}",
        chinese=f"{chinese:.0%}",
        single=f"{single:.0%}",
    )
    if max(english, chinese) < LOW_UNKNOWN:
        return Finding("languages", _("languages"), message, values=values)
    if min(english, chinese) >= HIGH_UNKNOWN:
        remedy = _("its tokenizer knows neither English nor Chinese: take another checkpoint")
    else:
        poor = _("Chinese") if chinese > english else _("English")
        remedy = _("not for {language} texts; `weitiao parts models` names others", language=poor)
    return Finding("languages", _("languages"), message, "note", remedy, values)


def rows_finding(tokenizer: Any, longest: int, path: str) -> Finding:
    """Unknown tokens and lengths on the user's rows. Raises DataError."""
    import numpy as np

    name, texts = _sample_texts(path)
    lengths = np.array([len(ids) for ids in token_ids(tokenizer, texts, special=True)])
    unknown = unknown_share(tokenizer, texts)
    truncated = float((lengths > longest).mean())
    median, p95, maximum = (int(np.percentile(lengths, p)) for p in (50, 95, 100))
    message = _(
        "{name}: {unknown} unknown tokens; length: median {median}, 95th percentile {p95}, "
        "maximum {maximum} tokens; {cut} of {rows} rows are truncated",
        name=name,
        unknown=f"{unknown:.1%}",
        median=median,
        p95=p95,
        maximum=maximum,
        cut=f"{truncated:.1%}",
        rows=f"{len(texts):,}",
    )
    values = {
        "rows": len(texts),
        "unknown": round(unknown, 5),
        "cut": round(truncated, 5),
        "tokens": {"p50": median, "p95": p95, "max": maximum},
    }
    subject = _("your rows")
    if unknown >= HIGH_UNKNOWN:
        remedy = _("the tokenizer does not know this language: take another checkpoint")
        return Finding("rows", subject, message, "problem", remedy, values)
    if unknown >= LOW_UNKNOWN or truncated > LOW_UNKNOWN:
        remedy = _("unknown tokens and truncated text are lost to the model")
        return Finding("rows", subject, message, "note", remedy, values)
    return Finding("rows", subject, message, values=values)


def _single_share(tokenizer: Any) -> float:
    """The proportion of Chinese characters that are one token each."""
    characters = [c for text in CHINESE for c in text if "\u4e00" <= c <= "\u9fff"]
    known = [c for c in set(characters) if c in tokenizer.get_vocab()]
    tokens = [
        token
        for ids in token_ids(tokenizer, CHINESE)
        for token in tokenizer.convert_ids_to_tokens(ids)
    ]
    # "##" marks a continuation in WordPiece, "▁" a word's start in SentencePiece
    single = [token for token in tokens if token.removeprefix("##").strip("▁") in known]
    return min(len(single) / len(characters), 1.0)


def _sample_texts(path: str) -> tuple[str, list[str]]:
    """The file's name and texts of a sample of rows; the two texts of a pair are joined."""
    import numpy as np

    from weitiao.data.files.open import open_source
    from weitiao.data.infer.roles import guess_roles, guess_task
    from weitiao.data.rows import Rows, everything

    source = open_source(path)
    roles = guess_roles(source.table, {}).roles
    task, _reason = guess_task(source.table, roles)
    inputs = {role: column for role, column in roles.items() if role != "target"}
    rows = Rows(source.table, everything(source.table), inputs, source.name, task)
    chosen = np.linspace(0, len(rows) - 1, min(SAMPLE_ROWS, len(rows))).astype(np.int64)
    return source.name, [
        " ".join(str(text) for text in example.inputs.values()) for example in rows.examples(chosen)
    ]
