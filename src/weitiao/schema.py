"""JSON Schema of a plan, for editors: every field in both languages, every part spelled out."""

from __future__ import annotations

from typing import Any

from weitiao import parts
from weitiao.messages import LANGUAGES, speaking, translated
from weitiao.sections import PLACES, SINGLE

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(plan: Any, language: str | None = None) -> dict[str, Any]:
    """The schema of the class `plan`, described in one language, or in both (None)."""
    schema: dict[str, Any] = plan.model_json_schema()
    _describe(schema, language)
    schema["$defs"] = {name: schema["$defs"][name] for name in sorted(schema["$defs"])}
    for place, kind in PLACES.items():
        section, _, name = place.rpartition(".")
        home = schema
        if section:
            home = schema["$defs"][f"{section.capitalize()}Plan"]
        home["properties"][name] |= _choice(place, kind, language)
        for key in ("additionalProperties", "type"):
            home["properties"][name].pop(key, None)
    metrics = schema["$defs"]["EvaluatePlan"]["properties"]["metrics"]
    metrics["items"] = {"enum": parts.names("metrics")}
    several = schema["properties"]["acceptance"]["additionalProperties"]
    schema["properties"]["acceptance"]["additionalProperties"] = {
        "anyOf": [several["items"], several]  # one criterion needs no list
    }
    return {"$schema": DIALECT, **schema, "title": "weitiao plan"}


def _choice(place: str, kind: str, language: str | None) -> dict[str, Any]:
    """`name`, `{name: settings}` and, where several may stand, lists of these."""
    known = {name: _part(kind, name, language) for name in parts.names(kind)}
    mapping: dict[str, Any] = {
        "type": "object",
        "properties": known,
        "additionalProperties": False,
    }
    if place in SINGLE:
        mapping |= {"minProperties": 1, "maxProperties": 1}
    one = {"enum": list(known)}
    forms = [one, mapping]
    forms.append({"type": "array", "items": {"anyOf": [one, mapping]}})
    if place not in SINGLE:
        forms.append({"type": "null"})
    return {"anyOf": forms}


def _part(kind: str, name: str, language: str | None) -> dict[str, Any]:
    part = parts.find(kind, name)
    schema: dict[str, Any] = part.model_json_schema()
    _describe(schema, language)
    schema["description"] = _both(parts.summary(part), language)
    return {"anyOf": [schema, {"type": "null"}], "description": schema["description"]}


def _describe(node: Any, language: str | None) -> None:
    """Every description in the language, or in both, in place."""
    if isinstance(node, dict):
        told = node.get("description")
        if isinstance(told, str):
            node["description"] = _both(" ".join(told.split("\n\n")[0].split()), language)
        for inner in node.values():
            _describe(inner, language)
    elif isinstance(node, list):
        for inner in node:
            _describe(inner, language)


def _both(text: str, language: str | None) -> str:
    found = []
    for one in [language] if language else LANGUAGES:
        with speaking(one):
            found.append(translated(text))
    return "\n".join(found)
