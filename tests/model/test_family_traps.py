"""Traps of families that are no BERT: padding, memory, separators, poolers, offsets, attention."""

import json

import numpy as np
import pytest
import torch
import transformers

from conftest import toy_data, toy_plan
from matrix.families import FAMILIES, config_of, make, tokenizer_of
from weitiao.checkpoints.families import DECODERS, configure_padding, set_attention
from weitiao.data.cache.encoded import in_memory
from weitiao.errors import PlanError
from weitiao.model.model import Model
from weitiao.training.groups import depth_of, top_of
from weitiao.training.loop import learning
from weitiao.training.run import training_feed
from weitiao.training.strategies.freeze import Freeze

TEXTS = ["good film", "the room was very good and the staff bad 我 们 很 好", "bad"]


@pytest.fixture
def started(tmp_path):
    def start(family, task="classification", make_with=None, **changes):
        checkpoint = make(tmp_path / family, family, **(make_with or {}))
        plan = toy_plan(task, checkpoint, **{"model.dropout": 0.0, **changes})
        data = toy_data(plan, 40)
        model = Model.start(plan, data.train)
        model.net.eval()
        return model, data

    return start


def alone_and_together(model):
    rows = model._clean_ids([model.example(text) for text in TEXTS])
    encoded = in_memory([rows])
    with torch.inference_mode():
        together = model.net(model.batch(encoded, range(len(TEXTS))))
        alone = torch.cat([model.net(model.batch(encoded, [at])) for at in range(len(TEXTS))])
    return alone, together, model.batch(encoded, range(len(TEXTS)))


@pytest.mark.parametrize("head", ["native", "pooled"])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("family", DECODERS)
def test_gpt_padding_changes_nothing(family, side, head, started):
    """Neither the side nor the length of padding, nor whether rows enter as vectors."""
    model, _ = started(family, **{"model.head": head})
    model.tokenizer.padding_side = side
    alone, together, batch = alone_and_together(model)
    assert batch.tensors["attention_mask"].min() == 0, "nothing is padded"
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    vectors = model.net.embeddings()(batch.tensors["input_ids"])
    with torch.inference_mode():
        torch.testing.assert_close(model.net(batch.embedded(vectors)), alone, rtol=1e-4, atol=1e-5)
    assert together.std(0).min() > 1e-3, "it reads the same token in every row"


@pytest.mark.parametrize("family", ["bert", "roberta", "mpnet"])
def test_an_encoder_whose_tokenizer_pads_on_the_left_answers_the_same_beside_others(
    family, tmp_path
):
    checkpoint = make(tmp_path / family, family)
    file = tmp_path / family / "tokenizer_config.json"
    told = {**json.loads(file.read_text(encoding="utf-8")), "padding_side": "left"}
    file.write_text(json.dumps(told), encoding="utf-8")
    plan = toy_plan("classification", checkpoint, **{"train.layout": "padded"})
    model = Model.start(plan, toy_data(plan, 40).train)
    model.net.eval()
    alone, together, _ = alone_and_together(model)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    model.save(tmp_path / "saved")
    assert transformers.AutoTokenizer.from_pretrained(tmp_path / "saved").padding_side == "right"


@pytest.mark.parametrize("family", DECODERS)
def test_a_gpt_gets_a_pad_token_it_has_a_vector_for(family, started):
    model, _ = started(family)
    words = model.net.native.get_input_embeddings()
    assert words.num_embeddings == len(tokenizer_of(family))
    assert model.net.native.config.pad_token_id == model.tokenizer.pad_token_id
    assert model.tokenizer.pad_token_id < words.num_embeddings


def test_a_pad_token_beyond_the_table_is_not_taken():
    tokenizer = tokenizer_of("llama")
    size = len(tokenizer)
    tokenizer.add_special_tokens({"pad_token": "<pad>"})
    config = config_of("llama", size)
    configure_padding(tokenizer, config)
    assert tokenizer.pad_token == "</s>"
    assert config.pad_token_id == tokenizer.convert_tokens_to_ids("</s>")


