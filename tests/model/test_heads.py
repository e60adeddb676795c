"""Heads: each pools what it says, alike in every layout; the folder says whether it is plain."""

import numpy as np
import pytest
import torch

from conftest import toy_data, toy_plan
from tiny_networks import network
from tiny_networks import rows as rows_of
from weitiao import parts
from weitiao.errors import PlanError
from weitiao.example import Batch
from weitiao.model.custom_head import HeadedNetwork
from weitiao.model.head_layers import MultiSampleLinear, Pool, Tokens
from weitiao.model.heads.base import Shape
from weitiao.model.model import Model
from weitiao.model.net import Net

LENGTHS = (3, 1, 5)
HEADS = {
    **{f"pooled, {how}": {"pooled": {"pooling": how}}
       for how in ("first", "mean", "max", "attention", "last")},
    "mean": {"mean": {}},
    "multi_layer": {"multi_layer": {"depth": 2, "width": 24, "activation": "gelu"}},
    "multi_sample_dropout": {"multi_sample_dropout": {"samples": 3}},
    "weighted_layers": {"weighted_layers": {"pooling": "max"}},
    "cosine": {"cosine": {"pooling": "mean"}},
}  # fmt: skip


def test_every_head_is_covered():
    tokens = {name for name in parts.names("heads") if parts.find("heads", name).per_token()}
    assert tokens == {"per_token", "crf"}  # see test_crf.py
    others = set(parts.names("heads")) - tokens - {"native", "embedding"}  # see test_retrieval.py
    assert {next(iter(head)) for head in HEADS.values()} == others


def spread(values, side):
    """The rows of (tokens, width) in a padded grid, nonsense in the padding, and its mask."""
    grid = torch.full((len(LENGTHS), max(LENGTHS), values.shape[1]), 99.0)
    mask = torch.zeros(grid.shape[:2], dtype=torch.long)
    for row, part in enumerate(values.split(LENGTHS)):
        where = slice(0, len(part)) if side == "right" else slice(max(LENGTHS) - len(part), None)
        grid[row, where], mask[row, where] = part, 1
    return grid, mask


@pytest.mark.parametrize("how", ["first", "mean", "max", "attention", "last"])
def test_a_pool_gives_what_numpy_gives(how):
    torch.manual_seed(0)
    values, pool = torch.randn(sum(LENGTHS), 8), Pool(how, 8)
    wanted = []
    for part in values.split(LENGTHS):
        row = part.numpy()
        if how == "attention":
            scores = pool.scores(part)[:, 0].detach().numpy()
            shares = np.exp(scores) / np.exp(scores).sum()
            wanted.append(shares @ row)
        else:
            wanted.append({"first": row[0], "last": row[-1], "mean": row.mean(0),
                           "max": row.max(0)}[how])  # fmt: skip
    for side in ("left", "right"):
        grid, mask = spread(values, side)
        found = pool(grid, Tokens(mask, None)).detach().numpy()
        np.testing.assert_allclose(found, np.stack(wanted), rtol=1e-5, atol=1e-6)
    packed = pool(values[None], Tokens(None, torch.tensor(LENGTHS))).detach().numpy()
    np.testing.assert_allclose(packed, np.stack(wanted), rtol=1e-5, atol=1e-6)


def test_several_masks_are_averaged_in_training_alone():
    torch.manual_seed(0)
    layer, pooled = MultiSampleLinear(8, 2, samples=400, dropout=0.5), torch.ones(1, 8)
    plain = layer.eval()(pooled)
    torch.testing.assert_close(plain, layer.linear(pooled))
    learning = layer.train()(pooled)
    assert not torch.equal(learning, plain)
    torch.testing.assert_close(learning, plain, atol=0.1, rtol=0)  # its mean


def headed(name, family="bert"):
    ((kind, settings),) = HEADS[name].items()
    head = parts.build("heads", kind, settings)
    native = network(family)
    torch.manual_seed(3)
    shape = Shape(32, native.config.num_hidden_layers + 1, 3, 0.0, 0.2, False)
    return HeadedNetwork(native.base_model, head.module(shape), type(head)).eval()


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("family", ["bert", "roberta", "modernbert"])
def test_every_layout_gives_the_same_logits_and_gradients(name, family):
    lengths = (7, 1, 16, 3, 33, 12)  # an even number: they may be pairs
    batch, grid = rows_of(family, lengths)
    found = {}
    for layout in ("padded", "packed", "fused"):
        if layout == "fused" and (family == "modernbert" or name == "weighted_layers"):
            continue
        net = Net(headed(name, family)).run_as(layout, "fp32").eval()
        assert net.layout == layout
        logits = net(Batch(grid) if layout == "padded" else batch)
        (logits * torch.linspace(-1, 2, logits.numel()).view_as(logits)).sum().backward()
        slopes = {n: p.grad for n, p in net.native.named_parameters() if p.grad is not None}
        found[layout] = logits, slopes
    wanted, slopes = found.pop("padded")
    assert slopes
    for logits, others in found.values():
        torch.testing.assert_close(logits, wanted, rtol=1e-4, atol=1e-5)
        assert others.keys() == slopes.keys()
        for key, slope in slopes.items():
            torch.testing.assert_close(others[key], slope, rtol=2e-3, atol=1e-4)


