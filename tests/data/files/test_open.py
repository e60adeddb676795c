import io
import sqlite3
import zipfile
from contextlib import closing

import pytest

from weitiao.data.cache import store
from weitiao.data.files import archive
from weitiao.data.files.open import ReadOptions, open_source
from weitiao.errors import DataError


def write(path, text, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return str(path)


def texts(source):
    return source.table.column("text").to_pylist()


def test_files_with_the_same_columns_are_one_set(tmp_path):
    first = write(tmp_path / "b.csv", "text,label\none,x\ntwo,y\n")
    second = write(tmp_path / "a.tsv", "label\ttext\ny\tthree\n")
    source = open_source([first, second])
    assert source.table.to_pylist() == [
        {"text": "one", "label": "x", "__line": 2, "__id": "b.csv:2"},
        {"text": "two", "label": "y", "__line": 3, "__id": "b.csv:3"},
        {"text": "three", "label": "y", "__line": 2, "__id": "a.tsv:2"},
    ]
    assert source.history[-1] == "b.csv and 1 more: 3 rows in 2 files"
    assert open_source([first, second]).fingerprint == source.fingerprint
    assert open_source([second, first]).fingerprint != source.fingerprint


def test_a_pattern_takes_files_in_order_and_a_file_given_twice_counts_once(tmp_path):
    for name in ("c", "a", "b"):
        write(tmp_path / f"{name}.csv", f"text,label\n{name},x\n")
    pattern = str(tmp_path / "*.csv")
    assert texts(open_source(pattern)) == ["a", "b", "c"]
    assert texts(open_source([str(tmp_path / "b.csv"), pattern])) == ["b", "a", "c"]
    with pytest.raises(DataError, match="no file is called like this pattern"):
        open_source(str(tmp_path / "*.xlsx"))


def test_files_of_the_same_name_are_told_apart_by_their_folders(tmp_path):
    files = [write(tmp_path / f / "rows.csv", f"text,label\n{f},x\n") for f in ("may", "june")]
    ids = open_source(files).table.column("__id").to_pylist()
    assert ids == ["may/rows.csv:2", "june/rows.csv:2"]


def test_a_file_that_lacks_a_column_is_named(tmp_path):
    first = write(tmp_path / "a.csv", "text,label\none,x\n")
    second = write(tmp_path / "b.csv", "text,stars\ntwo,y\n")
    with pytest.raises(DataError, match=r"b\.csv: has no column 'label', which a\.csv has"):
        open_source([first, second])


def test_numbers_and_words_of_a_column_become_one_type(tmp_path):
    first = write(tmp_path / "a.jsonl", '{"text": "one", "label": 1.0}\n')
    second = write(tmp_path / "b.jsonl", '{"text": "two", "label": "x"}\n')
    third = write(tmp_path / "c.jsonl", '{"text": "three", "label": 2}\n')
    labels = open_source([first, second]).table.column("label").to_pylist()
    assert labels == ["1", "x"]
    assert open_source([first, third]).table.column("label").to_pylist() == [1.0, 2.0]


def test_bad_rows_of_every_file_are_set_aside(tmp_path):
    files = [write(tmp_path / f"{n}.csv", "text,label\none,x\na,b,c\n") for n in "ab"]
    source = open_source(files, skip_bad=True)
    assert [row.place for row in source.bad] == ["a.csv:3", "b.csv:3"]
    assert source.table.num_rows == 2


def test_a_folder_of_tables_is_one_set(tmp_path):
    write(tmp_path / "rows" / "2023" / "a.csv", "text,label\none,x\n")
    write(tmp_path / "rows" / "b.csv", "text,label\ntwo,y\n")
    write(tmp_path / "rows" / ".hidden.csv", "nothing")
    write(tmp_path / "rows" / "read.me", "nothing")
    source = open_source(str(tmp_path / "rows"))
    assert source.table.column("__id").to_pylist() == ["rows/b.csv:2", "rows/2023/a.csv:2"]


@pytest.fixture
def reviews(tmp_path):
    for label, text in (("pos", "a good film"), ("neg", "a bad film"), ("neg", "ein schöner")):
        count = len(list((tmp_path / "reviews").glob("*/*")))
        encoding = "cp1252" if "ö" in text else "utf-8"
        write(tmp_path / "reviews" / label / f"{count}.txt", f"{text}\r\n", encoding)
    return tmp_path / "reviews"


def test_sub_folders_are_labels(reviews):
    write(reviews / "README", "about")
    write(reviews / "unsup" / "9.txt", "who knows")
    source = open_source(str(reviews))
    assert [tuple(row.values())[:3] for row in source.table.to_pylist()] == [
        ("a bad film", "neg", "neg/1.txt"),
        ("ein schöner", "neg", "neg/2.txt"),
        ("a good film", "pos", "pos/0.txt"),
        ("who knows", None, "unsup/9.txt"),
    ]
    told = "\n".join(source.history)
    assert "the texts in unsup are taken as texts without a label" in told
    assert "Windows-1252 (1)" in told
    assert "1 file left aside: no text of a label" in told


def test_a_changed_text_is_read_anew(reviews):
    first = open_source(str(reviews))
    write(reviews / "pos" / "0.txt", "a very good film")
    again = open_source(str(reviews))
    assert again.fingerprint != first.fingerprint
    assert "a very good film" in texts(again)


def test_parts_of_a_data_set_are_not_labels(tmp_path):
    for part in ("train", "test"):
        for label in ("pos", "neg"):
            write(tmp_path / "imdb" / part / label / "1.txt", "text")
    with pytest.raises(DataError, match="weitiao fit .*imdb/train --test .*imdb/test"):
        open_source(str(tmp_path / "imdb"))
    assert open_source(str(tmp_path / "imdb" / "train")).table.num_rows == 2


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds no file with rows"),
        ({"a.png": "x"}, "holds no file with rows"),
        ({"pos/1.txt": "x"}, "a label each needs at least two"),
    ],
)
def test_a_folder_without_rows_is_refused(tmp_path, files, message):
    (tmp_path / "f").mkdir()
    for name, text in files.items():
        write(tmp_path / "f" / name, text)
    with pytest.raises(DataError, match=message):
        open_source(str(tmp_path / "f"))


