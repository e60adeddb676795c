"""Own kernels give the logits and gradients of transformers, for every family they run."""

import copy

import pytest
import torch

from tiny_networks import embedded, fused, learned, network, pull, rows
from weitiao.model.fast.shape import BERT

FAMILIES = sorted({*BERT, "distilbert"})
families = pytest.mark.parametrize("family", FAMILIES)
forms = pytest.mark.parametrize("pairs", [False, True], ids=["texts", "pairs"])


def flattened(gradients):
    return torch.cat([gradients[name].flatten() for name in sorted(gradients)])


def assert_same(found, wanted, share=1e-4):
    """Every tensor by itself; those that are nearly nothing, like the slope of a key's bias, beside
    the largest."""
    assert found.keys() == wanted.keys()
    largest = max(float(slope.norm()) for slope in wanted.values())
    for name, slope in wanted.items():
        off = float((found[name] - slope).norm())
        assert off <= share * max(float(slope.norm()), 1e-3 * largest), name


def assert_alike(found, wanted):
    assert found.keys() == wanted.keys()
    one, other = flattened(found), flattened(wanted)
    assert torch.cosine_similarity(one, other, 0) >= 0.9998
    assert abs(float(one.norm() / other.norm()) - 1) < 0.02


@forms
@families
def test_logits_and_gradients_are_those_of_transformers(family, pairs, own_kernels):
    native = network(family)
    batch, grid = rows(family, pairs=pairs)
    wanted = native(**grid).logits
    slopes = learned(wanted, native)
    net = fused(native)
    assert net.layout == "fused"
    assert net.kernels.startswith(own_kernels)
    logits = net(batch)
    torch.testing.assert_close(logits, wanted, rtol=1e-5, atol=1e-5)
    assert_same(learned(logits, net), slopes)


@forms
@families
def test_in_bf16_gradients_point_the_same_way(family, pairs, own_kernels):
    native = network(family)
    batch, grid = rows(family, pairs=pairs)
    wanted = native(**grid).logits
    net = fused(native, "bf16")
    logits = net(batch)
    assert logits.dtype == torch.float32
    assert (logits - wanted).abs().max() < 0.02 * (1 + wanted.abs().max())
    gradients = learned(logits, net)
    assert all(slope.dtype == torch.float32 for slope in gradients.values())
    assert_alike(gradients, learned(wanted, native))


