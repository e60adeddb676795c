"""`weitiao doctor`: everything that is looked at, in order."""

from __future__ import annotations

from collections.abc import Iterator

from weitiao.errors import ModelError
from weitiao.i18n.messages import _
from weitiao.support.doctor import installed, machine, reach
from weitiao.support.doctor.finding import Finding


def of_machine(online: bool) -> Iterator[Finding]:
    """This machine, what is installed, what can be reached."""
    yield from machine.findings()
    yield from installed.findings()
    yield reach.finding(online)


def of_checkpoint(name: str, rows: str | None = None) -> Iterator[Finding]:
    """A checkpoint, also on a file of rows; one that cannot be read is one problem.

    Raises DataError when it is the rows that cannot be read.
    """
    from weitiao.support.doctor import checkpoint, languages, selftest

    try:
        opened = checkpoint.opened(name)
        yield from checkpoint.findings(opened)
    except ModelError as error:
        yield Finding("found", _("checkpoint"), str(error), "problem")
        return
    if rows is not None:
        yield languages.of_rows(opened.tokenizer, opened.longest, rows)
    yield selftest.finding(str(opened.folder))
