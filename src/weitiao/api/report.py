"""Report verb: render the HTML report of a run."""

from __future__ import annotations

from pathlib import Path

from weitiao.reporting import page
from weitiao.reporting import tensorboard as board
from weitiao.run import Run


def report(
    run: str | Path,
    output: str | Path | None = None,
    *,
    unmasked: bool = False,
    tensorboard: bool = False,
) -> Path:
    """Render the HTML report of a run; returns its path. No model is run, no test set used.

    output: where it goes, else report.html in the run. unmasked: show mail addresses, phone and
    card numbers. tensorboard: write its events too, also when the page goes elsewhere.
    """
    opened = Run.open(run)
    path = page.write(opened, None if output is None else Path(output), unmasked=unmasked)
    if tensorboard or (output is None and board.available()):
        board.write(opened)
    return path
