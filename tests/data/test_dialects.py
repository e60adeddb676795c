"""Files as programs write them: every one is read with the same rows, or the bad row is named."""

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
import xlwt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weitiao.data.files.open import open_source
from weitiao.errors import DataError

EN = [
    ("A good film, really", "pos"),
    ('He said "no" twice', "neg"),
    ("Bad; very bad | so bad", "neg"),
    ("It's fine", "pos"),
    ("Two\nlines of praise", "pos"),
    ("Plain", "neg"),
]
ZH = [
    ("这家酒店很好，下次还来", "正面"),
    ("房间太小,隔音也差", "负面"),
    ("服务员说“不行”，很生气", "负面"),
    ("早餐不错；位置方便", "正面"),
    ("第一行\n第二行也很好", "正面"),
    ("价格贵", "负面"),
]
FLAT = [(text.replace("\n", " "), label) for text, label in ZH]
FLAT_EN = [(text.replace("\n", " "), label) for text, label in EN]
TW = [("這家飯店真的很好", "好"), ("價錢太貴了,下次不來", "差"), ("服務態度讓人生氣", "差")] * 2
DE = [("Größe und Qualität sind schön", "4,5"), ("Das Café in Zürich war gut; naja", "2,0")] * 2
HEAD = ("text", "label")


def by_csv(rows, head=HEAD, encoding="utf-8", **options):
    out = io.StringIO()
    writer = csv.writer(out, **options)
    writer.writerows([head, *rows] if head else rows)
    return out.getvalue().encode(encoding)


def by_pandas(rows, head=HEAD, encoding="utf-8", **options):
    return pd.DataFrame(rows, columns=list(head)).to_csv(**options).encode(encoding)


def by_mysql(rows, end="\n"):
    """SELECT text, label INTO OUTFILE: tabs, backslashes, no header."""
    marks = {"\\": "\\\\", "\t": "\\\t", "\n": "\\\n"}
    cells = [["".join(marks.get(c, c) for c in cell) for cell in row] for row in rows]
    return "".join("\t".join(row) + end for row in cells).encode()


def by_mysql_quoted(rows):
    """... FIELDS TERMINATED BY ',' ENCLOSED BY '"' ESCAPED BY '\\\\'."""
    marks = {"\\": "\\\\", '"': '\\"', "\n": "\\\n"}
    cells = [['"' + "".join(marks.get(c, c) for c in cell) + '"' for cell in row] for row in rows]
    return "".join(",".join(row) + "\n" for row in [['"text"', '"label"'], *cells]).encode()


def plain(rows, joint, end="\n", head=HEAD):
    return "".join(joint.join(row) + end for row in ([head, *rows] if head else rows))


SMS = [
    ("ham", 'He said "fine, go...\x92 ok'),
    ("spam", "WIN £100 now! Txt 'GO'"),
    ("ham", "Ok lar"),
] * 3
PAIRS = [
    ("1", "7", 'He "won", they say', "They say he won"),
    ("0", "8", "It rains", 'A "sun" day'),
] * 2
SICK = [("6", "A boy plays", "No boy plays", "3.3", "NEUTRAL"),
        ("7", "A man, a dog", "A dog runs", "4.5", "ENTAILMENT")] * 2  # fmt: skip
LCQMC = [("怎么办？", "怎样办，好？", "1"), ("这是谁", "那是哪里", "0")] * 3
VADER = [
    ("1_1", "-0.9", 'no picture, "b/w".'),
    ("1_2", "2.25", 'great "fun'),
    ("2_1", "0.4", "so so"),
]
QUOTED = [
    ("1_1", "0.4", "It rains."),
    ("1_2", "0.1", '"It rains, he said.'),
    ("1_3", "-1.5", 'It pours."'),
] * 2
TITLES = [("体验2D巅峰 十大创新", "8"), ("股市：大盘缩量", "2"), ("60年铁树开花(图)", "5")] * 2


def TREC(labels):
    return [
        (label, f"What is the café {', ' * (n % 3)}no. {n} ?")
        for n in range(10)
        for label in labels
    ]


def trec(labels, encoding="utf-8"):
    return "".join(f"{label} {text}\n" for label, text in TREC(labels)).encode(encoding)


