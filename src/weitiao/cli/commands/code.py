"""Command that writes a plan as a plain PyTorch and transformers script: code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weitiao.cli import terminal
from weitiao.cli.options import Changes, Force, Json, changes_of, loading
from weitiao.i18n.messages import _, plural


def code(
    path: Annotated[Path, typer.Argument(help="a plan")] = Path("plan.yaml"),
    changes: Changes = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="file for the script")] = Path(
        "train.py"
    ),
    force: Force = False,
    json_: Json = False,
) -> None:
    """Write a plan as a short script of PyTorch and transformers."""
    wanted = changes_of(changes)
    with loading():
        from weitiao.exporting.script.write import code as write
    script = write(path, output, changes=wanted, force=force)
    if json_:
        terminal.print_json(script.plain())
        return
    for line in script.left_out:
        terminal.say(_("left out: {line}", line=line))
    for file in script.files[1:]:
        terminal.say(_("rows: {file}", file=file))
    lines = plural(script.lines, "line")
    terminal.say(_("{file}: {lines}. Run it: python {file}", file=script.path, lines=lines))
