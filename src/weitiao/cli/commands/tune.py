"""The command tune: search better settings for a plan within a time budget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from weitiao.cli import show_tuned, terminal
from weitiao.cli.options import (
    Changes,
    Executor,
    Json,
    Threads,
    Workers,
    changes_of,
    how_of,
    loading,
    on_cluster,
    open_rows,
)
from weitiao.core.clock import awake
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _

STARTED = awake()  # a budget includes the imports


def tune(
    path: Annotated[Path, typer.Argument(help="a plan")] = Path("plan.yaml"),
    changes: Changes = None,
    budget: Annotated[str, typer.Option(help="total time, e.g. 30m, 2h")] = "30m",
    space: Annotated[
        list[str] | None,
        typer.Option(
            help="setting=range or choices, again for each: train.learning_rate=1e-5..1e-4:log, "
            "train.batch_size=16,32; default: by the rows"
        ),
    ] = None,
    latency: Annotated[
        str | None, typer.Option(help="at most so long to predict one row, e.g. 20ms")
    ] = None,
    memory: Annotated[
        str | None, typer.Option(help="at most so much memory in training, e.g. 4g")
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="at most so many trials")] = None,
    out: Annotated[
        Path | None, typer.Option(help="folder of the search; default: tuning/NAME")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="random seed of the proposals")] = 0,
    threads: Threads = None,
    executor: Executor = None,
    workers: Workers = None,
    json_: Json = False,
) -> None:
    """Search better settings for a plan; again with the same folder: go on."""
    searched, there = space_of(space), on_cluster(executor, workers)
    wanted = changes_of(changes)
    from weitiao.planfile.plan import Plan

    plan = Plan.load(path, wanted)
    from weitiao.model.fast import compiler

    compiler.prepare()
    how = how_of(None, plan.data.skip_bad, {"data.reader": plan.data.reader})
    open_rows(plan.data.path, [plan.data.test_path, plan.data.validation_path], how)
    with loading():
        from weitiao.api.tune import tune
        from weitiao.cluster.tune import tune_on_cluster

    options: dict[str, Any] = {
        "space": searched,
        "latency": latency,
        "memory": memory,
        "trials": trials,
        "changes": wanted,
        "out": out,
        "seed": seed,
    }
    options |= {"workers": workers or 2, "cpus": threads or 1} if there else {"threads": threads}
    try:
        with terminal.working() as watch:
            verb: Any = tune_on_cluster if there else tune
            tuned = verb(
                path, budget=budget, say=terminal.say, watch=watch, since=STARTED, **options
            )
    except KeyboardInterrupt as error:
        if str(error):
            terminal.say(str(error))
        raise
    if json_:
        terminal.print_json(tuned.summary())
    show_tuned.show_tuned(tuned)


def space_of(words: list[str] | None) -> dict[str, Any] | None:
    """Parse --space options. Raises WeitiaoError.

    >>> space_of(["train.batch_size=16,32", "train.epochs=2..6"])
    {'train.batch_size': [16, 32], 'train.epochs': '2..6'}
    """
    from weitiao.planfile import read

    found: dict[str, Any] = {}
    for word in words or []:
        path, equals, written = word.partition("=")
        if not (equals and path.strip() and written.strip()):
            message = _(
                "--space: {word!r} is not setting=range, e.g. train.learning_rate=1e-5..1e-4:log.",
                word=word,
            )
            raise WeitiaoError(message)
        if ".." in written:
            found[path] = written.strip()
            continue
        listed = written if written.lstrip().startswith("[") else f"[{written}]"
        found[path] = read.parse(listed, f"--space {path}=")[0]
    return found or None
