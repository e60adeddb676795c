"""report.html: one file that shows what a run came to. No network, no model, no test opened."""

from __future__ import annotations

from pathlib import Path

from weitiao.core import atomic
from weitiao.core.sanitize import visible
from weitiao.errors import RunError
from weitiao.i18n.messages import _
from weitiao.i18n.system import said
from weitiao.reporting import (
    calibration,
    curves,
    error_examples,
    error_plots,
    provenance,
    row_statistics,
    scores,
    seeds,
    summary,
    weak_spots,
)
from weitiao.reporting.blocks import Section
from weitiao.reporting.labels import labels_of
from weitiao.reporting.render import render
from weitiao.results.run_data import Material, gathered
from weitiao.run import Run

NAME = "report.html"


def write(run: Run, out: Path | None = None, *, unmasked: bool = False) -> Path:
    """Make the page of a run, in the current language; returns where it stands."""
    path, material = out or run.folder / NAME, gathered(run)
    title = run.folder.resolve().name
    shown = sections(material, path, unmasked)
    return put(path, render(title, _("Report"), _facts(material), shown))


def put(path: Path, text: str) -> Path:
    """Write a page whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.replace_text(path, text)
    except OSError as error:
        raise RunError(
            _("{path}: the report cannot be written: {reason}.", path=path, reason=said(error))
        ) from None
    return path


def sections(material: Material, page: Path, unmasked: bool) -> list[Section]:
    """The page from top to bottom."""
    kept = material.kept
    labels = labels_of(kept.judged) if kept else []
    found = [summary.summary(material, labels), scores.scores(material, labels)]
    found += seeds.seeds(material)
    more = [weak_spots.closer(material, unmasked), calibration.calibrated(material)]
    if kept:
        told = Section("answers", _("Right and wrong"), [error_plots.plots_of(kept, labels)])
        found.append(told)
    found += [section for section in more if section]
    found.append(curves.learning(material))
    if kept:
        found.append(error_examples.to_read(material, unmasked))
    found += [
        row_statistics.rows(material),
        provenance.plan(material),
        provenance.run(material, page),
    ]
    return found


def _facts(material: Material) -> list[str]:
    """The line under the title."""
    plan = material.plan
    path = plan.data.path if isinstance(plan.data.path, str) else ", ".join(plan.data.path)
    return [
        _("task: {task}", task=plan.task_name),
        _("model: {model}", model=visible(plan.model.checkpoint)),
        _("data: {path}", path=visible(path)),
        _("state: {state}", state=provenance.state_name(material.state)),
    ]
