"""Absurd configs, tokenizers that are bombs and pickles that claim too much: one message each,
before a network is built or the memory is full."""

import json
import shutil
import struct
import time

import pytest
import torch

from weitiao.checkpoints import convert, trial
from weitiao.checkpoints.load import load_config, load_tokenizer
from weitiao.checkpoints.resolve import resolve
from weitiao.errors import ModelError


@pytest.fixture
def folder(tiny_bert, tmp_path):
    shutil.copytree(tiny_bert, tmp_path / "c")
    return tmp_path / "c"


def change(path, **changes):
    values = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(values | changes), encoding="utf-8")


def opened(folder):
    source = resolve(str(folder))
    return load_config(source), load_tokenizer(source.path_or_name, None)


CONFIGS = {
    "a million layers": ({"num_hidden_layers": 10**6}, "num_hidden_layers is 1,000,000"),
    "a layer more than there are tensors": ({"num_hidden_layers": 99}, "num_hidden_layers is 99"),
    "an endless number": ({"num_hidden_layers": 10**400}, "num_hidden_layers"),
    "a million labels": ({"num_labels": 10**6}, "num_labels"),
    "a million names": ({"id2label": {str(i): "x" for i in range(200_000)}}, "id2label"),
    "wide": ({"hidden_size": 10**6}, "hidden_size"),
    "words": ({"vocab_size": 10**9}, "vocab_size"),
    "positions": ({"max_position_embeddings": 10**9}, "max_position_embeddings"),
    "text": ({"hidden_size": "wide"}, "hidden_size is 'wide'"),
    "a part": ({"num_hidden_layers": 2.5}, "num_hidden_layers is 2.5"),
    "less than nothing": ({"intermediate_size": -4}, "intermediate_size is -4"),
    "heads": ({"num_attention_heads": 10**9}, "num_attention_heads"),
    "hidden inside": ({"text_config": {"num_hidden_layers": 10**6}}, "num_hidden_layers"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_an_absurd_config_is_one_message(name, folder):
    changes, message = CONFIGS[name]
    change(folder / "config.json", **changes)
    with pytest.raises(ModelError, match=message) as caught:
        opened(folder)
    assert "config.json" in str(caught.value)


@pytest.mark.parametrize(
    "text", ['{"a":' * 100_000, "[" * 100_000, "[]", "\0", '{"model_type": 3}']
)
def test_a_config_that_is_none(text, folder):
    (folder / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match="config.json"):
        opened(folder)


def test_a_sane_checkpoint_and_what_it_leaves_out(folder):
    config, tokenizer = opened(folder)
    assert config.num_hidden_layers == 2
    assert len(tokenizer("good film")["input_ids"]) == 4
    values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    values.pop("type_vocab_size", None)
    (folder / "config.json").write_text(json.dumps(values), encoding="utf-8")
    opened(folder)


@pytest.mark.parametrize("value", [0, -1, 1, float("nan"), "many", [64], True, {"a": 1}])
def test_an_absurd_length_is_one_message(value, folder):
    change(folder / "tokenizer_config.json", model_max_length=value)
    with pytest.raises(ModelError) as caught:
        opened(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [64, 1e30, int(1e30), 512.0])
def test_a_sane_length(value, folder):
    change(folder / "tokenizer_config.json", model_max_length=value)
    opened(folder)


# --- tokenizers


def rules_of(folder):
    return json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))


def doubled(pattern, times, content):
    rule = {"type": "Replace", "pattern": pattern, "content": content}
    return {"type": "Sequence", "normalizers": [rule] * times}


