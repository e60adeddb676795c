"""What a run can tell and what there is: evaluate, predict, runs, parts, schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weitiao.cli import show, show_findings, show_runs, terminal
from weitiao.cli.options import (
    Answers,
    Json,
    Precision,
    Rows,
    RunFolder,
    Sheet,
    SkipBad,
    Threads,
)
from weitiao.i18n.messages import _, plural

NOT_ACCEPTED = 4  # the exit code of `evaluate --gate`


def evaluate(
    run: RunFolder,
    rows: Annotated[str | None, typer.Argument(help="labelled rows; else validation")] = None,
    final: Annotated[bool, typer.Option("--final", help="open the sealed test")] = False,
    sheet: Sheet = None,
    skip_bad: SkipBad = False,
    gate: Annotated[
        bool, typer.Option("--gate", help="end with code 4 when a criterion is not reached")
    ] = False,
    threads: Threads = None,
    precision: Precision = None,
    json_: Json = False,
) -> None:
    """Judge a run's best model on a file, on its validation rows, or on the sealed test."""
    from weitiao.api import evaluate as evaluating
    from weitiao.api.seeds import Seeded, is_several
    from weitiao.results.records import Findings

    if gate:
        evaluating.require_criteria(run)
    evaluation = evaluating.evaluate(
        run, rows, final=final, sheet=sheet, skip_bad=skip_bad, threads=threads,
        precision=precision, say=terminal.say,
    )  # fmt: skip
    if final and is_several(run):
        seeds = Seeded.read(run)
        show_runs.finish_seeds(seeds, json_)
        # Of the best seed: it is the one that predicts.
        if gate and not all(one["passed"] for one in seeds.verdicts):
            raise typer.Exit(NOT_ACCEPTED)
        return
    report, split, openings = evaluation
    if json_:
        told = {"run": str(run), "split": split, "rows": report.rows, "openings": openings}
        terminal.print_json({**told, **report.summary()})
    else:
        show.show_report(report, split, openings)
        show_findings.show_findings(
            {**report.summary(), "rows": report.rows}, Findings(**report.more["findings"])
        )
    if gate and not evaluating.passed(report):
        raise typer.Exit(NOT_ACCEPTED)


def predict(
    run: RunFolder,
    rows: Rows,
    output: Answers = Path("predictions.csv"),
    sheet: Sheet = None,
    skip_bad: SkipBad = False,
    threads: Threads = None,
    precision: Precision = None,
    json_: Json = False,
) -> None:
    """Answer rows: the input's columns plus prediction, score and score_<label>."""
    from weitiao.api.predict import predict

    with terminal.counting(_("rows")) as step:
        count = predict(
            run, rows, output, sheet=sheet, skip_bad=skip_bad, threads=threads,
            precision=precision, step=step, say=terminal.say,
        )  # fmt: skip
    if json_:
        terminal.print_json({"rows": count, "output": str(output)})
    else:
        terminal.say(_("answered {rows}: {path}", rows=plural(count, "row"), path=output))


def runs(
    root: Annotated[Path, typer.Argument(help="folder with runs")] = Path("runs"),
    json_: Json = False,
) -> None:
    """List runs: state, score, time left."""
    from weitiao.api.runs import runs

    found = runs(root)
    if json_:
        terminal.print_json({"runs": found})
    else:
        show.show_runs(found, root)


def parts(
    kind: Annotated[str | None, typer.Argument(help="tasks, strategies, models, ...")] = None,
    json_: Json = False,
) -> None:
    """List everything a plan may name."""
    from weitiao.api.runs import parts

    found = parts(kind)
    if json_:
        terminal.print_json(found)
    else:
        show.show_parts(found)


def schema(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="where the schema goes; else it is shown")
    ] = None,
) -> None:
    """JSON Schema of a plan, by which editors complete and check plan.yaml."""
    from weitiao.core import disk
    from weitiao.planfile.plan import Plan

    text = terminal.json_text(Plan.json_schema(), indent=1)
    if output is None:
        terminal.print_text(text)
        return
    with disk.writing(output):
        output.write_text(text + "\n", encoding="utf-8")
    terminal.say(_("schema: {path}", path=output))
