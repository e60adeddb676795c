"""Command that looks for wrong labels and writes a review table."""

from __future__ import annotations

from typing import Annotated

import typer

from weitiao.cli import terminal
from weitiao.cli.options import (
    Force,
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
    Words,
    loading,
    parted,
    roles_of,
)
from weitiao.i18n.messages import _, plural

SHOWN = 5  # doubted rows in the terminal
CUT = 60  # characters of a text there


def review(
    rows: Rows,
    words: Words = None,
    output: Annotated[
        str, typer.Option("--output", "-o", help="table to decide in: .xlsx, .csv, ...")
    ] = "review.xlsx",
    text: Text = None,
    target: Target = None,
    roles: Roles = None,
    task: Task = None,
    model: Model = None,
    most: Annotated[
        int | None,
        typer.Option(min=1, help="rows that are listed; default: as many as are probably wrong"),
    ] = None,
    fine_tune: Annotated[
        bool,
        typer.Option("--fine-tune", help="also train a network on each part of the rows; slow"),
    ] = False,
    sheet: Sheet = None,
    skip_bad: SkipBad = False,
    force: Force = False,
    threads: Threads = None,
    json_: Json = False,
) -> None:
    """Look for wrong labels, and list the doubted rows in a table to decide in."""
    paths, changes = parted(rows, words)
    with loading():
        from weitiao.api.review import found_line
        from weitiao.api.review import review as look_for_errors
    result = look_for_errors(
        paths,
        output=output,
        model=model,
        most=most,
        fine_tune=fine_tune,
        force=force,
        threads=threads,
        say=terminal.say,
        roles=roles_of(text, target, roles),
        task=task,
        sheet=sheet,
        skip_bad=skip_bad,
        changes=changes,
    )
    if json_:
        terminal.print_json(result.plain())
        return
    terminal.say(found_line(result))
    if result.unjudged:
        terminal.say(
            _(
                "{rows} not judged: no other text has their label",
                rows=plural(result.unjudged, "row"),
            )
        )
    for doubt in result.doubts[:SHOWN]:
        shown = " / ".join(" ".join(one.split()) for one in doubt.texts)
        shown = shown if len(shown) <= CUT else shown[: CUT - 1] + "…"
        terminal.say(f"  {doubt.row}  {shown}")
        terminal.say(f"    {doubt.reason}")
    terminal.say(
        _(
            "{file}: the {rows} most suspicious first. Fill in the column decision, then: weitiao "
            "fit {path} --corrections {file}",
            file=output,
            rows=plural(len(result.doubts), "row"),
            path=paths if isinstance(paths, str) else " ".join(paths),
        )
    )
