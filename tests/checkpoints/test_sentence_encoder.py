"""Prefixes and pooling of sentence encoders: what the folder says, then the name of E5."""

import json

import pytest

import weitiao
from weitiao.checkpoints.sentence_encoder import E5, is_e5, pooling, prefixes
from weitiao.search.encoder import encoder_of


@pytest.fixture
def folder(tiny_bert, tmp_path):
    """A checkpoint in a folder of its own, to write into."""
    import shutil

    return shutil.copytree(tiny_bert, tmp_path / "abe5")


def say(folder, name, content):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("name", "known"),
    [("intfloat/multilingual-e5-small", True), ("e5-small", True), ("E5_base", True),
     ("models/abe5", False), ("e5/minilm-l6", False), ("minilm-l6", False)],
)  # fmt: skip
def test_e5_is_known_by_its_name_and_not_by_letters_in_others(name, known):
    assert is_e5(name) == known


def test_a_folder_says_its_prefixes_and_its_pooling(folder):
    assert (prefixes(str(folder)), pooling(str(folder))) == ({}, "")
    say(
        folder, "config_sentence_transformers.json", {"prompts": {"query": "ask: ", "document": ""}}
    )
    say(folder, "1_Pooling/config.json", {"pooling_mode_cls_token": True})
    assert prefixes(str(folder)) == {"query_prefix": "ask: "}
    assert pooling(str(folder)) == "first"
    assert encoder_of(folder).model.plan.model.head == {"embedding": {"pooling": "first"}}
    rows = [{"question": f"q {at}", "passage": f"p {at}"} for at in range(20)]
    plan = weitiao.plan(rows, model=str(folder), task="retrieval")
    assert plan.model.head == {"embedding": {"pooling": "first"}}
    assert plan.task["retrieval"]["query_prefix"] == "ask: "


def test_what_a_folder_was_made_from_counts(folder):
    config = json.loads((folder / "config.json").read_text())
    say(folder, "config.json", {**config, "_name_or_path": "intfloat/e5-base-v2"})
    assert prefixes(str(folder)) == E5


@pytest.mark.parametrize("text", ["", "[]", "{", '{"prompts": 3}', '{"prompts": {"query": null}}'])
def test_files_of_others_never_stop_it(folder, text):
    (folder / "config_sentence_transformers.json").write_text(text)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(text)
    assert (prefixes(str(folder)), pooling(str(folder))) == ({}, "")


def test_other_weights_in_the_same_folder_are_another_encoder(folder):
    before = encoder_of(folder).name
    assert encoder_of(folder).name == before
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes())
    assert encoder_of(folder).name != before
