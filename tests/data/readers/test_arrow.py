import json

import pyarrow as pa
import pyarrow.parquet
import pytest

from weitiao.data.files.open import open_source
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


@pytest.mark.parametrize("kind", ["Sequence", "List", "old"])
def test_classes_in_lists_have_their_names(kind, tmp_path):
    file = tmp_path / "a.parquet"
    classes = {"names": ["O", "B-PER"], "_type": "ClassLabel"}
    feature = [classes] if kind == "old" else {"feature": classes, "_type": kind}
    table = pa.table({"tokens": [["Ada", "is"]] * 3, "tags": [[1, 0]] * 3})
    noted = {"huggingface": json.dumps({"info": {"features": {"tags": feature}}})}
    pyarrow.parquet.write_table(table.replace_schema_metadata(noted), file)
    assert open_source(str(file)).table.to_pylist()[0]["tags"] == '["B-PER", "O"]'
