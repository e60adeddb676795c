"""Commands that summarise runs: compare, report, experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from weitiao.cli import show_results, terminal
from weitiao.cli.options import Json, RunFolder, Task, Text, loading
from weitiao.cli.show_compared import show_compared
from weitiao.core import notice
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _

Unmasked = Annotated[
    bool, typer.Option("--unmasked", help="show mail addresses, phone and card numbers")
]


def compare(
    things: Annotated[
        list[str],
        typer.Argument(help="runs, recipes (folders or patterns of runs), files of predictions"),
    ],
    metric: Annotated[
        str | None, typer.Option(help="the metric that decides; default: the plan's first")
    ] = None,
    prediction: Annotated[str | None, typer.Option(help="column with the predictions")] = None,
    id_: Annotated[
        str | None, typer.Option("--id", help="column with ids that match the rows")
    ] = None,
    text: Text = None,
    target: Annotated[
        str | None, typer.Option(help="column with the gold labels, if no run is compared")
    ] = None,
    task: Task = None,
    on: Annotated[
        str | None,
        typer.Option(help="rows of runs: validation or test; default: test, where all have it"),
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="file for the page")] = Path(
        "compare.html"
    ),
    unmasked: Unmasked = False,
    json_: Json = False,
) -> None:
    """Compare on the same rows: is the second better than the first, or is it too close to call?"""
    with loading():
        from weitiao.api.compare import compare

    columns = {"prediction": prediction, "id": id_, "text": text, "target": target}
    with notice.during(_("comparing on the same rows")):
        compared = compare(*things, **columns, metric=metric, task=task, on=on)
        path = compared.write(output, unmasked=unmasked)
    if json_:
        terminal.print_json({**compared.summary(), "page": str(path)})
    else:
        show_compared(compared)
        terminal.say(_("page: {path}", path=path))


def report(
    run: RunFolder,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="file for the page; default: in the run")
    ] = None,
    unmasked: Unmasked = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="write the TensorBoard events again, too")
    ] = False,
    json_: Json = False,
) -> None:
    """Rebuild report.html of a run; neither the model nor the test set is used."""
    with loading():
        from weitiao.api.report import report
        from weitiao.reporting import tensorboard as board

    with notice.during(_("writing the report")):
        path = report(run, output, unmasked=unmasked, tensorboard=tensorboard)
    if json_:
        written = tensorboard or (output is None and board.available())
        events = str(run / board.NAME) if written else None
        terminal.print_json({"report": str(path), "tensorboard": events})
        return
    terminal.say(_("report: {path}", path=path))
    if tensorboard:
        terminal.say(_("events: tensorboard --logdir {folder}", folder=run.parent))


def experiment(
    path: Annotated[Path, typer.Argument(help="file with plan, recipes, data, seeds")],
    out: Annotated[
        Path | None, typer.Option(help="folder for the results; default: experiments/NAME")
    ] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="number of cells at once")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="processor threads of each")] = None,
    executor: Annotated[
        str | None, typer.Option(help="where the cells run, instead of the file's: local, ray")
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="show the results so far; run nothing")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="run failed cells again")] = False,
    json_: Json = False,
) -> None:
    """Run recipes x data x seeds and tabulate the results; it can be interrupted and resumed."""
    from weitiao.experiments import runner

    if show:
        if processes or threads or again or executor:
            raise WeitiaoError(_("--show runs nothing: leave out the other options."))
        results = runner.open_experiment(path, out=out)
        results.write()
    else:
        where = _where(executor, processes, threads)
        results = runner.run_experiment(
            path, out=out, executor=where, again=again, say=terminal.say
        )
    if json_:
        terminal.print_json(results.summary())
    else:
        show_results.show_experiment(results)


def _where(
    executor: str | None, processes: int | None, threads: int | None
) -> dict[str, dict[str, Any]] | None:
    """The executor that options name; None: the file's."""
    if executor in (None, "local") and (processes or threads or executor):
        return {"local": {"processes": processes or 1, "threads": threads or 0}}
    if executor and (processes or threads):
        raise WeitiaoError(
            _(
                "--processes and --threads are of this machine: leave them out, or --executor "
                "{name}.",
                name=executor,
            )
        )
    return {executor: {}} if executor else None
