"""The command convert: rows to another format, also for annotation tools, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from weitiao.cli import terminal
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
    Text,
    files_of,
    how_of,
    loading,
    parted,
    roles_of,
)
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _, name_list, plural

_SHOWN = 8  # labels in a message


def convert(
    rows: Rows,
    words: Annotated[
        list[str] | None,
        typer.Argument(help="more data files, and how they are read, e.g. data.reader.csv..."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="file to write: .csv, .xlsx, .jsonl, .json, .parquet"),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(help="label-studio (.json, with its config) or doccano (.jsonl)"),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", help="doccano: the rows are its export; others are recognized"),
    ] = None,
    text: Text = None,
    target: Target = None,
    roles: Roles = None,
    task: Task = None,
    labels: Annotated[
        str | None, typer.Option(help="labels to choose from, for rows that have none: a,b,c")
    ] = None,
    form: Form = None,
    force: Force = False,
    sheet: Sheet = None,
    skip_bad: SkipBad = False,
    json_: Json = False,
) -> None:
    """Write rows in another format, or as tasks of Label Studio or doccano."""
    if output is None:
        raise WeitiaoError(_("where to? -o rows.csv, or -o tasks.json --to label-studio"))
    paths, changes = parted(rows, words)
    if wrong := next((path for path in changes if not path.startswith("data.reader")), ""):
        raise WeitiaoError(_("{path}: convert changes only how a file is read.", path=wrong))
    how = how_of(sheet, skip_bad, changes)
    with loading():
        from weitiao.api.convert import convert

    with terminal.counting(_("rows")) as step:
        converted = convert(
            files_of(paths),
            output,
            to=to,
            source=source,
            roles=roles_of(text, target, roles),
            task=task,
            labels=[one.strip() for one in labels.split(",") if one.strip()] if labels else None,
            form=form,
            force=force,
            reader=how.reader or None,
            skip_bad=skip_bad,
            step=step,
        )
    if json_:
        terminal.print_json(converted.to_json())
        return
    for line in converted.notes:
        terminal.say(line)
    if converted.to:
        _say_what_is_asked(converted)
    terminal.say(
        _("{rows} written to {path}", rows=plural(converted.rows, "row"), path=converted.output)
    )


def _say_what_is_asked(converted: Any) -> None:
    terminal.say(
        _(
            "texts: {texts}; target: {target} ({kind})",
            texts=name_list(converted.texts),
            target=converted.target,
            kind=converted.kind,
        )
    )
    if converted.labels:
        terminal.say(_("labels: {labels}", labels=name_list(converted.labels, _SHOWN)))
    if converted.unlabelled:
        terminal.say(_("without a target: {rows}", rows=plural(converted.unlabelled, "row")))
    if converted.predicted:
        terminal.say(_("with a prediction: {rows}", rows=plural(converted.predicted, "row")))
    if converted.config:
        terminal.say(
            _(
                "the labelling config is {path}: Label Studio, Settings, Labeling Interface, Code",
                path=converted.config,
            )
        )