def test_a_text_that_ends_in_the_end_token_is_padded_with_another():
    from tokenizers import processors

    tokenizer = tokenizer_of("llama")
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 2)]
    )
    configure_padding(tokenizer, config := config_of("llama", len(tokenizer)))
    assert tokenizer.pad_token == "<unk>"
    assert config.pad_token_id == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_two_texts_are_told_apart(family, started, tmp_path):
    """ "a b" and "c" are another pair than "a" and "b c", and stay so in the saved folder."""
    model, _ = started(family, "nli")
    model.save(tmp_path / "saved")
    again = Model.load(tmp_path / "saved")
    plain = transformers.AutoTokenizer.from_pretrained(tmp_path / "saved")
    first, second = ("good film", "bad"), ("good", "film bad")
    for tokenizer in (model.tokenizer, again.tokenizer, plain):
        assert tokenizer(*first)["input_ids"] != tokenizer(*second)["input_ids"]
        assert tokenizer(*first)["input_ids"] == model.tokenizer(*first)["input_ids"]


def test_an_empty_text_of_a_gpt_is_answered(started):
    model, _ = started("gpt2")
    assert len(model.tokenizer("")["input_ids"]) == 0
    alone = model.scores([model.example("")])
    beside = model.scores([model.example(text) for text in ("", *TEXTS)])
    assert np.isfinite(alone).all()
    np.testing.assert_allclose(beside[0], alone[0], atol=1e-5)


def test_xlnet_pads_on_the_left_and_remembers_nothing(started):
    model, _ = started("xlnet", "nli")
    pair = model.example({"premise": "good film", "hypothesis": "bad"})
    assert model._clean_ids([pair])["token_type_ids"] == [[0, 0, 0, 1, 1, 2]]
    model, _ = started("xlnet")
    config = model.net.native.config
    assert (config.use_mems_eval, config.use_mems_train) == (False, False)
    alone, together, batch = alone_and_together(model)
    assert batch.tensors["attention_mask"][2].tolist()[0] == 0
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    with torch.inference_mode():
        for training in (False, True):  # without dropout
            model.net.train(training)
            torch.testing.assert_close(model.net(batch), together)
            assert model.net.native(**batch.tensors).mems is None


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3_text", "xlnet", "mpnet", "deberta-v2"])
def test_a_native_folder_gives_transformers_the_same_answers(family, started, tmp_path):
    model, data = started(family, "nli")
    model.save(tmp_path / "plain")
    native = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "plain")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "plain")
    examples = data.validation.examples()
    texts = model.task.texts(examples)
    with torch.inference_mode():
        told = tokenizer(*texts, padding=True, truncation=True, return_tensors="pt")
        scores = native.eval()(**told).logits.softmax(-1).numpy()
    np.testing.assert_allclose(scores, model.scores(examples), atol=1e-5)
    assert "A plain folder" in (tmp_path / "plain" / "README.md").read_text()


def test_poolers(started):
    """Native heads keep the pooler they read; a head of ours leaves none behind."""
    for family in ("bert", "albert", "ernie", "xlm-roberta", "mpnet"):
        model, _ = started(family, **{"model.head": "pooled"})
        assert getattr(model.net.native.base_model, "pooler", None) is None
        batch = alone_and_together(model)[2]
        model.net(batch).sum().backward()
        still = [n for n, p in model.net.named_parameters() if p.grad is None]
        assert still == []
    model, _ = started("bert")
    assert model.net.native.bert.pooler is not None


@pytest.mark.parametrize("family", FAMILIES)
def test_offsets_point_into_the_text_also_in_chinese(family):
    tokenizer = tokenizer_of(family)
    configure_padding(tokenizer, config_of(family, len(tokenizer)))
    text = "我们很好，the Film，ＧＯＯＤ 🙂 店"
    told = tokenizer(text, return_offsets_mapping=True)
    places = [place for place in told["offset_mapping"] if place[1] > place[0]]
    found = [text[a:b].strip() for a, b in dict.fromkeys(map(tuple, places))]
    if not FAMILIES[family].tokenizer.get("bytes"):
        wanted = ["我", "们", "很", "好", "，", "the", "Film", "，", "ＧＯＯＤ", "🙂", "店"]
        assert found == wanted
        return
    # A Chinese character may be up to four pieces of bytes, all of the same place.
    assert "".join(found) == text.replace(" ", "")
    assert "🙂" in found


