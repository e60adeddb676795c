"""The command clean: rows with cleaned texts, and what each cleaner changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weitiao.cli import show_cleaned, terminal
from weitiao.cli.options import (
    Force,
    Form,
    Json,
    Roles,
    Rows,
    Sheet,
    SkipBad,
    Target,
    Task,
    files_of,
    how_of,
    part_settings,
    parted,
    roles_of,
)
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _

_OUTPUT = "file for the cleaned rows: .csv, .xlsx, .jsonl, ...; without it nothing is written"


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
    target: Target = None,
    roles: Roles = None,
    task: Task = None,
    form: Form = None,
    force: Force = False,
    sheet: Sheet = None,
    skip_bad: SkipBad = False,
    json_: Json = False,
) -> None:
    """Clean the texts of rows; without -o, only show what would change."""
    paths, changes = parted(rows, words)
    settings, reading = part_settings("data.cleaners", cleaner, changes)
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
