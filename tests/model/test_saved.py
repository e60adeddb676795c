"""What is damaged or missing in a saved model is one short message, and what a machine lacks that
a model was trained with is no hindrance to its answers."""

import shutil

import pytest
import torch

from conftest import toy_data, toy_plan
from weitiao.errors import ModelError, PlanError
from weitiao.model.model import Model
from weitiao.model.net import Net


def started(checkpoint, **changes):
    plan = toy_plan("classification", checkpoint, **changes)
    return Model.start(plan, toy_data(plan, 40).train)


@pytest.fixture
def saved(tiny_bert, tmp_path):
    def save(**changes):
        started(tiny_bert, **changes).save(tmp_path / "saved")
        return tmp_path / "saved"

    return save


@pytest.fixture
def card(monkeypatch):
    """A machine that has a CUDA card, as far as anybody asks."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    monkeypatch.setattr(Net, "to", lambda self, device: self)


def test_a_damaged_weitiao_json_is_named(saved):
    folder = saved()
    path = folder / "weitiao.json"
    whole = path.read_bytes()
    texts = [whole[:100], b"", b"{}", b"[]", b'{"plan": 3}', b"\xff", b'{"plan": {}, "task": {}}']
    for text in texts:
        path.write_bytes(text)
        with pytest.raises(ModelError, match=r"weitiao\.json: damaged or not whole"):
            Model.load(folder)


def test_a_missing_or_damaged_adapter_is_named(saved):
    folder = saved(**{"model.adapter": {"prefix_tuning": {"num_virtual_tokens": 3}}})
    (folder / "adapter" / "adapter_model.safetensors").write_bytes(b"no")
    with pytest.raises(ModelError, match="cannot be loaded"):
        Model.load(folder)
    shutil.rmtree(folder / "adapter")
    with pytest.raises(ModelError, match=r"adapter/adapter_config\.json is missing"):
        Model.load(folder)


@pytest.mark.parametrize("setting", ["train.layout", "train.precision"])
def test_a_model_of_a_processor_answers_on_a_card(setting, saved, request):
    folder = saved(**{setting: {"train.layout": "fused", "train.precision": "onednn"}[setting]})
    request.getfixturevalue("card")
    model = Model.load(folder)
    assert model.net.layout == "packed"
    assert model.plan.train.precision != "onednn"
    with pytest.raises(PlanError, match="onednn needs a processor"):
        Model.load(folder, precision="onednn")


@pytest.mark.parametrize("adapter", ["prefix_tuning", "prompt_tuning"])
def test_vectors_in_front_that_leave_no_room_for_texts_are_refused(adapter, tiny_bert):
    def put(count):
        return started(tiny_bert, **{"model.adapter": {adapter: {"num_virtual_tokens": count}}})

    for count in (73, 80, 200):
        with pytest.raises(PlanError, match=f"{count} of the 80 positions .* at most 72"):
            put(count)
    model = put(72)
    assert model.scores([model.example("good film " * 50)]).shape == (1, 2)
