"""Model catalogue: facts of published checkpoints, each with its source; nothing is loaded.

    known_models()[0].hub                          "sentence-transformers/all-MiniLM-L6-v2"
    matching(Filter(language="zh", licence="permissive"))

The facts stand in known_models.toml. What a source did not say is from memory, and `unverified`
names it. Only checkpoints that are reachable are measured: `weitiao.planning.candidates`.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files

from weitiao.checkpoints.licences import allowed
from weitiao.i18n.messages import N_

MANY = "*"  # of languages: too many to list
FACTS = ("kind", "family", "parameters", "layers", "hidden_size", "languages", "max_length",
         "licence", "strengths")  # fmt: skip
# For whole texts, for tags and passages, for search, and for writing.
KINDS = (
    N_("encoder"), N_("bi-encoder"), N_("reranker"), N_("decoder"), N_("encoder-decoder"),
)  # fmt: skip
STRENGTHS = (
    N_("accurate"), N_("balanced"), N_("casual texts"), N_("code"), N_("well known"), N_("fast"),
    N_("few rows"), N_("formal texts"), N_("writing"), N_("inference"),
    N_("following instructions"), N_("long texts"), N_("many languages"), N_("names"),
    N_("without a network"),
    N_("parallel texts"), N_("reading"), N_("re-ranking"), N_("retrieval"), N_("sentiment"),
    N_("similarity"), N_("small"), N_("summaries"), N_("translation"),
)  # fmt: skip
ENCODERS = ("encoder", "bi-encoder", "reranker")
# Task -> kinds that are taken for it, the usual one first.
KINDS_OF = {
    "retrieval": ("bi-encoder", "encoder", "decoder"),
    "translation": ("encoder-decoder", "decoder"),
    "generation": ("decoder", "encoder-decoder"),
}
TEXT_KINDS = (*ENCODERS, "decoder")  # of every other task
TYPICAL_TOKENS = 128  # of a text whose latency is estimated


@dataclass(frozen=True)
class KnownModel:
    """What is known of a published checkpoint.

    parameters: all; backbone: without the table of word vectors; language_count: how many, where
    `languages` is ("*",). checked: source -> the facts that were read there. name: in a plan, of a
    checkpoint that comes as a package.
    """

    hub: str
    kind: str
    family: str
    parameters: int
    layers: int
    hidden_size: int
    languages: tuple[str, ...]
    max_length: int
    licence: str
    strengths: tuple[str, ...]
    checked: dict[str, list[str]] = field(compare=False)
    name: str = ""
    backbone: int = 0
    language_count: int = 0

    @property
    def called(self) -> str:
        """The name that a plan takes."""
        return self.name or self.hub

    @property
    def unverified(self) -> list[str]:
        """Facts that no source was read for."""
        known = {fact for facts in self.checked.values() for fact in facts}
        return [fact for fact in FACTS if fact not in known]

    @property
    def working(self) -> int:
        """Parameters that work on each token; estimated where the catalogue does not say."""
        # Attention has four square matrices, the feed-forward part two of four times the width.
        return self.backbone or min(self.parameters, 12 * self.layers * self.hidden_size**2)

    def speaks(self, language: str) -> bool:
        """Whether it was trained on texts of a language (a two-letter code)."""
        return MANY in self.languages or main_of(language) in self.languages

    def suits(self, task: str) -> bool:
        """Whether its kind is taken for a task."""
        return self.kind in KINDS_OF.get(task, TEXT_KINDS)

    def inference_bytes(self) -> int:
        """Memory of its weights, 4 bytes each."""
        return 4 * self.parameters

    def seconds(self, operations: float, tokens: int = TYPICAL_TOKENS) -> float:
        """Estimated time of one text, at so many floating-point operations a second."""
        return 2 * self.working * tokens / operations


@dataclass(frozen=True)
class Filter:
    """Conditions on known models; everything left out is not asked.

    licence: `permissive` or a name; memory: bytes of the weights; latency: seconds of one text of
    TYPICAL_TOKENS at `operations` a second.
    """

    task: str | None = None
    language: str | None = None
    length: int | None = None
    licence: str | None = None
    memory: int | None = None
    latency: float | None = None
    operations: float = 1e11

    def passes(self, model: KnownModel) -> bool:
        """Whether a model meets all conditions."""
        return (
            (self.task is None or model.suits(self.task))
            and (self.language is None or model.speaks(self.language))
            and (self.length is None or model.max_length >= self.length)
            and (self.licence is None or allowed(model.licence, self.licence))
            and (self.memory is None or model.inference_bytes() <= self.memory)
            and (self.latency is None or model.seconds(self.operations) <= self.latency)
        )


def main_of(language: str) -> str:
    """The language of a code: "zh" of "zh-CN"."""
    return language.replace("_", "-").split("-")[0].lower()


def matching(wanted: Filter) -> list[KnownModel]:
    """Known models that pass, small ones first."""
    return sorted(filter(wanted.passes, known_models()), key=lambda model: model.parameters)


def known(name: str) -> KnownModel | None:
    """The facts of a hub name or of a package's; None where the catalogue has none."""
    wanted = name.lower()
    return next((m for m in known_models() if wanted in (m.name, m.hub.lower())), None)


@functools.cache
def known_models() -> tuple[KnownModel, ...]:
    """All models of the catalogue."""
    return tuple(_model(raw) for raw in _raw()["models"])


def sources() -> dict[str, dict[str, str]]:
    """Source -> its place, what it is, and when it was read."""
    return dict(_raw()["sources"])


@functools.cache
def _raw() -> dict[str, dict[str, dict[str, str]]]:
    text = files("weitiao.checkpoints").joinpath("known_models.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _model(raw: object) -> KnownModel:
    assert isinstance(raw, dict)
    lists = {name: tuple(value) for name, value in raw.items() if isinstance(value, Sequence)
             and not isinstance(value, str)}  # fmt: skip
    return KnownModel(**{**raw, **lists})
