"""About machines: what this one can do, and what another one without a network needs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from weitiao.cli import show, terminal
from weitiao.cli.options import Json, Threads
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _, plural

FOUND_PROBLEMS = 3  # the exit code; 1 and 2 say that weitiao itself could not do what was asked


def doctor(
    checkpoint: Annotated[
        str | None, typer.Argument(help="a name, a folder, a run: look at this checkpoint, too")
    ] = None,
    rows: Annotated[
        str | None, typer.Option(help="rows on which the checkpoint's tokenizer is tried")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="try nothing on the network")] = False,
    json_: Json = False,
) -> None:
    """Look what works here: the machine, what is installed, and what a checkpoint can do."""
    from weitiao.data.files.open import open_source
    from weitiao.support.doctor import doctor as look

    if rows and not checkpoint:
        raise WeitiaoError(_("--rows tries a checkpoint's tokenizer: name a checkpoint, too."))
    if rows:
        open_source(rows)
    found = list(look.of_machine(online=not offline))
    show.show_findings(_("this machine"), found)
    if checkpoint:
        more = list(look.of_checkpoint(checkpoint, rows))
        show.show_findings(checkpoint, more)
        found += more
    problems = [finding for finding in found if finding.state == "problem"]
    if json_:
        terminal.print_json({"problems": len(problems),
                             "findings": [finding.to_json() for finding in found]})  # fmt: skip
    if problems:
        raise typer.Exit(FOUND_PROBLEMS)


def probe(
    again: Annotated[bool, typer.Option("--again", help="measure anew, whatever is kept")] = False,
    threads: Threads = None,
    json_: Json = False,
) -> None:
    """Measure what this machine is fastest with: arithmetic, threads, kernels. It is cached."""
    from weitiao.hardware import probe
    from weitiao.hardware.machine import set_threads
    from weitiao.model.fast import compiler, timing
    from weitiao.model.fast.fused import DTYPES

    set_threads(threads)
    found = probe.measured(anew=again)
    show.show_probe(found)
    library, times = compiler.library(), None
    if library is not None:
        times = timing.measured(library, DTYPES[found.best], anew=again)
        show.show_kernels(times)
    if json_:
        terminal.print_json({**asdict(found), "best": found.best,
                             "best_threads": found.best_threads,
                             "resolved": probe.resolve("auto"),
                             **compiler.facts(),
                             "kernel_seconds": times and times.seconds,
                             "kernels_in_torch": times.in_torch if times else ()})  # fmt: skip


def bundle(
    out: Annotated[Path, typer.Option(help="folder for the bundle")],
    platform: Annotated[
        str | None, typer.Option(help="linux_x86_64, win_amd64, macosx_arm64, ...; else this one")
    ] = None,
    python: Annotated[str | None, typer.Option(help="Python there, e.g. 3.11; else this")] = None,
    extras: Annotated[
        str, typer.Option(help='weitiao\'s extras, separated by commas; "" for none')
    ] = "offline,samples",
    json_: Json = False,
) -> None:
    """Gather all that a machine without a network needs: wheels, weights, checksums, a script."""
    from weitiao.support.bundle.bundle import write
    from weitiao.support.bundle.target import target_of

    wanted = [extra.strip() for extra in extras.split(",") if extra.strip()]
    target = target_of(platform, python)
    terminal.say(_("for {platform}, Python {python}; what is there already stays",
                      platform=target.platform, python=target.python))  # fmt: skip
    made = write(out, target, wanted, terminal.say)
    if json_:
        packages = {wheel.name: wheel.version for wheel in made.wheels}
        terminal.print_json({"folder": str(out), "platform": target.platform, "bytes": made.size,
                             "python": target.python, "packages": packages})  # fmt: skip
        return
    from rich.filesize import decimal

    terminal.say(_("{folder}: {packages}, {size}", folder=out, size=decimal(made.size),
                      packages=plural(len(made.wheels), "package")))  # fmt: skip
    script = "install.bat" if target.platform.startswith("win") else "sh install.sh"
    terminal.say(_("There: {command}", command=script))
