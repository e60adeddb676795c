"""Candidates of a model choice: what is reachable here, the facts of each, and which are refused.

    names, refused = reachable(["minilm-l6", "./models", "owner/name"])
    candidate = inspected(name, texts)          a Candidate, or a Refused with the reason

Reachable are checkpoints that come as packages, local folders, folders of such folders (a share),
what a hub has left in the local cache, and, with a network, names of a hub or of ModelScope.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weitiao.checkpoints import hub, modelscope
from weitiao.checkpoints.catalogue import CATALOGUE
from weitiao.checkpoints.families import can_write, has_head
from weitiao.checkpoints.known_models import KnownModel, known, known_models
from weitiao.checkpoints.licences import allowed, model_card, of_folder
from weitiao.checkpoints.resolve import Source, resolve
from weitiao.checkpoints.unknown_tokens import HIGH_UNKNOWN, unknown_share
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _, name_list
from weitiao.planning.cost import Network
from weitiao.planning.facts import network_of

SHARE = "WEITIAO_MODELS"  # a folder of checkpoints that are candidates without being named
DEEPEST = 4  # folders below a share: modelscope and the hub's cache have owner, name and revision
MOST_FOLDERS = 2_000  # looked at below a share
UNKNOWN_ROWS = 300  # whose tokens are looked at


@dataclass(frozen=True)
class Refused:
    """A checkpoint that is no candidate, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Limits:
    """What a candidate must keep; everything left out is not asked.

    latency: seconds of one text; memory: bytes in training; length: tokens that it can read.
    """

    latency: float | None = None
    memory: int | None = None
    licence: str | None = None
    length: int | None = None


@dataclass(frozen=True)
class Candidate:
    """A checkpoint that can be measured. unknown: share of [UNK] in the user's texts."""

    name: str  # what a plan takes
    network: Network
    tokenizer: Any
    licence: str
    languages: tuple[str, ...]
    unknown: float
    named: bool  # by the user

    @property
    def shown(self) -> str:
        """A short name: of a folder its last part."""
        return Path(self.name).name if Path(self.name).is_dir() else self.name


def reachable(names: Sequence[str] | None = None) -> tuple[list[str], list[Refused]]:
    """Names of checkpoints at hand, each once, and what of `names` cannot be had.

    names: catalogue names, folders, folders of folders, hub names, modelscope:owner/name; None:
    installed packages, the folders of $WEITIAO_MODELS, and known models in the hub's cache.
    """
    names_here: list[str] = []
    refused: list[Refused] = []
    if names is None:
        names_here += [name for name in CATALOGUE if _is_installed(name)]
        names_here += [m.hub for m in known_models() if not m.name and hub.is_cached(m.hub)]
        if share := os.environ.get(SHARE):
            names_here += map(str, _checkpoints_below(Path(share).expanduser()))
    for name in names or ():
        try:
            names_here += _of_name(name.strip())
        except WeitiaoError as error:
            refused.append(Refused(name, str(error)))
    return list(dict.fromkeys(names_here)), refused


def _of_name(name: str) -> list[str]:
    """The checkpoints that a name stands for. Raises WeitiaoError when there is none."""
    if name in CATALOGUE:
        return [name]
    if name.startswith(modelscope.PREFIX):
        return [str(modelscope.folder_of(name))]
    folder = Path(name).expanduser()
    if folder.is_dir():
        if below := [str(path) for path in _checkpoints_below(folder)]:
            return below
        raise WeitiaoError(
            _(
                "{folder}: no checkpoint in this folder or below it (config.json, weights, "
                "tokenizer).",
                folder=name,
            )
        )
    source = resolve(name)
    if source.kind == "hub":
        hub.require(source.path_or_name, source.revision)
    return [name]


def _is_installed(name: str) -> bool:
    module = CATALOGUE[name].file.split("/")[0]
    return importlib.util.find_spec(module) is not None


def _checkpoints_below(folder: Path) -> Iterator[Path]:
    """The folder itself, or those below it, that hold a config.json and weights."""
    level, looked = [folder], 0
    for _depth in range(DEEPEST):
        deeper: list[Path] = []
        for path in level:
            looked += 1
            if looked > MOST_FOLDERS:
                return
            if _is_checkpoint(path):
                yield path
            else:
                deeper += _folders_in(path)
        level = deeper


