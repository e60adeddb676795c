"""Packed rows give what padded rows give, forward and backward, for every listed family."""

import pytest
import torch

from conftest import toy_data, toy_plan
from tiny_networks import embedded, learned, network, pull, rows
from weitiao.errors import PlanError
from weitiao.model import packed
from weitiao.model.model import Model
from weitiao.model.net import Net

# A family with settings that make its layers or its head work in another way.
VARIANTS = {
    **{family: (family, {}) for family in packed.FAMILIES},
    "modernbert of means": ("modernbert", {"classifier_pooling": "mean"}),
    "modernbert, wider window": ("modernbert", {"local_attention": 24}),
    "albert of two groups": ("albert", {"num_hidden_groups": 2, "inner_group_num": 2}),
    "electra with a projection": ("electra", {"embedding_size": 16}),
    "distilbert with sinusoids": ("distilbert", {"sinusoidal_pos_embds": True}),
}
variants = pytest.mark.parametrize("variant", VARIANTS)


def pair(variant, **more):
    """transformers' own network, and the same as a Net."""
    family, changes = VARIANTS[variant]
    native = network(family, **changes, **more)
    return native, Net(network(family, **changes, **more)).run_as("packed", "fp32").train()


def assert_same(found, wanted):
    assert found.keys() == wanted.keys()
    largest = max(float(slope.norm()) for slope in wanted.values())
    for name, slope in wanted.items():
        off = float((found[name] - slope).norm())
        assert off <= 1e-4 * max(float(slope.norm()), 1e-3 * largest), name


@pytest.mark.parametrize("pairs", [False, True], ids=["texts", "pairs"])
@variants
def test_logits_and_gradients_are_those_of_transformers(variant, pairs):
    native, net = pair(variant)
    assert net.layout == "packed"
    batch, grid = rows(VARIANTS[variant][0], pairs=pairs)
    logits, wanted = net(batch), native(**grid).logits
    torch.testing.assert_close(logits, wanted, rtol=1e-4, atol=1e-5)
    assert_same(learned(logits, net), learned(wanted, native))


@variants
def test_rows_that_enter_as_vectors(variant):
    native, net = pair(variant)
    batch, vectors, grid, spread = embedded(native, *rows(VARIANTS[variant][0]))
    logits, wanted = net(batch), native(**grid).logits
    torch.testing.assert_close(logits, wanted, rtol=1e-4, atol=1e-5)
    pull(logits).backward()
    pull(wanted).backward()
    real = grid["attention_mask"].bool()
    torch.testing.assert_close(vectors.grad[0], spread.grad[real], rtol=1e-3, atol=1e-5)


@variants
def test_a_row_does_not_see_its_neighbours(variant):
    _, net = pair(variant)
    lengths = (7, 1, 16, 3, 33)
    batch, _ = rows(VARIANTS[variant][0], lengths)
    with torch.inference_mode():
        together = net(batch)
        alone = []
        for part in zip(*(t[0].split(lengths) for t in batch.tensors.values()), strict=True):
            tensors = dict(zip(batch.tensors, (t[None] for t in part), strict=True))
            alone.append(
                net(type(batch)(tensors, lengths=torch.tensor([tensors["input_ids"].numel()])))
            )
        torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-5)
        # And moving the others moves nothing.
        batch.tensors["input_ids"][0, 7:] = 9
        torch.testing.assert_close(net(batch)[0], together[0], rtol=1e-5, atol=1e-6)


@variants
def test_padded_rows_stay_as_they_were(variant):
    from weitiao.example import Batch

    native, net = pair(variant)
    _, grid = rows(VARIANTS[variant][0], pairs=True)
    torch.testing.assert_close(net(Batch(grid)), native(**grid).logits, rtol=1e-4, atol=1e-5)


@variants
def test_layers_computed_again_give_the_same(variant):
    found = []
    for again in (False, True):
        _, net = pair(variant, dropout=0.2)
        batch, _ = rows(VARIANTS[variant][0])
        if again and not net.native.supports_gradient_checkpointing:  # albert
            with pytest.raises(PlanError, match="albert cannot do it"):
                net.checkpoint_gradients()
            return
        if again:
            net.checkpoint_gradients()
        torch.manual_seed(5)
        found.append(learned(net(batch), net))
    assert_same(found[1], found[0])


def test_a_window_of_attention_is_honoured():
    """The layers in between see neighbours alone: far tokens must come by way of the others."""
    _, net = pair("modernbert")
    kinds = [layer.attn.sliding_window for layer in net.native.model.layers]
    assert kinds == [None, 5, 5, None]
    seen = []
    batch, _ = rows("modernbert", (40,))
    packing = packed.Packing(batch.lengths)
    near = packing.window_mask(5)[0, 0]
    assert near[20].nonzero().squeeze(1).tolist() == list(range(16, 25))
    for layer in net.native.model.layers[1:3]:
        x = torch.randn(1, 40, 32, requires_grad=True)
        places = net.native.model.rotary_emb(x, batch.tensors["position_ids"], "sliding_attention")
        out, _ = layer.attn(x, position_embeddings=places, packing=packing)
        (slope,) = torch.autograd.grad(out[0, 20].sum(), x)
        seen.append(slope[0].abs().sum(1).nonzero().squeeze(1).tolist())
    assert seen == [list(range(16, 25))] * 2


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert"])
def test_the_rows_of_a_model_agree_in_both_layouts(family, tiny_checkpoints):
    found = []
    for layout in ("padded", "packed"):
        changes = {"train.layout": layout, "model.dropout": 0.0}
        plan = toy_plan("nli", tiny_checkpoints[family], **changes)
        data = toy_data(plan, 60)
        model = Model.start(plan, data.train)
        batch = model.batch(model.encode(data.train), range(9))
        assert batch.packed == (layout == "packed")
        assert batch.rows == 9
        logits = model.net(batch)
        found.append((logits, learned(logits, model.net)))
    torch.testing.assert_close(found[0][0], found[1][0], rtol=1e-4, atol=1e-5)
    assert_same(found[1][1], found[0][1])


def test_a_family_outside_the_list_is_never_packed():
    import transformers

    for config in (transformers.GPT2Config(), transformers.DebertaV2Config()):
        assert not packed.can_pack(config)


def test_an_older_transformers_that_has_no_interface_for_a_family_pads_it(monkeypatch):
    import transformers

    config = transformers.ModernBertConfig()
    assert packed.can_pack(config)
    monkeypatch.setattr(
        transformers.ModernBertPreTrainedModel, "_supports_attention_backend", False
    )
    assert not packed.can_pack(config)


def test_the_saved_config_is_plain(tiny_bert, tmp_path):
    plan = toy_plan("classification", tiny_bert)
    Model.start(plan, toy_data(plan, 40).train).save(tmp_path)
    assert "weitiao" not in (tmp_path / "config.json").read_text()
