"""Rows of SQLite files: a table, a view, one SELECT; nothing is ever written."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from weitiao.data.files.find import hash_of
from weitiao.data.files.open import open_source
from weitiao.errors import WeitiaoError


@pytest.fixture
def shop(tmp_path):
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE reviews (body TEXT, mood TEXT, stars INTEGER, price REAL)")
        database.executemany(
            "INSERT INTO reviews VALUES (?, ?, ?, ?)",
            [(f"film 😀 {n}", "好" if n % 2 else None, n, n / 2) for n in range(5000)],
        )
        database.execute('CREATE TABLE "odd "" name" (a TEXT)')
        database.execute("""INSERT INTO "odd "" name" VALUES ('x')""")
        database.execute("CREATE VIEW good AS SELECT body, mood FROM reviews WHERE mood = '好'")
    return path


def read(path, **settings):
    return open_source(str(path), {"sqlite": settings} if settings else None)


def test_a_table_keeps_rows_types_and_empty_cells(shop):
    table = read(shop, table="reviews").table
    rows = table.select(["body", "mood", "stars", "price"]).to_pylist()
    assert len(rows) == 5000
    assert rows[3] == {"body": "film 😀 3", "mood": "好", "stars": 3, "price": 1.5}
    assert rows[4]["mood"] is None


def test_a_view_and_a_query_are_rows(shop):
    assert read(shop, table="good").table.num_rows == 2500
    query = "WITH some AS (SELECT body FROM reviews WHERE stars < 7) SELECT * FROM some"
    assert read(shop, query=query).table.num_rows == 7


def test_the_only_table_needs_no_name(tmp_path):
    for name in ("one.sqlite", "one.db", "one"):
        with closing(sqlite3.connect(tmp_path / name)) as database, database:
            database.execute("CREATE TABLE r (text TEXT)")
            database.execute("INSERT INTO r VALUES ('a b')")
        assert read(tmp_path / name).table.column("text").to_pylist() == ["a b"]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "holds 3 tables (good, odd \" name, reviews): name one with data.reader.sqlite.table"),
        ({"table": "review"}, "Did you mean 'reviews'?"),
        ({"table": 'reviews"; DROP TABLE reviews; --'}, "has no table"),
        ({"query": "DELETE FROM reviews"}, "a query may only read"),
        ({"query": "DELETE FROM reviews RETURNING body"}, "a query may only read"),
        ({"query": "ATTACH 'x.db' AS other"}, "a query may only read"),
        ({"query": "PRAGMA writable_schema = ON"}, "a query may only read"),
        ({"query": "SELECT load_extension('x')"}, "shop.db: "),
        ({"query": "SELECT body FROM reviews; DELETE FROM reviews"}, "shop.db: "),
        ({"query": "SELECT body, body FROM reviews"}, "two columns are called 'body'"),
        ({"query": "SELECT body FROM reviews WHERE stars < 0"}, "holds no row"),
        ({"query": "SELEC"}, "SQLite says: "),
        ({"query": "SELECT 1", "table": "reviews"}, "not both"),
    ],
)  # fmt: skip
def test_mistakes_and_attacks_are_one_message_and_change_nothing(shop, settings, reason):
    before = hash_of(shop)
    with pytest.raises(WeitiaoError) as caught:
        read(shop, **settings)
    assert reason in str(caught.value)
    assert hash_of(shop) == before
    assert [one.name for one in shop.parent.iterdir() if one.is_file()] == ["shop.db"]


def test_an_odd_name_is_a_name(shop):
    assert read(shop, table='odd " name').table.column("a").to_pylist() == ["x"]


@pytest.mark.parametrize(
    "content", [b"no database at all " * 50, b"SQLite format 3\x00" + b"x" * 99]
)
def test_a_file_that_is_no_database_is_refused(tmp_path, content):
    (tmp_path / "x.db").write_bytes(content)
    with pytest.raises(WeitiaoError, match="file is not a database"):
        read(tmp_path / "x.db")


def test_a_cell_that_is_no_text_is_a_bad_row(tmp_path):
    with closing(sqlite3.connect(tmp_path / "b.db")) as database, database:
        database.execute("CREATE TABLE r (text)")
        database.executemany("INSERT INTO r VALUES (?)", [("a",)] * 30 + [(b"\xff\x00",)])
    with pytest.raises(WeitiaoError, match="no text in UTF-8"):
        read(tmp_path / "b.db")
    assert open_source(str(tmp_path / "b.db"), skip_bad=True).table.num_rows == 30


def test_rows_that_stand_in_the_log_are_read(tmp_path):
    path = tmp_path / "w.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        for count in (1, 2):  # the file itself stays as it is
            with database:
                database.execute("CREATE TABLE IF NOT EXISTS r (text TEXT)")
                database.execute("INSERT INTO r VALUES ('a b')")
            assert read(path).table.num_rows == count
