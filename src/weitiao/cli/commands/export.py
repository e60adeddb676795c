"""Command that exports a trained run for another engine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weitiao.cli import terminal
from weitiao.cli.options import Json, Threads, loading, require_run
from weitiao.i18n.messages import _


def export(
    run: Annotated[Path, typer.Argument(help="a run")],
    form: Annotated[
        str, typer.Argument(metavar="FORMAT", help="format: ctranslate2")
    ] = "ctranslate2",
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="folder; default: in the run, named by the format"),
    ] = None,
    quantization: Annotated[
        str,
        typer.Option(help="of the weights: int8, int8_float32, int16, float16, bfloat16, float32"),
    ] = "int8",
    rows: Annotated[int, typer.Option(min=1, help="validation rows that both translate")] = 500,
    max_loss: Annotated[
        float, typer.Option(help="BLEU points by which the export may be worse, of 100")
    ] = 0.3,
    force: Annotated[bool, typer.Option("--force", help="replace an earlier export")] = False,
    threads: Threads = None,
    json_: Json = False,
) -> None:
    """Export a translator to CTranslate2; refused where BLEU falls."""
    require_run(run, "export")
    with loading():
        from weitiao.exporting.export import export
    done = export(
        run,
        form,
        output,
        quantization=quantization,
        rows=rows,
        max_loss=max_loss,
        threads=threads,
        force=force,
    )
    if json_:
        terminal.print_json(done.plain())
        return
    terminal.say(
        _(
            "{folder}: {size:.0f} MB. BLEU {after:.2f}, of the model {before:.2f}, on {rows} "
            "validation rows; {same:.1%} of the texts are the same. {fast:.0f} texts a second, "
            "of the model {slow:.0f}.",
            folder=done.folder,
            size=done.megabytes,
            after=done.bleu[1],
            before=done.bleu[0],
            rows=done.rows,
            same=done.same,
            fast=done.texts_per_second[1],
            slow=done.texts_per_second[0],
        )
    )
