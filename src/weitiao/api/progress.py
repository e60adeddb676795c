"""Progress of a training for whoever looks: a bar in a terminal, a panel in a notebook."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from weitiao.core import html
from weitiao.core.clock import duration
from weitiao.core.sanitize import visible
from weitiao.core.units import score
from weitiao.evaluation.metric_names import metric as metric_name
from weitiao.i18n.messages import _

Say = Callable[[str], None]
Watch = Callable[[Any, float], None]  # (progress, seconds left)
REDRAW_SECONDS = 0.2  # between two updates of a notebook's panel


@contextmanager
def shown(
    progress: bool | None, say: Say | None, watch: Watch | None
) -> Iterator[tuple[Say | None, Watch | None]]:
    """(say, watch) for a verb: the caller's own; else a display, by default only where somebody
    looks: in a terminal and in a notebook."""
    in_notebook = notebook()
    if progress is None:
        progress = say is None and watch is None and (in_notebook or sys.stderr.isatty())
    if not progress:
        yield say, watch
        return
    with _panel() if in_notebook else _terminal() as (shown_say, shown_watch):
        yield say or shown_say, watch or shown_watch


def notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


@contextmanager
def bar(console: Any, say: Say) -> Iterator[Watch]:
    """A bar on a console; a line for each evaluation where it is no terminal."""
    if not sys.stderr.isatty():
        yield lambda p, seconds: _line(p, seconds, say)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.fields[message]}", markup=False),
    ]
    with Progress(*columns, console=console, transient=False) as drawn:
        task = drawn.add_task(_("training"), total=None, left="", message="", visible=False)

        def watch(p: Any, seconds: float) -> None:
            state = {"completed": p.step, "total": p.total, "message": _message(p)}
            drawn.update(task, visible=True, left=_left(seconds), **state)
            if p.report is not None:
                drawn.console.print(_step(p))

        yield watch


@contextmanager
def _terminal() -> Iterator[tuple[Say, Watch]]:
    from rich.console import Console

    console = Console(stderr=True, highlight=False, markup=False, emoji=False)

    def say(text: str) -> None:
        console.print("\n".join(map(visible, text.split("\n"))), soft_wrap=True)

    with bar(console, say) as watch:
        yield say, watch


class Panel:
    """The messages and the progress of a training, as a notebook shows them."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.now: Any = None
        self.left = ""

    def __repr__(self) -> str:
        return "\n".join([*self.lines, *([_step(self.now)] if self.now else [])])

    def _repr_html_(self) -> str:
        said = "<br>".join(map(html.text, self.lines))
        if self.now is None:
            return f"<div>{said}</div>"
        value = f'<progress value="{self.now.step}" max="{self.now.total}"></progress>'
        return f"<div>{said}<br>{value} {html.text(_step(self.now))} {html.text(self.left)}</div>"


@contextmanager
def _panel() -> Iterator[tuple[Say, Watch]]:
    from IPython.display import display

    panel, drawn = Panel(), 0.0
    handle = display(panel, display_id=True)  # type: ignore[no-untyped-call]

    def say(text: str) -> None:
        panel.lines += text.split("\n")
        handle.update(panel)

    def watch(p: Any, seconds: float) -> None:
        nonlocal drawn
        panel.now, panel.left = p, _left(seconds)
        if p.report is not None:
            panel.lines.append(_step(p))
        if p.report is not None or time.monotonic() - drawn > REDRAW_SECONDS:
            drawn = time.monotonic()
            handle.update(panel)

    try:
        yield say, watch
    finally:
        panel.now = None
        handle.update(panel)


def _line(p: Any, seconds: float, say: Say) -> None:
    if p.report is None:
        return
    left = _left(seconds)
    say(_("{line}, {left}", line=_step(p), left=left) if left else _step(p))


def _left(seconds: float) -> str:
    # seconds is NaN while there is no estimate, and NaN differs from itself.
    return "" if seconds != seconds else _("{time} left", time=duration(seconds))


def _step(p: Any) -> str:
    return _("step {step}/{total}: {message}", step=p.step, total=p.total, message=_message(p))


def _message(p: Any) -> str:
    if p.report is None:
        return _("loss {loss:.3f}", loss=p.loss)
    value = score(p.report.metrics[p.report.primary], decimals=4)
    metric = metric_name(p.report.primary)
    if p.best:
        return _("validation {metric} {value} (best so far)", metric=metric, value=value)
    return _("validation {metric} {value}", metric=metric, value=value)
