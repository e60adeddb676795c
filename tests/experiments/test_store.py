"""The store: whole records, readable while others write."""

import json
import threading

from weitiao.experiments.store import Store


def test_a_record_comes_back(tmp_path):
    store = Store(tmp_path / "a" / "b")
    assert not store.has("k")
    assert store.read("k") == {}
    store.write("k", {"value": 1.5, "text": "好"})
    store.write("k", {"value": 2})
    assert store.has("k")
    assert store.read("k") == {"value": 2}
    assert dict(store.records()) == {"k": {"value": 2}}
    store.forget("k")
    assert not store.has("k")


def test_a_reader_never_sees_half_a_record(tmp_path):
    store = Store(tmp_path)
    store.write("k", {"text": "x" * 100_000, "number": 0})
    stop, seen = threading.Event(), []

    def read():
        while not stop.is_set():
            seen.append(store.read("k")["number"])

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(60):
        store.write("k", {"text": "x" * 100_000, "number": number})
    stop.set()
    reader.join()
    assert seen == sorted(seen)
    assert [path.name for path in (tmp_path / "cells").iterdir()] == ["k.json"]


def test_a_table_is_there_whole(tmp_path):
    path = Store(tmp_path).write_table("table", ["a", "b"], [[1, "x,y"], [2, '"']])
    assert path.read_text(encoding="utf-8") == 'a,b\n1,"x,y"\n2,""""\n'
    json.dumps(str(path))
