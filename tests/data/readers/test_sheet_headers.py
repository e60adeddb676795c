"""Headers of workbooks whose first names are empty, as pandas writes an index."""

import pytest

from weitiao.data.readers.sheets import table_reading

TABLE = [[n, f"the film number {n} was seen", ["pos", "neg"][n % 2]] for n in range(12)]


def read(rows, **settings):
    reading = table_reading(
        lambda: iter(enumerate(rows, 1)), "rows.xlsx", "xlsx",
        settings.get("header_row"), settings.get("header"), [],
    )  # fmt: skip
    return list(reading.columns), [row for batch in reading.batches for _line, row in batch]


@pytest.mark.parametrize(
    ("header", "rows", "names"),
    [
        ([None, "text", "label"], TABLE, ["row", "text", "label"]),
        ([None, "text"], [row[:2] for row in TABLE], ["row", "text"]),
        ([None, None, "text", "label"], [[7, *row] for row in TABLE],
         ["row", "column2", "text", "label"]),
        ([None, "review_text", "grade"], [[f"r{n}", t, n] for n, t, _ in TABLE],
         ["row", "review_text", "grade"]),
    ],
)  # fmt: skip
def test_a_header_may_lack_the_names_of_the_index(header, rows, names):
    columns, read_rows = read([header, *rows])
    assert columns == names
    assert len(read_rows) == len(rows)


@pytest.mark.parametrize("title", [["A report"], ["A report", "2024"], [None, "A report"]])
def test_a_title_stays_a_title(title):
    columns, read_rows = read([title, ["id", "text", "label"], *TABLE])
    assert columns == ["id", "text", "label"]
    assert len(read_rows) == 12


def test_an_empty_row_of_one_column_is_a_row():
    rows = [(1, ["text"]), (2, ["a"]), (4, ["b"])]
    reading = table_reading(lambda: iter(rows), "rows.xlsx", "xlsx", None, True, [])
    got = [row["text"] for batch in reading.batches for _line, row in batch]
    assert got == ["a", None, "b"]
