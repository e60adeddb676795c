import csv

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weitiao.data.read.csv import Csv
from weitiao.errors import DataError


def read(path):
    reading = Csv().read(path)
    rows = [row for batch in reading.batches for row in batch]
    return list(reading.columns), rows, reading.notes


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


FIELD = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), max_size=12
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=8), st.sampled_from(",;|"))
def test_what_the_csv_module_writes_is_read_back_with_its_lines(tmp_path, rows, delimiter):
    file = tmp_path / "rows.csv"
    lines, line = [], 2
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(["the text", "the label"])
        for first, second in rows:
            writer.writerow([first, second])
            lines.append(line)
            breaks = (first + second).replace("\r\n", "\n").replace("\r", "\n").count("\n")
            # "\r" at the end of one piece and "\n" at the start of the next never meet: quotes.
            breaks += sum(a.endswith("\r") and b.startswith("\n") for a, b in [(first, second)])
            line += 1 + breaks
    columns, found, _ = read(file)
    assert columns == ["the text", "the label"]
    assert [tuple(row.values()) for _, row in found] == rows
    assert [number for number, _ in found] == lines


@pytest.mark.parametrize(("delimiter", "name"), [(";", "semicolon"), ("\t", "tab"), ("|", "bar")])
def test_another_delimiter_is_found_and_said(tmp_path, delimiter, name):
    body = "".join(f"well, yes and no{delimiter}{i % 2}\n" for i in range(20))
    file = write(tmp_path / "a.csv", f"text{delimiter}label\n{body}")
    columns, rows, notes = read(file)
    assert columns == ["text", "label"]
    assert len(rows) == 20
    assert notes == (f"the delimiter is a {name}",)


@pytest.mark.parametrize(
    ("encoding", "note"),
    [
        ("utf-8", ()),
        ("utf-8-sig", ()),
        ("utf-16", ("read as UTF-16",)),
        ("gb18030", ("read as GB18030: the file is not UTF-8",)),
    ],
)
def test_the_encoding_is_found(tmp_path, encoding, note):
    text = "文本,标签\n" + "这家酒店很好，下次还来,好\n" * 3
    columns, rows, notes = read(write(tmp_path / "a.csv", text, encoding))
    assert columns == ["文本", "标签"]
    assert rows[0] == (2, {"文本": "这家酒店很好，下次还来", "标签": "好"})
    assert notes == note


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", r"a\.csv: the file is empty"),
        (b"text,label\n", "a header and no row"),
        (b"text,label\na,b\nc,d,e\n", r"a\.csv:3: has 3 fields, the header has 2"),
        (b'text,label\n"a\nb",c\nd\n', r"a\.csv:4: has 1 field, the header has 2"),
        (b"text,text\na,b\n", r"a\.csv:1: two columns are called 'text'"),
        (b"text,,label\na,b,c\n", r"a\.csv:1: column 2 has no name"),
        (b"text,label\na\0b,c\n", "a NUL character at byte 12"),
        (b'text,label\n"a,b\nc,d\n', r"a\.csv:2: the quotation marks are broken"),
        (b'text,label\n"a" b,c\n', r"a\.csv:2: the quotation marks are broken"),
        (b"text,label\nab,c\ncaf\xe9 x,d\n", r"a\.csv:3: not UTF-8 at byte 19 \(0xe9\)"),
        ("好电影很好看,1\n差电影,0\n".encode(), r"a\.csv:1: the first line looks like a row"),
    ],
)
def test_a_broken_file_is_named_with_its_place(tmp_path, raw, message):
    file = tmp_path / "a.csv"
    file.write_bytes(raw)
    with pytest.raises(DataError, match=message):
        read(file)


def test_quotation_marks_after_a_backslash_are_understood(tmp_path):
    file = write(tmp_path / "a.csv", 'text,label\n"He said \\"hi, you\\"",1\n')
    assert read(file)[1] == [(2, {"text": 'He said "hi, you"', "label": "1"})]


def test_blank_lines_are_no_rows_but_count_as_lines(tmp_path):
    file = write(tmp_path / "a.csv", "text,label\r\n\r\na,b\r\n   \r\nc,d\r\n")
    assert [line for line, _ in read(file)[1]] == [3, 5]


def test_a_file_of_one_column_needs_no_quotation_marks(tmp_path):
    file = write(tmp_path / "a.csv", 'text\nwell, yes\n"two\nlines"\n')
    assert read(file)[1] == [(2, {"text": "well, yes"}), (3, {"text": "two\nlines"})]


@pytest.mark.parametrize(
    "body", ["ham\tgo on\nspam\tfree\nham\tok\nham\tyes\n", "1\t2.73\tsome words\n2\t1.5\tmore\n"]
)
def test_a_first_row_is_not_taken_for_the_header(tmp_path, body):
    with pytest.raises(DataError, match="Put names in the first line"):
        read(write(tmp_path / "a.txt", body))


def test_a_year_may_head_a_column(tmp_path):
    columns, _, _ = read(write(tmp_path / "a.csv", "text,2019\na,7\nb,8\n"))
    assert columns == ["text", "2019"]


def test_the_index_that_pandas_writes_gets_a_name(tmp_path):
    columns, _, notes = read(write(tmp_path / "a.csv", ",text,label\n0,a,b\n1,c,d\n"))
    assert columns == ["row", "text", "label"]
    assert notes == ("the first column has no name; it is called 'row' here",)


def test_a_field_may_be_a_whole_book(tmp_path):
    book = "word " * 100_000
    file = write(tmp_path / "a.csv", f"text,label\n{book},1\n")
    assert read(file)[1][0][1]["text"] == book
