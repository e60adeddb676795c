"""Evaluate one run: on a file, on validation or on its sealed test set."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from weitiao.api import findings as analysis
from weitiao.api import stages
from weitiao.api.baselines import baselines_of
from weitiao.api.evaluation_rows import Roles, labelled_rows, unknown_labels
from weitiao.api.fitted import Evaluation
from weitiao.api.inputs import same_rows
from weitiao.api.predict import load
from weitiao.api.trained import open_other, trained
from weitiao.api.unknown import evaluated_unknown, out_of_scope_labels
from weitiao.core import notice
from weitiao.core.units import score as score_text
from weitiao.data.files.open import ReadOptions
from weitiao.data.prepare import duplicates
from weitiao.data.prepare.load import Data
from weitiao.data.prepare.load import load as load_data
from weitiao.data.prepare.sealed import open_test
from weitiao.data.prepare.unknown_rows import known_and_unknown
from weitiao.data.rows import Rows
from weitiao.errors import DataError, RunError, WeitiaoError
from weitiao.evaluation.baselines import Baseline
from weitiao.evaluation.evaluate import Evaluated, Report, judged_part
from weitiao.evaluation.evaluate import evaluate as evaluate_model
from weitiao.evaluation.metric_names import metric as metric_name
from weitiao.evaluation.metrics.base import metrics_of
from weitiao.i18n.messages import _, name_list
from weitiao.model.model import Model
from weitiao.reporting.page import write_artifacts
from weitiao.results import better
from weitiao.results.model_card import write_card
from weitiao.results.records import Calibration, Findings
from weitiao.results.refitted import Refitted
from weitiao.results.run_data import VALIDATION_FILE, write_answers
from weitiao.results.unknown import UnknownRecord
from weitiao.run import Run

LEAST_FINDINGS_SECONDS = 2.0  # of an error analysis that says anything
Say = Callable[[str], None]


def evaluate_run(
    folder: str | Path,
    path: str | None = None,
    *,
    final: bool = False,
    how: ReadOptions | None = None,
    say: Say | None = None,
    precision: str | None = None,
    roles: Roles | None = None,
) -> Evaluation:
    """Evaluate a run's best model: on a file, on the sealed test (`final`), else on validation."""
    if path:
        how, known = how or ReadOptions(), trained(folder)
        rows, notes = labelled_rows(known, open_other(known, path, how), how, roles)
        model = load(folder, precision=precision)
        report, _split, openings = evaluate_rows(model, rows, notes, say, Path(folder))
        return Evaluation(report, path, openings)
    model = load(folder, precision=precision)
    if not (Path(folder) / "plan.yaml").is_file():
        raise RunError(
            _(
                "{folder}: a saved model has no rows of its own; give a file to evaluate it on.",
                folder=folder,
            )
        )
    run = Run.open(folder)
    if not final and run.selected.is_dir():  # the model in best/ has learned from these rows
        model = Model.load(run.selected, precision=precision)
    plan = run.plan()
    # Criteria may have been added to the run's plan after training.
    model = replace(model, plan=model.plan.model_copy(update={"acceptance": plan.acceptance}))
    data = same_rows(run, load_data(plan.data, plan.task_name))
    rows, openings = open_test(data, str(run.folder)) if final else (data.validation, 0)
    split = "test" if final else "validation"
    # metrics.json of the test set is worth more: validation does not replace it.
    keeps = final or run.read("metrics").get("split") != "test"
    calibration = Calibration.read(run) if keeps else Calibration()
    unknown = data.sealed_unknown if final else data.unknown
    report, answers, findings = evaluated(model, rows, data, calibration, run=run, unknown=unknown)
    wanted = (*better.KEYS, "best_step", "epochs")  # what training found
    before = {name: value for name, value in run.read("metrics").items() if name in wanted}
    report = replace(report, more={**before, **report.more, **Refitted.read(run).summary(split)})
    # A run that is training writes its own results in the end.
    if run.status().state != "running":
        if keeps:
            metrics = _updated_metrics(run, report, split, openings)
            write_artifacts(run, model, data, answers, metrics, findings)
            write_card(run, model)
        else:
            write_answers(run, answers, split, VALIDATION_FILE)
    return Evaluation(_with_findings(report, findings), split, openings)


