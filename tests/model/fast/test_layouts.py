"""Which networks run through own kernels, what others do, and that nothing of it is saved."""

import json

import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer
from transformers import GPT2Config as Causal

from conftest import make_checkpoint, toy_data, toy_plan
from tiny_networks import config_of, fused, network, rows
from weitiao.errors import PlanError
from weitiao.model.fast.fused import can_fuse
from weitiao.model.fast.shape import is_bert
from weitiao.model.model import Model
from weitiao.model.net import Net


class Adapter(torch.nn.Linear):
    """Somebody's low-rank addition to a linear layer."""

    def forward(self, x):
        return super().forward(x) * 1.5


def adapted():
    native = network("bert")
    layer = native.bert.encoder.layer[0].attention.self
    adapter = Adapter(32, 32)
    adapter.load_state_dict(layer.query.state_dict())
    layer.query = adapter
    return native


OTHERS = {
    "another activation": lambda: network("bert", hidden_act="relu"),
    "gelu by tanh": lambda: network("bert", hidden_act="gelu_new"),
    "a projection behind the embeddings": lambda: network("electra", embedding_size=16),
    "an adapter inside": adapted,
    "an odd width": lambda: network("bert", hidden_size=40, num_attention_heads=5),
    "an odd inner width": lambda: network("bert", intermediate_size=72),
    "another activation of distilbert": lambda: network("distilbert", activation="relu"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_not_of_the_layout_is_packed_instead(kind, own_kernels):
    native = OTHERS[kind]()
    assert not can_fuse(native)
    assert is_bert(native.config) == (kind == "an adapter inside")  # a config does not tell
    family = native.config.model_type
    batch, grid = rows(family, pairs=True)
    with torch.no_grad():
        wanted = native(**grid).logits
        net = Net(native).run_as("auto", "fp32")
        assert (net.layout, net.kernels) == ("packed", "")
        torch.testing.assert_close(net(batch), wanted, rtol=1e-4, atol=1e-5)
    with pytest.raises(PlanError) as caught:
        Net(OTHERS[kind]()).run_as("fused", "fp32")
    (told,) = caught.value.problems
    assert told.startswith("train.layout: fused: own kernels run networks of BERT's layout")
    assert f"and not {family} here; auto takes the fastest layout that can." in told


def test_a_family_that_cannot_be_packed_is_padded_and_never_fused():
    config = Causal(vocab_size=60, n_embd=32, n_layer=2, n_head=4, pad_token_id=0, num_labels=3)
    native = AutoModelForSequenceClassification.from_config(config)
    net = Net(native).run_as("auto", "fp32")
    assert (net.layout, net.kernels) == ("padded", "")
    with pytest.raises(PlanError, match="and not gpt2 here"):
        net.run_as("fused", "fp32")
    with pytest.raises(PlanError, match="packed: rows of gpt2 only run padded; auto takes"):
        net.run_as("packed", "fp32")


def test_an_adapter_that_is_not_packed_says_so(tiny_bert):
    settings = {"model.adapter": {"prefix_tuning": {}}, "train.layout": "packed"}
    plan = toy_plan("classification", tiny_bert, **settings)
    with pytest.raises(PlanError, match="packed: with this adapter rows only run padded"):
        Model.start(plan, toy_data(plan, 40).train)


def test_a_decoder_of_berts_layout_is_not_fused():
    native = network("bert")
    native.config.is_decoder = True
    assert not can_fuse(native)
    assert config_of("ernie", use_task_id=True).use_task_id
    native = network("ernie")
    native.config.use_task_id = True
    assert not can_fuse(native)


@pytest.mark.parametrize("layout", ["padded", "packed", "fused", "auto"])
def test_the_plan_chooses(layout, own_kernels, tiny_bert):
    plan = toy_plan("classification", tiny_bert, **{"train.layout": layout})
    model = Model.start(plan, toy_data(plan, 40).train)
    assert model.net.layout == {"auto": "fused"}.get(layout, layout)
    assert model.net.kernels.startswith(own_kernels if model.net.layout == "fused" else "")
    assert model.packs == (layout != "padded")


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_saved_folder_is_one_of_transformers(family, precision, own_kernels, tmp_path):
    checkpoint = str(make_checkpoint(tmp_path / "tiny", family))
    plan = toy_plan("nli", checkpoint, **{"train.layout": "fused", "train.precision": precision})
    data = toy_data(plan, 60)
    model = Model.start(plan, data.train)
    model.save(tmp_path / "saved")
    assert "weitiao" not in (tmp_path / "saved" / "config.json").read_text()
    assert json.loads((tmp_path / "saved" / "config.json").read_text())["dtype"] == "float32"
    native = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved").eval()
    assert type(native.base_model.forward).__name__ == "method"
    examples = data.validation.examples()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "saved")
    texts = [[e.inputs[role] for e in examples] for role in ("premise", "hypothesis")]
    batch = tokenizer(*texts, padding=True, truncation=True, max_length=32, return_tensors="pt")
    with torch.no_grad():
        scores = native(**batch).logits.softmax(-1).numpy()
    near = 1e-5 if precision == "fp32" else 0.02
    assert abs(model.scores(examples) - scores).max() < near
    body = AutoModel.from_pretrained(tmp_path / "saved")
    mine = dict(model.net.native.base_model.named_parameters())
    for name, param in body.named_parameters():
        if "pooler" not in name or name in mine:
            assert torch.equal(param, mine[name])


def test_no_parameter_gets_another_name_or_kind(own_kernels):
    native = network("roberta")
    net = fused(native, "bf16")
    batch, _ = rows("roberta")
    net(batch)
    wanted = dict(native.named_parameters())
    assert {n: p.dtype for n, p in net.native.named_parameters()} == dict.fromkeys(
        wanted, torch.float32
    )
    assert net.native.state_dict().keys() == native.state_dict().keys()