CSV = {
    "python csv": ("a.csv", by_csv(EN), EN),
    "python csv, everything quoted": ("a.csv", by_csv(EN, quoting=csv.QUOTE_ALL), EN),
    "python csv, unix": ("a.csv", by_csv(ZH, dialect="unix"), ZH),
    "python csv, quotes escaped": (
        "a.csv", by_csv(EN, doublequote=False, escapechar="\\", quoting=csv.QUOTE_ALL), EN),
    "python excel-tab": ("a.tsv", by_csv(EN, dialect="excel-tab"), EN),
    "pandas": ("a.csv", by_pandas(ZH, index=False), ZH),
    "pandas, semicolon": ("a.csv", by_pandas(EN, index=False, sep=";"), EN),
    "pandas, tab in a txt": ("a.txt", by_pandas(ZH, index=False, sep="\t"), ZH),
    "pandas, bar": ("a.csv", by_pandas(EN, index=False, sep="|"), EN),
    "pandas, ^A as Hive writes": ("a.txt", by_pandas(FLAT, index=False, sep="\x01"), FLAT),
    "Excel, CSV UTF-8": ("a.csv", by_csv(ZH, encoding="utf-8-sig"), ZH),
    "Excel in China, CSV": ("a.csv", by_csv(ZH, encoding="gbk"), ZH),
    "Excel in Taiwan, CSV": ("a.csv", by_csv(TW, encoding="cp950"), TW),
    "Excel in Germany, CSV": ("a.csv", by_csv(DE, encoding="cp1252", delimiter=";"), DE),
    "Excel, CSV for the Macintosh": (
        "a.csv", by_csv([(t.replace("\n", " "), n) for t, n in DE], encoding="mac-roman",
                        lineterminator="\r", delimiter=";"), DE),
    "Excel, Unicode text": (
        "a.txt", b"\xff\xfe" + by_csv(ZH, encoding="utf-16-le", dialect="excel-tab"), ZH),
    "UTF-16 big end first, no mark": ("a.csv", by_csv(ZH, encoding="utf-16-be"), ZH),
    "UTF-32": ("a.csv", by_csv(EN, encoding="utf-32"), EN),
    "Excel's own sep= line": ("a.csv", b"sep=;\r\n" + by_csv(EN, delimiter=";"), EN),
    "WPS, csv in GBK": ("a.csv", by_csv(FLAT, encoding="gb18030"), FLAT),
    "WPS, text with tabs": (
        "a.txt", plain(FLAT, "\t", "\r\n").encode("utf-16"), FLAT),
    "MySQL, INTO OUTFILE": ("a.txt", by_mysql(ZH), ZH),
    "MySQL, quoted and escaped": ("a.csv", by_mysql_quoted(EN), EN),
    "MySQL Workbench": ("a.csv", by_csv(EN, quoting=csv.QUOTE_NONNUMERIC), EN),
    "Google Sheets, tsv": ("a.tsv", plain(FLAT_EN, "\t", "\r\n").encode(), FLAT_EN),
    "one line without its end": ("a.csv", by_csv(EN).rstrip(b"\r\n"), EN),
    "mixed line ends": (
        "a.csv", by_csv(FLAT).replace(b"\r\n", b"\n", 2).replace(b"\r\n", b"\r", 1), FLAT),
    "blank lines between": ("a.csv", by_csv(FLAT).replace(b"\r\n", b"\r\n\r\n"), FLAT),
    "a delimiter at every end": (
        "a.csv", by_csv(FLAT).replace(b"\r\n", b",\r\n"), FLAT),
    "a mark inside the quotes": (
        "a.csv", '"\ufefftext","label"\n'.encode() + by_csv(EN, head=None), EN),
    "commas of full width": (
        "a.txt", plain([(t.replace("，", " "), n) for t, n in FLAT], "，").encode(),
        [(t.replace("，", " "), n) for t, n in FLAT]),
    "columns by blanks": ("a.txt", plain(FLAT, "    ").encode(), FLAT),
    "R, write.table": (
        "a.txt", ('"text" "label"\n' + "".join(
            f'"{i}" "{t}" "{n}"\n' for i, (t, n) in enumerate(FLAT, 1))).encode(), FLAT),
    "no header": ("a.csv", by_csv(ZH, head=None), ZH),
    # Published sets, as they came: their shapes with sentences of ours.
    "TREC, numbered": ("train.all", trec("1 2 3 4".split()), TREC("1 2 3 4".split())),
    "TREC, coarse:fine, latin-1": (
        "train.label", trec(["DESC:manner", "ENTY:animal"], "latin-1"),
        TREC(["DESC:manner", "ENTY:animal"])),
    "fastText": ("a.txt", b"__label__pos good film\n__label__neg , bad film, \"so bad\n",
                 [("pos", "good film"), ("neg", ', bad film, "so bad')]),
    "fastText, several labels": (
        "a.txt", "__label__food __label__price 菜贵\n__label__staff 服务好\n".encode(),
        [('["food", "price"]', "菜贵"), ("staff", "服务好")]),
    "SMS spam: tabs, quotes, no name": (
        "SMSSpamCollection", plain(SMS, "\t", "\r\n", None).encode(), SMS),
    "MRPC: a mark, #1 String": (
        "a.tsv", plain(PAIRS, "\t", "\r\n", ("Quality", "#1 ID", "#1 String", "#2 String"))
        .encode("utf-8-sig"), PAIRS),
    "SICK: tabs in a txt": (
        "a.txt", plain(SICK, "\t", "\r\n", ("pair_ID", "sentence_A", "sentence_B",
                                           "relatedness_score", "entailment_judgment")).encode(),
        SICK),
    "LCQMC, STS-B: a pair and a number": ("a.txt", plain(LCQMC, "\t", head=None).encode(), LCQMC),
    "VADER: number, mean, text": ("a.txt", plain(VADER, "\t", "\r\n", None).encode(), VADER),
    "VADER, news: a quotation that runs over two rows": (
        "a.txt", plain(QUOTED, "\t", "\r\n", None).encode(), QUOTED),
    "THUCNews: title and number": (
        "a.txt", plain(TITLES, "\t", head=None).encode(), TITLES),
    "WNUT, CoNLL: a token a line": (
        "a.conll", b"@anna\tO\nran\tO\n\nin\tO\nRome\tB-location\nhome\tO\n",
        [('["@anna", "ran"]', '["O", "O"]'), ('["in", "Rome", "home"]', '["O", "B-location", "O"]')]),
    "Multi30k: a sentence a line, packed": (
        "train.en.gz", gzip.compress(b"Two young, white dogs are running outside near many bushes.\nA man, a hat; a dog.\n"
                                     b"Several men talk.\nSome sing.\nAll dance.\n"),
        [("Two young, white dogs are running outside near many bushes.",), ("A man, a hat; a dog.",), ("Several men talk.",), ("Some sing.",), ("All dance.",)]),
    "gzip": ("a.csv.gz", gzip.compress(by_csv(ZH)), ZH),
    "bzip2": ("a.csv.bz2", bz2.compress(by_csv(ZH, encoding="gbk")), ZH),
    "xz": ("a.tsv.xz", lzma.compress(by_csv(EN, dialect="excel-tab")), EN),
}  # fmt: skip