def evaluate_rows(
    model: Model, labelled: Rows, notes: list[str], say: Say | None, folder: Path
) -> Evaluation:
    """Evaluate the model of a folder on labelled rows other than the run's own.

    labelled, notes: of `labelled_rows`.
    """
    rows, unknown = known_and_unknown(labelled, out_of_scope_labels(model))
    if not len(rows):
        raise DataError(
            _(
                "{file}: all rows are unknown inputs; some with known labels are needed, too.",
                file=labelled.name,
            )
        )
    notes = [*notes, *unknown_labels(model, rows)]
    if say:
        for note in notes:
            say(note)
    if say and (known := _known_rows(folder, rows)):
        message = _(
            "{known:,} of {rows:,} rows have a text that the model was trained or validated on: "
            "the metrics say little about new texts",
            known=known,
            rows=len(rows),
        )
        say(message)
    report, _answers, findings = evaluated(model, rows, None, Calibration(), unknown=unknown)
    return Evaluation(_with_findings(report, findings), labelled.name, 0)


def _known_rows(folder: Path, rows: Rows) -> int:
    """How many texts also stand in the run's training or validation rows; 0 if those are gone."""
    try:
        plan = Run.open(folder).plan()
        data = load_data(plan.data, plan.task_name)
    except WeitiaoError:
        return 0
    texts, *known = (
        duplicates.text_keys(part.table, part.text_columns, part.indices)
        for part in (rows, data.train, data.validation)
    )
    return int(duplicates.is_in(texts, np.concatenate(known)).sum())


def evaluated(
    model: Model,
    rows: Rows,
    data: Data | None,
    calibration: Calibration,
    *,
    run: Run | None = None,
    unknown: Rows | None = None,
    baseline_seconds: float | None = None,
    findings_seconds: float | None = None,
) -> tuple[Report, Evaluated, Findings]:
    """Evaluate rows: metrics with baselines (which need training rows: `data`), calibration
    quality, acceptance criteria, and the error analysis of what the plan wants.

    run: whose baselines were fitted before training. unknown: rows of unknown inputs.
    baseline_seconds, findings_seconds: time limits; by default they follow from how long the
    evaluation takes.
    """
    plan, left_out = model.plan.evaluate, list[str]()
    whole, rows = len(rows), judged_part(model, rows)
    if len(rows) < whole:
        left_out.append(
            _(
                "{judged:,} of {rows:,} rows were evaluated, drawn by the seed, since texts are "
                "written one by one (task.{task}.written_rows)",
                task=model.plan.task_name,
                judged=len(rows),
                rows=whole,
            )
        )
    baselines: dict[str, Baseline] = {}
    if data is not None and plan.baselines:
        with notice.during(_("fitting the baselines")):
            baselines, reasons = baselines_of(model, data, len(rows), baseline_seconds, run)
            left_out += reasons
    begun = time.monotonic()
    with notice.during(_("evaluating: predictions, intervals, comparison with the baselines")):
        report, answers = evaluate_model(model, rows, baselines)
    if plan.weighted and (values := weighted_metrics(model, answers)):
        shown = [
            _("{metric} {value}", metric=metric_name(name), value=score_text(value, 4))
            for name, value in values.items()
        ]
        left_out.append(
            _("with each row counted by its weight: {metrics}", metrics=name_list(shown))
        )
        report = replace(report, more={**report.more, "weighted": values})
    if figures := evaluated_unknown(model, rows, unknown, UnknownRecord.read(run) if run else None):
        report = replace(report, more={**report.more, "unknown": figures})
    report = analysis.with_more(model, report, answers, calibration, left_out)
    findings = Findings()
    if plan.findings:
        if findings_seconds is None:
            findings_seconds = analysis.within(time.monotonic() - begun)
        if findings_seconds >= LEAST_FINDINGS_SECONDS:
            findings = analysis.findings_of(model, answers, data, findings_seconds)
        else:
            left_out = [
                *left_out,
                _("error analysis was left out for the budget; `weitiao evaluate` makes it"),
            ]
            report = replace(report, more={**report.more, "left_out": left_out})
    return report, answers, findings


def weighted_metrics(model: Model, answers: Evaluated) -> dict[str, float]:
    """The metrics with each row counted by its weight; {} where rows have none."""
    weights = answers.rows.weights()
    if weights is None:
        return {}
    metrics = metrics_of(model.task, model.plan.evaluate.metrics)
    return {name: float(one.value(answers.answers, weights)) for name, one in metrics.items()}


def _with_findings(report: Report, findings: Findings) -> Report:
    return replace(report, more={**report.more, "findings": findings.plain()})


def _updated_metrics(run: Run, report: Report, split: str, openings: int) -> dict[str, Any]:
    """Content of metrics.json with a new evaluation; figures of training stay."""
    return {
        "run": str(run.folder),
        "state": run.status().state,
        **{k: v for k, v in run.read("metrics").items() if k not in stages.OF_EVALUATION},
        **report.summary(),
        "details": report.details,
        "split": split,
        "rows": report.rows,
        "openings": openings,
    }
