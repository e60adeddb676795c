"""Whatever becomes of a file in the cache: the entry is made again, and that is said."""

import errno
import io
import shutil
from pathlib import Path

import numpy as np
import pytest

from conftest import toy_rows
from weitiao.checkpoints import convert
from weitiao.data.cache import checked, store
from weitiao.data.cache.encoded import encode
from weitiao.data.files import find
from weitiao.data.files.open import open_source
from weitiao.data.files.table import from_memory, from_rows
from weitiao.data.rows import Rows
from weitiao.errors import DataError


def flip(raw):
    place = len(raw) // 2
    return raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]


DAMAGES = {
    "emptied": lambda raw: b"",
    "zeros": lambda raw: bytes(len(raw)),
    "a flipped bit": flip,
    "cut": lambda raw: raw[: len(raw) // 2],
    "one byte less": lambda raw: raw[:-1],
    "longer": lambda raw: raw + b"x",
    "json of another kind": lambda raw: b"[1, 2]",
    "nested deep": lambda raw: b"[" * 100_000,
    "no text": lambda raw: b"\xff\xfe\x00\x81",
}


@pytest.fixture(autouse=True)
def _nothing_said_yet():
    checked.remarks()


def rows():
    source = from_rows(toy_rows("classification", 20))
    return Rows(
        source.table, np.arange(20), {"text": "text", "target": "label"}, "rows", "classification"
    )


def by_letters(examples):
    ids = [[ord(letter) for letter in one.inputs["text"]] for one in examples]
    return {"input_ids": ids, "windows": [1] * len(ids)}


def first_encoding():
    return encode(rows(), by_letters, "key")


def content(encoded):
    values = {name: array.tolist() for name, array in encoded.values.items()}
    return encoded.offsets.tolist(), values


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_encoding_is_made_again(damage):
    wanted = content(first_encoding())
    (folder,) = store.folder("encoded").iterdir()
    for file in sorted(folder.iterdir()):
        raw = file.read_bytes()
        file.write_bytes(DAMAGES[damage](raw))
        assert content(first_encoding()) == wanted, file.name
        assert [str(folder) in line for line in checked.remarks()] == [True], file.name
        assert file.read_bytes() == raw
    assert content(first_encoding()) == wanted
    assert checked.remarks() == []


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_table_is_made_again(damage, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,label\nfine,a\nbad,b\n" * 50, encoding="utf-8")
    wanted = open_source(str(path)).table.to_pylist()
    for file in sorted(store.folder("rows").iterdir()):
        raw = file.read_bytes()
        file.unlink()  # what is mapped stays as it is
        file.write_bytes(DAMAGES[damage](raw))
        assert open_source(str(path)).table.to_pylist() == wanted, file.name
        assert len(checked.remarks()) == 1, file.name
    assert open_source(str(path)).table.to_pylist() == wanted
    assert checked.remarks() == []


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_hash_is_taken_again(damage, tmp_path, monkeypatch):
    monkeypatch.setattr(find, "SETTLED", -(10**18))
    path = tmp_path / "rows.csv"
    path.write_text("text,label\nfine,a\n", encoding="utf-8")
    wanted = find.content_of(path)
    (memo,) = store.folder("hashes").iterdir()
    memo.write_bytes(DAMAGES[damage](memo.read_bytes()))
    assert find.content_of(path) == wanted


def test_damaged_rows_of_python_are_said():
    source = from_rows(toy_rows("classification", 20))
    assert from_memory(source.fingerprint).table.num_rows == 20
    (file,) = store.folder("given").iterdir()
    raw = file.read_bytes()
    file.unlink()
    file.write_bytes(flip(raw))
    with pytest.raises(DataError, match="damaged in the cache"):
        from_memory(source.fingerprint)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_converted_checkpoint_is_made_again(damage):
    def fill(folder):
        (folder / "model.safetensors").write_bytes(b"weights" * 100)

    def weights():
        return (convert.cached_folder("tiny", 1, fill) / "model.safetensors").read_bytes()

    wanted = weights()
    file = store.folder("models") / "tiny" / "model.safetensors"
    file.write_bytes(DAMAGES[damage](wanted))
    assert weights() == wanted
    assert any("rebuilt" in line for line in checked.remarks())


class Full(io.RawIOBase):
    """A file on a disk that takes nothing."""

    def writable(self):
        return True

    def write(self, raw):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_of_the_cache_is_gone_round(monkeypatch):
    wanted = content(first_encoding())
    shutil.rmtree(store.folder("encoded"))
    opened = Path.open

    def full(path, mode="r", *given, **settings):
        return Full() if path.suffix == ".bin" else opened(path, mode, *given, **settings)

    monkeypatch.setattr(Path, "open", full)
    assert content(first_encoding()) == wanted
    (line,) = checked.remarks()
    assert "disk is full" in line
    assert "without the cache" in line
    assert list(store.folder("encoded").iterdir()) == []


def test_what_numpy_says_of_a_full_disk_is_a_full_disk():
    with (
        pytest.raises(OSError, match="No space left") as caught,
        store.written(store.folder("rows") / "a"),
    ):
        raise OSError("2667 requested and 0 written")
    assert caught.value.errno == errno.ENOSPC
