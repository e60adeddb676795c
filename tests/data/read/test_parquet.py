import pyarrow as pa
import pyarrow.parquet
import pytest

from weitiao.data.table import open_source
from weitiao.errors import DataError


def test_types_are_kept_and_rows_numbered(tmp_path):
    file = tmp_path / "a.parquet"
    table = pa.table({"text": ["a", None], "n": pa.array([1, 2], pa.int8()), "tags": [["x"], []]})
    pyarrow.parquet.write_table(table, file)
    assert open_source(str(file)).table.to_pylist() == [
        {"text": "a", "n": 1, "tags": '["x"]', "__line": 1},
        {"text": None, "n": 2, "tags": "[]", "__line": 2},
    ]


def test_what_is_no_parquet_is_refused(tmp_path):
    file = tmp_path / "a.parquet"
    file.write_bytes(b"PAR1 and then nothing of the kind PAR1")
    with pytest.raises(DataError, match=r"a\.parquet: cannot be read as Parquet"):
        open_source(str(file))
