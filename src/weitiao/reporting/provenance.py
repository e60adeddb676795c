"""How it came about: the plan with its reasons, the machine, the files beside the page."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from weitiao.core.sanitize import shortened, visible
from weitiao.i18n.messages import _, localized, plural
from weitiao.reporting.blocks import Links, Section, Table, Words
from weitiao.results.format import duration
from weitiao.results.run_data import Material

UNTOLD = {"why", "expect"}
LONGEST = 200  # characters of a value


def plan(material: Material) -> Section:
    """Each decision with its reason; then every other setting."""
    why = material.plan.why
    rows = []
    for path, reason in why.items():
        value = material.plan.get(path)
        told = visible(localized(reason.reason))
        if reason.evidence:
            told += f" [{visible(localized(reason.evidence))}]"
        if value != reason.value:
            told = _(
                "set by you; weitiao would take {value}: {reason}",
                value=visible(_value(reason.value)),
                reason=told,
            )
        rows.append([path, _value(value), told])
    others = [
        [path, _value(value)]
        for path, value in _settings(material.plan.model_dump())
        if path not in why
    ]
    head = [_("setting"), _("value"), _("why")]
    blocks: list[Any] = []
    if rows:
        blocks.append(Table(_("What was decided, and why"), head, rows))
    caption = _("All other settings") if rows else _("All settings")
    blocks.append(Table(caption, head[:2], others, folded=bool(rows)))
    return Section("plan", _("The plan and its reasons"), blocks)


def run(material: Material, page: Path) -> Section:
    """State, times, test openings, machine, files."""
    facts = [*_state(material), *_machine(material.environment)]
    blocks: list[Any] = [Table(_("The run"), [], facts)]
    packages = material.environment.get("packages") or {}
    if packages:
        cells = [[name, version or _("not there")] for name, version in packages.items()]
        blocks.append(Table(_("Packages"), [_("name"), _("version")], cells, folded=True))
    blocks.append(Words(_("Files beside this page:")))
    blocks.append(Links(_files(material, page)))
    return Section("run", _("The run and its files"), blocks)


def state_name(state: str) -> str:
    """A state of a run as people say it."""
    told = {
        "finished": _("finished"),
        "early": _("stopped early: no more gain"),
        "interrupted": _("interrupted"),
        "failed": _("failed"),
        "running": _("running"),
        "new": _("new"),
    }
    return told.get(state, state)


def _state(material: Material) -> list[list[str]]:
    metrics, status = material.metrics, material.status
    seconds = metrics.get("seconds") or {"train": status.seconds}
    found = [[_("state"), state_name(material.state)]]
    if status.total:
        found.append([_("updates"), f"{status.step or 0:,} / {status.total:,}"])
    if seconds.get("train") is not None:
        found.append([_("time to train"), duration(seconds["train"])])
    if seconds.get("total") is not None:
        found.append([_("time in all"), duration(seconds["total"])])
    openings = metrics.get("openings")
    if openings:
        found.append([_("test opened"), plural(int(openings), "time")])
    elif metrics:
        found.append([_("test opened"), _("not by this run")])
    if metrics.get("peak_memory_mb"):
        found.append([_("memory at most"), f"{metrics['peak_memory_mb']:,} MB"])
    found.append([_("file with the rows"), _value(material.plan.data.path)])
    found.append([_("folder"), str(material.run.folder)])
    return found


def _machine(environment: Mapping[str, Any]) -> list[list[str]]:
    names = {
        "processor": _("processor"),
        "cores": _("cores"),
        "threads": _("threads"),
        "instructions": _("instructions"),
        "precision": _("arithmetic"),
        "device": _("device"),
        "system": _("system"),
        "python": "Python",
        "data": _("fingerprint of the rows"),
    }
    found = [[told, str(environment[name])] for name, told in names.items() if name in environment]
    foreign = environment.get("foreign_parts") or {}
    for name, origin in foreign.items():
        found.append([name, f"{origin.get('distribution')} {origin.get('version')}"])
    return found


def _files(material: Material, page: Path) -> list[tuple[str, str, str]]:
    told = {
        "plan.yaml": _("the plan; `weitiao train` carries it out again"),
        "metrics.json": _("all figures"),
        "answers.parquet": _("every judged row's id, truth and answers"),
        "log.jsonl": _("one line for each update"),
        "environment.json": _("what it was made with"),
        "best": _("the model, a transformers folder"),
        "last": _("the newest checkpoint"),
        "tensorboard": _("events for `tensorboard --logdir`"),
    }
    folder = material.run.folder
    return [(name, _address(folder / name, page), why)
            for name, why in told.items() if (folder / name).exists()]  # fmt: skip


def _address(path: Path, page: Path) -> str:
    """Relative, so that run and page can be moved together."""
    try:
        relative = os.path.relpath(path.resolve(), page.resolve().parent)
    except ValueError:  # on another drive
        return path.resolve().as_uri()
    return quote(Path(relative).as_posix())


def _settings(node: Mapping[str, Any], above: str = "") -> list[tuple[str, Any]]:
    """Dotted paths and values, the parts' settings whole."""
    found: list[tuple[str, Any]] = []
    for name, value in node.items():
        if not above and name in UNTOLD:
            continue
        if not above and isinstance(value, dict) and name != "task":
            found += _settings(value, f"{name}.")
        else:
            found.append((f"{above}{name}", value))
    return found


def _value(value: Any) -> str:
    if isinstance(value, str):
        return shortened(value, LONGEST)
    if value is None:
        return "–"
    if isinstance(value, Mapping):
        told = ", ".join(f"{k}: {_value(v)}" if v != {} else str(k) for k, v in value.items())
        return shortened(told, LONGEST) or "–"
    if isinstance(value, (list, tuple)):
        return shortened(", ".join(_value(one) for one in value), LONGEST) or "–"
    return json.dumps(value)