def test_a_head_of_all_layers_is_packed_and_says_so(tiny_bert):
    plan = toy_plan("classification", tiny_bert, **{"model.head": "weighted_layers"})
    data = toy_data(plan, 40)
    model = Model.start(plan, data.train)
    assert model.net.layout == "packed"
    assert "own kernels" in model.net.remark
    with pytest.raises(PlanError, match="reads all of them"):
        Model.start(plan.with_({"train.layout": "fused"}), data.train)


def test_only_cosines_take_the_cosine(tiny_bert):
    for task, head in (({"classification": {}}, "cosine"), ({"similarity": {}}, "cosine"),
                       ({"similarity": {"way": "cosine"}}, "pooled")):  # fmt: skip
        plan = toy_plan(next(iter(task)), tiny_bert).with_({"task": task, "model.head": head})
        with pytest.raises(PlanError, match="does not go with this task"):
            Model.start(plan, toy_data(plan, 40).train)


def test_an_unknown_head_and_setting_are_named(tiny_bert):
    plan = toy_plan("classification", tiny_bert)
    with pytest.raises(PlanError, match=r"pooled"):
        plan.with_({"model.head": "poled"})
    with pytest.raises(PlanError, match=r"model.head.pooled.pooling"):
        plan.with_({"model.head": {"pooled": {"pooling": "median"}}})


def test_the_base_of_an_own_head_is_plain(tiny_bert, tmp_path):
    """AutoModel reads the network below the head; the head lies beside it; there is no pooler."""
    import transformers
    from safetensors.torch import load_file

    plan = toy_plan("classification", tiny_bert, **{"model.head": {"pooled": {"pooling": "mean"}}})
    data = toy_data(plan, 40)
    model = Model.start(plan, data.train)
    model.save(tmp_path)
    base = transformers.AutoModel.from_pretrained(tmp_path, add_pooling_layer=False).eval()
    head = load_file(tmp_path / "head.safetensors")
    assert set(head) == {"out.weight", "out.bias"}
    assert not any("pooler" in name for name in load_file(tmp_path / "model.safetensors"))
    examples = data.train.examples()[:5]
    for example in examples:
        told = model.tokenizer(example.inputs["text"], return_tensors="pt")
        pooled = base(**told).last_hidden_state.mean(1)
        logits = pooled @ head["out.weight"].T + head["out.bias"]
        np.testing.assert_allclose(
            logits.softmax(-1).detach().numpy(), model.scores([example]), atol=1e-5
        )


def test_the_temperature_goes_into_the_last_layer_of_an_own_head(tiny_bert):
    from weitiao.evaluation.calibration import fold

    for head in ("pooled", "multi_sample_dropout", "multi_layer"):
        plan = toy_plan("classification", tiny_bert, **{"model.head": head})
        data = toy_data(plan, 40)
        model = Model.start(plan, data.train)
        encoded = model.encode(data.train)
        before = model.logits(encoded)
        fold(model, 2.0)
        np.testing.assert_allclose(model.logits(encoded), before / 2, rtol=1e-4, atol=1e-6)


def test_cosines_are_those_of_texts_read_alone(tiny_bert, tmp_path):
    plan = toy_plan("similarity", tiny_bert).with_({"task": {"similarity": {"way": "cosine"}}})
    data = toy_data(plan, 40)
    model = Model.start(plan, data.train)
    targets = data.train.targets()
    low, high = min(targets), max(targets)
    example = data.train.examples()[0]
    base = model.net.native.base
    means = []
    with torch.inference_mode():
        for role in ("text", "text_pair"):
            told = model.tokenizer(example.inputs[role], return_tensors="pt")
            means.append(base.eval()(**told).last_hidden_state[0].mean(0))
    cosine = float(torch.cosine_similarity(*means, dim=0))
    wanted = low + cosine * (high - low)
    assert model.scores([example])[0, 0] == pytest.approx(wanted, abs=1e-4)
    model.save(tmp_path)
    assert Model.load(tmp_path)(dict(example.inputs)).value == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("layout", ["padded", "packed"])
def test_words_of_texts_that_are_read_apart_are_explained(layout, tiny_bert):
    from weitiao.evaluation.explain import explain

    plan = toy_plan("similarity", tiny_bert, **{"train.layout": layout})
    plan = plan.with_({"task": {"similarity": {"way": "cosine"}}})
    data = toy_data(plan, 40)
    model = Model.start(plan, data.train)
    example = model.example({"text": "good film", "text_pair": "bad 酒 店 room"})
    told = explain(model, example)
    assert {word.role for word in told.words} == {"text", "text_pair"}
    shares = [word.gradient for word in told.words]
    assert np.abs(shares).sum() == pytest.approx(1.0, abs=1e-5)
    assert all(share != 0 for share in shares)
