"""Many runs as one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weitiao.cli import show_results, terminal
from weitiao.cli.options import Json
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _


def experiment(
    path: Annotated[Path, typer.Argument(help="file with plan, recipes, data, seeds")],
    out: Annotated[
        Path | None, typer.Option(help="folder for the results; else experiments/NAME")
    ] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="so many cells at once")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="processor threads of each")] = None,
    show: Annotated[
        bool, typer.Option("--show", help="only say what is known by now; carry nothing out")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="carry out failed cells once more")
    ] = False,
    json_: Json = False,
) -> None:
    """Carry out recipes x data x seeds as one table; stopped at any moment, it goes on."""
    from weitiao.experiments import runner

    if show:
        if processes or threads or again:
            raise WeitiaoError(_("--show carries nothing out: leave out the other options."))
        found = runner.open_experiment(path, out=out)
        found.write()
    else:
        local = {"processes": processes or 1, "threads": threads or 0}
        executor = {"local": local} if processes or threads else None
        found = runner.run_experiment(
            path, out=out, executor=executor, again=again, say=terminal.say
        )
    if json_:
        terminal.print_json(found.summary())
    else:
        show_results.show_experiment(found)
