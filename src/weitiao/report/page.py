"""report.html: one file that shows what a run came to. No network, no model, no test opened."""

from __future__ import annotations

import os
from pathlib import Path

from weitiao.errors import RunError
from weitiao.foreign import said
from weitiao.messages import tell
from weitiao.report import (
    about,
    calibrated,
    closer,
    curves,
    mistaken,
    mistakes,
    scores,
    several,
    spread,
    summary,
)
from weitiao.report.blocks import Section
from weitiao.report.labels import labels_of
from weitiao.report.material import Material, gathered
from weitiao.report.render import render
from weitiao.report.visible import visible
from weitiao.run import Run

NAME = "report.html"


def write(run: Run, out: Path | None = None, *, unmasked: bool = False) -> Path:
    """Make the page of a run, in the current language; returns where it stands."""
    path, material = out or run.folder / NAME, gathered(run)
    title = run.folder.resolve().name
    shown = sections(material, path, unmasked)
    return put(path, render(title, tell("Report"), _facts(material), shown))


def put(path: Path, text: str) -> Path:
    """Write a page whole or not at all."""
    new = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(text, encoding="utf-8")
        os.replace(new, path)
    except OSError as error:
        raise RunError(
            tell("{path}: the report cannot be written: {reason}.", path=path, reason=said(error))
        ) from None
    return path


def sections(material: Material, page: Path, unmasked: bool) -> list[Section]:
    """The page from top to bottom."""
    kept = material.kept
    labels = labels_of(kept.judged) if kept and kept.judged.kind != "number" else []
    found = [summary.summary(material, labels), scores.scores(material, labels)]
    found += several.seeds(material)
    more = [closer.closer(material, unmasked), calibrated.calibrated(material)]
    if kept:
        told = Section("answers", tell("Right and wrong"), [mistaken.plots_of(kept, labels)])
        found.append(told)
    found += [section for section in more if section]
    found.append(curves.learning(material))
    if kept:
        found.append(mistakes.to_read(material, unmasked))
    found += [spread.rows(material), about.plan(material), about.run(material, page)]
    return found


def _facts(material: Material) -> list[str]:
    """The line under the title."""
    plan = material.plan
    path = plan.data.path if isinstance(plan.data.path, str) else ", ".join(plan.data.path)
    return [
        tell("task: {task}", task=plan.task_name),
        tell("model: {model}", model=visible(plan.model.checkpoint)),
        tell("data: {path}", path=visible(path)),
        tell("state: {state}", state=about.state_name(material.state)),
    ]