def rows_of(path, **how):
    """(first text, first label) by their places, whatever the columns are called."""
    source = open_source(str(path), **how)
    names = [name for name in source.columns if name not in ("row", "index")]
    return [tuple(row[name] for name in names) for row in source.table.to_pylist()]


@pytest.mark.parametrize("name", CSV)
def test_delimited_text(name, tmp_path):
    ending, raw, rows = CSV[name]
    (tmp_path / ending).write_bytes(raw)
    assert rows_of(tmp_path / ending) == rows


def test_the_lines_of_an_excel_file_are_those_of_excel(tmp_path):
    path = tmp_path / "a.xlsx"
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "五月"
    sheet["B2"] = "酒店评论（2024年）"
    sheet.merge_cells("B2:D2")
    table = [["评论", "标签", "日期"], ["很好", 1.0, None], [None, None, None], ["太差", 0, None]]
    for place, row in enumerate(table, 4):
        for column, value in enumerate(row, 2):
            sheet.cell(place, column, value)
    sheet["D5"] = pd.Timestamp("2024-05-01").to_pydatetime()
    sheet["D7"] = pd.Timestamp("2024-05-02 08:30").to_pydatetime()
    book.create_sheet("notes")["A1"] = "nothing"
    book.create_sheet("hidden").sheet_state = "hidden"
    book.save(path)
    source = open_source(str(path))
    assert source.table.to_pylist() == [
        {"评论": "很好", "标签": 1, "日期": "2024-05-01", "__line": 5},
        {"评论": "太差", "标签": 0, "日期": "2024-05-02 08:30:00", "__line": 7},
    ]
    assert source.history[1:] == (
        "a.xlsx: sheet '五月' is read, it has the most rows; other sheets: notes (--sheet NAME)",
        "a.xlsx: the table begins in row 4; what stands above it (酒店评论（2024年）) is left out",
    )
    with pytest.raises(DataError, match="no sheet 'May'; there are 五月, notes"):
        open_source(str(path), {"xlsx": {"sheet": "May"}})
    assert rows_of(path, reader={"xlsx": {"sheet": "五月", "header_row": 4}})[0][0] == "很好"


