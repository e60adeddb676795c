"""The command clean: rows with cleaned texts, and what each cleaner changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from weitiao.cli import show_cleaned, terminal
from weitiao.cli.options import (
    Json,
    Roles,
    Rows,
    Sheet,
    SkipBad,
    Target,
    Task,
    how_of,
    parted,
    roles_of,
)
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _

_OUTPUT = "file for the cleaned rows: .csv, .xlsx, .jsonl, ...; without it nothing is written"
_PREFIX = "data.cleaners."


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
    form: Annotated[
        str | None,
        typer.Option(
            "--format", help="csv, tsv, jsonl, json, xlsx or parquet; default: the ending"
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="overwrite the output")] = False,
    sheet: Sheet = None,
    skip_bad: SkipBad = False,
    json_: Json = False,
) -> None:
    """Clean the texts of rows; without -o, only show what would change."""
    paths, changes = parted(rows, words)
    settings = _settings(cleaner, changes)
    from weitiao.api.clean import clean

    reading = {path: v for path, v in changes.items() if path.startswith("data.reader")}
    named: Any = paths if isinstance(paths, str) else [Path(path) for path in paths]
    with terminal.counting(_("rows")) as step:
        cleaned = clean(
            named,
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


def _settings(names: list[str] | None, changes: dict[str, Any]) -> dict[str, Any] | None:
    """Name -> settings, from --cleaner and data.cleaners.NAME.SETTING=VALUE; None for neither."""
    from weitiao.planfile.sections import as_parts

    settings: dict[str, Any] = {name: {} for name in names or []}
    for path, value in changes.items():
        if path == _PREFIX.rstrip("."):
            settings |= {name: dict(own) for name, own in as_parts(value).items()}
            continue
        name, dot, setting = path.removeprefix(_PREFIX).partition(".")
        if not path.startswith(_PREFIX):
            if not path.startswith("data.reader"):
                message = _(
                    "{path}: clean changes nothing but cleaners and how a file is read: "
                    "data.cleaners.html.lines=false, data.reader.csv.header=false",
                    path=path,
                )
                raise WeitiaoError(message)
        elif dot:
            settings.setdefault(name, {})[setting] = value
        else:
            settings[name] = dict(value or {})
    return settings or None
