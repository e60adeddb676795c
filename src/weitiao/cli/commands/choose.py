"""Commands that find a model: choose, models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weitiao.cli import show_choose, terminal
from weitiao.cli.options import (
    Budget,
    Corrections,
    FolderLabels,
    FullPlan,
    Json,
    MaxRows,
    PlanFile,
    Roles,
    Rows,
    Seed,
    Sheet,
    SkipBad,
    Target,
    Task,
    Test,
    Text,
    Threads,
    Validation,
    Words,
    confirm_folder_labels,
    how_of,
    loading,
    open_rows,
    parted,
    roles_of,
    seconds_of,
)
from weitiao.core.units import bytes_of
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _

Licence = Annotated[
    str | None, typer.Option("--licence", "--license", help="permissive, or a name such as mit")
]
Length = Annotated[int | None, typer.Option(min=1, help="tokens that it must be able to read")]
Memory = Annotated[str | None, typer.Option(help="at most so much memory, e.g. 4GB")]
Latency = Annotated[str | None, typer.Option(help="at most so long for one text, e.g. 20ms")]


def choose(
    rows: Rows,
    words: Words = None,
    candidates: Annotated[
        str | None,
        typer.Option(help="models and folders, a,b,c; default: all that need no network"),
    ] = None,
    goal: Annotated[str, typer.Option(help="accuracy, speed or small")] = "accuracy",
    latency: Latency = None,
    memory: Memory = None,
    licence: Licence = None,
    length: Length = None,
    output: PlanFile = Path("plan.yaml"),
    full: FullPlan = False,
    text: Text = None,
    target: Target = None,
    roles: Roles = None,
    task: Task = None,
    test: Test = None,
    validation: Validation = None,
    sheet: Sheet = None,
    skip_bad: SkipBad = False,
    folder_labels: FolderLabels = False,
    max_rows: MaxRows = None,
    corrections: Corrections = None,
    budget: Budget = None,
    seed: Seed = None,
    threads: Threads = None,
    json_: Json = False,
) -> None:
    """Measure models on some of the rows, and write a plan with the one that fits the goal."""
    paths, changes = parted(rows, words)
    confirm_folder_labels(paths, folder_labels)
    open_rows(paths, [test, validation], how_of(sheet, skip_bad, changes))
    with loading():
        from weitiao.api.choose import choose
    chosen = choose(
        paths,
        candidates=candidates,
        goal=goal,
        latency=latency,
        memory=memory,
        licence=licence,
        length=length,
        say=terminal.say,
        roles=roles_of(text, target, roles),
        task=task,
        test=test,
        validation=validation,
        sheet=sheet,
        skip_bad=skip_bad,
        max_rows=max_rows,
        corrections=corrections,
        budget=seconds_of(budget),
        seed=seed,
        changes=changes,
        threads=threads,
    )
    chosen.plan.save(output, full=full)
    if json_:
        terminal.print_json({"plan": str(output), **chosen.plain()})
    else:
        show_choose.show_choice(chosen, output)


def models(
    name: Annotated[
        str | None, typer.Argument(help="a model: all its facts and where they stand")
    ] = None,
    task: Task = None,
    language: Annotated[str | None, typer.Option(help="en, zh, de, ...")] = None,
    length: Length = None,
    licence: Licence = None,
    memory: Memory = None,
    latency: Latency = None,
    here: Annotated[bool, typer.Option("--here", help="only those that need no network")] = False,
    json_: Json = False,
) -> None:
    """List known pre-trained models by size, with languages, length, licence and strengths."""
    from weitiao.api.models import details, models

    if name is not None:
        if any((task, language, length, licence, memory, latency, here)):
            message = _("models: give a name, or conditions, not both.")
            raise WeitiaoError(message)
        facts = details(name)
        if json_:
            terminal.print_json(facts)
        else:
            show_choose.show_model(facts)
        return
    lines = models(
        task=task,
        language=language,
        length=length,
        licence=licence,
        memory=bytes_of(memory, "--memory") if memory else None,
        latency=latency,
        here=here,
    )
    if json_:
        terminal.print_json({"models": lines})
    else:
        show_choose.show_models(lines)