def xlsx(path, rows=ZH):
    pd.DataFrame(rows, columns=list(HEAD)).to_excel(path, index=False)


def xls(path, rows=ZH):
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("Sheet1")
    for place, row in enumerate([HEAD, *rows]):
        for column, cell in enumerate(row):
            sheet.write(place, column, cell)
    book.save(str(path))


def merged(path, rows=ZH):
    """The label of two rows each in one merged cell."""
    book = openpyxl.Workbook()
    book.active.append(HEAD)
    for text, label in rows:
        book.active.append([text, label])
    for first in range(2, len(rows) + 2, 2):
        book.active.merge_cells(f"B{first}:B{first + 1}")
    book.save(path)


def html(path, rows=FLAT, encoding="utf-8"):
    page = pd.DataFrame(rows, columns=list(HEAD)).to_html(index=False)
    path.write_bytes(f"<html><meta charset={encoding}>{page}</html>".encode(encoding))


def excel_2003(path, rows=FLAT):
    cells = "".join(
        "<Row>" + "".join(f'<Cell><Data ss:Type="String">{c}</Data></Cell>' for c in row) + "</Row>"
        for row in [HEAD, *rows]
    )
    path.write_text(
        '<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" '
        'xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet ss:Name="S"><Table>'
        f"{cells}</Table></Worksheet></Workbook>",
        encoding="utf-8",
    )


def frame(rows=ZH):
    return pd.DataFrame(rows, columns=list(HEAD))


def zipped(path, names=("a.csv",), raw=None):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, raw or by_csv(ZH))
        archive.writestr("__MACOSX/._a.csv", b"\0\0")
        archive.writestr(".DS_Store", b"\0")


def labelled(path):
    with zipfile.ZipFile(path, "w") as archive:
        for place, (text, label) in enumerate(ZH):
            archive.writestr(f"reviews/{label}/{place}.txt", text.encode("gbk"))


FILES = {
    "pandas, xlsx": ("a.xlsx", xlsx, ZH),
    "xls": ("a.xls", xls, ZH),
    "xlsx called csv": ("a.csv", lambda p: (xlsx(p.with_suffix(".xlsx")),
                                            p.with_suffix(".xlsx").rename(p)), ZH),
    "html called xls": ("a.xls", html, FLAT),
    "html called xls, in GBK": ("a.xls", lambda p: html(p, encoding="gbk"), FLAT),
    "Excel's XML of 2003 called xls": ("a.xls", excel_2003, FLAT),
    "tsv called xls": ("a.xls", lambda p: p.write_bytes(
        plain(FLAT, "\t", "\r\n").encode("gbk")), FLAT),
    "csv called xlsx": ("a.xlsx", lambda p: p.write_bytes(by_csv(ZH)), ZH),
    "merged labels": ("a.xlsx", merged,
                      [(t, ZH[i - i % 2][1]) for i, (t, _) in enumerate(ZH)]),
    "json lines": ("a.jsonl", lambda p: frame().to_json(
        p, orient="records", lines=True, force_ascii=False), ZH),
    "json lines called json": ("a.json", lambda p: frame().to_json(
        p, orient="records", lines=True), ZH),
    "json lines called txt": ("a.txt", lambda p: frame().to_json(
        p, orient="records", lines=True), ZH),
    "json list called jsonl": ("a.jsonl", lambda p: p.write_text(
        json.dumps(frame().to_dict("records"), indent=1), encoding="utf-8"), ZH),
    **{f"json, {orient}": ("a.json", lambda p, orient=orient: frame().to_json(
        p, orient=orient, force_ascii=False), ZH)
       for orient in ("records", "columns", "index", "split", "table", "values")},
    "json, a list inside": ("a.json", lambda p: p.write_text(json.dumps(
        {"code": 0, "data": frame().to_dict("records")}), encoding="utf-8"), ZH),
    "json, columns": ("a.json", lambda p: p.write_text(
        json.dumps(frame().to_dict("list")), encoding="utf-8"), ZH),
    "json in GBK": ("a.json", lambda p: p.write_text(json.dumps(
        frame().to_dict("records"), ensure_ascii=False), encoding="gbk"), ZH),
    "OCNLI, SNLI: JSON lines, empty cells": ("a.jsonl", lambda p: p.write_text(
        "".join(json.dumps({"sentence1": t, "label": n, "label0": None}, ensure_ascii=False) + "\n"
                for t, n in ZH), encoding="utf-8"), [(t, n, None) for t, n in ZH]),
    "CLUENER: JSON lines with objects": ("a.jsonl", lambda p: p.write_text(
        "".join(json.dumps({"text": t, "label": {n: [[0, 1]]}}, ensure_ascii=False) + "\n"
                for t, n in ZH), encoding="utf-8"),
        [(t, f'{{"{n}": [[0, 1]]}}') for t, n in ZH]),
    "SQuAD, CMRC: JSON with paragraphs": ("a.json", lambda p: p.write_text(json.dumps(
        {"version": "1", "data": [{"title": n, "paragraphs": [{"context": t, "qas": [
            {"id": n, "question": "谁？", "answers": [{"text": t[:1], "answer_start": 0}]}]}]}
            for t, n in ZH]}), encoding="utf-8"),
        None),
    "parquet": ("a.parquet", lambda p: frame().to_parquet(p), ZH),
    "feather": ("a.feather", lambda p: frame().to_feather(p), ZH),
    "zip of one": ("a.zip", zipped, ZH),
    "zip of folders by label": ("a.zip", labelled, [ZH[i] for i in (0, 3, 4, 1, 2, 5)]),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_other_files(name, tmp_path):
    ending, write, rows = FILES[name]
    write(tmp_path / ending)
    found = rows_of(tmp_path / ending)
    if rows is None:  # questions about a text: the reader's own tests say how
        assert len(found) == len(ZH)
        return
    assert sorted(found) == sorted(rows) if "folders" in name else found == rows


# --- anything that can be written is read back, and nothing that is no table brings a traceback

CELL = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\0"),
               max_size=10)  # fmt: skip
