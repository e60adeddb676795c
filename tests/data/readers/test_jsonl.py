import pytest

from weitiao.data.files.table import open_source
from weitiao.errors import DataError


def write(tmp_path, text, name="a.jsonl"):
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_numbers_lists_and_missing_keys(tmp_path):
    lines = '{"text": "a", "n": 1, "x": 1}\n\n{"text": "b", "x": 0.5, "tags": ["p", "q"]}\n'
    source = open_source(write(tmp_path, lines, "a.ndjson"))
    assert source.table.to_pylist() == [
        {"text": "a", "n": 1, "x": 1.0, "tags": None, "__line": 1},
        {"text": "b", "n": None, "x": 0.5, "tags": '["p", "q"]', "__line": 3},
    ]
    assert source.columns == ["text", "n", "x", "tags"]


def test_a_column_of_words_and_numbers_is_text(tmp_path):
    source = open_source(write(tmp_path, '{"a": 1}\n{"a": "x"}\n{"a": 2.0}\n{"a": true}\n'))
    assert source.table.column("a").to_pylist() == ["1", "x", "2", "true"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1}\n{"a": \n', r"a\.jsonl:2: not JSON at character 6"),
        ('[{"a": 1}]\n', r"a\.jsonl:1: not an object"),
        ("[" * 100_000, r"a\.jsonl:1: "),
        ('{"a": "\\ud800"}\n', r"a\.jsonl:1: a holds half a character"),
        ("{}\n", "no row with a value"),
    ],
)
def test_a_broken_line_is_named(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        open_source(write(tmp_path, text))
