"""Columnar bombs: a small file that unpacks to gigabytes, or claims to, is one message."""

import json

import pyarrow as pa
import pytest
from pyarrow import parquet

from weitiao.data.files import limits
from weitiao.data.files.open import open_source
from weitiao.errors import DataError


def repeated(text, rows):
    indices = pa.array([0] * rows, pa.int32())
    return pa.DictionaryArray.from_arrays(indices, pa.array([text]))


@pytest.fixture
def bomb():
    """10 GB of cells."""
    return pa.table({"text": repeated("word " * 200_000, 10_000), "label": repeated("a", 10_000)})


def written(table, path):
    if path.suffix == ".parquet":
        parquet.write_table(table, path, compression="zstd")
    else:
        with pa.ipc.new_file(str(path), table.schema) as file:
            file.write_table(table)


@pytest.mark.parametrize("name", ["rows.parquet", "rows.arrow"])
def test_a_text_that_is_repeated_to_gigabytes(name, bomb, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "FREE_BYTES", 1 << 24)
    written(bomb, tmp_path / name)
    with pytest.raises(DataError, match=f"{name}: .* unpack to more than"):
        open_source(str(tmp_path / name))


@pytest.mark.parametrize("name", ["rows.parquet", "rows.arrow"])
def test_repeated_texts_of_sane_size_are_read_in_pieces(name, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "PIECE_BYTES", 10_000)
    texts = [f"text {i % 7} " * 40 for i in range(3000)]
    table = pa.table({"text": texts, "label": ["a", "b", None] * 1000})
    table = table.set_column(0, "text", table.column("text").dictionary_encode())
    written(table, tmp_path / name)
    found = open_source(str(tmp_path / name)).table
    assert found.column("text").to_pylist() == texts
    assert found.column("label").to_pylist() == ["a", "b", None] * 1000
    assert found.column("__line").to_pylist() == list(range(1, 3001))


def test_more_rows_than_the_file_has_room_for(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "FREE_ROWS", 1000)
    written(pa.table({"text": repeated("x", 500_000)}), tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="rows.parquet: claims 500,000 rows"):
        open_source(str(tmp_path / "rows.parquet"))


@pytest.mark.parametrize("name", ["rows.parquet", "rows.arrow"])
def test_more_columns_than_any_table_has(name, tmp_path):
    written(pa.table({f"c{i}": [1] for i in range(6000)}), tmp_path / name)
    with pytest.raises(DataError, match=f"{name}: 6,000 columns are too many"):
        open_source(str(tmp_path / name))


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json"])
def test_rows_with_keys_of_their_own(name, tmp_path):
    rows = [{"text": "fine", f"k{i}": i} for i in range(6000)]
    lines = "\n".join(map(json.dumps, rows)) if name.endswith("l") else json.dumps(rows)
    (tmp_path / name).write_text(lines, encoding="utf-8")
    with pytest.raises(DataError, match=f"{name}: 5,001 columns are too many"):
        open_source(str(tmp_path / name))


def test_one_row_larger_than_a_piece_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "PIECE_BYTES", 10)
    written(pa.table({"text": ["long " * 100, "b"], "label": ["x", "y"]}), tmp_path / "a.parquet")
    assert open_source(str(tmp_path / "a.parquet")).table.num_rows == 2


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
@pytest.mark.parametrize("opener", [pa.ipc.new_file, pa.ipc.new_stream])
def test_one_compressed_batch_is_measured_first(tmp_path, monkeypatch, compression, opener):
    monkeypatch.setattr(limits, "FREE_BYTES", 1 << 20)
    table = pa.table({"text": ["x" * 10_000] * 1_000, "label": ["a", "b"] * 500})
    path = tmp_path / "rows.arrow"
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.OSFile(str(path), "wb") as file, opener(file, table.schema, options=options) as writer:
        writer.write_table(table)

    def unpacked(*_args):
        raise AssertionError("unpacked before it was measured")

    monkeypatch.setattr(limits, "pieces", unpacked)
    with pytest.raises(DataError, match="unpack to more than"):
        open_source(str(path))
