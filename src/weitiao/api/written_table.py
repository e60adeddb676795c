"""Output files of verbs that write tables: their format, what they must not replace, atomically."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from weitiao.core.atomic import replacing
from weitiao.data.files import bad_rows
from weitiao.data.files.table import Source
from weitiao.data.files.table_writers import FORMATS, check_fits, format_of
from weitiao.errors import DataError
from weitiao.i18n.messages import _, name_list
from weitiao.i18n.system import said


def require_known(form: str | None) -> None:
    """Raises DataError where there is no such format."""
    if form is not None and form not in FORMATS:
        message = _(
            "no format called {form!r}; there are {forms}.", form=form, forms=name_list(FORMATS)
        )
        raise DataError(message)


def checked_form(output: str | Path, form: str | None, force: bool) -> str:
    """The format of an output file. Raises DataError where it cannot be written there."""
    require_known(form)
    out = Path(output)
    form = form or format_of(out)
    if out.is_dir():
        raise DataError(_("{file}: this is a folder; give the name of a file.", file=out))
    if out.exists() and not force:
        message = _(
            "{file}: this file exists already. --force overwrites it; -o NAME writes another one.",
            file=out,
        )
        raise DataError(message)
    return form


def files_in(rows: Any) -> list[str]:
    """The files that rows are read from: a path, or a list of Path; none for rows from Python."""
    if isinstance(rows, (str, Path)):
        return [str(rows)]
    paths = isinstance(rows, (list, tuple)) and all(isinstance(one, Path) for one in rows)
    return [str(one) for one in rows] if paths else []


def require_other_file(output: str | Path, files: Sequence[str]) -> None:
    """Raises DataError where the output is a file that is read: it would be lost."""
    out = Path(output)
    if out.exists() and any(Path(f).exists() and Path(f).samefile(out) for f in files):
        message = _("{file}: this file is read; give the answers another name.", file=output)
        raise DataError(message)


def write_table(
    out: Path,
    form: str,
    source: Source,
    write: Callable[[Path], None],
) -> None:
    """Write rows to a file atomically; rows of the source that were set aside go to a file next to
    it. Raises DataError."""
    check_fits(form, out, source.table)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        # Renamed at the end: what an earlier call wrote stays whole when this one fails.
        with replacing(out) as sibling:
            write(sibling)
        bad_rows.write(out.with_name(f"{out.stem}.{bad_rows.FILE}"), source.bad)
    except OSError as error:
        message = _(
            "{file}: the answers cannot be written: {reason}.", file=out, reason=said(error)
        )
        raise DataError(message) from None
