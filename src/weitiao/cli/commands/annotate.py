"""Command that shows rows in the browser to be labelled, and exports the labels."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated, Any

import typer

from weitiao.cli import terminal
from weitiao.cli.options import Json, Roles, Rows, Sheet, SkipBad, Text, roles_of
from weitiao.core import notice
from weitiao.i18n.messages import _, plural


def annotate(
    rows: Rows,
    task: Annotated[
        str | None,
        typer.Option(
            help="classification, multilabel, regression, nli, similarity, "
            "token_classification, question_answering, translation or generation"
        ),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="positive,negative; or a file with one label a line")
    ] = None,
    scale: Annotated[str | None, typer.Option(help="bounds of numbers, e.g. 1-5")] = None,
    text: Text = None,
    roles: Roles = None,
    guideline: Annotated[
        Path | None, typer.Option(help="text file; a changed one is a new version")
    ] = None,
    prelabels: Annotated[
        str | None,
        typer.Option(help="a column, a run, or names: zero-shot by the labels' names"),
    ] = None,
    gold: Annotated[
        str | None, typer.Option(help="column of known labels, mixed in to check annotators")
    ] = None,
    order: Annotated[
        str, typer.Option(help="which rows first; `weitiao parts orders` lists them")
    ] = "density",
    every: Annotated[int, typer.Option(min=1, help="labels between two rankings")] = 10,
    goal: Annotated[
        float | None, typer.Option(min=0.01, max=0.999, help="acceptance line, e.g. 0.9")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="encoder that orders the rows; none: random order"),
    ] = None,
    random_share: Annotated[
        float | None,
        typer.Option(min=0.0, max=0.9, help="of random rows, for honest scores; default 0.2"),
    ] = None,
    double_share: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="of rows that two annotators label; default 0.1"),
    ] = None,
    gold_share: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="of gold rows among an annotator's; default 0.05"),
    ] = None,
    hidden_share: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="of pre-labels that are hidden; default 0.2"),
    ] = None,
    journal: Annotated[
        Path | None, typer.Option(help="file of all answers; default: annotations/NAME.jsonl")
    ] = None,
    export: Annotated[
        Path | None, typer.Option(help="write the labelled rows (.csv, .xlsx, .jsonl) and end")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="column of the labels in the export; default: label")
    ] = None,
    host: Annotated[
        str, typer.Option(help="address to listen at; other than 127.0.0.1 needs a token")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one")] = 8765,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="open no browser")] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="of the random arm; default: 0")] = None,
    sheet: Sheet = None,
    skip_bad: SkipBad = False,
    json_: Json = False,
) -> None:
    """Label rows in the browser, the most useful first."""
    with notice.during(_("reading the rows")):
        from weitiao.web.annotate import annotate

    shares = {"random": random_share, "double": double_share, "gold": gold_share,
              "hidden": hidden_share}  # fmt: skip
    named = {role: str(column) for role, column in roles_of(None, None, roles).items()}
    options: dict[str, Any] = {
        "task": task, "text": text, "roles": named, "labels": labels, "scale": scale,
        "target": target, "journal": journal, "guideline": guideline, "prelabels": prelabels,
        "gold": gold, "order": order, "every": every, "goal": goal, "model": model,
        "shares": {name: one for name, one in shares.items() if one is not None},
        "seed": seed, "sheet": sheet, "skip_bad": skip_bad,
    }  # fmt: skip
    if export is not None:
        _export(rows, export, options, json_)
        return
    from weitiao.web.serve import require_packages

    require_packages()
    with notice.during(_("reading the rows")):
        annotation = annotate(rows, **options)
    with annotation:
        for note in annotation.notes:
            terminal.say(note)

        def opened(address: str) -> None:
            terminal.say(_("label here: {address}", address=address))
            terminal.say(_("Ctrl-C ends; every answer is in {path} already.",
                           path=annotation.session.journal.path))  # fmt: skip
            if json_:
                terminal.print_json({"address": address})
            if not no_browser:
                webbrowser.open(address)

        annotation.serve(host=host, port=port, say=terminal.say, opened=opened)


def _export(rows: str, path: Path, options: dict[str, Any], json_: bool) -> None:
    from weitiao.web.annotate import exported

    done, command = exported(rows, path, **options)
    if json_:
        terminal.print_json(done.plain())
        return
    terminal.say(
        _(
            "{path}: {rows}; {train:,} for training, {validation:,} for validation and {test:,} "
            "for the test, both of the random arm",
            path=done.path,
            rows=plural(done.rows, "labelled row"),
            train=done.train,
            validation=done.validation,
            test=done.test,
        )
    )
    if done.open:
        terminal.say(_("{rows} left out: their annotators differ, and nobody has decided",
                       rows=plural(done.open, "row")))  # fmt: skip
    terminal.say(command)