@families
def test_rows_that_enter_as_vectors(family, own_kernels):
    native = network(family)
    net = fused(native)
    batch, vectors, grid, spread = embedded(native, *rows(family, pairs=True))
    logits, wanted = net(batch), native(**grid).logits
    torch.testing.assert_close(logits, wanted, rtol=1e-5, atol=1e-5)
    # Twice through one graph, as FGM does.
    (first,) = torch.autograd.grad(pull(logits), vectors, retain_graph=True)
    assert_same(learned(logits, net), learned(wanted, native))
    torch.testing.assert_close(vectors.grad, first)
    real = grid["attention_mask"].bool()
    torch.testing.assert_close(first[0], spread.grad[real], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layers", [-1, 0, 1], ids=["words", "embeddings", "one layer"])
@families
def test_frozen_weights_get_no_gradient_and_the_others_theirs(family, layers, own_kernels):
    native = network(family)
    for name, param in native.named_parameters():
        below = "word_embeddings" in name if layers < 0 else "embeddings." in name
        param.requires_grad_(not (below or (layers > 0 and "layer.0." in name)))
    net = fused(native)
    batch, grid = rows(family, pairs=True)
    assert_same(learned(net(batch), net), learned(native(**grid).logits, native))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("dropout", [0.0, 0.2])
@families
def test_layers_computed_again_give_the_same_numbers(family, dropout, precision, own_kernels):
    native = network(family, dropout=dropout)
    batch, _ = rows(family, pairs=True)
    found = []
    for again in (False, True):
        net = fused(native, precision)
        if again:
            net.checkpoint_gradients()
        torch.manual_seed(3)
        logits = net(batch)
        found.append((logits, flattened(learned(logits, net))))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@families
def test_judging_in_between_changes_nothing(family, precision, own_kernels):
    native = network(family)
    batch, _ = rows(family)
    wanted = learned((net := fused(native, precision))(batch), net)
    net = fused(native, precision)
    with torch.inference_mode():
        judged = net.eval()(batch)
    logits = net.train()(batch)
    torch.testing.assert_close(judged, logits, rtol=1e-6, atol=1e-6)
    with torch.no_grad():
        net(batch)
    found = learned(logits, net)
    assert torch.equal(flattened(found), flattened(wanted))


@families
def test_dropout_is_drawn_anew_in_training_and_rests_in_judging(family, own_kernels):
    net = fused(network(family, dropout=0.3))
    batch, _ = rows(family)
    torch.manual_seed(1)
    one, two = net(batch), net(batch)
    torch.manual_seed(1)
    again = net(batch)
    assert torch.equal(one, again)
    assert (one - two).abs().min() > 1e-4
    net.eval()
    assert torch.equal(net(batch), net(batch))


def test_dropout_does_on_average_what_transformers_does(own_kernels):
    """Rates of every kind apart: the mean and the spread of many passes agree."""
    for kind in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
        native = network("bert", **{kind: 0.2})
        net = fused(native)
        batch, grid = rows("bert", lengths=(12, 20))
        with torch.no_grad():
            found = torch.stack([net(batch) for _ in range(200)])
            wanted = torch.stack([native(**grid).logits for _ in range(200)])
        spread = (found.var(0) + wanted.var(0)).sqrt()
        assert ((found.mean(0) - wanted.mean(0)).abs() < 4.5 * spread / 14).all(), kind
        ratio = found.std(0) / wanted.std(0)
        assert ((ratio > 0.75) & (ratio < 1.33)).all(), kind


@families
def test_padded_rows_still_go_the_way_of_transformers(family, own_kernels):
    native = network(family)
    _, grid = rows(family, pairs=True)
    from weitiao.example import Batch

    torch.testing.assert_close(fused(native)(Batch(grid)), native(**grid).logits)


def test_wider_heads_and_odd_numbers_of_layers(own_kernels):
    for changes in (
        dict(hidden_size=48, num_attention_heads=2, num_hidden_layers=1, intermediate_size=80),
        dict(hidden_size=128, num_attention_heads=2, num_hidden_layers=3, intermediate_size=256),
    ):
        native = network("bert", **changes)
        batch, grid = rows("bert", pairs=True)
        net = fused(native)
        logits, wanted = net(batch), native(**grid).logits
        torch.testing.assert_close(logits, wanted, rtol=1e-5, atol=2e-5)
        assert_same(learned(logits, net), learned(wanted, native))


def test_the_padding_piece_inside_a_text_learns_as_in_transformers(own_kernels):
    """[PAD] may stand in a text. Its vector has no gradient, whole or of touched rows alone."""
    native = network("bert")
    batch, grid = rows("bert")
    batch.tensors["input_ids"][0, 2] = grid["input_ids"][0, 2] = 4
    slopes = learned(native(**grid).logits, native)
    for sparse in (False, True):
        net = fused(native)
        net.embeddings().sparse = sparse
        found = learned(net(batch), net)
        name = next(n for n in found if "word_embeddings" in n)
        found[name] = found[name].to_dense() if sparse else found[name]
        assert_same(found, slopes)


def test_an_id_outside_the_vocabulary_is_an_error(own_kernels):
    """Never memory of somebody else."""
    net = fused(network("bert"))
    for name, wrong in (("input_ids", 60), ("position_ids", 80), ("input_ids", -1)):
        batch, _ = rows("bert")
        batch.tensors[name][0, 3] = wrong
        with pytest.raises(IndexError):
            net(batch)
    batch, _ = rows("bert", pairs=True)
    batch.tensors["token_type_ids"][0, 3] = 2
    with pytest.raises(IndexError):
        net(batch)


def test_a_copy_of_a_network_computes_for_itself(own_kernels):
    """A deep copy (of a teacher, of a soup) reads its own weights."""
    net = fused(network("bert"))
    batch, _ = rows("bert")
    other = copy.deepcopy(net)
    with torch.no_grad():
        before = net(batch)
        torch.testing.assert_close(other(batch), before)
        for param in other.parameters():
            param.mul_(1.5)
        assert (other(batch) - before).abs().max() > 0.1
        assert torch.equal(net(batch), before)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["minilm-l6", "e5-small"])
def test_real_weights_on_real_rows(name, own_kernels):
    """The pre-trained networks that come as packages, on sentences of the news and of reviews."""
    from conftest import toy_plan
    from weitiao.data.prepare.load import load
    from weitiao.model.model import Model

    sample = "sample:bbc-news" if name == "minilm-l6" else "sample:reviews-zh"
    plan = toy_plan("classification", name, **{
        "data.path": sample, "model.max_length": 128, "model.dropout": 0.0})  # fmt: skip
    data = load(plan.data.model_copy(update={"max_rows": 400}), "classification")
    nets, found = {}, {}
    for kind in ("padded", "fp32", "bf16"):
        layout = "padded" if kind == "padded" else "fused"
        precision = "fp32" if kind == "padded" else kind
        changed = plan.with_({"train.layout": layout, "train.precision": precision})
        model = nets[kind] = Model.start(changed, data.train)
        model.net.train()
        batch = model.batch(model.encode(data.train), range(24))
        logits = model.net(batch)
        found[kind] = (logits, learned(logits, model.net))
    torch.testing.assert_close(found["fp32"][0], found["padded"][0], rtol=1e-5, atol=1e-5)
    assert_same(found["fp32"][1], found["padded"][1], 1e-3)
    assert_alike(found["bf16"][1], found["padded"][1])
