"""The command `document`: the technical design of a fine-tuning as a page and as a Word file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weitiao.cli import terminal
from weitiao.cli.options import Force, Json, Threads, loading
from weitiao.core import notice
from weitiao.i18n.messages import _


def document(
    plan: Annotated[Path, typer.Argument(help="a plan, or the folder of a run")] = Path(
        "plan.yaml"
    ),
    output: Annotated[
        list[Path] | None,
        typer.Option("-o", "--output", help="an .html or .docx file; may stand several times"),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="all chapters and tables")] = False,
    label_seconds: Annotated[
        float | None,
        typer.Option(min=0.1, help="seconds that a person needs to label a row, for the labour"),
    ] = None,
    force: Force = False,
    threads: Threads = None,
    json_: Json = False,
) -> None:
    """Write the technical design of a plan or a run: plan.html, plan.docx."""
    formats = {path.suffix.lower() for path in output or []}
    if not plan.is_dir() and formats <= {".html", ".htm", ".docx"}:
        from weitiao.planfile import read

        read.read(plan, strict=False)  # a slip in its name or in the YAML, before PyTorch is loaded
    with loading():
        from weitiao.api.document import document as write

    with notice.during(_("reading the rows")), terminal.working() as watch:
        paths = write(
            plan,
            output,
            full=full,
            label_seconds=label_seconds,
            force=force,
            threads=threads,
            watch=watch,
        )
    if json_:
        terminal.print_json(
            {"documents": [str(path) for path in paths[:-1]], "facts": str(paths[-1])}
        )
    for path in paths[:-1]:
        terminal.say(_("document: {path}", path=path))
    terminal.say(_("its figures are from: {path}", path=paths[-1]))
