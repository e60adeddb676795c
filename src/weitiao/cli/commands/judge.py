"""How scores become answers, and why one came out as it did: calibrate, explain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weitiao.cli import show_findings, terminal
from weitiao.cli.options import Json, RunFolder, Threads, changes_of
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _


def calibrate(
    run: Annotated[Path, typer.Argument(help="a run")],
    decisions: Annotated[
        list[str] | None,
        typer.Argument(help="e.g. at_recall.label=spam at_recall.recall=0.9; else the plan's"),
    ] = None,
    threads: Threads = None,
    json_: Json = False,
) -> None:
    """Fit the temperature anew and choose thresholds, all on validation rows."""
    from weitiao.api.calibrate import calibrate

    told = calibrate(run, _nested(decisions), threads=threads).plain()
    if json_:
        terminal.print_json({"run": str(run), **told})
        return
    show_findings.show_calibration(told)
    terminal.say(_("`weitiao evaluate {run}` judges the run anew.", run=run))


def explain(
    run: RunFolder,
    texts: Annotated[
        list[str], typer.Argument(help="a text, or one for each role, in the order of the model's")
    ],
    label: Annotated[
        str | None, typer.Option(help="explain the score of this label, not of the answer")
    ] = None,
    threads: Threads = None,
    json_: Json = False,
) -> None:
    """Answer one text and say which words the answer hangs on."""
    from weitiao.api.predict import explain

    found = explain(run, texts, label=label, threads=threads)
    if json_:
        terminal.print_json(found.plain())
    else:
        show_findings.show_explanation(found)


def _nested(words: list[str] | None) -> dict[str, dict[str, object]] | None:
    """at_recall.label=spam as {"at_recall": {"label": "spam"}}; `none` for no decision at all."""
    if not words:
        return None
    if words == ["none"]:
        return {}
    found: dict[str, dict[str, object]] = {}
    for path, value in changes_of([w if "=" in w else f"{w}={{}}" for w in words]).items():
        name, _unused, field = path.partition(".")
        if not field and value != {}:
            told = _("{word!r}: write the setting, too, e.g. at_recall.recall=0.9.", word=path)
            raise WeitiaoError(told)
        own = found.setdefault(name, {})
        node: dict[str, object] = own
        *parents, last = field.split(".") if field else [""]
        for parent in parents:
            inner = node.setdefault(parent, {})
            assert isinstance(inner, dict)
            node = inner
        if last:
            node[last] = value
    return found
