"""Answers of several columns are JSON objects with these fields, whatever the network would write."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

import weitiao
from conftest import TINY_WRITER
from weitiao.model.json_fields import JsonFields

FIELDS = ["name", "年龄", 'the "place"']
CELLS = st.one_of(st.none(), st.integers(-999, 99_999), st.text(max_size=12))
OBJECTS = st.tuples(CELLS, CELLS, CELLS).map(
    lambda row: json.dumps(dict(zip(FIELDS, row, strict=True)), ensure_ascii=False)
)
TEXTS = [
    json.dumps({"name": name, "年龄": age, 'the "place"': place}, ensure_ascii=False)
    for name, age, place in [("Li \\ Wei", 31, "上海"), (None, -4, 'so "called"'), ("é", 0, None)]
]


def by_bytes():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, initial_alphabet=alphabet, show_progress=False,
                                  special_tokens=["</s>"])  # fmt: skip
    tokenizer.train_from_iterator(TEXTS * 5, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>")


def by_pieces():
    """As a network from nothing has it: a blank is part of the word behind it."""
    from weitiao.checkpoints.new_network import Marian, _tokenizer

    return _tokenizer(TEXTS * 5, Marian(vocabulary=300))


@pytest.fixture(scope="module", params=[by_bytes, by_pieces], ids=["bytes", "pieces"])
def tokenizer(request):
    return request.param()


def processor_for(tokenizer, most=120, fields=FIELDS, begun=1):
    return JsonFields(
        fields, tokenizer, begun, most, [tokenizer.eos_token_id] if tokenizer else [0]
    )


@given(OBJECTS, st.floats(0, 1))
@settings(deadline=None)
def test_every_beginning_of_an_object_fits_and_is_ended(text, share):
    processor = processor_for(None)
    begun = text[: int(share * len(text))]
    assert processor._fits(begun)
    whole = json.loads(begun + processor.rest_of(begun))
    assert list(whole) == FIELDS


@pytest.mark.parametrize(
    "text", ["[", '{"nam"', '{"name": nul,', '{"name": 01', '{"name": "a", "name"', '{"name": {']
)
def test_what_begins_no_such_object_does_not_fit(text):
    assert not processor_for(None)._fits(text)


def written(processor, tokenizer, seed, most, width=1):
    """What random networks write: the likeliest token of each step, or one drawn among `width`."""
    draw = torch.Generator().manual_seed(seed)
    ids = torch.zeros((1, 1), dtype=torch.long)
    for _step in range(most):
        scores = torch.randn(1, len(tokenizer), generator=draw)
        scores[0, tokenizer.eos_token_id] += 2.0
        scores = processor(ids, scores)
        best = scores[0].topk(width).indices
        best = best[torch.isfinite(scores[0, best])]
        token = best[int(torch.randint(len(best), (1,), generator=draw))]
        ids = torch.cat([ids, token.view(1, 1)], 1)
        if int(token) == tokenizer.eos_token_id:
            return tokenizer.decode(ids[0, 1:-1])
    return tokenizer.decode(ids[0, 1:])


@pytest.mark.parametrize("width", [1, 3])
def test_random_networks_write_objects_with_the_fields(tokenizer, width):
    for seed in range(12):
        text = written(processor_for(tokenizer), tokenizer, seed, 120, width).strip()
        assert list(json.loads(text)) == FIELDS, text


def test_an_answer_in_progress_is_ended_where_the_room_ends(tokenizer):
    room = len(tokenizer(TEXTS[0], add_special_tokens=False)["input_ids"]) + 8
    for seed in range(6):
        text = written(processor_for(tokenizer, room), tokenizer, seed, room).strip()
        assert list(json.loads(text)) == FIELDS, text


def test_a_text_that_is_no_object_is_written_freely(tokenizer):
    processor = processor_for(tokenizer)
    ids = torch.tensor([[0, *tokenizer("[[[", add_special_tokens=False)["input_ids"]]])
    scores = torch.randn(1, len(tokenizer))
    assert torch.equal(processor(ids, scores), scores)


def test_a_likeliest_token_that_fits_stays_the_likeliest(tokenizer):
    processor = processor_for(tokenizer)
    wanted = tokenizer(TEXTS[1], add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    for at, token in enumerate(wanted):
        scores = torch.zeros(1, len(tokenizer))
        scores[0, token] = 5.0
        ids = torch.tensor([[0, *wanted[:at]]])
        assert int(processor(ids, scores)[0].argmax()) == token


@pytest.mark.parametrize("beams", [1, 2])
def test_a_run_of_several_columns_writes_objects(beams, tmp_path):
    rows = [{"text": f"{name} is {age} in {place}", "name": name, "age": age, "place": place}
            for name in ("Ann", "Bo", "李明") for age in ("3", "41", "") for place in
            ("Rome", "上海", 'the "sea"')]  # fmt: skip
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    changes = {"train.epochs": 1, "data.test_size": 0.2, "evaluate.baselines": False,
               "evaluate.findings": False,
               "task": {"generation": {"max_new_tokens": 120, "num_beams": beams}}}  # fmt: skip
    fitted = weitiao.fit(
        str(path), task="generation", model=TINY_WRITER, out=tmp_path / "runs", progress=False,
        roles={"text": "text", "target": ["name", "age", "place"]}, changes=changes,
    )  # fmt: skip
    model = weitiao.load(fitted.run.folder)
    for text in model.predict([row["text"] for row in rows]):
        assert list(json.loads(str(text))) == ["name", "age", "place"], text