EVERY = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@settings(max_examples=40, **EVERY)
@given(rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=6),
       kind=st.sampled_from([("a.csv", ","), ("a.csv", ";"), ("a.tsv", "\t"), ("a.txt", "|")]),
       encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]))  # fmt: skip
def test_any_cells_come_back_from_a_quoted_table(tmp_path, rows, kind, encoding):
    name, delimiter = kind
    raw = by_csv(rows, encoding=encoding, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    (tmp_path / name).write_bytes(raw)
    how = {"header": True, "delimiter": delimiter, "encoding": encoding, "quotes": "doubled"}
    reader = {"tsv" if name.endswith("tsv") else "csv": how}
    found = rows_of(tmp_path / name, reader=reader)
    # \N alone is what MySQL writes for no value.
    assert found == [tuple(None if c == r"\N" else c for c in row) for row in rows]


@settings(max_examples=40, **EVERY)
@given(rows=st.lists(st.fixed_dictionaries({"text": CELL, "n": st.integers() | st.none()}),
                     min_size=1, max_size=6),
       lines=st.booleans())  # fmt: skip
def test_any_values_come_back_from_json(tmp_path, rows, lines):
    path = tmp_path / ("a.jsonl" if lines else "a.json")
    whole = "\n".join(map(json.dumps, rows)) if lines else json.dumps(rows, indent=1)
    path.write_text(whole, encoding="utf-8")
    found = open_source(str(path)).table.to_pylist()
    assert [row["text"] for row in found] == [row["text"] for row in rows]
    assert [row["n"] and int(row["n"]) for row in found] == [row["n"] for row in rows]


READERS = ["csv", "tsv", "jsonl", "json", "html", "parquet", "arrow"]
SEEDS = [raw for _, raw, _ in CSV.values()]
PIECE = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b'"', b"\n", b",", b"\t", b"{", b"[", b"}", b"\\", b"\r", b"\0", b"\xff"]),
    st.sampled_from(SEEDS).flatmap(
        lambda raw: st.integers(0, len(raw)).map(lambda cut: raw[cut : cut + 60])
    ),
)


@settings(max_examples=150, **EVERY)
@given(pieces=st.lists(PIECE, max_size=8), reader=st.sampled_from(["", *READERS]),
       ending=st.sampled_from(["csv", "jsonl", "json", "xls", "txt", "gz", "zip", "odd"]),
       skip_bad=st.booleans())  # fmt: skip
