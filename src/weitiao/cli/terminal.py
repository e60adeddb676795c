"""How people are spoken to: lines and bars on standard error, JSON on standard output."""

from __future__ import annotations

import json
import math
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from weitiao.core.sanitize import visible
from weitiao.i18n.messages import _

SAMPLES = {"en": "", "zh": "中文"}  # what a stream must be able to carry


def leave_ascii() -> None:
    """Begin anew in UTF-8 mode where file names are ASCII: others could not be written down."""
    if sys.getfilesystemencoding() == "ascii":
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def open_streams() -> None:
    """A character that a stream cannot carry (GBK, ASCII) is written as its number, no error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")


def can_show(language: str) -> bool:
    """Whether what people read can be written in this language here."""
    return _fits(SAMPLES[language], sys.stderr)


def _fits(text: str, stream: Any) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def say(text: str) -> None:
    """Lines for people; what data say cannot colour or move anything in a terminal."""
    print(harmless(text), file=sys.stderr, flush=True)


def harmless(text: str) -> str:
    """The text with controls and marks of direction as symbols; line breaks stay."""
    return "\n".join(map(visible, text.split("\n")))


def complain(text: str) -> None:
    """What was wrong with what was asked."""
    say(_("error: {text}", text=text))


def admit() -> None:
    """A fault of ours: the traceback, and where to report it."""
    from weitiao.version import __version__

    say(traceback.format_exc())
    say(_("This is a fault of weitiao {version}, not of yours. Please report it with the lines "
             "above and the command you gave.", version=__version__))  # fmt: skip


def print_json(values: Any) -> None:
    """The line for programs, on standard output."""
    print_text(json_text(_jsonable(values)))


def _jsonable(values: Any) -> Any:
    """Plain JSON values: NaN and infinity, which JSON does not know, become null."""
    if isinstance(values, dict):
        return {str(key): _jsonable(value) for key, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [_jsonable(value) for value in values]
    if isinstance(values, float) and not math.isfinite(values):
        return None
    return values if isinstance(values, (str, int, float, bool)) or values is None else str(values)


def json_text(values: Any, indent: int | None = None) -> str:
    """JSON with characters as they are, or escaped where standard output cannot carry them."""
    text = json.dumps(values, ensure_ascii=False, indent=indent)
    if _fits(text, sys.stdout):
        return text
    return json.dumps(values, ensure_ascii=True, indent=indent)


def print_text(text: str) -> None:
    """A text on standard output."""
    print(text, flush=True)


def console() -> Any:
    """Rich's console for people; what data say is text, never markup."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=False, markup=False, emoji=False)


@contextmanager
def progress() -> Iterator[Callable[[Any, float], None]]:
    """A bar for training: watch(progress, seconds_left). Plain lines where no one looks.

    What an interruption says (how to go on with the run) is said here.
    """
    try:
        with _bar() as watch:
            yield watch
    except KeyboardInterrupt as error:
        if str(error):
            say(str(error))
        raise


@contextmanager
def _bar() -> Iterator[Callable[[Any, float], None]]:
    if not sys.stderr.isatty():
        yield _plain_watch
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TextColumn("{task.fields[left]}"),
               TextColumn("{task.fields[told]}", markup=False)]  # fmt: skip
    with Progress(*columns, console=console(), transient=False) as bar:
        task = bar.add_task(_("training"), total=None, left="", told="", visible=False)

        def watch(p: Any, seconds: float) -> None:
            told = _("loss {loss:.3f}", loss=p.loss) if p.report is None else _score(p)
            left = "" if seconds != seconds else _("{time} left", time=duration(seconds))
            bar.update(task, completed=p.step, total=p.total, visible=True, left=left, told=told)
            if p.report is not None:
                line = _("update {step}/{total}: {told}", step=p.step, total=p.total, told=told)
                bar.console.print(line)

        yield watch


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """A bar that counts: step(rows)."""
    if not sys.stderr.isatty():
        yield lambda rows: None
        return
    from rich.progress import Progress

    with Progress(console=console(), transient=True) as bar:
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


def figure(value: float) -> str:
    """A score as it is shown.

    >>> figure(0.5), figure(1234.5)
    ('0.5000', '1,234.5')
    """
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.1f}"


def _plain_watch(p: Any, seconds: float) -> None:
    if p.report is None:
        return
    if seconds != seconds:
        say(_("update {step}/{total}: {told}", step=p.step, total=p.total, told=_score(p)))
    else:
        say(_("update {step}/{total}: {told}, {time} left",
                 step=p.step, total=p.total, told=_score(p), time=duration(seconds)))  # fmt: skip


def _score(p: Any) -> str:
    metric = p.report.primary
    value = figure(p.report.metrics[metric])
    if p.best:
        return _("validation {metric} {value} (kept)", metric=metric, value=value)
    return _("validation {metric} {value}", metric=metric, value=value)


def table_of(title: str | None, *columns: str) -> Any:
    """An empty table with these columns."""
    from rich.table import Table

    from weitiao.cli.help import Prose

    class Cells(Table):
        """Cells are often words of the user's: nothing in them is a command, nothing is cut."""

        def add_row(self, *cells: Any, **more: Any) -> None:
            told = (Prose(harmless(cell)) if isinstance(cell, str) else cell for cell in cells)
            super().add_row(*told, **more)

    return Cells(*columns, title=title and harmless(title), title_justify="left")


def show_rich(text: Any) -> None:
    """A text with styles, or a table, for people."""
    console().print(text)


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table of plain texts."""
    table = table_of(title, *columns)
    for row in rows:
        table.add_row(*row)
    console().print(table)
