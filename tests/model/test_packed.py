"""Packed rows give what padded rows give, forward and backward, for every listed family here."""

import pytest
import torch

from conftest import toy_data, toy_plan
from weitiao.model import packed
from weitiao.model.model import Model


def pair(checkpoint):
    models = []
    for layout in ("padded", "packed"):
        plan = toy_plan("nli", checkpoint, **{"train.layout": layout, "model.dropout": 0.0})
        data = toy_data(plan, 60)
        models.append(Model.start(plan, data.train))
    return models, data


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert"])
def test_logits_and_gradients_agree(family, tiny_checkpoints):
    (padded, flat), data = pair(tiny_checkpoints[family])
    found = []
    for model in (padded, flat):
        batch = model.batch(model.encode(data.train), range(9))
        assert batch.packed == (model is flat)
        assert batch.rows == 9
        logits = model.net(batch)
        logits.square().sum().backward()
        gradients = {n: p.grad for n, p in model.net.named_parameters() if p.grad is not None}
        found.append((logits, gradients))
    torch.testing.assert_close(found[0][0], found[1][0], rtol=1e-4, atol=1e-5)
    assert found[0][1].keys() == found[1][1].keys()
    for name, gradient in found[0][1].items():
        torch.testing.assert_close(gradient, found[1][1][name], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert"])
def test_a_row_does_not_see_its_neighbours(family, tiny_checkpoints):
    (_, flat), data = pair(tiny_checkpoints[family])
    encoded = flat.encode(data.train)
    flat.net.eval()
    with torch.inference_mode():
        together = flat.net(flat.batch(encoded, [0, 1, 2]))
        alone = torch.cat([flat.net(flat.batch(encoded, [i])) for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_a_family_outside_the_list_is_never_packed():
    import transformers

    for config in (transformers.GPT2Config(), transformers.DebertaV2Config()):
        assert not packed.can_pack(config)


def test_the_saved_config_is_plain(tiny_bert, tmp_path):
    (_, flat), _ = pair(tiny_bert)
    flat.save(tmp_path)
    assert "weitiao" not in (tmp_path / "config.json").read_text()
