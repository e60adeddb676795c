"""Commands about machines: doctor, probe, bundle."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from weitiao.cli import show, terminal
from weitiao.cli.options import Json, Threads, loading
from weitiao.core import notice
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _, plural

FOUND_PROBLEMS = 3  # the exit code; 1 and 2 mean that the command itself failed


def doctor(
    checkpoint: Annotated[
        str | None, typer.Argument(help="also check this checkpoint: a name, a folder, a run")
    ] = None,
    rows: Annotated[
        str | None, typer.Option(help="data file on which to try the checkpoint's tokenizer")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="do not use the network")] = False,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="do the one-time work of this machine, check nothing")
    ] = False,
    json_: Json = False,
) -> None:
    """Check this machine, the installation, and what a checkpoint can be used for."""
    with loading():
        from weitiao.data.files.open import open_source
        from weitiao.support.doctor import machine

    if rows and not checkpoint:
        raise WeitiaoError(_("--rows tries a checkpoint's tokenizer: name a checkpoint, too."))
    if prepare and checkpoint:
        raise WeitiaoError(_("--prepare is about this machine: leave out the checkpoint."))
    if rows:
        open_source(rows)
    if prepare:
        from weitiao.support.doctor import prepare as preparation

        with notice.during(_("preparing this machine: kernels, models, measurements")):
            findings = list(preparation.findings())
        show.show_checks(_("prepared"), findings)
    else:
        with notice.during(_("checking this machine")):
            findings = list(machine.findings(online=not offline))
        show.show_checks(_("this machine"), findings)
    if checkpoint:
        from weitiao.support.doctor import checkpoint as checks

        with notice.during(_("checking the checkpoint: it is loaded and tried")):
            more = list(checks.findings(checkpoint, rows))
        show.show_checks(checkpoint, more)
        findings += more
    problems = sum(finding.state == "problem" for finding in findings)
    if json_:
        plain = [finding.to_json() for finding in findings]
        terminal.print_json({"problems": problems, "findings": plain})
    if problems:
        raise typer.Exit(FOUND_PROBLEMS)


def probe(
    again: Annotated[bool, typer.Option("--again", help="ignore a cached measurement")] = False,
    threads: Threads = None,
    json_: Json = False,
) -> None:
    """Measure which precision, threads and kernels are fastest here; the result is cached."""
    with loading():
        from weitiao.hardware import probe
    from weitiao.hardware.machine import set_threads
    from weitiao.model.fast import compiler, timing
    from weitiao.model.fast.fused import DTYPES

    set_threads(threads)
    measured = probe.measured(anew=again)
    show.show_probe(measured)
    library, times = compiler.library(), None
    if library is not None:
        times = timing.measured(library, DTYPES[measured.best], anew=again)
        show.show_kernels(times)
    if json_:
        best = {"best": measured.best, "best_threads": measured.best_threads}
        best["resolved"] = probe.resolve("auto")
        kernels = {
            "kernel_seconds": times and times.seconds,
            "kernels_in_torch": times.in_torch if times else (),
        }
        terminal.print_json({**asdict(measured), **best, **compiler.facts(), **kernels})


def bundle(
    out: Annotated[Path, typer.Option(help="folder for the bundle")],
    platform: Annotated[
        str | None,
        typer.Option(help="linux_x86_64, win_amd64, macosx_arm64, ...; default: this one"),
    ] = None,
    python: Annotated[
        str | None, typer.Option(help="Python version there, e.g. 3.11; default: this one")
    ] = None,
    extras: Annotated[
        str, typer.Option(help='weitiao\'s extras, separated by commas; "" for none')
    ] = "offline,samples",
    json_: Json = False,
) -> None:
    """Collect everything for an offline installation: wheels, weights, checksums, installer."""
    from rich.filesize import decimal

    from weitiao.support.bundle.bundle import write
    from weitiao.support.bundle.target import target_of

    names = [extra.strip() for extra in extras.split(",") if extra.strip()]
    target = target_of(platform, python)
    message = _(
        "for {platform}, Python {python}; files that are already there are reused",
        platform=target.platform,
        python=target.python,
    )
    terminal.say(message)
    bundle = write(out, target, names, terminal.say)
    if json_:
        packages = {wheel.name: wheel.version for wheel in bundle.wheels}
        about = {"folder": str(out), "platform": target.platform, "bytes": bundle.size}
        terminal.print_json({**about, "python": target.python, "packages": packages})
        return
    count, size = plural(len(bundle.wheels), "package"), decimal(bundle.size)
    terminal.say(_("{folder}: {packages}, {size}", folder=out, packages=count, size=size))
    script = "install.bat" if target.platform.startswith("win") else "sh install.sh"
    terminal.say(_("On that machine: {command}", command=script))
