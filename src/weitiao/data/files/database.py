"""Rows of a database, by its address: read whole in one transaction, and stored as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weitiao import parts
from weitiao.data.files.table import Source, stored
from weitiao.data.readers.sql import Sql, check_address, shown
from weitiao.errors import DataError
from weitiao.i18n.messages import _

SQLITE = "sqlite:///"


def open_database(address: str, reader: Mapping[str, Mapping[str, Any]]) -> Source:
    """The rows of a table or query. reader: {"sql": {"table": ...}}. Raises DataError."""
    name, settings = next(iter(reader.items()), ("sql", {}))
    if name != "sql":
        raise DataError(
            _(
                "{address}: data.reader.{name} reads files; databases are read by "
                "data.reader.sql.table=NAME",
                address=shown(address),
                name=name,
            )
        )
    check_address(address)
    one = parts.build("readers", "sql", settings)
    assert isinstance(one, Sql), "the reader of addresses"
    with one.opened(address) as (rows, reading):
        return stored(reading.columns, reading.batches, rows, "rows")


def file_of(address: str, reader: Mapping[str, Mapping[str, Any]]) -> tuple[str, dict[str, Any]]:
    """The path of an SQLite file that an address names, and the settings of its reader."""
    settings = {"sqlite" if name == "sql" else name: dict(value) for name, value in reader.items()}
    return address[len(SQLITE) :].split("?")[0], settings
