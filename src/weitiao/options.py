"""The options that several verbs share, and how their texts become values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from weitiao.errors import WeitiaoError

Rows = Annotated[
    str, typer.Argument(help="file with rows (csv, tsv, jsonl, parquet), or sample:NAME")
]
Changes = Annotated[list[str] | None, typer.Argument(help="changes, e.g. train.learning_rate=3e-5")]
Text = Annotated[str | None, typer.Option(help="column with the text")]
Target = Annotated[
    str | None, typer.Option(help="column with the label or number (several: a,b,c)")
]
Roles = Annotated[str | None, typer.Option(help="more columns: premise=a,hypothesis=b")]
Task = Annotated[str | None, typer.Option(help="classification, multilabel, regression, nli")]
Model = Annotated[str | None, typer.Option(help="minilm-l6, e5-small, a hub name or a folder")]
Revision = Annotated[str | None, typer.Option(help="branch, tag or commit of a hub model")]
Test = Annotated[str | None, typer.Option(help="file with test rows; else they are split off")]
MaxRows = Annotated[int | None, typer.Option("--rows", min=10, help="use a sample of so many rows")]
Budget = Annotated[str | None, typer.Option(help="time for everything, e.g. 90s, 5m, 1h")]
Seed = Annotated[int | None, typer.Option(min=0, help="seed of head, dropout and row order")]
Threads = Annotated[int | None, typer.Option(min=1, help="processor threads to use")]
Out = Annotated[Path, typer.Option(help="folder for runs")]
Resume = Annotated[Path | None, typer.Option(help="go on with this run where it stopped")]
RunFolder = Annotated[Path, typer.Argument(help="a run, or a saved model")]
PlanFile = Annotated[Path, typer.Option("-o", "--output", help="where the plan goes")]
Answers = Annotated[Path, typer.Option("-o", "--output", help=".csv, .tsv or .jsonl")]
Json = Annotated[bool, typer.Option("--json", help="one line of JSON at the end of the output")]


def roles_of(text: str | None, target: str | None, roles: str | None) -> dict[str, str | list[str]]:
    found: dict[str, str | list[str]] = {}
    for pair in (roles or "").split(","):
        role, equals, column = pair.partition("=")
        if pair and not (equals and role.strip() and column.strip()):
            raise WeitiaoError(
                f"--roles: {pair!r} is not role=column, e.g. premise=a,hypothesis=b."
            )
        if pair:
            found[role.strip()] = column.strip()
    if text:
        found["text"] = text
    if target:
        found["target"] = target.split(",") if "," in target else target
    return found


def changes_of(given: Sequence[str] | None) -> dict[str, Any]:
    from weitiao import planfile

    found = {}
    for change in given or []:
        path, equals, value = change.partition("=")
        if not equals or not re.fullmatch(r"[\w.-]+", path):
            raise WeitiaoError(f"{change!r} is not path=value, e.g. train.learning_rate=3e-5.")
        found[path], _ = planfile.parse(value, f"{path}=")
    return found


def seconds_of(budget: str | None) -> float | None:
    """ "90s", "5m", "1h30m" or plain seconds, as seconds."""
    if budget is None:
        return None
    found = re.fullmatch(
        r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?", budget
    )
    if not found or not any(found.groups()):
        raise WeitiaoError(f"--budget: {budget!r} is not a time; write 90s, 5m or 1h30m.")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    total = hours * 3600 + minutes * 60 + seconds
    if total < 1:
        raise WeitiaoError("--budget: less than a second is no time to learn.")
    return total


def open_rows(*paths: str | None) -> None:
    """Read the rows' files once (they stay in the cache): what is wrong with them is said before
    anything heavy is imported."""
    from weitiao.data.table import open_source

    for path in paths:
        if path:
            open_source(path)
