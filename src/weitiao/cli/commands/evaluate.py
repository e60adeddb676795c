"""Commands that judge a trained run: evaluate, calibrate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from weitiao.cli import show_results, terminal
from weitiao.cli.options import (
    Json,
    Precision,
    Roles,
    RunFolder,
    Sheet,
    SkipBad,
    Target,
    Text,
    Threads,
    changes_of,
    how_of,
    loading,
    require_run,
    roles_of,
)
from weitiao.core import dotted, notice
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _

NOT_ACCEPTED = 4  # the exit code of `evaluate --gate`


def evaluate(
    run: RunFolder,
    rows: Annotated[str | None, typer.Argument(help="labelled rows; default: validation")] = None,
    final: Annotated[bool, typer.Option("--final", help="use the sealed test set")] = False,
    text: Text = None,
    target: Target = None,
    roles: Roles = None,
    sheet: Sheet = None,
    skip_bad: SkipBad = False,
    gate: Annotated[
        bool, typer.Option("--gate", help="exit with code 4 when a criterion is not met")
    ] = False,
    threads: Threads = None,
    precision: Precision = None,
    json_: Json = False,
) -> None:
    """Evaluate a run's best model on a file, on validation, or on the sealed test set."""
    require_run(run, "evaluate")
    columns = roles_of(text, target, roles)
    if rows and not final:
        _check_columns(run, rows, sheet, skip_bad, columns)
    with loading():
        from weitiao.api import evaluate as evaluating
        from weitiao.api.seeds import Seeded, is_several
        from weitiao.results.records import Findings
        from weitiao.run import Run

    if gate:
        evaluating.require_criteria(run)
    report, split, openings = evaluating.evaluate(
        run,
        rows,
        final=final,
        roles=columns,
        sheet=sheet,
        skip_bad=skip_bad,
        threads=threads,
        precision=precision,
        say=terminal.say,
    )
    if final and is_several(run):
        seeds = Seeded.read(run)
        show_results.finish_seeds(seeds, json_)
        # The criteria are those of the best seed: it is the one that predicts.
        if gate and not all(one["passed"] for one in seeds.verdicts):
            raise typer.Exit(NOT_ACCEPTED)
        return
    if json_:
        about = {"run": str(run), "split": split, "rows": report.rows, "openings": openings}
        terminal.print_json({**about, **report.summary()})
    else:
        show_results.show_better(report, run)
        show_results.show_report(report, split, openings)
        findings = Findings(**report.more.get("findings", {}))
        metrics = {**show_results.training_of(Run(run)), **report.summary(), "rows": report.rows}
        show_results.show_findings(metrics, findings)
    if gate and not evaluating.passed(report):
        raise typer.Exit(NOT_ACCEPTED)


def _check_columns(run: Path, rows: str, sheet: str | None, skip_bad: bool, columns: Any) -> None:
    """Raises WeitiaoError where the file lacks a column; before PyTorch is loaded."""
    from weitiao.api.evaluation_rows import check_columns

    with notice.during(_("reading the rows")):
        check_columns(run, rows, how_of(sheet, skip_bad), columns)


def calibrate(
    run: Annotated[Path, typer.Argument(help="a run")],
    decisions: Annotated[
        list[str] | None,
        typer.Argument(help="e.g. at_recall.label=spam at_recall.recall=0.9; default: the plan's"),
    ] = None,
    threads: Threads = None,
    json_: Json = False,
) -> None:
    """Refit temperature, thresholds and decisions on the validation rows."""
    require_run(run, "calibrate")
    with loading():
        from weitiao.api.calibrate import calibrate
    calibration = calibrate(run, _nested(decisions), threads=threads)
    if json_:
        terminal.print_json({"run": str(run), **calibration.plain()})
        return
    show_results.show_calibration(calibration)
    terminal.say(_("To evaluate the run again: weitiao evaluate {run}", run=run))


def _nested(words: list[str] | None) -> dict[str, dict[str, object]] | None:
    """at_recall.label=spam as {"at_recall": {"label": "spam"}}; `none` for no decision at all."""
    if not words:
        return None
    if words == ["none"]:
        return {}
    decisions: dict[str, dict[str, object]] = {}
    for path, value in changes_of([w if "=" in w else f"{w}={{}}" for w in words]).items():
        name, _unused, field = path.partition(".")
        if not field and value != {}:
            message = _("{word!r}: write the setting, too, e.g. at_recall.recall=0.9.", word=path)
            raise WeitiaoError(message)
        node = decisions.setdefault(name, {})
        if field:
            dotted.put(node, field, value)
    return decisions
