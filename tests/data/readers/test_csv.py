import csv

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weitiao.data.files.open import open_source
from weitiao.data.readers.csv import Tsv
from weitiao.errors import DataError


def read(path, **settings):
    source = open_source(str(path), {"csv": settings} if settings else {})
    rows = [(row.pop("__line"), row) for row in source.table.to_pylist()]
    notes = tuple(line.removeprefix(f"{path.name}: ") for line in source.history[1:])
    return source.columns, rows, notes


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


FIELD = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), max_size=12
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
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
        ("gb18030", ("read as GB18030 (GBK): the file is not UTF-8",)),
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
        (b"\xef\xbb\xbf \r\n\r\n", r"a\.csv: the file is empty"),
        (b"text,label\n", "a header and no row"),
        (b"text,label\na,b\nc,d,e\n", r"a\.csv:3: has 3 fields for 2 columns"),
        (b'text,label\n"a\nb",c\nd\n', r"a\.csv:4: has 1 field for 2 columns"),
        (b"text,text\na,b\n", r"a\.csv:1: two columns are called 'text'"),
        (b"text,label\na,b\na\0b,c\n", r"a\.csv:3: holds a NUL character"),
        (b'text,label\n"a,b\nc,d\n', r"a\.csv:2: the quotation marks are broken"),
        (b'text,label\n"a" b,c\n', r"a\.csv:2: the quotation marks are broken"),
        (
            "text,label\n好,b\n".encode() * 9 + b"caf\xe9 x,d\n",
            r"a\.csv:19: the byte 0xe9 does not",
        ),
        (b"text,label\n\x81\x8d\x8f,b\n", r"a\.csv:2: not UTF-8 at byte 11 \(0x81\), nor GB18030"),
        (bytes(range(256)) * 4, "no text file"),
        (b"%PDF-1.7 ...", "a file of the kind PDF"),
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
    ("body", "first"),
    [
        ("ham\tgo on\nspam\tfree\nham\tok\nham\tyes\n", ["ham", "go on"]),
        ("1\t2.73\tsome words\n2\t1.5\tmore\n", ["1", "2.73", "some words"]),
        ("好电影很好看,1\n差电影,0\n", ["好电影很好看", "1"]),
        ("一个女人在弹吉他。\t一个人在弹吉他。\t2\n孩子在骑马。\t小孩骑马。\t4\n", None),
        ("Hi.\t嗨。\nRun.\t你用跑的。\nWait!\t等等！\n", ["Hi.", "嗨。"]),
    ],
)
def test_a_file_without_a_header_keeps_its_first_row(tmp_path, body, first):
    columns, rows, notes = read(write(tmp_path / "a.txt", body))
    assert columns == [f"column{i + 1}" for i in range(len(columns))]
    assert rows[0][0] == 1
    assert first is None or list(rows[0][1].values()) == first
    assert "reads like a row" in notes[-1]
    assert "data.reader.csv.header=true" in notes[-1]


def test_in_doubt_the_first_line_is_the_header_and_the_doubt_is_said(tmp_path):
    file = write(tmp_path / "a.csv", "red,blue\ngreen,pink\nwhite,grey\n")
    columns, rows, notes = read(file)
    assert columns == ["red", "blue"]
    assert len(rows) == 2
    assert "data.reader.csv.header=false" in notes[-1]
    assert len(read(file, header=False)[1]) == 3


def test_the_header_is_as_the_user_says(tmp_path):
    file = write(tmp_path / "a.csv", "text,label\ngood,1\n")
    assert read(file, header=False)[1][0] == (1, {"column1": "text", "column2": "label"})
    headerless = write(tmp_path / "b.csv", "good film,1\nbad film,0\nfine film,1\n")
    assert read(headerless, header=True)[0] == ["good film", "1"]


