"""`weitiao models`: known checkpoints by task, language, length, licence, memory, latency."""

from __future__ import annotations

import importlib.util
from dataclasses import asdict
from typing import Any

from weitiao import parts
from weitiao.checkpoints.catalogue import CATALOGUE
from weitiao.checkpoints.hub import is_cached
from weitiao.checkpoints.known_models import (
    FACTS,
    TYPICAL_TOKENS,
    Filter,
    KnownModel,
    known,
    known_models,
    matching,
    sources,
)
from weitiao.core.clock import latency_of
from weitiao.core.fields import near
from weitiao.errors import ModelError
from weitiao.i18n.messages import _


def models(
    *,
    task: str | None = None,
    language: str | None = None,
    length: int | None = None,
    licence: str | None = None,
    memory: int | None = None,
    latency: float | str | None = None,
    here: bool = False,
) -> list[dict[str, Any]]:
    """Known models that meet all conditions, small ones first, as plain values.

    task: whose kinds of models; language: a two-letter code; length: tokens; licence: "permissive"
    or a name; memory: bytes of the weights; latency: of one text of 128 tokens on this machine,
    estimated; here: only those that need no network. Nothing is loaded.
    """
    if task is not None:
        parts.find("tasks", task)  # refuses an unknown one, with the nearest
    operations = 1e11
    if latency is not None:
        from weitiao.planning import cost

        operations = cost.measure().useful(fused=False)
    seconds = latency_of(latency)
    wanted = Filter(task, language, length, licence, memory, seconds, operations)
    matches = matching(wanted)
    at_hand = _at_hand(matches)
    chosen = [model for model in matches if model.hub in at_hand or not here]
    lines = [_plain(model, model.hub in at_hand) for model in chosen]
    if latency is not None:
        for line, model in zip(lines, chosen, strict=True):
            line["latency_ms"] = round(1000 * model.seconds(operations, TYPICAL_TOKENS), 1)
    return lines


def details(name: str) -> dict[str, Any]:
    """All facts of a known model, each with its source. Raises ModelError for an unknown one."""
    model = known(name)
    if model is None:
        names = [one.called for one in known_models()]
        message = _("the catalogue knows no model {name!r}.{hint}", name=name,
                    hint=near(name, names))  # fmt: skip
        raise ModelError(message)
    every = sources()
    stands = {fact: source for source, facts in model.checked.items() for fact in facts}
    facts = []
    for fact in FACTS:
        value, source = getattr(model, fact), every.get(stands.get(fact, ""), {})
        where = " ".join(filter(None, (source.get("place", ""), source.get("what", ""))))
        facts.append({"fact": fact, "value": list(value) if isinstance(value, tuple) else value,
                      "source": where, "read": source.get("read", "")})  # fmt: skip
    return {"model": model.called, "hub": model.hub, "facts": facts}


def _plain(model: KnownModel, here: bool) -> dict[str, Any]:
    raw = asdict(model)
    raw.pop("checked")
    return {**raw, "model": model.called, "here": here, "unverified": model.unverified}


def _at_hand(matches: list[KnownModel]) -> set[str]:
    """Hub names of models that are installed as packages, or in the hub's local cache."""
    at_hand = set()
    for model in matches:
        if model.name:
            module = CATALOGUE[model.name].file.split("/")[0]
            if importlib.util.find_spec(module) is not None:
                at_hand.add(model.hub)
        elif is_cached(model.hub):
            at_hand.add(model.hub)
    return at_hand
