"""Every adapter in every family: what is learned is what the layouts agree on, and what the saved
folder, transformers alone and peft alone answer with."""

import gc
import json

import pytest
import torch
import transformers
from transformers import AutoModelForSequenceClassification

import tiny_networks as tiny
from conftest import toy_data, toy_plan
from weitiao import parts
from weitiao.checkpoints.families import OFFSET
from weitiao.errors import PlanError
from weitiao.example import Batch
from weitiao.model import adapted as runtime
from weitiao.model import packed
from weitiao.model import tuners as layers
from weitiao.model.fast import fused
from weitiao.model.model import Model
from weitiao.model.net import Net

# What peft asks of transformers; ours asks nothing of the kind.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")

SETTINGS = {
    "bitfit": {}, "dora": {"r": 4}, "ia3": {}, "lora": {"r": 4},
    "prefix_tuning": {"num_virtual_tokens": 5}, "prompt_tuning": {"num_virtual_tokens": 5},
}  # fmt: skip
IN_FRONT = ("prefix_tuning", "prompt_tuning")
MERGING = [name for name in SETTINGS if name not in IN_FRONT]
PACKED = [*packed.FAMILIES]
DECODERS = ["gpt2", "llama", "qwen2", "qwen3", "smollm3", "gemma3_text", "mistral"]
FAMILIES = [*PACKED, "deberta-v2", "mpnet", "xlnet", *DECODERS]
NO_BIASES = {"llama", "qwen3", "smollm3", "gemma3_text", "mistral", "modernbert"}  # below the head
SHAPES = {
    "gpt2": dict(n_embd=32, n_layer=2, n_head=4, n_positions=80, eos_token_id=3, bos_token_id=2),
    "xlnet": dict(d_model=32, n_layer=2, n_head=4, d_inner=64),
    "gemma3_text": dict(head_dim=8, query_pre_attn_scalar=8),
    "deberta-v2": dict(
        relative_attention=True, pos_att_type=["p2c", "c2p"], position_buckets=8, type_vocab_size=0
    ),
}  # fmt: skip