def test_a_year_may_head_a_column(tmp_path):
    columns, _, _ = read(write(tmp_path / "a.csv", "text,2019\na,7\nb,8\n"))
    assert columns == ["text", "2019"]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        (",text,label\n0,a,b\n1,c,d\n", ["row", "text", "label"]),  # pandas
        ("text,label\n1,a,b\n2,c,d\n", ["row", "text", "label"]),  # R, write.table
        ("text,label,\na,b,\nc,d,\n", ["text", "label"]),
        ("text,label\na,b,\nc,d,\n", ["text", "label"]),
        ("text,,label\na,x,b\nc,y,d\n", ["text", "column2", "label"]),
    ],
)
def test_columns_without_a_name(tmp_path, text, columns):
    found, rows, _ = read(write(tmp_path / "a.csv", text))
    assert found == columns
    assert (rows[0][1]["text"], rows[0][1]["label"]) == ("a", "b")


def test_an_unclosed_quote_costs_one_row(tmp_path):
    body = "".join(f"film {i},{i % 2}\n" for i in range(1000))
    file = write(tmp_path / "a.csv", f'text,label\n{body}"open,1\n{body}')
    with pytest.raises(DataError, match=r"a\.csv:1002: the quotation marks are broken"):
        read(file)
    source = open_source(str(file), skip_bad=True)
    assert source.table.num_rows == 2000
    assert [(row.place, row.raw) for row in source.bad] == [("a.csv:1002", '"open,1')]


def test_a_quote_that_swallows_rows_and_is_closed_by_chance_costs_one_row(tmp_path):
    body = "".join(f"film {i},{i % 2}\n" for i in range(100))
    file = write(tmp_path / "a.csv", f'text,label\n{body}"open,1\n{body}of 5",0\n{body}')
    source = open_source(str(file), skip_bad=True)
    assert [row.line for row in source.bad] == [102]
    assert source.table.num_rows == 301


def test_bad_rows_are_counted_and_set_aside(tmp_path):
    lines = ["text,label", *(f"film {i},{i % 2}" if i % 10 else "a,b,c" for i in range(1, 101))]
    file = write(tmp_path / "a.csv", "\n".join(lines))
    with pytest.raises(DataError) as caught:
        read(file)
    assert str(caught.value).startswith("a.csv:11: has 3 fields for 2 columns")
    assert "9 more rows cannot be used (a.csv:21, a.csv:31, a.csv:41, ...)" in str(caught.value)
    assert "--skip-bad" in str(caught.value)
    source = open_source(str(file), skip_bad=True)
    again = open_source(str(file), skip_bad=True)
    assert source.table.num_rows == 90
    assert [row.place for row in source.bad] == [f"a.csv:{i}" for i in range(11, 102, 10)]
    assert list(again.bad) == list(source.bad)
    assert (
        "10 rows that cannot be used set aside (a.csv:11, a.csv:21, a.csv:31, ...)"
        in (source.history[1])
    )


def test_a_file_of_bad_rows_is_refused_even_when_they_may_be_skipped(tmp_path):
    body = "good film,1\nbad film,0\n" + "a,b,c\n" * 5000
    with pytest.raises(DataError, match="Is the file read in the right way"):
        open_source(str(write(tmp_path / "a.csv", f"text,label\n{body}")), skip_bad=True)


def test_a_field_may_be_a_whole_book(tmp_path):
    book = "word " * 100_000
    file = write(tmp_path / "a.csv", f"text,label\n{book},1\n")
    assert read(file)[1][0][1]["text"] == book


def read_tsv(path):
    reading = Tsv().read(path)
    return [row for batch in reading.batches for row in batch], reading.notes


def test_quotation_marks_that_do_not_enclose_fields_are_text(tmp_path):
    file = tmp_path / "a.tsv"
    file.write_text(
        'text\tlabel\n"Yes" he said\t1\n"It begins here\t0\nand ends here"\t1\n', encoding="utf-8"
    )
    rows, notes = read_tsv(file)
    assert [row["text"] for _, row in rows] == [
        '"Yes" he said',
        '"It begins here',
        'and ends here"',
    ]
    assert notes == ("quotation marks are taken as part of the text: they do not enclose fields",)


def test_quotation_marks_that_enclose_fields_are_taken_off(tmp_path):
    file = tmp_path / "a.tsv"
    file.write_text('text\tlabel\n"two\nlines"\t1\nx\t0\n', encoding="utf-8")
    rows, notes = read_tsv(file)
    assert rows == [(2, {"text": "two\nlines", "label": "1"}), (4, {"text": "x", "label": "0"})]
    assert notes == ()
