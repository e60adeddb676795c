"""What a checkpoint cannot do is one short message, and no weight is random without a word."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel

from conftest import toy_data, toy_plan
from weitiao.checkpoints.load import network
from weitiao.checkpoints.resolve import Source, check_folder
from weitiao.errors import ModelError
from weitiao.model.model import Model


@pytest.fixture
def folder(tiny_bert, tmp_path):
    return Path(shutil.copytree(tiny_bert, tmp_path / "copy"))


def start(folder):
    plan = toy_plan("classification", str(folder))
    return Model.start(plan, toy_data(plan).train)


def configured(folder, **values):
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(config | values), encoding="utf-8")


def test_a_config_of_another_width_is_refused(folder):
    configured(folder, intermediate_size=48)
    with pytest.raises(ModelError, match=r"the weight bert\.\S+ has the shape .*config\.json asks"):
        start(folder)


def test_a_config_with_more_layers_than_the_weights_is_refused(folder):
    configured(folder, num_hidden_layers=3)
    with pytest.raises(ModelError, match=r"16 / 55 weights .* not in the file.*layer\.2"):
        start(folder)


def test_weights_of_another_network_are_refused(folder):
    save_file({"other": torch.ones(3)}, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="weights of the network are not in the file"):
        start(folder)


def test_an_adapter_beside_the_weights_is_refused(folder):
    """transformers puts it in, and nothing else would learn."""
    native = AutoModel.from_pretrained(folder)
    native.add_adapter(LoraConfig(r=2, target_modules=["query"]))
    native.save_pretrained(folder / "adapter")
    with pytest.raises(ModelError, match=r"holds an adapter of peft .*merge_and_unload"):
        check_folder(folder / "adapter")
    shutil.copytree(folder / "adapter", folder, dirs_exist_ok=True)
    with pytest.raises(ModelError, match=r"holds an adapter of peft .*merge_and_unload"):
        start(folder)
    with pytest.raises(ModelError, match="holds an adapter of peft"):  # as from a hub
        network(Source(str(folder), None, "hub", None), AutoConfig.from_pretrained(folder))


def test_a_pooler_may_be_missing_as_in_masked_language_models(folder):
    tensors = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if "pooler" not in name}
    assert kept.keys() != tensors.keys()
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    start(folder)


def test_a_head_for_other_labels_is_made_anew(folder):
    model = start(folder)
    model.save(folder / "saved")
    plan = toy_plan("multilabel", str(folder / "saved"))
    again = Model.start(plan, toy_data(plan).train)
    assert again.task.outputs == 3
    assert model.task.outputs == 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", '{"model_type": "martian"}', "cannot be loaded"),
        ("tokenizer.json", "{}", "tokenizer.json: damaged"),
        ("tokenizer.json", "", "tokenizer.json: damaged"),
    ],
)
def test_broken_files_are_one_short_message(folder, name, content, message):
    (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=message) as caught:
        start(folder)
    assert len(str(caught.value).splitlines()) <= 2
    assert len(str(caught.value)) < 600