def test_any_bytes_are_a_table_or_one_message(tmp_path, pieces, reader, ending, skip_bad):
    path = tmp_path / f"a.{ending}"
    path.write_bytes(b"".join(pieces))
    given = {reader: {}} if reader else {}
    try:
        source = open_source(str(path), given, skip_bad)
    except DataError as error:
        assert "a." in str(error)
    else:
        assert source.table.num_rows > 0
        source.table.to_pylist()


@settings(max_examples=10, **EVERY)
@given(place=st.floats(0, 1), raw=st.binary(min_size=1, max_size=20))
def test_a_damaged_workbook_is_a_table_or_one_message(tmp_path, place, raw):
    path = tmp_path / "a.xlsx"
    xlsx(path)
    whole = bytearray(path.read_bytes())
    at = int(place * len(whole))
    whole[at : at + len(raw)] = raw
    path.write_bytes(bytes(whole))
    try:
        open_source(str(path))
    except DataError as error:
        assert "a.xlsx" in str(error)


@pytest.mark.parametrize("ending", ["feather", "parquet"])
def test_a_name_of_a_column_that_is_no_text_is_one_message(ending, tmp_path):
    path = tmp_path / f"a.{ending}"
    FILES["feather" if ending == "feather" else "parquet"][1](path)
    path.write_bytes(path.read_bytes().replace(b"text", b"te\xa2t"))
    with pytest.raises(DataError, match="cannot be read as"):
        open_source(str(path))


def test_a_cell_that_stands_far_off_ends_no_process(tmp_path):
    book = openpyxl.Workbook()
    book.active["A1"], book.active["B1"], book.active["XFD1048576"] = "text", "label", "far"
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(DataError, match="stands so far off"):
        open_source(str(tmp_path / "a.xlsx"))


# --- files of a folder: each gives the rows and columns that it is known for, or the one message

BUNDLED = Path(__file__).parent / "dialects"
PLAIN = ("text", "label")
KNOWN = {
    "excel-china.csv": (6, PLAIN),
    "excel-germany.csv": (4, PLAIN),
    "excel-sep.csv": (6, PLAIN),
    "excel-unicode.txt": (6, PLAIN),
    "fasttext.txt": (2, ("label", "text")),
    "half.csv.gz": "half.csv.gz: this archive is broken or not whole (Compressed file ended",
    "hive.txt": (6, PLAIN),
    "mysql.txt": (6, ("column1", "column2")),
    "picture.csv": "picture.csv: this is a file of the kind PNG",
    "r-table.txt": (6, ("row", *PLAIN)),
    "ragged.csv": "ragged.csv:3: has 3 fields for 2 columns.",
    "reviews.jsonl": (6, PLAIN),
    "sms": (9, ("column1", "column2")),
    "squad.json": (2, ("id", "article", "context", "question", "answers")),
    "trec.label": (20, ("label", "text")),
    "wnut.conll": (2, ("tokens", "tags")),
}


def outcome(path):
    """(rows, columns), or the message that refuses the file."""
    try:
        source = open_source(str(path))
    except DataError as error:
        return str(error)
    return source.table.num_rows, tuple(source.columns)


def test_every_bundled_file_is_known():
    assert sorted(KNOWN) == sorted(p.name for p in BUNDLED.iterdir() if p.name[0] != ".")


@pytest.mark.parametrize("name", KNOWN)
def test_a_bundled_file_is_read_as_known_or_refused_with_its_message(name):
    found, known = outcome(BUNDLED / name), KNOWN[name]
    if isinstance(known, str):
        assert isinstance(found, str)
        assert found.startswith(known)
    else:
        assert found == known


@pytest.mark.slow
@pytest.mark.skipif("WEITIAO_DATA" not in os.environ, reason="WEITIAO_DATA names no folder")
def test_every_file_of_a_folder_is_read_unless_it_is_listed_as_refused():
    """Files that hold no rows (.md, .py) are left out. WEITIAO_DATA/refused.txt lists the paths of
    files that must be refused; every other one must give rows."""
    folder = Path(os.environ["WEITIAO_DATA"])
    listed = folder / "refused.txt"
    refused = set(listed.read_text(encoding="utf-8").split("\n")) if listed.exists() else set()
    wrong = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p != listed):
        if path.suffix in (".md", ".py") or path.name.startswith("."):
            continue
        name, found = path.relative_to(folder).as_posix(), outcome(path)
        if isinstance(found, str) != (name in refused):
            wrong[name] = found
    assert wrong == {}
