"""`hf:owner/name`: data sets in the hub's cache are read by part and subset; others are refused."""

import json

import pytest

import weitiao
from weitiao.data.files import hub
from weitiao.data.files.open import open_source
from weitiao.errors import DataError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Make a data set in the hub's cache, as a download leaves it."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    def make(name, files):
        folder = tmp_path / f"datasets--{name.replace('/', '--')}"
        (folder / "refs").mkdir(parents=True)
        (folder / "refs" / "main").write_text(COMMIT)
        for path, content in files.items():
            file = folder / "snapshots" / COMMIT / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
        return f"hf:{name}"

    return make


def rows(count, word="good"):
    return "".join(json.dumps({"text": f"{word} {i}", "label": i % 2}) + "\n" for i in range(count))


def test_parts_of_a_data_set_are_obeyed(cache):
    name = cache("me/films", {"data/train.jsonl": rows(40), "data/test.jsonl": rows(10, "bad")})
    source = open_source(name)
    assert source.table.num_rows == 50
    plan = weitiao.plan(name, model="minilm-l6")
    assert plan.data.path == name
    assert "split" in json.dumps(plan.model_dump(mode="json")["data"])


def test_one_of_several_subsets_is_asked_for(cache):
    name = cache("me/two", {"a/train.jsonl": rows(6), "b/train.jsonl": rows(7), "README.md": "x"})
    with pytest.raises(DataError, match=r"several subsets: a, b. Name one: hf:me/two/a"):
        open_source(name)
    assert open_source(f"{name}/b").table.num_rows == 7
    with pytest.raises(DataError, match="no folder c with rows; there are a, b"):
        open_source(f"{name}/c")


def test_the_card_names_the_classes(cache):
    card = (
        "---\ndataset_info:\n  features:\n  - name: text\n    dtype: string\n  - name: label\n"
        "    dtype:\n      class_label:\n        names:\n          '0': bad\n          '1': good\n"
        "---\n"
    )
    name = cache("me/card", {"train.jsonl": rows(8), "README.md": card})
    assert set(open_source(name).table.column("label").to_pylist()) == {"bad", "good"}


def test_the_card_names_the_classes_of_a_subset(cache):
    card = (
        "---\ndataset_info:\n- config_name: a\n  features:\n  - name: text\n    dtype: string\n"
        "  - name: label\n    dtype:\n      class_label:\n        names:\n          '0': bad\n"
        "          '1': good\n---\n"
    )
    files = {"a/train.jsonl": rows(8), "b/train.jsonl": rows(8), "README.md": card}
    name = cache("me/subsets", files)
    assert set(open_source(f"{name}/a").table.column("label").to_pylist()) == {"bad", "good"}


def test_scripts_are_not_run(cache):
    name = cache("me/script", {"script.py": "raise SystemExit(3)", "README.md": "x"})
    with pytest.raises(DataError, match="Scripts of a data set are not run"):
        open_source(name)


def test_what_is_not_there_is_named(cache):
    with pytest.raises(DataError, match="does not answer and the files are not in its cache"):
        open_source("hf:me/nothing")


@pytest.mark.parametrize(
    "name", ["hf:", "hf:a/../b/../../c d", "hf:a//b", "hf:me/x@", "hf:/etc", "hf:me/x/.."]
)
def test_names_that_are_none(name):
    assert hub.is_hub(name)
    with pytest.raises(DataError, match="is named hf:owner/name"):
        hub.folder_of(name)
