"""The head `mean` in a saved folder: transformers answers the same, and what was folded comes back
bit by bit."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

import tiny_networks as tiny
from conftest import toy_data, toy_plan
from matrix import families
from weitiao import parts
from weitiao.errors import ModelError
from weitiao.model import folding
from weitiao.model.custom_head import HeadedNetwork
from weitiao.model.heads.base import Shape
from weitiao.model.model import Model

TEXTS = ["good film", "the room was very good and the staff bad 我 们 很 好", "bad", "sad sad"]


def headed(family, outputs=3, **changes):
    """A tiny random network with the head `mean`."""
    base = tiny.network(family, num_labels=outputs, **changes).base_model
    torch.manual_seed(1)
    shape = Shape(base.config.hidden_size, 3, outputs, 0.0, 0.3, False)
    part = parts.find("heads", "mean")
    network = HeadedNetwork(base, parts.build("heads", "mean", {}).module(shape), part).eval()
    torch.nn.init.normal_(network.head.out.bias)
    return network


@pytest.fixture
def started(tmp_path, monkeypatch):
    monkeypatch.setitem(families.FAMILIES, "camembert", families.FAMILIES["roberta"])

    def start(family, task="classification", **changes):
        checkpoint = families.make(tmp_path / "checkpoint", family)
        plan = toy_plan(task, checkpoint, **{"model.head": "mean", **changes})
        model = Model.start(plan, toy_data(plan, 40).train)
        torch.nn.init.normal_(model.net.native.head.out.weight, std=0.5)
        torch.nn.init.normal_(model.net.native.head.out.bias)
        model.net.eval()
        return model

    return start


def bytes_of(folder):
    files = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


# --- the weights


@pytest.mark.parametrize("family", folding.FAMILIES)
@pytest.mark.parametrize(("width", "outputs"), [(32, 1), (16, 8), (48, 2)])
def test_transformers_gives_the_same_logits_and_unfolding_the_same_bits(
    family, width, outputs, tmp_path
):
    other = {"dim": width} if family == "distilbert" else {"hidden_size": width}
    network = headed(family, outputs, **other)
    state = network.state_dict()
    folding.save(state, network.config, tmp_path)
    plain = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    _, grid = tiny.rows(family)
    with torch.inference_mode():
        wanted = network(**grid).logits
        torch.testing.assert_close(plain(**grid).logits, wanted, rtol=1e-5, atol=2e-5)
    assert plain.config.num_hidden_layers == network.config.num_hidden_layers + 1 == 3
    back = folding.unfold(plain.state_dict(), plain.config)
    assert back.keys() == state.keys()
    assert [name for name in back if not torch.equal(back[name], state[name])] == []


def test_factors_are_found_in_the_weights_and_rounding_to_bf16_is_no_hindrance(tmp_path):
    """Whoever needs fp16 lowers K; whoever stores bf16 gets the rounded weights back."""
    network = headed("roberta")
    folded = folding.fold(network.state_dict(), network.config)
    more = copy.deepcopy(network.config)
    more.num_hidden_layers += 1
    rounded = {name: value.bfloat16().float() for name, value in folded.items()}
    rounded["roberta.encoder.layer.2.attention.self.value.weight"] *= folding.FP16_SCALE
    back = folding.unfold(rounded, more)
    for name, value in network.state_dict().items():
        assert torch.equal(back[name], value.bfloat16().float())


@pytest.mark.parametrize("family", ["bert", "roberta", "electra", "distilbert"])
def test_every_changed_weight_of_the_added_parts_is_found(family):
    network = headed(family)
    folded = folding.fold(network.state_dict(), network.config)
    more = copy.deepcopy(network.config)
    more.num_hidden_layers += 1
    names = folded.keys() - {f"{folding.FAMILIES[family].prefix}.{name.removeprefix('base.')}"
                             for name in network.state_dict()}  # fmt: skip
    free = {f"{folding.FAMILIES[family].out}.bias"}
    if folding.FAMILIES[family].way == "tanh":
        free.add(f"{folding.FAMILIES[family].out}.weight")
    for name in sorted(names - free):
        value = folded[name].clone()
        value.view(-1)[-1] += 0.1 + value.view(-1)[-1] / 4
        with pytest.raises(folding.NotFolded, match=name):
            folding.unfold({**folded, name: value}, more)


def test_what_cannot_be_folded():
    assert not folding.folds(tiny.config_of("bert"), {"pooled": {}}, 2)
    assert not folding.folds(tiny.config_of("mpnet"), {"mean": {}}, 2)
    assert not folding.folds(tiny.config_of("albert"), {"mean": {}}, 2)
    assert not folding.folds(tiny.config_of("bert", is_decoder=True), {"mean": {}}, 2)
    # Each label needs two of the units before the output layer.
    assert folding.folds(tiny.config_of("distilbert"), {"mean": {}}, 16)
    assert not folding.folds(tiny.config_of("distilbert"), {"mean": {}}, 17)
    assert folding.folds(tiny.config_of("bert"), {"mean": {}}, 1000)


# --- models


@pytest.mark.parametrize(
    ("task", "family"),
    [
        *(("classification", family) for family in folding.FAMILIES),
        *(("multilabel", family) for family in ("bert", "distilbert")),
        *(("regression", family) for family in ("bert", "distilbert")),
    ],
)
def test_a_pipeline_of_transformers_gives_the_same_answers(task, family, started, tmp_path):
    model = started(family, task)
    model.save(tmp_path / "plain")
    plain = tmp_path / "plain"
    pipe = transformers.pipeline("text-classification", str(plain), top_k=None, device="cpu")
    told = pipe(TEXTS, batch_size=len(TEXTS), padding=True)
    again = Model.load(plain)
    scores = again.scores([again.example(text) for text in TEXTS])
    names = list(again.net.native.config.id2label.values())
    found = [[{s["label"]: s["score"] for s in row}[name] for name in names] for row in told]
    scale = np.abs(scores).max() if task == "regression" else 1
    np.testing.assert_allclose(np.array(found), scores, atol=1e-4 * scale)
    before = model.scores([model.example(text) for text in TEXTS])
    np.testing.assert_allclose(before, scores, rtol=1e-5, atol=1e-6 * scale)
    half = transformers.pipeline(
        "text-classification", str(plain), top_k=None, device="cpu", dtype=torch.bfloat16
    )
    rounded = [{s["label"]: s["score"] for s in row} for row in half(TEXTS, batch_size=4)]
    found = np.array([[row[name] for name in names] for row in rounded])
    # bf16 has 8 bits; a score of labels is at most 1 and moves less than its logit.
    limit = 0.03 * scale if task == "regression" else 1e-2
    np.testing.assert_allclose(found, scores, atol=limit)
    assert json.loads((plain / "weitiao.json").read_text())["plain"] is True
    assert "A plain folder" in (plain / "README.md").read_text()
    assert not (plain / "head.safetensors").exists()


@pytest.mark.parametrize("adapter", ["none", "lora", "prompt_tuning"])
@pytest.mark.parametrize("family", ["bert", "distilbert"])
def test_saving_again_gives_the_same_bytes(adapter, family, started, tmp_path):
    if adapter != "none":
        pytest.importorskip("peft")
    chosen = {} if adapter == "none" else {adapter: {}}
    if adapter == "prompt_tuning":
        chosen = {adapter: {"num_virtual_tokens": 3}}
    model = started(family, **{"model.adapter": chosen})
    if adapter == "lora":
        for name, param in model.net.native.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(param, std=0.1)
    model.save(tmp_path / "first")
    again = Model.load(tmp_path / "first")
    again.save(tmp_path / "second")
    assert bytes_of(tmp_path / "first") == bytes_of(tmp_path / "second")
    # Vectors in front of the texts stay outside the weights, and so does the head.
    own = (tmp_path / "first" / "head.safetensors").exists()
    assert own == (adapter == "prompt_tuning")
    assert ("head.safetensors" in (tmp_path / "first" / "README.md").read_text()) == own
    examples = [model.example(text) for text in TEXTS]
    np.testing.assert_allclose(again.scores(examples), model.scores(examples), atol=1e-5)


def test_own_kernels_run_the_loaded_model(started, tmp_path):
    started("bert").save(tmp_path / "plain")
    model = Model.load(tmp_path / "plain")
    assert model.net.layout == "fused"
    assert len(model.net.native.base.encoder.layer) == 2


@pytest.mark.parametrize("family", ["mpnet", "albert", "gpt2", "xlnet", "deberta-v2", "modernbert"])
def test_other_families_are_saved_as_heads_of_ours_are(family, started, tmp_path):
    model = started(family)
    model.save(tmp_path / "own")
    assert (tmp_path / "own" / "head.safetensors").exists()
    assert json.loads((tmp_path / "own" / "weitiao.json").read_text())["plain"] is False
    examples = [model.example(text) for text in TEXTS]
    again = Model.load(tmp_path / "own")
    np.testing.assert_allclose(again.scores(examples), model.scores(examples), atol=1e-5)


def test_a_folder_that_was_trained_on_elsewhere_is_refused(started, tmp_path):
    folder = tmp_path / "plain"
    started("bert").save(folder)
    weights = load_file(folder / "model.safetensors")
    weights["bert.encoder.layer.2.output.dense.weight"][0, 0] = 1e-3
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"layer\.2\.output\.dense\.weight is no longer"):
        Model.load(folder)


@pytest.mark.parametrize("head", ["native", "mean", "pooled"])
@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert"])
def test_a_folded_folder_is_a_checkpoint_without_the_added_layer(family, head, started, tmp_path):
    model = started(family)
    model.save(tmp_path / "plain")
    plan = toy_plan("classification", str(tmp_path / "plain"), **{"model.head": head})
    new = Model.start(plan, toy_data(plan, 40).train)
    base = new.net.native.base_model
    assert base.config.num_hidden_layers == 2
    wanted = model.net.native.base_model.state_dict()
    found = {n: v for n, v in base.state_dict().items() if "pooler" not in n}
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], value) for name, value in wanted.items())
    # A new head, of the size that new heads have: not one for arguments of 2^-12.
    output_layer = new.net.last_linear(new.task.outputs)
    assert output_layer is not None
    assert 0.05 < output_layer[1].weight.std() < 0.5
    new.save(tmp_path / "again")
    Model.load(tmp_path / "again")
