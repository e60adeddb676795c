"""Comparing runs, recipes and files of predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weitiao.cli import show_runs, terminal
from weitiao.cli.options import Json, Task, Text
from weitiao.i18n.messages import _

Things = Annotated[
    list[str],
    typer.Argument(help="runs, recipes (folders or patterns of runs), files of predictions"),
]


def compare(
    things: Things,
    metric: Annotated[
        str | None, typer.Option(help="the metric that decides; else the plan's first")
    ] = None,
    prediction: Annotated[str | None, typer.Option(help="column with the predictions")] = None,
    id_: Annotated[
        str | None, typer.Option("--id", help="column that says which row is which")
    ] = None,
    text: Text = None,
    target: Annotated[
        str | None, typer.Option(help="column with the truth, where no run is compared")
    ] = None,
    task: Task = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="where the page goes")] = Path(
        "compare.html"
    ),
    unmasked: Annotated[
        bool, typer.Option("--unmasked", help="show mail addresses, phone and card numbers")
    ] = False,
    json_: Json = False,
) -> None:
    """Compare on the same rows: is the second better than the first, or can it not be told?"""
    from weitiao.api.compare import compare

    found = compare(
        *things, prediction=prediction, id=id_, text=text, target=target, metric=metric, task=task
    )
    path = found.write(output, unmasked=unmasked)
    if json_:
        terminal.print_json({**found.summary(), "page": str(path)})
    else:
        show_runs.show_compared(found)
        terminal.say(_("page: {path}", path=path))
