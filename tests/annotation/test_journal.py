"""The journal: nothing acknowledged is lost, nothing torn is read."""

import errno
import os
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.annotation import journal as journals
from weitiao.annotation.journal import Journal
from weitiao.errors import DataError, RunError

HEADER = {"kind": "header", "version": 1}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "rows.jsonl"


def test_records_are_read_back(path):
    book = Journal(path)
    book.append(HEADER)
    book.append({"kind": "answer", "value": "😀 𠮷\u2028\n"})
    assert journals.read(path) == [HEADER, {"kind": "answer", "value": "😀 𠮷\u2028\n"}]
    book.close()
    again = Journal(path)
    assert len(again.records) == 2
    again.close()


@settings(max_examples=30, deadline=None)
@given(st.lists(texts, max_size=5), st.integers(0, 10_000))
def test_a_file_cut_anywhere_gives_the_whole_lines_before(tmp_path_factory, values, cut):
    path = tmp_path_factory.mktemp("cut") / "rows.jsonl"
    book = Journal(path)
    ends = []
    for record in [HEADER, *({"kind": "answer", "value": value} for value in values)]:
        book.append(record)
        ends.append(path.stat().st_size)
    book.close()
    cut = cut % (ends[-1] + 1)
    path.write_bytes(path.read_bytes()[:cut])
    whole = [end for end in ends if end <= cut]
    again = Journal(path)
    assert len(again.records) == len(whole)
    assert again.torn == cut - (whole[-1] if whole else 0)
    again.append({"kind": "skip"} if whole else HEADER)
    again.close()
    assert len(journals.read(path)) == len(whole) + 1


def test_two_at_once_are_refused(path):
    book = Journal(path)
    with pytest.raises(RunError, match="another `weitiao annotate`"):
        Journal(path)
    assert Journal(path, write=False).records == []
    book.close()
    Journal(path).close()


def test_a_full_disk_leaves_nothing_of_the_record(path, monkeypatch):
    book = Journal(path)
    book.append(HEADER)
    write = os.write

    def half(descriptor, content):
        if len(content) < 10:
            raise OSError(errno.ENOSPC, "full")
        return write(descriptor, content[:-9])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        with pytest.raises(OSError, match="full") as raised:
            book.append({"kind": "answer", "value": "a long answer that fits only in part"})
    assert raised.value.filename == str(path)
    book.append({"kind": "skip"})
    book.close()
    assert [one["kind"] for one in journals.read(path)] == ["header", "skip"]


def test_a_failed_fsync_is_no_answer(path, monkeypatch):
    book = Journal(path)
    book.append(HEADER)

    def fails(descriptor):
        raise OSError(errno.EIO, "I/O")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fails)
        with pytest.raises(OSError, match="journal|rows"):
            book.append({"kind": "answer"})
    book.close()
    assert journals.read(path) == [HEADER]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text,label\na,b\n", ":1: this line is no record"),
        (b'{"kind": "answer"}\n', "this is no journal"),
        (b'{"kind": "header", "version": 99}\n', "newer version"),
        (b'{"kind": "header", "version": 1}\n[1]\n', ":2: this line is no record"),
        (b"\xff\xfe\n", "no record"),
    ],
)
def test_other_files_are_refused(path, content, message):
    path.parent.mkdir()
    path.write_bytes(content)
    for write in (True, False):
        with pytest.raises(DataError, match=message):
            Journal(path, write=write)
    assert path.read_bytes() == content


def test_a_missing_journal_is_named(path):
    with pytest.raises(DataError, match="no such journal"):
        journals.read(path)


WRITER = """
import sys
from pathlib import Path
from weitiao.annotation.journal import Journal
book = Journal(Path(sys.argv[1]))
book.append({"kind": "header", "version": 1})
for number in range(100000):
    book.append({"kind": "answer", "number": number, "text": "x" * (number % 500)})
    print(number, flush=True)
"""


def test_a_kill_loses_nothing_acknowledged(path):
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        lines = [process.stdout.readline() for _ in range(50)]
        time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().splitlines()
    said = [int(line) for line in lines if line.strip().isdigit()]
    book = Journal(path)
    written = [record["number"] for record in book.records[1:]]
    assert written == list(range(len(written)))
    assert len(written) >= said[-1] + 1
    book.close()