def network(family):
    """A random network of the family, as a checkpoint would give it."""
    if family in PACKED:
        return tiny.network(family)
    settings = {**tiny.ENCODER, "vocab_size": tiny.WORDS, "pad_token_id": 4, "num_labels": 3}
    if family in DECODERS[1:]:
        settings |= {"num_key_value_heads": 2, "bos_token_id": 2, "eos_token_id": 3}
    if family in ("gpt2", "xlnet"):
        settings = {k: v for k, v in settings.items() if k not in tiny.ENCODER}
    config = transformers.AutoConfig.for_model(family, **settings, **SHAPES.get(family, {}))
    torch.manual_seed(3)
    tiny.set_dropout(config, 0.0)
    native = AutoModelForSequenceClassification.from_config(config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for param in native.parameters():
            param.add_(torch.randn(param.shape, generator=generator) * 0.1)
    return native.train()


def learned(native, seed=1):
    """As after training: all that learns has moved."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for param in native.parameters():
            if param.requires_grad:
                param.add_(torch.randn(param.shape, generator=generator) * 0.1)


def adapted(name, family, **settings):
    native = network(family)
    found = runtime.inject({name: {**SETTINGS[name], **settings}}, native, "base")
    learned(native)
    return native, found


def padded(family):
    """Rows as `Layout` gives them: where places start at an offset, they are told."""
    grid = dict(tiny.rows(family)[1])
    if family in OFFSET:
        grid["position_ids"] = grid["attention_mask"].cumsum(1) * grid["attention_mask"] + 4
    return Batch(grid)


def saved(native, found, folder):
    state = runtime.state(native)
    native.save_pretrained(folder, state_dict=dict(state))
    found.write(native, state, folder)
    return AutoModelForSequenceClassification.from_pretrained(folder)


def pairs(families):
    """Adapters and families: each family with every second adapter, all pairs by `make slow`."""
    return [
        pytest.param(name, family, marks=() if (number + place) % 2 == 0 else pytest.mark.slow)
        for number, name in enumerate(MERGING)
        for place, family in enumerate(families)
        if name != "bitfit" or family not in NO_BIASES or families is FAMILIES
    ]


def test_every_adapter_is_covered():
    assert parts.names("adapters") == sorted(SETTINGS)


@pytest.mark.parametrize(("name", "family"), pairs(FAMILIES))
def test_the_merged_folder_is_plain_and_answers_the_same(name, family, tmp_path):
    if name == "bitfit" and family in NO_BIASES:
        with pytest.raises(PlanError, match="bitfit: .* has no biases; take lora"):
            adapted(name, family)
        return
    native, found = adapted(name, family)
    net = Net(native, found).eval()
    wanted = net(padded(family)).detach()
    plain = saved(native, found, tmp_path)
    names = set(network(family).state_dict())
    assert set(plain.state_dict()) == names
    torch.testing.assert_close(plain(**padded(family).tensors).logits, wanted, atol=2e-5, rtol=1e-5)
    assert not list(tmp_path.rglob("*.bin"))
    assert found.plain
    before = network(family)(**padded(family).tensors).logits
    assert (before - wanted).abs().max() > 1e-2  # it has learned something


@pytest.mark.parametrize(("name", "family"), pairs(FAMILIES))
def test_only_the_adapter_and_the_whole_head_learn(name, family):
    native = network(family)
    try:
        runtime.inject({name: SETTINGS[name]}, native, "base")
    except PlanError:
        assert name == "bitfit"
        return
    for path, param in native.named_parameters():
        head = not path.startswith(f"{native.base_model_prefix}.") or "pooler" in path
        new = "lora_" in path or "ia3_" in path or (name == "bitfit" and path.endswith("bias"))
        assert param.requires_grad == (head or new), path


@pytest.mark.parametrize(("name", "family"), pairs(PACKED))
def test_the_layouts_agree_on_logits_and_gradients(name, family, own_kernels):
    native, found = adapted(name, family)
    net = Net(native, found)
    flat, grid = tiny.rows(family)
    logits = net(Batch(grid))
    wanted = tiny.learned(logits, net)
    assert wanted.keys() == {n for n, p in native.named_parameters() if p.requires_grad}
    for way in ("packed", "fused"):
        if way == "fused":
            if not fused.can_fuse(native):
                continue
            net.run_as("auto", "fp32")
            assert net.layout == "fused"
        found_logits = net(flat)
        torch.testing.assert_close(found_logits, logits, atol=1e-5, rtol=1e-5)
        for path, slope in tiny.learned(found_logits, net).items():
            torch.testing.assert_close(slope, wanted[path], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("precision", "near"), [("fp32", 1e-5), ("bf16", 0.15)])
@pytest.mark.parametrize("name", ["lora", "dora", "ia3"])
def test_own_kernels_see_each_update_of_the_adapter(name, precision, near):
    """The weights they read are copies, which must follow: in training, and in judging."""
    native, found = adapted(name, "bert")
    net = Net(native, found).run_as("auto", precision)
    flat, grid = tiny.rows("bert")
    before = net(flat).detach()
    for seed in (2, 3, 4):
        learned(native, seed)
        with torch.inference_mode():
            torch.testing.assert_close(net(flat), net(Batch(grid)), atol=near, rtol=near)
        now = net(flat)
        torch.testing.assert_close(now, net(Batch(grid)), atol=near, rtol=near)
        assert (now - before).abs().max() > 2 * near
        before = now.detach()


def test_what_weights_amount_to_is_not_held_until_backward():
    """Of an encoder that would be all of its weights once more, in fp32."""
    native, found = adapted("lora", "bert")
    net = Net(native, found).run_as("auto", "bf16")
    flat, _ = tiny.rows("bert")
    shape = native.bert.encoder.layer[0].intermediate.dense.weight.shape

    def alive():
        every = [o for o in gc.get_objects() if type(o) is torch.Tensor]
        return {t.data_ptr() for t in every if t.shape == shape and t.dtype == torch.float32}

    for _ in range(2):
        before = alive()
        logits = net(flat)
        assert not alive() - before
        tiny.learned(logits, net)


def test_dropout_inside_runs_packed_and_fused_is_refused():
    native, found = adapted("lora", "bert", lora_dropout=0.1)
    net = Net(native, found).run_as("auto", "fp32")
    assert net.layout == "packed"
    with pytest.raises(PlanError, match="own kernels do not run this adapter"):
        net.run_as("fused", "fp32")


@pytest.mark.parametrize("family", ["bert", "modernbert", "gpt2", "llama"])
@pytest.mark.parametrize("name", ["lora", "dora", "ia3"])
def test_peft_itself_reads_the_adapter(name, family, tmp_path):
    peft = pytest.importorskip("peft")
    native, found = adapted(name, family)
    wanted = Net(native, found).eval()(padded(family)).detach()
    saved(native, found, tmp_path)
    theirs = peft.PeftModel.from_pretrained(network(family), tmp_path / "adapter").eval()
    logits = theirs(**padded(family).tensors).logits
    torch.testing.assert_close(logits, wanted, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("family", ["bert", "roberta", "electra", "ernie", "distilbert", "albert"])
@pytest.mark.parametrize("name", IN_FRONT)
def test_vectors_in_front_are_those_of_peft(name, family, tmp_path):
    peft = pytest.importorskip("peft")
    if name == "prefix_tuning" and family in ("distilbert", "albert"):
        pytest.skip("refused, see below")
    native, found = adapted(name, family)
    net = Net(native, found).run_as("auto", "fp32").eval()
    assert net.layout == "padded"
    wanted = net(padded(family)).detach()
    again = saved(native, found, tmp_path)
    assert (again(**padded(family).tensors).logits - wanted).abs().max() > 1e-3  # not plain
    theirs = peft.PeftModel.from_pretrained(network(family), tmp_path / "adapter").eval()
    logits = theirs(**tiny.rows(family)[1]).logits
    torch.testing.assert_close(logits, wanted, atol=1e-5, rtol=1e-5)
    read = runtime.read({name: SETTINGS[name]}, again, tmp_path)
    logits = Net(again, read).eval()(padded(family))
    torch.testing.assert_close(logits, wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", IN_FRONT)
@pytest.mark.parametrize(
    ("family", "why"),
    [("deberta-v2", "relative"), ("xlnet", "memory"), ("modernbert", "neighbours"),
     ("gpt2", "native head")],
)  # fmt: skip
def test_vectors_in_front_are_refused_with_the_reason(name, family, why):
    with pytest.raises(PlanError, match=f"{name} does not work with {family}: .*{why}.*Take lora"):
        runtime.inject({name: {}}, network(family), "base")


def test_an_unknown_family_has_lora_on_all_layers_and_ia3_by_name(monkeypatch):
    monkeypatch.delitem(layers.IA3_LAYERS, "bert")
    native = network("bert")
    with pytest.raises(
        PlanError, match="ia3 does not know the layers of bert: name target_modules"
    ):
        runtime.inject({"ia3": {}}, native, "base")
    runtime.inject({"lora": {}}, native, "base")
    wrapped = [name for name, module in native.named_modules() if layers.is_tuner(module)]
    assert len(wrapped) == 12  # six a layer
    with pytest.raises(PlanError, match="no layer is called qurey; for example"):
        runtime.inject({"lora": {"target_modules": ["qurey"]}}, network("bert"), "base")


def test_without_peft_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(layers, "find_spec", lambda name: None)
    with pytest.raises(
        PlanError, match=r'lora needs a package more: pip install "weitiao\[adapters'
    ):
        runtime.inject({"lora": {}}, network("bert"), "base")


def test_four_bits_are_refused_on_a_processor(tiny_bert):
    plan = toy_plan("classification", tiny_bert, **{"model.quantization": "nf4"})
    with pytest.raises(PlanError, match=r"nf4 needs a CUDA card.*model\.adapter: lora alone"):
        Model.start(plan, toy_data(plan).train)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_saved_model_answers_as_before_and_is_saved_again(name, task, tiny_bert, tmp_path):
    plan = toy_plan(task, tiny_bert, **{f"model.adapter.{name}": SETTINGS[name]})
    data = toy_data(plan)
    model = Model.start(plan, data.train)
    learned(model.net.native)
    examples = data.validation.examples()
    wanted = torch.from_numpy(model.scores(examples))
    model.save(tmp_path / "one")
    again = Model.load(tmp_path / "one")
    torch.testing.assert_close(
        torch.from_numpy(again.scores(examples)), wanted, atol=1e-5, rtol=1e-5
    )
    again.save(tmp_path / "two")
    third = Model.load(tmp_path / "two")
    torch.testing.assert_close(
        torch.from_numpy(third.scores(examples)), wanted, atol=1e-5, rtol=1e-5
    )
    card = json.loads((tmp_path / "two" / "weitiao.json").read_text())
    assert card["plain"] == (name not in IN_FRONT)
    assert (tmp_path / "two" / "adapter").is_dir() == (name != "bitfit")
