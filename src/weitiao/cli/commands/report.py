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
    from weitiao.reporting import page
    from weitiao.reporting import tensorboard as board
    from weitiao.run import Run

    opened = Run.open(run)
    path = page.write(opened, output, unmasked=unmasked)
    if not json_:
        terminal.say(_("report: {path}", path=path))
    events = None
    if tensorboard or (output is None and board.available()):
        events = board.write(opened)
    if json_:
        terminal.print_json({"report": str(path), "tensorboard": events and str(events)})
    elif tensorboard:
        terminal.say(_("events: tensorboard --logdir {folder}", folder=opened.folder.parent))
