"""SQL reader: a table, a view or the rows of one SELECT of a database server, by its address (URL).

postgresql://user@host/database, mysql://user@host/database, ... by SQLAlchemy, streamed within one
read-only transaction. sqlite:///file.db is read as the file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from weitiao.core.fields import near
from weitiao.data.files import limits
from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.cells import kinds_of
from weitiao.data.readers.base import BATCH_ROWS, Numbered, Reader, Reading, batched
from weitiao.errors import DataError
from weitiao.i18n.messages import _, name_list

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL

PASSWORD = "WEITIAO_SQL_PASSWORD"  # environment variable
# What is installed to talk to a server, and what makes a transaction read-only there.
DRIVERS = {"postgresql": "psycopg", "mysql": "pymysql", "mariadb": "pymysql"}
READ_ONLY = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
SECONDS = 20  # to connect
_ADDRESS = re.compile(r"([a-z][a-z0-9]*)(\+[a-z0-9_]+)?://", re.IGNORECASE)
_WEB = {"http", "https", "ftp", "s3", "gs", "hf", "file"}
_SELECT = re.compile(r"[\s(]*(select|with|values|table)\b", re.IGNORECASE)
_WRITES = re.compile(r"\binto\s+(out|dump)file\b|/\*!", re.IGNORECASE)
_SHOWN = 20  # tables in a message


def is_address(path: Any) -> bool:
    """Whether a path is the address of a database.

    >>> is_address("postgresql://ann@host/shop"), is_address("a.csv"), is_address("https://x/a.csv")
    (True, False, False)
    """
    match = _ADDRESS.match(path) if isinstance(path, str) else None
    return match is not None and match[1].lower() not in _WEB


class Sql(Reader):
    """The rows of `table`, or of `query`, of the database at an address. The id of a row is its
    number, from 1, so a query should have an ORDER BY."""

    files: ClassVar[bool] = False

    table: str | None = Field(None, description="table or view, or schema.table")
    query: str | None = Field(None, description="one SELECT instead of a table")

    def read(self, path: Path) -> Reading:
        raise DataError(
            _(
                "{file}: data.reader.sql reads the database at an address, such as "
                "postgresql://user@host/database.",
                file=path.name,
            )
        )

    @contextmanager
    def opened(self, address: str) -> Iterator[tuple[str, Reading]]:
        """The name of the rows, and their stream while the connection is open. Raises DataError."""
        if (self.table is None) == (self.query is None):
            raise DataError(
                _(
                    "{address}: name what to read: data.reader.sql.table=NAME, or "
                    "data.reader.sql.query='SELECT ...'",
                    address=shown(address),
                )
            )
        engine = _engine(address)
        try:
            with _connected(engine, address) as connection:
                statement = self._statement(connection, address)
                name = self.table or engine.url.database or "sql"
                yield name, _reading(connection, statement, name)
        finally:
            engine.dispose()

    def _statement(self, connection: Connection, address: str) -> str:
        if self.query is not None:
            return _selecting(self.query, address)
        from sqlalchemy import inspect

        assert self.table is not None, "table or query"
        schema, _dot, name = self.table.rpartition(".")
        inspector = inspect(connection)
        known = [*inspector.get_table_names(schema or None),
                 *inspector.get_view_names(schema or None)]  # fmt: skip
        if name not in known:
            raise DataError(
                _(
                    "{file}: has no table {name!r}.{hint} There are: {tables}",
                    file=shown(address),
                    name=self.table[:100],
                    hint=near(name, known),
                    tables=name_list(sorted(known), _SHOWN) or "-",
                )
            )
        quote = connection.dialect.identifier_preparer.quote_identifier
        return "SELECT * FROM " + ".".join(map(quote, [schema, name] if schema else [name]))


def shown(address: str) -> str:
    """An address for people: without the query, a password, or the user.

    >>> shown("postgresql+psycopg://ann:secret@host:5432/shop?sslmode=require")
    'postgresql://host:5432/shop'
    """
    match = _ADDRESS.match(address)
    rest = address[match.end() :] if match else address
    return f"{match[1].lower() if match else 'sql'}://{rest.split('?')[0].rpartition('@')[2]}"


def check_address(address: str) -> None:
    """Raises DataError for an address with a password: plans are stored and shared."""
    user = address.partition("://")[2].split("?")[0].rpartition("@")[0]
    if ":" in user or re.search(r"[?&](password|passwd|pwd)=", address, re.IGNORECASE):
        raise DataError(
            _(
                "{address}: leave the password out of the address, which is written into the plan. "
                "Set the environment variable {variable} instead.",
                address=shown(address),
                variable=PASSWORD,
            )
        )


def _selecting(query: str, address: str) -> str:
    """A query that can only select. A read-only transaction is not enough: with some servers
    statements such as DROP end it first. Raises DataError."""
    if not _SELECT.match(query) or _WRITES.search(query):
        raise DataError(
            _(
                "{file}: a query may only read: write one SELECT of its tables.",
                file=shown(address),
            )
        )
    return query


def _engine(address: str) -> Engine:
    check_address(address)
    try:
        import sqlalchemy
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    except ImportError:
        raise DataError(_install(address)) from None
    try:
        url: URL = sqlalchemy.make_url(address)
        driver = DRIVERS.get(url.get_backend_name())
        if driver and "+" not in url.drivername:
            url = url.set(drivername=f"{url.get_backend_name()}+{driver}")
        if password := os.environ.get(PASSWORD):
            url = url.set(password=password)
        more = {"connect_timeout": SECONDS} if driver else {}
        return sqlalchemy.create_engine(url, connect_args=more, poolclass=sqlalchemy.NullPool)
    except (NoSuchModuleError, ImportError):
        raise DataError(_install(address)) from None
    except (ArgumentError, ValueError) as error:
        raise DataError(_says(address, error)) from None


def _install(address: str) -> str:
    return _(
        '{address}: reading a database needs packages more: pip install "weitiao[sql]"',
        address=shown(address),
    )


@contextmanager
def _connected(engine: Engine, address: str) -> Iterator[Connection]:
    """A connection in a read-only transaction, in which every query sees the same rows."""
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with engine.connect() as connection:
            if engine.url.get_backend_name() == "postgresql":
                connection.execute(text(READ_ONLY))
            elif engine.url.get_backend_name() in DRIVERS:
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                connection.exec_driver_sql("START TRANSACTION READ ONLY")
            yield connection
            with suppress(SQLAlchemyError):
                connection.rollback()
    except SQLAlchemyError as error:
        raise DataError(_says(address, error)) from None


def _says(address: str, error: Exception) -> str:
    """What the database says, in one line without the statement and the password."""
    said = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    line = " ".join(said.split())
    if password := os.environ.get(PASSWORD):
        line = line.replace(password, "***")
    return _("{address}: the database says: {reason}", address=shown(address), reason=line[:300])


def _reading(connection: Connection, statement: str, name: str) -> Reading:
    """Two passes, as for JSON lines: types are known once every row has been seen."""
    kinds = kinds_of(
        limits.check_keys((row for _at, row in _rows(connection, statement, name)), name)
    )
    if not kinds:
        raise DataError(_("{file}: holds no row.", file=name))
    rows: Iterator[Numbered | Bad] = _rows(connection, statement, name)
    return Reading(kinds, batched(rows))


def _rows(connection: Connection, statement: str, name: str) -> Iterator[Numbered]:
    # no_parameters: a % in the statement is a %.
    options = {"stream_results": True, "yield_per": BATCH_ROWS, "no_parameters": True}
    with connection.execution_options(**options).exec_driver_sql(statement) as result:
        names = list(result.keys())
        if twice := [one for one in names if names.count(one) > 1]:
            raise DataError(
                _(
                    "{file}: two columns are called {name!r}: rename one of them.",
                    file=name,
                    name=twice[0],
                )
            )
        limits.check_columns(len(names), name)
        for number, row in enumerate(result, 1):
            yield number, _cells(dict(zip(names, row, strict=True)))


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _cell(cell) for name, cell in row.items()}


def _cell(cell: Any) -> Any:
    """A cell as a file would have it: times in ISO 8601, decimals as numbers, bytes as text."""
    if cell is None or isinstance(cell, (str, bool, int, float, list, dict)):
        return cell
    if isinstance(cell, (datetime, date, time)):
        return cell.isoformat(" ") if isinstance(cell, datetime) else cell.isoformat()
    if isinstance(cell, (bytes, memoryview)):
        return bytes(cell).decode("utf-8", "replace")
    if hasattr(cell, "as_tuple"):  # Decimal
        return int(cell) if cell == int(cell) and cell.as_tuple().exponent >= 0 else float(cell)
    return str(cell)
