"""The page of a run, made anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weitiao.cli import terminal
from weitiao.cli.options import Json, RunFolder
from weitiao.i18n.messages import _


def report(
    run: RunFolder,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="where the page goes; else into the run")
    ] = None,
    unmasked: Annotated[
        bool, typer.Option("--unmasked", help="show mail addresses, phone and card numbers")
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="write the events for TensorBoard anew, too")
    ] = False,
    json_: Json = False,
) -> None:
    """Make report.html of a run anew; no model is asked and no test opened."""
    from weitiao.api.report import report
    from weitiao.reporting import tensorboard as board

    path = report(run, output, unmasked=unmasked, tensorboard=tensorboard)
    if json_:
        written = tensorboard or (output is None and board.available())
        events = str(run / board.NAME) if written else None
        terminal.print_json({"report": str(path), "tensorboard": events})
        return
    terminal.say(_("report: {path}", path=path))
    if tensorboard:
        terminal.say(_("events: tensorboard --logdir {folder}", folder=run.parent))