@pytest.mark.parametrize("family", ["gpt2", "qwen2", "qwen3", "smollm3"])
def test_one_token_stands_between_texts_of_bytes(family):
    tokenizer = tokenizer_of(family)
    before = tokenizer("好 film", return_offsets_mapping=True)
    configure_padding(tokenizer, config_of(family, len(tokenizer)))
    told = tokenizer("好 film", "店", return_offsets_mapping=True)
    parts = told.sequence_ids()
    ids = [token for token, part in zip(told["input_ids"], parts, strict=True) if part is None]
    assert ids == [tokenizer.eos_token_id]
    assert tokenizer("好 film", return_offsets_mapping=True) == before
    first = parts.count(0)
    assert told["offset_mapping"][:first] == before["offset_mapping"]


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("family", DECODERS)
def test_full_attention_sees_what_comes_later(family, padded, tmp_path):
    """Also where nothing is padded: transformers makes no mask then, and asks the layer."""
    size = len(tokenizer_of(family))
    torch.manual_seed(0)
    config = config_of(family, size)
    native = transformers.AutoModel.from_config(config, attn_implementation="sdpa").eval()
    ids = torch.randint(5, size, (2, 6))
    changed = ids.clone()
    changed[:, 5] = (ids[:, 5] - 4) % (size - 5) + 5
    mask = torch.ones_like(ids)
    if padded:
        ids, changed = (torch.nn.functional.pad(x, (0, 2), value=1) for x in (ids, changed))
        mask = torch.nn.functional.pad(mask, (0, 2))

    def moved():
        with torch.inference_mode():
            before, after = (
                native(input_ids=x, attention_mask=mask).last_hidden_state for x in (ids, changed)
            )
        return float((before - after)[:, 0].abs().max())

    assert moved() == 0.0
    set_attention(native, "full")
    assert moved() > 1e-4


@pytest.mark.parametrize("family", FAMILIES)
def test_layers_are_found_in_every_family(family, started):
    """Embeddings at 0, each layer (ALBERT: its shared ones) above, the head on top."""
    for head in ("native", "multi_layer"):
        model, _ = started(family, **{"model.head": head})
        top = top_of(model.net)
        assert top == (2 if family == "albert" else 3)
        depths = {name: depth_of(name, top) for name, _ in model.net.named_parameters()}
        assert set(depths.values()) == set(range(top + 1))
        width = 0
        for name, depth in depths.items():
            inside = any(f".{part}." in name for part in ("layer", "layers", "h",
                                                          "albert_layer_groups"))  # fmt: skip
            behind = name.split(".")[2] in ("norm", "final_norm", "ln_f")
            if not name.startswith("native.head."):
                assert (inside or behind) == (0 < depth < top), name
            width += depth == top
        on_top = [name for name, depth in depths.items() if depth == top]
        below = ("embed", "wte", "wpe", "rel_", "mask_emb", "relative")
        assert not [name for name in on_top if any(word in name for word in below)]


@pytest.mark.parametrize("task", ["classification", "token_classification"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_weight_that_learns_is_read(family, task, started):
    """Several processes wait for the gradient of each."""
    model, data = started(family, task)
    feed = training_feed(model, data.train)
    model.net.train()
    _, _, loss_of = learning(model, model.loss())
    loss_of(model.net, model.batch(feed.encoded, range(8), feed.labels)).loss.backward()
    params = model.net.named_parameters()
    assert not [name for name, p in params if p.requires_grad and p.grad is None]


def test_alberts_layers_freeze_together(started):
    model, _ = started("albert", make_with={"num_hidden_groups": 2})
    assert top_of(model.net) == 3
    Freeze(layers=1).start(model.net, model.task)
    still = {name for name, p in model.net.named_parameters() if not p.requires_grad}
    assert any("albert_layer_groups.0." in name for name in still)
    assert not any("albert_layer_groups.1." in name for name in still)
    assert not any("classifier" in name or "pooler" in name for name in still)
    with pytest.raises(PlanError, match="more than the 2 layers"):
        Freeze(layers=3).start(model.net, model.task)


def test_mpnet_has_no_place_for_its_padding(started):
    """Its positions start after the padding index, as RoBERTa's."""
    model, _ = started("mpnet", make_with={"max_position_embeddings": 20})
    assert model.tokenizer.model_max_length == 18
    long = " ".join(["good"] * 40)
    assert np.isfinite(model.scores([model.example(long)])).all()


@pytest.mark.parametrize("family", ["llama", "qwen2", "xlnet"])
def test_tags_of_rows_that_enter_as_vectors_are_one_a_token(family, started):
    """The heads for tokens are called `score` there, as are those for whole texts."""
    model, data = started(family, "token_classification", **{"train.strategies": "fgm"})
    feed = training_feed(model, data.train)
    batch = model.batch(feed.encoded, range(4), feed.labels)
    vectors = model.net.embeddings()(batch.tensors["input_ids"])
    torch.testing.assert_close(model.net(batch.embedded(vectors)), model.net(batch))
    _, _, loss_of = learning(model, model.loss())
    loss_of(model.net, batch).loss.backward()
