"""Provenance: the plan with its reasons, the machine, the files next to the page."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from weitiao.core.sanitize import shortened, visible
from weitiao.i18n.messages import _, localized, plural
from weitiao.reporting.render import Links, Section, Table, Words
from weitiao.results.format import duration
from weitiao.results.records import EnvironmentRecord
from weitiao.results.run_data import Material

NO_SETTINGS = {"why", "expect"}  # sections of the plan that decide nothing
MAX_VALUE_CHARACTERS = 200


def plan_section(material: Material) -> Section:
    """Each decision with its reason; then every other setting."""
    why = material.plan.why
    rows = []
    for path, reason in why.items():
        value = material.plan.get(path)
        text = visible(localized(reason.reason))
        if reason.evidence:
            text += f" [{visible(localized(reason.evidence))}]"
        if value != reason.value:
            text = _(
                "set by you; weitiao would take {value}: {reason}",
                value=visible(_value(reason.value)),
                reason=text,
            )
        rows.append([path, _value(value), text])
    others = [
        [path, _value(value)]
        for path, value in _settings(material.plan.model_dump())
        if path not in why
    ]
    head = [_("setting"), _("value"), _("why")]
    blocks: list[Any] = []
    if rows:
        blocks.append(Table(_("Decisions and reasons"), head, rows))
    caption = _("All other settings") if rows else _("All settings")
    blocks.append(Table(caption, head[:2], others, folded=bool(rows)))
    return Section("plan", _("Plan"), blocks)


def run_section(material: Material, page: Path) -> Section:
    """State, times, uses of the test set, machine, files."""
    facts = [*_state(material), *_machine(material.environment)]
    blocks: list[Any] = [Table(_("Run and machine"), [], facts)]
    packages = material.environment.packages
    if packages:
        cells = [[name, version or _("not there")] for name, version in packages.items()]
        blocks.append(Table(_("Packages"), [_("name"), _("version")], cells, folded=True))
    blocks.append(Words(_("Files:")))
    blocks.append(Links(_files(material, page)))
    return Section("run", _("Provenance"), blocks)


def state_name(state: str) -> str:
    """A state of a run as people say it."""
    names = {
        "finished": _("finished"),
        "early": _("stopped early: no more gain"),
        "interrupted": _("interrupted"),
        "failed": _("failed"),
        "running": _("running"),
        "new": _("new"),
    }
    return names.get(state, state)


def date_of(material: Material) -> str:
    """When the run was started, in UTC; empty where it is not recorded."""
    started = material.status.started
    return "" if not started else f"{datetime.fromtimestamp(started, UTC):%Y-%m-%d %H:%M} UTC"


def _state(material: Material) -> list[list[str]]:
    metrics, status = material.metrics, material.status
    facts = [[_("state"), state_name(material.state)]]
    if date := date_of(material):
        facts.append([_("date"), date])
    if status.total:
        facts.append([_("steps"), f"{status.step or 0:,} / {status.total:,}"])
    recorded = "seconds" in metrics.model_fields_set
    trained = metrics.seconds.train if recorded else status.seconds
    if trained is not None:
        facts.append([_("training time"), duration(trained)])
    if metrics.seconds.total is not None:
        facts.append([_("total time"), duration(metrics.seconds.total)])
    if metrics.openings:
        facts.append([_("test set used"), plural(metrics.openings, "time")])
    elif metrics:
        facts.append([_("test set used"), _("not by this run")])
    if metrics.peak_memory_mb:
        facts.append([_("peak memory"), f"{metrics.peak_memory_mb:,} MB"])
    facts.append([_("data file"), _value(material.plan.data.path)])
    facts.append([_("folder"), str(material.run.folder)])
    return facts


def _machine(environment: EnvironmentRecord) -> list[list[str]]:
    facts = {
        _("processor"): environment.processor,
        _("cores"): environment.cores,
        _("threads"): environment.threads,
        _("instructions"): environment.instructions,
        _("numeric precision"): environment.precision,
        _("device"): environment.device,
        _("system"): environment.system,
        "Python": environment.python,
        _("hash of the data"): environment.data,
    }
    rows = [[name, str(value)] for name, value in facts.items() if value is not None]
    for name, origin in environment.foreign_parts.items():
        rows.append([name, f"{origin.distribution} {origin.version}"])
    return rows


def _files(material: Material, page: Path) -> list[tuple[str, str, str]]:
    contents = {
        "plan.yaml": _("the plan; `weitiao train` runs it again"),
        "metrics.json": _("all figures"),
        "answers.parquet": _("id, gold label and predictions of every evaluated row"),
        "log.jsonl": _("one line per step"),
        "environment.json": _("versions, hardware, history of the rows"),
        "best": _("the model, a transformers folder"),
        "last": _("the newest checkpoint"),
        "tensorboard": _("events for `tensorboard --logdir`"),
    }
    folder = material.run.folder
    return [
        (name, _address(folder / name, page), content)
        for name, content in contents.items()
        if (folder / name).exists()
    ]


def _address(path: Path, page: Path) -> str:
    """Relative, so that run and page can be moved together."""
    try:
        relative = os.path.relpath(path.resolve(), page.resolve().parent)
    except ValueError:  # on another drive
        return path.resolve().as_uri()
    return quote(Path(relative).as_posix())


def _settings(node: Mapping[str, Any], above: str = "") -> list[tuple[str, Any]]:
    """Dotted paths and values, the parts' settings whole."""
    settings: list[tuple[str, Any]] = []
    for name, value in node.items():
        if not above and name in NO_SETTINGS:
            continue
        if not above and isinstance(value, dict) and name != "task":
            settings += _settings(value, f"{name}.")
        else:
            settings.append((f"{above}{name}", value))
    return settings


def _value(value: Any) -> str:
    if isinstance(value, str):
        return shortened(value, MAX_VALUE_CHARACTERS)
    if value is None:
        return "–"
    if isinstance(value, Mapping):
        listed = ", ".join(f"{k}: {_value(v)}" if v != {} else str(k) for k, v in value.items())
        return shortened(listed, MAX_VALUE_CHARACTERS) or "–"
    if isinstance(value, (list, tuple)):
        return shortened(", ".join(_value(one) for one in value), MAX_VALUE_CHARACTERS) or "–"
    return json.dumps(value)
