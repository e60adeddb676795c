"""report.html: one file that shows a run. It needs no network, no model and no test set."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weitiao.core import atomic
from weitiao.core.sanitize import visible
from weitiao.errors import RunError, WeitiaoError
from weitiao.i18n.messages import _
from weitiao.i18n.system import said
from weitiao.reporting import (
    calibration,
    curves,
    error_examples,
    error_plots,
    expected,
    provenance,
    row_statistics,
    row_table,
    scores,
    summary,
    tensorboard,
    unknown,
    weak_spots,
)
from weitiao.reporting.render import Section, render
from weitiao.results.format import task_name
from weitiao.results.records import Findings
from weitiao.results.run_data import Material, gathered, write_answers
from weitiao.run import Run
from weitiao.version import __version__

if TYPE_CHECKING:
    from weitiao.data.prepare.load import Data
    from weitiao.evaluation.evaluate import Evaluated
    from weitiao.model.model import Model

NAME = "report.html"
# Sections of the printed summary.
SUMMARY = {"answer", "scores", "answers", "weak", "sure", "unknown"}
HASH_DIGITS = 12  # of the fingerprint under the title; Provenance has it whole


def write_artifacts(
    run: Run,
    model: Model,
    data: Data,
    answers: Evaluated,
    metrics: Mapping[str, Any],
    findings: Findings,
) -> Path:
    """Write predictions, metrics, error analysis and report.html into the run; returns the page.

    metrics: the content of metrics.json; its split names the rows of `answers`.
    """
    write_results(run, model, data, answers, metrics, findings)
    return write_page(run)


def write_results(
    run: Run,
    model: Model,
    data: Data,
    answers: Evaluated,
    metrics: Mapping[str, Any],
    findings: Findings,
) -> None:
    """Write predictions, statistics of the rows, error analysis and, last of all, metrics.json."""
    split = str(metrics["split"])
    write_answers(run, answers, split)
    test = answers.rows if split == "test" else None
    row_statistics.statistics_of(model, data, test).write(run)
    findings.write(run)
    run.write("metrics", metrics)


def write_page(run: Run) -> Path:
    """Write report.html, and the events for TensorBoard where it is installed."""
    if tensorboard.available():
        tensorboard.write(run)
    return write(run)


def write_unfinished_page(run: Run) -> None:
    """A page for a run that failed, as far as it came; never a reason for another error."""
    if run.status().state != "running":
        with suppress(WeitiaoError, OSError):
            write(run)


def write(run: Run, out: Path | None = None, *, unmasked: bool = False) -> Path:
    """Write the report of a run, in the current language; returns its path."""
    path, material = out or run.folder / NAME, gathered(run)
    title = run.folder.resolve().name
    shown = sections(material, path, unmasked)
    return write_html(path, render(title, _("Report"), _facts(material), shown))


def write_html(path: Path, text: str) -> Path:
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
    stored = material.stored
    labels = scores.labels_of(stored.answers) if stored else []
    listed = [summary.summary(material, labels), scores.scores_section(material, labels)]
    listed += scores.seeds_sections(material)
    if stored:
        plots = error_plots.plots_of(stored, labels)
        if plots.items:
            title = error_plots.title_of(stored.answers)
            listed.append(Section("answers", title, [plots]))
    optional = [
        weak_spots.weak_spots_section(material, unmasked),
        calibration.calibration_section(material),
        unknown.unknown_section(material),
    ]
    listed += [section for section in optional if section]
    listed.append(curves.curves_section(material))
    if stored:
        listed.append(error_examples.examples_section(material, unmasked))
    if rows := row_table.table_section(material, unmasked):
        listed.append(rows)
    listed = [replace(one, brief=one.name in SUMMARY) for one in listed]
    return [
        *listed,
        row_statistics.rows_section(material),
        provenance.plan_section(material),
        *([held] if (held := expected.expected_section(material)) else []),
        provenance.run_section(material, page),
    ]


def _facts(material: Material) -> list[str]:
    """The line under the title."""
    plan = material.plan
    path = plan.data.path if isinstance(plan.data.path, str) else ", ".join(plan.data.path)
    return [
        _("task: {task}", task=task_name(plan.task_name)),
        _("model: {model}", model=visible(plan.model.checkpoint)),
        _data_fact(visible(path), material.environment.data),
        *([_("date: {date}", date=date)] if (date := provenance.date_of(material)) else []),
        _version_fact(material),
        _("state: {state}", state=provenance.state_name(material.state)),
    ]


def _data_fact(path: str, fingerprint: str | None) -> str:
    if fingerprint is None:
        return _("data: {path}", path=path)
    return _("data: {path} (hash {hash})", path=path, hash=fingerprint[:HASH_DIGITS])


def _version_fact(material: Material) -> str:
    version = material.environment.packages.get("weitiao") or __version__
    return f"weitiao {version}"
