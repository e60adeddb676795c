"""Terminal output: messages, tables and progress bars on stderr; JSON on stdout."""

from __future__ import annotations

import io
import json
import math
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

from weitiao.api.progress import bar
from weitiao.core.sanitize import visible
from weitiao.core.units import score
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _, joined

YES = ("y", "yes", "j", "是", "是的", "好", "对")
SAMPLES = {"en": "", "zh": "中文"}  # text that a stream must be able to encode


def leave_ascii() -> None:
    """Restart Python in UTF-8 mode (PEP 540) if the file system encoding is ASCII."""
    # With LC_ALL=C, names of files and columns in Chinese could be neither opened nor printed, and
    # the encoding of file names cannot be changed in a running process.
    if sys.getfilesystemencoding() == "ascii":
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def open_streams() -> None:
    """Write characters that a stream cannot encode (GBK, ASCII) as escapes instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")


def can_show(language: str) -> bool:
    """Whether stderr can encode this language."""
    return _fits(SAMPLES[language], sys.stderr)


def _fits(text: str, stream: Any) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def say(text: str) -> None:
    """Print a message to stderr; control characters in data are made visible."""
    print(harmless(text), file=sys.stderr, flush=True)


def harmless(text: str) -> str:
    """The text with control and bidirectional characters as symbols; line breaks stay."""
    return "\n".join(map(visible, text.split("\n")))


def complain(text: str) -> None:
    """Print a user error."""
    say(_("error: {text}", text=text))


def confirmed(question: str, option: str) -> bool:
    """Ask a question with yes or no. Raises WeitiaoError without a terminal: `option` is the
    yes."""
    if not sys.stdin.isatty():
        message = _("There is no terminal to ask in: add {option}.", option=option)
        raise WeitiaoError(joined([question, message]))
    say(_("{question} [y/N]", question=question))
    return sys.stdin.readline().strip().lower() in YES


def report_bug() -> None:
    """Print the traceback of a bug and a request to report it."""
    from weitiao.version import __version__

    say(traceback.format_exc())
    message = _(
        "This is a bug in weitiao {version}. Please report it with the lines above and the command "
        "you ran.",
        version=__version__,
    )
    say(message)


def print_json(values: Any) -> None:
    """Print the JSON line for programs to stdout."""
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
    """JSON with non-ASCII characters as they are, or escaped if stdout cannot encode them."""
    text = json.dumps(values, ensure_ascii=False, indent=indent)
    if _fits(text, sys.stdout):
        return text
    return json.dumps(values, ensure_ascii=True, indent=indent)


def print_text(text: str) -> None:
    """Print a text to stdout."""
    print(text, flush=True)


@contextmanager
def output() -> Iterator[IO[str]]:
    """Stdout as a stream for data: UTF-8, line ends as they are; a reader may stop early."""
    sys.stdout.flush()
    raw = getattr(sys.stdout, "buffer", None)
    if raw is None:  # not a real stream
        yield sys.stdout
        return
    stream = io.TextIOWrapper(raw, encoding="utf-8", newline="", write_through=True)
    try:
        yield stream
    except BrokenPipeError:  # `| head` has enough
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
    finally:
        stream.detach()


def console(stderr: bool = True) -> Any:
    """A rich console, on stderr, that never reads text as markup."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=False, markup=False, emoji=False)


@contextmanager
def progress() -> Iterator[Callable[[Any, float], None]]:
    """A progress bar for training, called as watch(progress, seconds_left); plain lines if stderr
    is no terminal. Prints the message of an interruption, which says how to resume the run."""
    try:
        with bar(console(), say) as watch:
            yield watch
    except KeyboardInterrupt as error:
        if str(error):
            say(str(error))
        raise


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """A progress bar without an end, called as step(rows)."""
    if not sys.stderr.isatty():
        yield lambda rows: None
        return
    from rich.progress import Progress

    with Progress(console=console(), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda rows: bar.advance(task, rows)


@contextmanager
def working() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar with the time left, called as watch(what, done, total); each `what` is a bar
    of its own."""
    if not sys.stderr.isatty():
        yield lambda what, done, total: None
        return
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console(), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def watch(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(harmless(what), total=total)
            bar.update(tasks[what], completed=done, total=total)

        yield watch


def figure(value: float) -> str:
    """A metric with four decimals; large values with one.

    >>> figure(0.5), figure(1234.5)
    ('0.5000', '1,234.5')
    """
    return score(value, decimals=4)


def table_of(title: str | None, *columns: str) -> Any:
    """An empty rich table whose cells wrap Chinese text and show control characters."""
    from rich.table import Table

    from weitiao.cli.prose import Prose

    class Cells(Table):
        """Cells often hold the user's data: never markup, never cut off."""

        def add_row(self, *cells: Any, **more: Any) -> None:
            texts = (Prose(harmless(cell)) if isinstance(cell, str) else cell for cell in cells)
            super().add_row(*texts, **more)

    return Cells(*columns, title=title and harmless(title), title_justify="left")


def show_rich(text: Any, stderr: bool = True) -> None:
    """Print a rich text or table to stderr, or results to stdout."""
    console(stderr).print(text)


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table of plain texts to stderr."""
    table = table_of(title, *columns)
    for row in rows:
        table.add_row(*row)
    console().print(table)
