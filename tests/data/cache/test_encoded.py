import numpy as np
import pytest

from weitiao.data.cache import store
from weitiao.data.cache.encoded import encode
from weitiao.data.files.table import from_rows
from weitiao.data.rows import Rows, everything
from weitiao.example import WINDOWS


def rows(count=5000):
    table = from_rows([{"text": "x" * (i % 7 + 1), "label": "a"} for i in range(count)]).table
    return Rows(
        table, everything(table), {"text": "text", "target": "label"}, "rows", "classification"
    )


def encoder(high=9):
    def encode_batch(examples):
        texts = [example.inputs["text"] for example in examples]
        return {
            "input_ids": [[high] * len(text) for text in texts],
            "token_type_ids": [[1] * len(text) for text in texts],
        }

    return encode_batch


@pytest.mark.parametrize("key", ["", "tokenizer 128"])
def test_ragged_rows_come_back(key):
    encoded = encode(rows(), encoder(), key)
    assert len(encoded) == 5000
    assert encoded.lengths.dtype == np.int32
    assert encoded.lengths[:8].tolist() == [1, 2, 3, 4, 5, 6, 7, 1]
    taken = encoded.take([4999, 1])
    assert [array.tolist() for array in taken["input_ids"]] == [[9] * 2, [9, 9]]
    assert taken["input_ids"][0].dtype == np.uint16
    assert taken["token_type_ids"][0].dtype == np.int8


def test_a_second_call_maps_the_same_files():
    first = encode(rows(), encoder(), "k")
    again = encode(rows(), None, "k")
    assert np.array_equal(first.values["input_ids"], again.values["input_ids"])
    with pytest.raises(TypeError):
        encode(rows(), None, "another key")


@pytest.mark.parametrize("key", ["", "k"])
def test_large_ids_widen_what_was_written_before(key):
    def encode_batch(examples):
        last = examples[0].id != "rows:0"
        return {"input_ids": [[70_000 if last else 3] for _ in examples]}

    encoded = encode(rows(), encode_batch, key)
    assert encoded.values["input_ids"].dtype == np.int32
    assert encoded.values["input_ids"][[0, 1999, 2000, 4999]].tolist() == [3, 3, 70_000, 70_000]


def test_a_failed_encoding_leaves_nothing():
    def encode_batch(examples):
        raise RuntimeError("tokenizer broke")

    with pytest.raises(RuntimeError, match="tokenizer broke"):
        encode(rows(), encode_batch, "k")
    assert list(store.folder("encoded").iterdir()) == []


@pytest.mark.parametrize("key", ["", "k"])
def test_no_rows(key):
    encoded = encode(rows().take([]), encoder(), key)
    assert (len(encoded), encoded.lengths.tolist()) == (0, [])


@pytest.mark.parametrize("key", ["", "k"])
def test_an_example_may_be_several_windows(key):
    """Of a text of n characters, n % 3 + 1 windows: their numbers stand in their first id."""

    def encode_batch(examples):
        counts = [len(example.inputs["text"]) % 3 + 1 for example in examples]
        ids = [
            [w, *example.inputs["text"].encode()]
            for example, count in zip(examples, counts, strict=True)
            for w in range(count)
        ]
        return {"input_ids": ids, WINDOWS: counts}  # fmt: skip

    encoded = encode(rows(), encode_batch, key)
    lengths = np.arange(5000) % 7 + 1
    assert encoded.examples == 5000
    assert len(encoded) == (lengths % 3 + 1).sum()
    assert np.bincount(encoded.owners).tolist() == (lengths % 3 + 1).tolist()
    part = encoded.of(np.array([4999, 1, 0]))
    assert part.examples == 3
    assert part.firsts.tolist() == [0, 3, 6, 8]
    firsts = part.values["input_ids"][part.offsets[:-1]]
    assert firsts.tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert part.lengths.tolist() == [3, 3, 3, 3, 3, 3, 2, 2]
