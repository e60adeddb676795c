"""SQLite reader: a table, a view or the rows of one SELECT of a database file, read-only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from weitiao.core import fingerprint
from weitiao.core.fields import near
from weitiao.data.files import limits
from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.cells import kinds_of
from weitiao.data.readers.base import BATCH_ROWS, Numbered, Reader, Reading, batched
from weitiao.errors import DataError
from weitiao.i18n.messages import _, name_list
from weitiao.i18n.system import said

_SHOWN = 20  # tables in a message
# What a SELECT does; writing, attaching other files and pragmas are denied.
_ALLOWED = {
    sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE,
}  # fmt: skip
_DENIED_FUNCTIONS = {"load_extension", "readfile", "writefile", "edit"}


class Sqlite(Reader):
    """The only table, or `table`, or the rows of `query`. The id of a row is its number, from 1.

    The file is opened read-only; a query may only select.
    """

    endings: ClassVar[tuple[str, ...]] = ("sqlite3", "db", "db3")

    table: str | None = Field(None, description="table or view; default: the only one")
    query: str | None = Field(None, description="one SELECT instead of a table")

    def read(self, path: Path) -> Reading:
        if self.table is not None and self.query is not None:
            raise DataError(_("{file}: give a table or a query, not both.", file=path.name))
        # Two passes, as for JSON lines: types are known once every row has been seen.
        with _opened(path) as database:
            statement = self._statement(database, path.name)
            names = _columns(database, statement, path.name)
            good = (row[1] for row in _rows(database, statement, names, path.name)
                    if not isinstance(row, Bad))  # fmt: skip
            kinds = kinds_of(limits.check_keys(good, path.name))
        if not kinds:
            raise DataError(_("{file}: holds no row.", file=path.name))

        def rows() -> Iterator[Numbered | Bad]:
            with _opened(path) as again:
                yield from _rows(again, statement, names, path.name)

        return Reading(kinds, batched(rows()))

    def state(self, path: Path) -> str:
        """The write-ahead log next to the file holds rows that the file does not yet have."""
        log = path.with_name(path.name + "-wal")
        return fingerprint.of_file(log) if log.is_file() and log.stat().st_size else ""

    def _statement(self, database: sqlite3.Connection, file: str) -> str:
        if self.query is not None:
            return self.query
        tables = _tables(database, file)
        if self.table is None and len(tables) == 1:
            return f"SELECT * FROM {_quoted(tables[0])}"
        listed = name_list(tables, _SHOWN)
        if self.table is None:
            message = _(
                "{file}: holds {count} tables ({tables}): name one with "
                "data.reader.sqlite.table=NAME",
                file=file,
                count=len(tables),
                tables=listed or "-",
            )
            raise DataError(message)
        if self.table not in tables:
            raise DataError(
                _(
                    "{file}: has no table {name!r}.{hint} There are: {tables}",
                    file=file,
                    name=self.table[:100],
                    hint=near(self.table, tables),
                    tables=listed or "-",
                )
            )
        return f"SELECT * FROM {_quoted(self.table)}"


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can only read, within one transaction. Raises DataError."""
    try:
        uri = path.resolve().as_uri() + "?mode=ro"
        database = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise _refused(path.name, error) from None
    with closing(database):
        try:
            database.text_factory = bytes
            database.execute("PRAGMA trusted_schema = OFF")
            database.execute("BEGIN")
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            raise _refused(path.name, error) from None
        database.set_authorizer(_authorize)
        yield database


def _authorize(action: int, _first: Any, second: Any, *_others: Any) -> int:
    if action == sqlite3.SQLITE_FUNCTION and str(second).lower() in _DENIED_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


def _tables(database: sqlite3.Connection, file: str) -> list[str]:
    statement = (
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
        "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
    )
    with closing(_executed(database, statement, file)) as cursor:
        return [name.decode("utf-8", "replace") for (name,) in cursor]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _columns(database: sqlite3.Connection, statement: str, file: str) -> Sequence[str]:
    with closing(_executed(database, statement, file)) as cursor:
        names = [column[0] for column in cursor.description or ()]
    if not names:
        raise DataError(_("{file}: the query gives no rows: write one SELECT.", file=file))
    limits.check_columns(len(names), file)
    if twice := [name for name in names if names.count(name) > 1]:
        raise DataError(
            _(
                "{file}: two columns are called {name!r}: rename one of them.",
                file=file,
                name=twice[0],
            )
        )
    return names


def _rows(
    database: sqlite3.Connection, statement: str, names: Sequence[str], file: str
) -> Iterator[Numbered | Bad]:
    number = 0
    with closing(_executed(database, statement, file)) as cursor:
        try:
            while rows := cursor.fetchmany(BATCH_ROWS):
                for cells in rows:
                    number += 1
                    yield _row(number, dict(zip(names, cells, strict=True)))
        except sqlite3.Error as error:
            raise _refused(file, error) from None


def _row(number: int, row: Mapping[str, Any]) -> Numbered | Bad:
    try:
        return number, {
            name: cell.decode("utf-8") if isinstance(cell, bytes) else cell
            for name, cell in row.items()
        }
    except UnicodeDecodeError:
        return Bad(number, _("a cell is no text in UTF-8."), str(dict(row))[:1000])


def _executed(database: sqlite3.Connection, statement: str, file: str) -> sqlite3.Cursor:
    try:
        return database.execute(statement)
    except (sqlite3.Error, sqlite3.Warning, ValueError, UnicodeError) as error:
        raise _refused(file, error) from None


def _refused(file: str, error: BaseException) -> DataError:
    reason = str(error)
    if "not authorized" in reason or "prohibited" in reason:
        return DataError(
            _("{file}: a query may only read: write one SELECT of its tables.", file=file)
        )
    return DataError(_("{file}: SQLite says: {reason}", file=file, reason=said(reason)[:200]))
