"""Malformed rows: place and reason; skipped (`--skip-bad`), or the error that names them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from weitiao.data.files.csv_writer import sheet
from weitiao.errors import DataError, placed
from weitiao.i18n.messages import MORE, _, name_list, plural

RAW_CHARACTERS = 500  # of a row, for bad_rows.csv
NAMED_PLACES = 3  # in a message
MORE_BATCHES = 25  # searched for more bad rows when the first one stops the reading
MIN_BAD = 1000  # rows set aside, before it counts whether they are the larger part
FILE = "bad_rows.csv"


@dataclass(frozen=True)
class Bad:
    """A malformed row: its line, the reason as a sentence, its first characters."""

    line: int
    reason: str
    raw: str = ""
    file: str = ""
    id: str = ""  # where the row is from, when file and line do not say it

    @property
    def place(self) -> str:
        """ "reviews.csv:17"."""
        return self.id or (f"{self.file}:{self.line}" if self.file else str(self.line))

    def within(self, file: str) -> Bad:
        """A copy with its file's name and the raw text truncated."""
        return replace(self, file=file, raw=self.raw[:RAW_CHARACTERS])


def refuse(name: str, batch: Sequence[object], rest: Iterator[Sequence[object]]) -> DataError:
    """The DataError for the first bad row of `batch`, with how many more there are."""
    bad = [row.within(name) for row in batch if isinstance(row, Bad)]
    # One slip, or the wrong delimiter? The number of bad rows tells it, so reading goes on a while.
    for more in islice(rest, MORE_BATCHES):
        bad += [row.within(name) for row in more if isinstance(row, Bad)]
    return refused(bad, whole=next(rest, None) is None)


def refused(bad: Sequence[Bad], *, whole: bool = True) -> DataError:
    """The DataError that names the first of some bad rows, and how to skip them."""
    first, more = bad[0], len(bad) - 1
    if not more:
        remedy = _("--skip-bad (data.skip_bad: true) sets such rows aside.")
    else:
        places = [row.place for row in bad[1 : NAMED_PLACES + 1]]
        rows = plural(more, "more row")
        remedy = _(
            "{rows} cannot be used ({places}). "
            "--skip-bad (data.skip_bad: true) sets such rows aside.",
            rows=rows if whole else _("at least {rows}", rows=rows),
            places=name_list([*places, MORE] if more > NAMED_PLACES or not whole else places),
        )
    return DataError(f"{placed(first.place, first.reason)}\n{remedy}")


def set_aside(bad: Sequence[Bad]) -> str:
    """The line of the history about skipped rows."""
    return _(
        "{rows} that cannot be used set aside ({places}): {reason}",
        rows=plural(len(bad), "row"),
        places=name_list((row.place for row in bad), NAMED_PLACES),
        reason=bad[0].reason,
    )


def write(path: Path, bad: Sequence[Bad]) -> None:
    """Write skipped rows to a csv file; no file when there are none."""
    if bad:
        with sheet(path, ["place", "reason", "raw"]) as add:
            for row in bad:
                add([row.place, row.reason, row.raw])