# --- archives


def zipped(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as out:
        for name, raw in members.items():
            out.writestr(name, raw)
    return str(path)


ROWS = b"text,label\none,x\ntwo,y\n"


def test_a_second_start_unpacks_nothing(tmp_path, monkeypatch):
    path = zipped(tmp_path / "a.zip", {"x/a.csv": ROWS, "x/b.csv": ROWS})
    first = open_source(path)
    assert first.table.column("__id").to_pylist()[::2] == ["a.zip/a.csv:2", "a.zip/b.csv:2"]
    monkeypatch.setattr(archive, "unpack", None)
    again = open_source(path)
    assert again.table.equals(first.table)
    assert again.history == first.history
    assert list(store.folder("unpacked").iterdir()) == []


def test_names_that_chinese_windows_wrote_are_read(tmp_path):
    # What such a program writes: the bytes of GBK, without the sign that says UTF-8.
    name = "评论.csv"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("A" * len(name.encode("gbk")), ROWS)
    raw = out.getvalue().replace(b"A" * len(name.encode("gbk")), name.encode("gbk"))
    (tmp_path / "a.zip").write_bytes(raw)
    assert open_source(str(tmp_path / "a.zip")).name == "a.zip/评论.csv"


def locked(path):
    raw = bytearray((path.with_name("plain.zip")).read_bytes())
    for mark in (b"PK\x03\x04", b"PK\x01\x02"):
        at = raw.index(mark) + (6 if mark == b"PK\x03\x04" else 8)
        raw[at] |= 1
    path.write_bytes(bytes(raw))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"../a.csv": ROWS}, "leads outside"),
        ({"/etc/a.csv": ROWS}, "leads outside"),
        ({"C:/a.csv": ROWS}, "leads outside"),
        ({"x/..\\..\\a.csv": ROWS}, "leads outside"),
        ({"__MACOSX/a.csv": ROWS, ".DS_Store": b"x"}, "a.zip: this folder holds no file with rows"),
        ({"inner.zip": zipped(io.BytesIO(), {}) and b"PK\x05\x06" + bytes(18)}, "an archive again"),
        ({"a.csv": b""}, "the file is empty"),
    ],
)
def test_an_archive_that_cannot_be_read_is_refused(tmp_path, members, message):
    path = zipped(tmp_path / "a.zip", members)
    with pytest.raises(DataError, match=message):
        open_source(path)
    assert not (tmp_path.parent / "a.csv").exists()


def test_a_password_is_said(tmp_path):
    zipped(tmp_path / "plain.zip", {"a.csv": ROWS})
    locked(tmp_path / "a.zip")
    with pytest.raises(DataError, match="a password"):
        open_source(str(tmp_path / "a.zip"))


@pytest.mark.parametrize("ending", ["zip", "gz", "bz2", "xz"])
def test_a_broken_archive_is_refused(tmp_path, ending):
    import bz2
    import gzip
    import lzma

    path = tmp_path / f"a.csv.{ending}"
    if ending == "zip":
        zipped(path, {"a.csv": ROWS * 100}, compression=zipfile.ZIP_DEFLATED)
    else:
        pack = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[ending]
        path.write_bytes(pack(ROWS * 100))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="broken or not whole"):
        open_source(str(path))


def test_a_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "FREE_BYTES", 1 << 20)
    bomb = {"a.csv": b"text,label\n" + b"0" * (8 << 20)}
    path = zipped(tmp_path / "a.zip", bomb, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(DataError, match="no honest archive"):
        open_source(path)
    assert list(store.folder("unpacked").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [("rows.csv", "CSV|csv"), ("rows.sqlite", "data.reader.sqlite.table"), ("rows.jsonl", "JSON")],
)
def test_a_sheet_of_what_is_no_workbook_is_named_and_not_a_broken_workbook(tmp_path, name, message):
    file = tmp_path / name
    if name == "rows.sqlite":
        with closing(sqlite3.connect(file)) as database:
            database.execute("CREATE TABLE feedback (text TEXT, label TEXT)")
            database.commit()
    else:
        file.write_text('{"text": "good", "label": "a"}\n' * 3, encoding="utf-8")
    if name == "rows.csv":
        file.write_text("text,label\ngood,a\nbad,b\n", encoding="utf-8")
    with pytest.raises(DataError, match=message) as error:
        ReadOptions({"xlsx": {"sheet": "feedback"}}).open(str(file))
    assert "--sheet" in str(error.value)
    assert "broken" not in str(error.value)