def _folders_in(path: Path) -> list[Path]:
    try:
        return sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError:
        return []


def _is_checkpoint(path: Path) -> bool:
    weights = (*path.glob("*.safetensors"), *path.glob("pytorch_model*.bin"))
    return (path / "config.json").is_file() and bool(weights)


def inspected(
    name: str, texts: Sequence[str], task: str, language: str, named: bool = False
) -> Candidate | Refused:
    """The facts of a checkpoint, or why it is none for these texts.

    texts: of the user, whose unknown tokens are counted; named: by the user, who then knows of
    languages better than a model card.
    """
    from weitiao.checkpoints.load import load_config

    try:
        source = resolve(name)
        network, tokenizer = network_of(name, None)
        config = load_config(source)
    except WeitiaoError as error:
        return Refused(name, str(error))
    about = known(name)
    languages = _languages(source, about)
    candidate = Candidate(
        name,
        network,
        tokenizer,
        _licence(name, source, about),
        languages,
        unknown_share(tokenizer, texts[:UNKNOWN_ROWS]),
        named,
    )
    reason = _misfit(config, task) or _of_languages(candidate, language)
    return Refused(name, reason) if reason else candidate


def _languages(source: Source, about: KnownModel | None) -> tuple[str, ...]:
    if about:
        return about.languages
    card = model_card(Path(source.path_or_name)) if source.kind == "folder" else {}
    named = card.get("language") or []
    return tuple(str(one) for one in (named if isinstance(named, list) else [named]))


def _licence(name: str, source: Source, about: KnownModel | None) -> str:
    if about:
        return about.licence
    folder = Path(source.path_or_name)
    return of_folder(folder) if folder.is_dir() else ""


def _misfit(config: Any, task: str) -> str | None:
    """Why a family is none for a task of whole texts."""
    from transformers import MODEL_MAPPING

    if config.is_encoder_decoder:
        return _(
            "{family} is an encoder-decoder, for tasks that write texts; {task} reads them",
            family=config.model_type,
            task=task,
        )
    if not has_head(config) and type(config) not in MODEL_MAPPING and not can_write(config):
        return _(
            "transformers has no network for single texts of {family}", family=config.model_type
        )
    return None


def _of_languages(candidate: Candidate, language: str) -> str | None:
    if candidate.unknown >= HIGH_UNKNOWN:
        return _(
            "its tokenizer does not know {share:.0%} of the tokens of your rows",
            share=candidate.unknown,
        )
    declared = candidate.languages
    if candidate.named or not declared or "*" in declared or len(language) != 2:
        return None
    if language in declared or "multilingual" in declared:
        return None
    return _(
        "trained on {languages}; your rows are {language}",
        languages=name_list(declared),
        language=language,
    )


def beyond(candidate: Candidate, limits: Limits, memory_mb: float, seconds: float) -> str | None:
    """Why a candidate does not keep the limits; memory and seconds: estimated, of training and of
    one text. None where it keeps them."""
    if limits.licence and not allowed(candidate.licence, limits.licence):
        return _(
            "its licence is {licence}; wanted: {wanted}",
            licence=candidate.licence or _("unknown"),
            wanted=limits.licence,
        )
    if limits.length and candidate.network.max_length < limits.length:
        return _(
            "reads {longest:,} tokens at most; wanted: {length:,}",
            longest=candidate.network.max_length,
            length=limits.length,
        )
    if limits.memory and memory_mb * 1e6 > limits.memory:
        return _(
            "training takes about {needed:,.0f} MB; wanted: at most {most:,.0f} MB",
            needed=memory_mb,
            most=limits.memory / 1e6,
        )
    if limits.latency and seconds > limits.latency:
        return too_slow(seconds, limits.latency)
    return None


def too_slow(seconds: float, most: float) -> str:
    """Why a candidate is refused for the time that one text takes."""
    return _(
        "one text takes {needed:.1f} ms; wanted: at most {most:.1f} ms",
        needed=1000 * seconds,
        most=1000 * most,
    )
