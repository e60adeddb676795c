"""Short form of a plan file: what has a reason or differs from its default, and each reason once,
as the comment behind its value.

    train:
      epochs: 15  # enough updates for few rows [about 120 training rows]
    why: {train.epochs: 15}

`why` holds what weitiao would take, so that a value changed in the file is known as the user's. A
reason that a comment cannot hold, or whose value was changed, stands in `why` as a record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from weitiao.i18n.messages import _
from weitiao.planfile.sections import PLACES, Section, as_parts

if TYPE_CHECKING:
    from weitiao.planfile.plan import Plan
    from weitiao.planfile.read import Written

RECORD = {"value", "reason"}  # keys of a reason that stands in `why` whole


def short_form(plan: Plan) -> tuple[dict[str, Any], dict[str, str]]:
    """Plain values of the short file, and the comment of each setting by its dotted path."""
    reasoned = {".".join(path.split(".")[:2]) for path in plan.why}
    raw: dict[str, Any] = {}
    for name in type(plan).model_fields:
        value = getattr(plan, name)
        if name in ("why", "expect"):
            continue
        if isinstance(value, Section):
            inner = {
                key: _compact(f"{name}.{key}", one)
                for key, one in value.model_dump().items()
                if f"{name}.{key}" in reasoned or _is_set(value, key, one)
            }
            if inner:
                raw[name] = inner
        elif name in reasoned or _is_set(plan, name, value):
            raw[name] = _compact(name, plan.model_dump(include={name})[name])
    comments, why = {}, {}
    for path, reason in plan.why.items():
        text = f"{reason.reason} [{reason.evidence}]" if reason.evidence else str(reason.reason)
        if plan.get(path) != reason.value:
            comments[path] = _("set by you; weitiao would take {value}", value=_shown(reason.value))
        elif _parted(text) == (reason.reason, reason.evidence) and text.isprintable():
            comments[path] = text
            why[path] = _compact(path, reason.value)
            if not _is_record(why[path]):
                continue
            del comments[path]
        why[path] = reason.model_dump()
    if why:
        raw["why"] = why
    if plan.expect:
        raw["expect"] = plan.expect
    return raw, comments


def with_reasons(written: Written) -> None:
    """Complete the reasons in `why` by the comments behind the values, in place.

    A value without a comment has lost its reason, and is left out.
    """
    why = written.value.get("why")
    if not isinstance(why, dict) or all(map(_is_record, why.values())):
        return
    comments = _comments(written.text)
    completed = {}
    for path, value in why.items():
        if _is_record(value):
            completed[path] = value
        elif text := comments.get(written.lines.get(path, 0)):
            reason, evidence = _parted(text)
            value = as_parts(value) if path in PLACES else value
            completed[path] = {"value": value, "reason": reason, "evidence": evidence}
    written.value["why"] = completed


def _is_record(value: Any) -> bool:
    return isinstance(value, Mapping) and value.keys() >= RECORD


def _is_set(section: Section, key: str, value: Any) -> bool:
    """Whether a setting must stand in the file: it is required or not the default."""
    field = type(section).model_fields[key]
    return field.is_required() or bool(value != field.get_default(call_default_factory=True))


def _compact(path: str, value: Any) -> Any:
    """A part without settings by its name alone: {"adamw": {}} is adamw."""
    if path in PLACES and isinstance(value, Mapping) and list(value.values()) == [{}]:
        return next(iter(value))
    return value


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else repr(text)


def _parted(text: str) -> tuple[str, str]:
    """Reason and evidence of a comment.

    >>> _parted("few rows [120 rows]"), _parted("the usual size")
    (('few rows', '120 rows'), ('the usual size', ''))
    """
    reason, mark, evidence = text.strip().partition(" [")
    return (reason, evidence[:-1]) if mark and evidence.endswith("]") else (text.strip(), "")


def _comments(text: str) -> dict[int, str]:
    """Comment at the end of each line that holds something else, by its number from 1."""
    ends: dict[int, int] = {}
    with suppress(YAMLError):  # JSON that is indented by tabs
        for token in YAML(typ="safe", pure=True).scan(text):
            mark = token.end_mark
            ends[mark.line + 1] = max(ends.get(mark.line + 1, 0), mark.index)
    rests = {line: text[end:].partition("\n")[0].strip() for line, end in ends.items()}
    return {line: rest[1:].strip() for line, rest in rests.items() if rest.startswith("#")}
