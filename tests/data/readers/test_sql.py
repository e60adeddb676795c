"""Rows of databases by their address; SQLAlchemy's driver of SQLite stands for a server."""

import sqlite3
from contextlib import closing

import pytest

from weitiao.data.files.open import open_source
from weitiao.data.readers.sql import PASSWORD, check_address, is_address, shown
from weitiao.errors import DataError


@pytest.fixture
def shop(tmp_path):
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE reviews (body TEXT, mood TEXT, stars INTEGER)")
        database.executemany(
            "INSERT INTO reviews VALUES (?, ?, ?)",
            [(f"film 😀 100 % {n}", "好" if n % 2 else None, n) for n in range(9000)],
        )
        database.execute("CREATE VIEW good AS SELECT * FROM reviews WHERE mood = '好'")
    return path


def address(path, driver="sqlite+pysqlite"):
    return f"{driver}:///{path}"


def test_a_table_a_view_and_a_query_are_rows(shop):
    table = open_source(address(shop), {"sql": {"table": "reviews"}}).table
    assert table.num_rows == 9000
    row = table.select(["body", "mood", "stars"]).to_pylist()[4]
    assert row == {"body": "film 😀 100 % 4", "mood": None, "stars": 4}
    assert open_source(address(shop), {"sql": {"table": "good"}}).table.num_rows == 4500
    query = "SELECT body AS text, mood FROM reviews WHERE body LIKE '% 89%' ORDER BY stars"
    table = open_source(address(shop), {"sql": {"query": query}}).table
    assert table.column("text")[0].as_py() == "film 😀 100 % 89"


def test_the_same_rows_have_the_same_fingerprint(shop):
    def read():
        return open_source(address(shop), {"sql": {"table": "reviews"}}).fingerprint

    before = read()
    assert read() == before
    with closing(sqlite3.connect(shop)) as database, database:
        database.execute("UPDATE reviews SET mood = 'x' WHERE stars = 8999")
    assert read() != before


def test_an_address_of_sqlite_is_its_file(shop):
    for settings in ({"table": "good"}, {"query": "SELECT * FROM good"}):
        source = open_source(address(shop, "sqlite"), {"sql": settings})
        assert source.table.num_rows == 4500


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM reviews", "DROP TABLE reviews", "/*!50000 DROP TABLE reviews */",
        "SELECT 1 INTO OUTFILE '/tmp/x'", "update reviews set mood = 1", "", "PRAGMA user_version",
    ],
)  # fmt: skip
def test_a_query_may_only_read(shop, query):
    with pytest.raises(DataError, match="may only read"):
        open_source(address(shop), {"sql": {"query": query}})


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "name what to read: data.reader.sql.table"),
        ({"table": "reviews", "query": "SELECT 1"}, "name what to read"),
        ({"table": "review"}, "Did you mean 'reviews'"),
        ({"query": "SELECT moods FROM reviews"}, "the database says: no such column: moods"),
        ({"query": "SELECT 1 AS a, 2 AS a"}, "two columns are called 'a'"),
        ({"query": "SELECT * FROM reviews WHERE 0"}, "holds no row"),
    ],
)
def test_mistakes_are_named(shop, settings, reason):
    with pytest.raises(DataError, match=reason):
        open_source(address(shop), {"sql": settings})


def test_another_reader_is_refused(shop):
    with pytest.raises(DataError, match=r"data\.reader\.csv reads files"):
        open_source(address(shop), {"csv": {}})


@pytest.mark.parametrize(
    "path", ["postgresql://ann:secret@host/shop", "mysql://host/shop?password=secret"]
)
def test_a_password_does_not_belong_into_an_address(path):
    with pytest.raises(DataError, match=PASSWORD) as refused:
        open_source(path, {"sql": {"table": "a"}})
    assert "secret" not in str(refused.value)
    assert "secret" not in shown(path)


def test_addresses_are_told_from_files():
    assert all(map(is_address, ["mysql+pymysql://a/b", "POSTGRESQL://a/b", "sqlite:///a.db"]))
    assert not any(map(is_address, ["a.csv", "c:/a.csv", "https://a/b.csv", "hf://a", ["a.csv"]]))
    check_address("postgresql://ann@[::1]:5432/shop?sslmode=require")


def test_a_server_that_is_not_there_is_named():
    with pytest.raises(DataError, match="127.0.0.1:1/shop: the database says: .*refused"):
        open_source("mysql://127.0.0.1:1/shop", {"sql": {"table": "a"}})


def test_a_file_of_statements_holds_no_rows(tmp_path):
    file = tmp_path / "dump.sql"
    file.write_text("CREATE TABLE a (b TEXT);\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"no reader for files ending in \.sql"):
        open_source(str(file))
    with pytest.raises(DataError, match="reads the database at an address"):
        open_source(str(file), {"sql": {"table": "a"}})
