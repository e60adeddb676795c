"""What people see in the terminal: bars with the time left, tables, reasons. To standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from weitiao.data.profile import Profile
    from weitiao.evaluate.evaluate import Report
    from weitiao.plan import Plan
    from weitiao.verbs.fitting import Fitted

MOST_LABELS = 12  # shown in a profile; the rest is counted


def say(text: str) -> None:
    """A line for people."""
    print(text, file=sys.stderr, flush=True)


def print_json(values: Any) -> None:
    """The line for programs, on standard output."""
    from weitiao.verbs.listing import jsonable

    print(json.dumps(jsonable(values), ensure_ascii=False), flush=True)


def _console() -> Any:
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=False)


@contextmanager
def progress() -> Iterator[Callable[[Any, float], None]]:
    """A bar for training: watch(progress, seconds_left). Plain lines where no one looks."""
    if not sys.stderr.isatty():
        yield _plain_watch
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TextColumn("{task.fields[left]}"), TextColumn("{task.fields[told]}")]  # fmt: skip
    with Progress(*columns, console=_console(), transient=False) as bar:
        task = bar.add_task("training", total=None, left="", told="", visible=False)

        def watch(p: Any, seconds: float) -> None:
            told = f"loss {p.loss:.3f}" if p.report is None else _score(p)
            bar.update(task, completed=p.step, total=p.total, visible=True,
                       left=f"{duration(seconds)} left", told=told)  # fmt: skip
            if p.report is not None:
                bar.console.print(f"update {p.step}/{p.total}: {_score(p)}")

        yield watch


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """A bar that counts rows: step(rows)."""
    if not sys.stderr.isatty():
        yield lambda rows: None
        return
    from rich.progress import Progress

    with Progress(console=_console(), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda rows: bar.advance(task, rows)


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(75), duration(4000), duration(float("nan"))
    ('1:15', '1:06:40', '?')
    """
    if seconds != seconds:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def finish(fitted: Fitted, as_json: bool) -> None:
    """What fit and train end with; an interrupted run ends the program with code 130."""
    show_fitted(fitted)
    if as_json:
        print_json(fitted.summary())
    if fitted.state == "interrupted":
        sys.exit(130)


def show_fitted(fitted: Fitted) -> None:
    """The scores beside the baselines, and where the model is."""
    show_report(fitted.report, fitted.split, fitted.openings)
    seconds = fitted.seconds
    say(
        f"{fitted.state} after {duration(seconds['total'])} ({duration(seconds['train'])} training)"
    )
    say(f"model:  {fitted.run.best}")
    if fitted.state == "interrupted":
        say(f"go on:  weitiao train --resume {fitted.run.folder}")
    else:
        say(f"use it: weitiao predict {fitted.run.folder} rows.csv -o answers.csv")


def show_report(report: Report, split: str, openings: int) -> None:
    """A table: each metric with its interval and the baselines' figures."""
    from rich.table import Table

    title = f"{split}: {report.rows:,} rows"
    if openings:
        title += f", this test opened {openings} time{'s' if openings > 1 else ''}"
    table = Table(title=title, title_justify="left")
    table.add_column("metric")
    table.add_column("model", justify="right")
    table.add_column("95 % interval", justify="right")
    for name in report.baselines:
        table.add_column(name, justify="right")
    for name, value in report.metrics.items():
        low, high = report.intervals.get(name, (float("nan"), float("nan")))
        others = [_figure(values[name]) for values in report.baselines.values()]
        between = "unknown" if low != low else f"{_figure(low)} to {_figure(high)}"
        table.add_row(name, _figure(value), between, *others)
    _console().print(table)
    for name, detail in report.details.items():
        if "features" in detail:
            say(f"{name}: {detail['features']} (validation {_figure(detail['validation'])})")


def show_profile(profile: Profile) -> None:
    """What is in the rows."""
    from rich.table import Table

    for line in profile.history:
        say(line)
    say(f"task: {profile.task} ({profile.reasons.get('task', '')})")
    table = Table("role", "column", "why", title="columns", title_justify="left")
    for role, column in profile.roles.items():
        name = column if isinstance(column, str) else ", ".join(column)
        table.add_row(role, name, profile.reasons.get(role, ""))
    _console().print(table)
    if profile.labels:
        table = Table("label", "rows", "share", title="labels", title_justify="left")
        for label, count in list(profile.labels.items())[:MOST_LABELS]:
            table.add_row(label, f"{count:,}", f"{profile.shares[label]:.1%}")
        if len(profile.labels) > MOST_LABELS:
            table.add_row(f"({len(profile.labels) - MOST_LABELS} more)", "", "")
        _console().print(table)
    for name, value in profile.numbers.items():
        say(f"target {name}: {value:.4g}")
    for role, lengths in profile.lengths.items():
        told = ", ".join(f"{name} {value:,}" for name, value in lengths.items())
        say(f"characters of {role}: {told}")
    shares = ", ".join(f"{name} {share:.0%}" for name, share in profile.languages.items())
    say(f"language: {profile.language} ({shares})")
    facts = {
        "exact duplicates": profile.duplicates,
        "texts with several targets": profile.conflicts,
        "rows without a text": profile.empty_texts,
        "rows without a target": profile.unlabelled,
        "rows also in the test file": profile.leaks or 0,
    }
    for name, count in facts.items():
        if count:
            say(f"{name}: {count:,}")


def show_plan(plan: Plan, path: Path) -> None:
    """Each decision with its reason."""
    from rich.table import Table

    table = Table("setting", "value", "why", title=f"plan: {path}", title_justify="left")
    for key, reason in plan.why.items():
        value = plan.get(key)
        shown = ", ".join(f"{k}: {v}" if v else k for k, v in value.items()) if isinstance(
            value, dict) else str(value)  # fmt: skip
        told = reason.reason + (f" [{reason.evidence}]" if reason.evidence else "")
        table.add_row(key, shown, told if value == reason.value else "set by you")
    _console().print(table)
    expect = plan.expect
    say(f"expected: {duration(expect['train_seconds'])} of training, {expect['memory_mb']:,} MB")
    say(f"next: weitiao check {path} · weitiao train {path}")


def show_runs(found: Sequence[Mapping[str, Any]], root: Path) -> None:
    """A line a run."""
    from rich.table import Table

    if not found:
        say(f"no runs in {root}; `weitiao fit rows.csv` makes one.")
        return
    table = Table("run", "state", "updates", "score", "time left")
    for run in found:
        score = ""
        if run["value"] is not None:
            score = f"{run['metric']} {_figure(run['value'])} ({run['split']})"
        left = "" if run["seconds_left"] is None else duration(run["seconds_left"])
        steps = f"{run['step']}/{run['total']}" if run["total"] else ""
        table.add_row(run["run"], run["state"], steps, score, left)
    _console().print(table)


def show_parts(found: Mapping[str, Mapping[str, str]]) -> None:
    """Kinds, names and what each is for."""
    from rich.table import Table

    for kind, names in found.items():
        table = Table("name", "what it is", title=kind, title_justify="left")
        for name, told in names.items():
            table.add_row(name, told)
        _console().print(table)


def _plain_watch(p: Any, seconds: float) -> None:
    if p.report is not None:
        say(f"update {p.step}/{p.total}: {_score(p)}, {duration(seconds)} left")


def _score(p: Any) -> str:
    best = " (kept)" if p.best else ""
    return f"validation {p.report.primary} {_figure(p.report.metrics[p.report.primary])}{best}"


def _figure(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.1f}"
