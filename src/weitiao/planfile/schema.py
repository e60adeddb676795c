"""JSON Schema of a plan, for editors: descriptions in both languages, parts with their fields."""

from __future__ import annotations

from typing import Any

from weitiao import parts
from weitiao.i18n.messages import LANGUAGES, speaking, translated
from weitiao.planfile.sections import PLACES, SINGLE

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TITLE = "weitiao plan"


def schema_of(plan: Any, language: str | None = None) -> dict[str, Any]:
    """JSON Schema of the class `plan`, described in one language, or in both (None)."""
    schema: dict[str, Any] = {**plan.model_json_schema(), "title": TITLE}
    for name, section in schema["$defs"].items():
        section["title"] = name.removesuffix("Plan")
    _describe(schema, language)
    schema["$defs"] = {name: schema["$defs"][name] for name in sorted(schema["$defs"])}
    for place, kind in PLACES.items():
        section, _, name = place.rpartition(".")
        home = schema
        if section:
            home = schema["$defs"][f"{section.capitalize()}Plan"]
        home["properties"][name] |= _choice(place, kind, language)
        # pydantic's schema of parts is an object of objects: next to anyOf, it would forbid the
        # short forms, which are strings and lists.
        for key in ("additionalProperties", "type"):
            home["properties"][name].pop(key, None)
    metrics = schema["$defs"]["EvaluatePlan"]["properties"]["metrics"]
    metrics["items"] = {"enum": parts.names("metrics")}
    criteria = schema["properties"]["acceptance"]["additionalProperties"]
    schema["properties"]["acceptance"]["additionalProperties"] = {
        "anyOf": [criteria["items"], criteria]  # one criterion needs no list
    }
    # A short plan holds the value alone: its reason is the comment behind the setting.
    schema["properties"]["why"]["additionalProperties"] = True
    del schema["$defs"]["Reason"]
    return {"$schema": DIALECT, **schema}


def _choice(place: str, kind: str, language: str | None) -> dict[str, Any]:
    """Schema of a choice of parts: `name`, `{name: settings}`, a list of these, or null."""
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
    schema["title"] = name
    schema["description"] = "\n".join(_translations(parts.summary(part), language))
    return {"anyOf": [schema, {"type": "null"}], "description": schema["description"]}


def title_of(field: str) -> str:
    """Title that pydantic gives a field, and its key in the catalogue.

    >>> title_of("max_rows")
    'Max Rows'
    """
    return field.replace("_", " ").title()


def _describe(node: Any, language: str | None) -> None:
    """Translate all titles and descriptions of a schema, in place."""
    if isinstance(node, dict):
        for key, between in (("title", " · "), ("description", "\n")):
            text_in_english = node.get(key)
            if isinstance(text_in_english, str):
                text = " ".join(text_in_english.split("\n\n")[0].split())
                node[key] = between.join(dict.fromkeys(_translations(text, language)))
        for inner in node.values():
            _describe(inner, language)
    elif isinstance(node, list):
        for inner in node:
            _describe(inner, language)


def _translations(text: str, language: str | None) -> list[str]:
    texts = []
    for one in [language] if language else LANGUAGES:
        with speaking(one):
            texts.append(translated(text))
    return texts
