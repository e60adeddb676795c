"""What the doctor says of checkpoints: whole ones, odd ones, broken ones; on rows of the user's."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from conftest import toy_data, toy_plan, toy_rows
from matrix.families import make
from weitiao import parts
from weitiao.errors import DataError
from weitiao.model.model import Model
from weitiao.support.doctor import checkpoint as doctor


def looked(checkpoint, rows=None):
    return {finding.key: finding for finding in doctor.findings(str(checkpoint), rows)}


@pytest.fixture
def folder(tiny_bert, tmp_path):
    return Path(shutil.copytree(tiny_bert, tmp_path / "copy"))


def test_everything_of_a_folder(tiny_bert):
    found = looked(tiny_bert)
    tensors = load_file(f"{tiny_bert}/model.safetensors")
    network = found["network"].values
    assert network["family"] == "bert"
    assert network["parameters"] == sum(t.numel() for t in tensors.values())
    assert (network["layers"], network["width"], network["longest"]) == (2, 32, 64)
    assert found["found"].values["weights"] == "safetensors"
    assert found["tokenizer"].values == {"fast": True, "vocabulary": 42}
    able = set(parts.names("tasks")) - {"generation", "translation"}  # an encoder writes nothing
    assert set(found["tasks"].values["tasks"]) == able
    assert found["tiers"].values["packed"] is True
    assert found["licence"].state == "note"
    assert found["selftest"].state == "ok"
    assert found["selftest"].message.startswith("loads; learns: loss ")
    assert "predicts the same after saving" in found["selftest"].message


@pytest.mark.parametrize("family", ["gpt2", "xlnet", "qwen2"])
def test_families_that_are_no_bert(tmp_path, family):
    found = looked(make(tmp_path, family))
    assert found["network"].values["family"] == family
    assert "similarity" in found["tasks"].values["tasks"]
    assert found["tasks"].values["plain"] is True
    assert found["tiers"].values == {"packed": False, "buckets": True, "kernels": False}
    assert found["selftest"].state == "ok", found["selftest"].message


def test_a_family_without_a_head_gets_ours(tmp_path, monkeypatch):
    """The folder is then no plain one, and both the doctor and the card say so."""
    from transformers.models.auto import modeling_auto as auto

    names = dict(auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES)
    del names["qwen2"]
    monkeypatch.setattr(auto, "MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES", names)
    found = looked(make(tmp_path / "one", "qwen2"))
    assert found["tasks"].state == "note"
    assert found["tasks"].values["plain"] is False
    assert "only weitiao can read the saved model" in found["tasks"].remedy
    plan = toy_plan("classification", str(tmp_path / "one"))
    Model.start(plan, toy_data(plan, 40).train).save(tmp_path / "saved")
    assert "no plain folder" in (tmp_path / "saved" / "README.md").read_text()
    assert Model.load(tmp_path / "saved").head == {"pooled": {}}


@pytest.mark.parametrize("family", ["roberta", "distilbert"])
def test_the_self_test_passes_for_other_families(tiny_checkpoints, family):
    found = looked(tiny_checkpoints[family])
    assert found["selftest"].values["passed"], found["selftest"].message


def test_the_model_card_tells_licence_and_languages(folder):
    card = "---\nlicense: mit\nlanguage:\n- zh\n- en\n---\n# A model\n"
    (folder / "README.md").write_text(card, encoding="utf-8")
    found = looked(folder)
    assert found["licence"].message == "mit"
    assert found["languages"].values["named"] == ["zh", "en"]


@pytest.mark.parametrize("card", ["---\n: [\n---\n", "---\n- a\n---", "no card", "---\n"])
def test_a_broken_model_card_is_none(folder, card):
    (folder / "README.md").write_text(card, encoding="utf-8")
    (folder / "LICENSE").write_text("\n  Apache License\nVersion 2.0", encoding="utf-8")
    assert looked(folder)["licence"].message == "Apache License"


def test_a_pickle_is_told_with_its_hash(folder):
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / "pytorch_model.bin")
    found = looked(folder)
    assert found["found"].values["weights"] == "bin"
    assert found["found"].values["sha256"][:12] in found["found"].remedy
    assert found["selftest"].state == "ok"


def test_shards_are_told(folder):
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    where = {}
    for number, held in enumerate((names[::2], names[1::2]), 1):
        file = f"model-{number}-of-2.safetensors"
        save_file({n: tensors[n] for n in held}, folder / file, metadata={"format": "pt"})
        where |= dict.fromkeys(held, file)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": where}), encoding="utf-8")
    found = looked(folder)
    assert found["found"].values["weights"] == "sharded"
    assert found["selftest"].state == "ok"


def test_a_run_and_its_best_are_checkpoints(tiny_bert, tmp_path):
    plan = toy_plan("classification", tiny_bert)
    Model.start(plan, toy_data(plan).train).save(tmp_path / "run" / "best")
    for path in (tmp_path / "run", tmp_path / "run" / "best"):
        found = looked(path)
        assert found["found"].values["saved"] is True
        assert found["selftest"].state == "ok"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "tokenizer.json").unlink(), "no tokenizer"),
        (lambda f: (f / "config.json").unlink(), "no config.json"),
        (lambda f: (f / "model.safetensors").unlink(), "no weights"),
        (lambda f: (f / "config.json").write_bytes(b"{}"), "names no model_type"),
        (lambda f: (f / "config.json").write_bytes(b'{"model_type": "alien"}'), "cannot be loaded"),
        (lambda f: (f / "model.safetensors").write_bytes(b"12"), "damaged or not whole"),
        (lambda f: (f / "tokenizer.json").write_bytes(b"{}"), "tokenizer.json: damaged"),
        (lambda f: shutil.rmtree(f), "no such folder"),
    ],
    ids=["tokenizer", "config", "weights", "family", "alien", "cut", "json", "gone"],
)
def test_a_broken_checkpoint_is_one_short_problem(folder, damage, message):
    damage(folder)
    (found,) = doctor.findings(str(folder))
    assert (found.key, found.state) == ("found", "problem")
    assert message in found.message
    assert len(found.message) < 500


def test_wrong_shapes_are_found_by_the_self_test(folder):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(
        json.dumps({**config, "intermediate_size": 48}), encoding="utf-8"
    )
    found = looked(folder)["selftest"]
    assert found.state == "problem"
    assert "has the shape" in found.message


def test_weights_that_are_no_numbers_are_found_by_the_self_test(folder):
    tensors = load_file(folder / "model.safetensors")
    broken = {name: torch.full_like(t, float("nan")) for name, t in tensors.items()}
    save_file(broken, folder / "model.safetensors", metadata={"format": "pt"})
    found = looked(folder)["selftest"]
    assert found.state == "problem"
    assert "the loss is not finite" in found.message


@pytest.mark.parametrize(
    ("text", "state"), [(None, "ok"), ("good room 未知 x", "problem"), ("good " * 90, "note")]
)
def test_rows_of_yours_are_tried(tiny_bert, tmp_path, text, state):
    rows = toy_rows("classification", 60)
    if text:
        rows = [{**row, "text": f"{text} {i % 7}"} for i, row in enumerate(rows)]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = looked(tiny_bert, str(file))["rows"]
    assert found.state == state, found.message
    assert found.values["rows"] == 60
    assert 0 < found.values["tokens"]["p50"] <= found.values["tokens"]["max"]
    assert (found.values["cut"] > 0) == (text is not None and len(text) > 64)


def test_rows_that_cannot_be_read_are_a_mistake_of_the_question(tiny_bert, tmp_path):
    with pytest.raises(DataError, match="no such file"):
        looked(tiny_bert, str(tmp_path / "none.csv"))


def test_chinese_by_trial(tmp_path):
    """A tokenizer that knows each character of the trial's Chinese, and no English word."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["[UNK]", *sorted(set("".join(doctor.CHINESE)))]
    inner = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, "[UNK]"))
    inner.normalizer = normalizers.BertNormalizer()
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="[UNK]")
    found = doctor.languages_finding(tokenizer, {}, None)
    assert found.values["chinese_single"] == 1.0
    assert found.values["unknown_zh"] == 0.0
    assert found.values["unknown_en"] > 0.9
    assert found.state == "note"
    assert "not for English texts" in found.remedy
