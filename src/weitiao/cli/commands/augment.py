"""The command augment: changed copies of rows to read, or a trial of the steps that make them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from weitiao.cli import show_augmented, show_trial, terminal
from weitiao.cli.options import (
    FineTune,
    Force,
    Form,
    Json,
    Model,
    Roles,
    Rows,
    Sheet,
    SkipBad,
    Target,
    Task,
    Text,
    Threads,
    TrialSeeds,
    files_of,
    loading,
    part_settings,
    parted,
    refuse_existing,
    roles_of,
)

_OUTPUT = "file for the rows (.csv, .xlsx, ...); with --try, for the plan; default: none"


def augment(
    rows: Rows,
    words: Annotated[
        list[str] | None,
        typer.Argument(help="more data files, and settings, e.g. data.steps.aeda.share=0.2"),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help=_OUTPUT)] = None,
    step: Annotated[
        list[str] | None,
        typer.Option(help="aeda, synonyms, ..., again for each; see `weitiao parts steps`"),
    ] = None,
    times: Annotated[
        int | None, typer.Option(min=1, help="new rows for each row and step; default: 1")
    ] = None,
    try_: Annotated[
        bool, typer.Option("--try", help="try each step against none, and plan those that help")
    ] = False,
    fine_tune: FineTune = False,
    seeds: TrialSeeds = 5,
    text: Text = None,
    target: Target = None,
    roles: Roles = None,
    task: Task = None,
    model: Model = None,
    seed: Annotated[int, typer.Option(min=0, help="random seed")] = 0,
    form: Form = None,
    force: Force = False,
    sheet: Sheet = None,
    skip_bad: SkipBad = False,
    threads: Threads = None,
    json_: Json = False,
) -> None:
    """Make changed copies of training rows, to read them; --try: keep the steps that help."""
    paths, changes = parted(rows, words)
    steps, others = part_settings("data.steps", step, changes)
    columns: dict[str, Any] = {
        "roles": roles_of(text, target, roles),
        "task": task,
        "sheet": sheet,
        "skip_bad": skip_bad,
        "changes": others,
    }
    if try_:
        with loading():
            from weitiao.api.augment_trial import try_steps
            from weitiao.hardware.machine import set_threads
        set_threads(threads)
        refuse_existing(output, force)
        with terminal.working() as watch:
            trial = try_steps(
                paths, steps=steps, times=times, seeds=seeds, fine_tune=fine_tune, watch=watch,
                model=model, seed=seed, **columns,
            )  # fmt: skip
        show_trial.finish(trial, output, json_)
        return
    with loading():
        from weitiao.api.augment import augment

    augmented = augment(
        files_of(paths),
        output, steps=steps, times=times, seed=seed, form=form, force=force, **columns,
    )  # fmt: skip
    if json_:
        terminal.print_json(augmented.to_json())
    else:
        show_augmented.show_augmented(augmented)