UNIGRAM = {"type": "Unigram", "unk_id": 0, "byte_fallback": False}
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
BOMBS = {
    "each letter doubled": {"normalizer": doubled({"String": "a"}, 40, "aa")},
    "a rare character doubled": {"normalizer": doubled({"String": "Ω"}, 40, "ΩΩ")},
    "by an expression": {"normalizer": doubled({"Regex": "[a-z]"}, 12, "abcdefghijkl")},
    "one long content": {"normalizer": doubled({"String": "e"}, 1, "x y " * 100_000)},
    "something in front, many times": {
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "room " * 2000}] * 50}},
    "a decoder": {"decoder": {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "o"}, "content": "oo"}] * 40}},
    "an endless template": {"post_processor": {
        "type": "TemplateProcessing", "pair": [{"Sequence": {"id": "A", "type_id": 0}}],
        "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}] * 100_000,
        "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}}}},
    "junk for a map of characters": {
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": "/////wAAAA=="}},
    "scores of NaN": {"model": UNIGRAM | {"vocab": [["<unk>", 0.0], ["a", None], ["b", "NaN"]]},
                      "pre_tokenizer": METASPACE},
    "an empty vocabulary": {"model": {"type": "WordLevel", "vocab": {}, "unk_token": "[UNK]"}},
    "no pieces": {"model": UNIGRAM | {"vocab": []}},
    "ids outside": {"model": {"type": "WordLevel", "vocab": {"[UNK]": 1, "film": 10**6},
                              "unk_token": "[UNK]"}},
    "ids that are none": {"model": {"type": "WordLevel", "vocab": {"film": "x"},
                                    "unk_token": "[UNK]"}},
    "no model": {"model": None},
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_one_message_and_this_process_lives(name, folder):
    change(folder / "tokenizer.json", **BOMBS[name])
    begun = time.monotonic()
    with pytest.raises(ModelError) as caught:
        opened(folder)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - begun < trial.SECONDS


def test_a_deep_file_is_one_message(folder):
    (folder / "tokenizer.json").write_text('{"a":' * 100_000, encoding="utf-8")
    with pytest.raises(ModelError, match="tokenizer.json"):
        opened(folder)


def test_special_tokens_that_are_missing(folder):
    rules = rules_of(folder)
    rules["added_tokens"] = [one for one in rules["added_tokens"] if one["content"] != "[CLS]"]
    rules["model"]["vocab"].pop("[CLS]")
    rules["post_processor"] = {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 900]}
    (folder / "tokenizer.json").write_text(json.dumps(rules), encoding="utf-8")
    with pytest.raises(ModelError, match="has the id"):
        opened(folder)


def test_a_usual_tokenizer_is_tried_once(folder, monkeypatch):
    prepended = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}]}
    change(folder / "tokenizer.json", normalizer=prepended)
    tried, real = [], trial._of_child
    monkeypatch.setattr(trial, "_of_child", lambda *given: tried.append(given) or real(*given))
    for _ in range(3):
        opened(folder)
    assert len(tried) == 1
    change(folder / "tokenizer.json", normalizer=doubled({"String": "a"}, 40, "aa"))
    with pytest.raises(ModelError):
        opened(folder)
    assert len(tried) == 2


def test_well_known_rules_need_no_process(folder, monkeypatch):
    monkeypatch.setattr(trial, "_of_child", None)
    opened(folder)


# --- pickles


def absurd(folder, old, new):
    """The weights as a pickle whose bytes `old` are replaced."""
    from safetensors.torch import load_file

    file = folder / "pytorch_model.bin"
    tensors = load_file(folder / "model.safetensors")
    tensors["odd"] = torch.zeros(300, 257)
    torch.save(tensors, file, _use_new_zipfile_serialization=False)
    (folder / "model.safetensors").unlink()
    raw = file.read_bytes()
    assert old in raw
    file.write_bytes(raw.replace(old, new))


SIZE = struct.pack("<q", 300 * 257)
PICKLES = {
    "a storage of a petabyte": (b"J" + struct.pack("<i", 300 * 257),
                                b"\x8a\x08" + struct.pack("<q", 10**15)),
    "a number of 70 bits": (b"J" + struct.pack("<i", 300 * 257),
                            b"\x8a\x09" + (2**70).to_bytes(9, "little")),
    "less than nothing": (SIZE, struct.pack("<q", -3)),
    "more than the file": (SIZE, struct.pack("<q", 10**15)),
}  # fmt: skip


@pytest.mark.parametrize("name", PICKLES)
def test_a_pickle_with_an_absurd_storage_is_one_message(name, folder):
    absurd(folder, *PICKLES[name])
    with pytest.raises(ModelError, match="pytorch_model.bin: damaged") as caught:
        resolve(str(folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "tensor",
    [torch.zeros(1).expand(10**12), torch.zeros(1).as_strided((10**6, 10**6), (0, 0)),
     torch.zeros(4, 4).as_strided((4, 1000), (4, 0))],
    ids=["expanded", "strided", "a row again and again"],
)  # fmt: skip
def test_a_tensor_spread_over_one_number_is_one_message(tensor, folder):
    torch.save({"a": tensor}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="too large"):
        resolve(str(folder))


def test_tied_weights_and_views_are_sane(tmp_path):
    whole = torch.zeros(8, 8)
    torch.save({"a": whole, "b": whole, "c": whole.T, "d": whole[:2]}, tmp_path / "a.bin")
    assert set(convert._unpickled(tmp_path / "a.bin")) == {"a", "b", "c", "d"}
