"""The command clean: rows with cleaned texts, and what each cleaner changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weitiao.cli import show_cleaned, show_trial, terminal
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
    Threads,
    TrialSeeds,
    files_of,
    how_of,
    loading,
    part_settings,
    parted,
    refuse_existing,
    roles_of,
)
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _

_OUTPUT = "file for the cleaned rows: .csv, .xlsx, ...; with --try, for the plan; default: none"


def clean(
    rows: Rows,
    words: Annotated[
        list[str] | None,
        typer.Argument(help="more data files, and settings, e.g. data.cleaners.html.passes=2"),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help=_OUTPUT)] = None,
    cleaner: Annotated[
        list[str] | None,
        typer.Option(help="html, mojibake, ..., again for each; see `weitiao parts cleaners`"),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(help="a plan whose cleaners, rules and filters for rows are applied"),
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option(help="column with texts to clean, again for each")
    ] = None,
    try_: Annotated[
        bool, typer.Option("--try", help="try each cleaner against none, and plan those that help")
    ] = False,
    fine_tune: FineTune = False,
    seeds: TrialSeeds = 5,
    target: Target = None,
    roles: Roles = None,
    task: Task = None,
    model: Model = None,
    seed: Annotated[int, typer.Option(min=0, help="with --try: random seed")] = 0,
    form: Form = None,
    force: Force = False,
    sheet: Sheet = None,
    skip_bad: SkipBad = False,
    threads: Threads = None,
    json_: Json = False,
) -> None:
    """Clean the texts of rows; without -o, only show what would change; --try: keep what helps."""
    paths, changes = parted(rows, words)
    settings, reading = part_settings("data.cleaners", cleaner, changes)
    if try_:
        if plan or len(text or ()) > 1:
            message = _(
                "--try takes no --plan, and one --text; name more by --roles text=a,text_pair=b."
            )
            raise WeitiaoError(message)
        with loading():
            from weitiao.api.clean_trial import try_cleaners
            from weitiao.hardware.machine import set_threads
        set_threads(threads)
        refuse_existing(output, force)
        with terminal.working() as watch:
            trial = try_cleaners(
                paths, cleaners=settings, seeds=seeds, fine_tune=fine_tune, watch=watch,
                roles=roles_of(text[0] if text else None, target, roles), task=task, model=model,
                seed=seed, sheet=sheet, skip_bad=skip_bad, changes=reading,
            )  # fmt: skip
        show_trial.finish(trial, output, json_)
        return
    if wrong := next((path for path in reading if not path.startswith("data.reader")), ""):
        message = _(
            "{path}: clean changes nothing but cleaners and how a file is read: "
            "data.cleaners.html.lines=false, data.reader.csv.header=false",
            path=wrong,
        )
        raise WeitiaoError(message)
    from weitiao.api.clean import clean

    with terminal.counting(_("rows")) as step:
        cleaned = clean(
            files_of(paths),
            output,
            cleaners=settings,
            plan=plan,
            text=text,
            roles=roles_of(None, target, roles),
            task=task,
            form=form,
            force=force,
            reader=how_of(sheet, skip_bad, reading).reader or None,
            skip_bad=skip_bad,
            step=step,
        )
    if json_:
        terminal.print_json(cleaned.to_json())
    else:
        show_cleaned.show_cleaned(cleaned)
